"""The orders of a table of examples, each paged by key: any depth costs the same."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

from sqlalchemy import ColumnElement, Connection, Select, case, collate, literal, select, tuple_

from core.bounds import id_in
from core.db.tables import examples
from core.errors import InvalidFilter
from core.examples.filters import Filter, where

Sort = Literal[
    "newest",
    "oldest",
    "best",
    "worst",
    "intent",
    "intent_desc",
    "outcome",
    "outcome_desc",
    "agent",
    "agent_desc",
    "model",
    "model_desc",
]
SORTS: tuple[Sort, ...] = get_args(Sort)
#: Outcomes in their order.
_OUTCOMES = {True: 0, False: 1, None: 2}


class Sorted(Protocol):
    """What a mark is made of."""

    @property
    def id(self) -> int: ...
    @property
    def created_at(self) -> dt.datetime: ...
    @property
    def intent(self) -> str: ...
    @property
    def quality_score(self) -> float | None: ...
    @property
    def success(self) -> bool | None: ...
    @property
    def source_agent(self) -> str: ...
    @property
    def source_model(self) -> str: ...


def ids(connection: Connection, chosen: Filter, sort: Sort, after: str | None, limit: int) -> Sequence[int]:
    """Return the ids of the next examples in this order, behind the mark `after` of the last one before them.

    Raises `InvalidFilter` for a mark that no page of this order gave.
    """
    if sort in ("best", "worst"):
        return _by_quality(connection, chosen, sort, after, limit)
    by = _by_column if sort in _COLUMNS else _by_time
    return connection.execute(by(chosen, sort, after, limit)).scalars().all()


def mark(sort: Sort, row: Sorted) -> str:
    """Where in this order the row stands."""
    if sort in _COLUMNS:
        key = {
            "intent": row.intent,
            "agent": row.source_agent,
            "model": row.source_model,
            "outcome": _OUTCOMES[row.success],
        }[sort.removesuffix("_desc")]
    else:
        key = row.created_at.isoformat() if sort in ("newest", "oldest") else row.quality_score
    return f"{row.id}@{'' if key is None else key}"


def _parsed(after: str) -> tuple[int, str]:
    example_id, _, key = after.partition("@")
    number = id_in(example_id)
    if number is None or "\0" in key:
        raise InvalidFilter.of_mark(after)
    return number, key


def _by_time(chosen: Filter, sort: Sort, after: str | None, limit: int) -> Select[int]:
    newest = sort == "newest"
    order = (examples.c.created_at, examples.c.id)
    query = select(examples.c.id).order_by(*(column.desc() if newest else column for column in order)).limit(limit)
    if after is None:
        return query.where(where(chosen))
    example_id, key = _parsed(after)
    try:
        mark = tuple_(dt.datetime.fromisoformat(key), example_id)
    except ValueError:
        raise InvalidFilter.of_mark(after) from None
    # The cursor replaces the date bound on its side: with both, PostgreSQL 18 reads 15 times as many pages.
    rest = chosen.model_copy(update={"created_to" if newest else "created_from": None})
    return query.where(where(rest), tuple_(*order) < mark if newest else tuple_(*order) > mark)


# In the order of bytes, which is the same in every database. No index has these orders: PostgreSQL keeps the first rows
# of a scan of the dashboard index, which holds all of these columns.
_OUTCOME: ColumnElement[Any] = case((examples.c.success.is_(True), 0), (examples.c.success.is_(False), 1), else_=2)
_COLUMNS: dict[Sort, ColumnElement[Any]] = {
    "intent": collate(examples.c.intent, "C"),
    "intent_desc": collate(examples.c.intent, "C"),
    "agent": collate(examples.c.source_agent, "C"),
    "agent_desc": collate(examples.c.source_agent, "C"),
    "model": collate(examples.c.source_model, "C"),
    "model_desc": collate(examples.c.source_model, "C"),
    "outcome": _OUTCOME,
    "outcome_desc": _OUTCOME,
}


def _by_column(chosen: Filter, sort: Sort, after: str | None, limit: int) -> Select[int]:
    column, is_falling = _COLUMNS[sort], sort.endswith("_desc")
    order = (column, examples.c.id)
    query = select(examples.c.id).where(where(chosen)).limit(limit)
    if after is not None:
        example_id, key = _parsed(after)
        if sort.startswith("outcome") and key not in map(str, _OUTCOMES.values()):
            raise InvalidFilter.of_mark(after)
        mark = tuple_(literal(int(key) if sort.startswith("outcome") else key), example_id)
        query = query.where(tuple_(*order) < mark if is_falling else tuple_(*order) > mark)
    return query.order_by(*(each.desc() if is_falling else each for each in order))


def _by_quality(connection: Connection, chosen: Filter, sort: Sort, after: str | None, limit: int) -> list[int]:
    """Scored rows first, then the unscored ones: two index scans instead of an order no index has."""
    best = sort == "best"
    score, key = examples.c.quality_score, examples.c.id
    example_id, mark = _parsed(after) if after else (0, "")
    found: list[int] = []
    if (not after or mark) and chosen.takes_unscored != "only":
        query = select(key).where(where(chosen), score.is_not(None)).limit(limit)
        query = query.order_by(score.desc(), key.desc()) if best else query.order_by(score, key)
        if after:
            seen = tuple_(_score(mark, after), example_id)
            query = query.where(tuple_(score, key) < seen if best else tuple_(score, key) > seen)
        found += connection.execute(query).scalars()
    if len(found) < limit and chosen.takes_unscored != "hide":
        query = select(key).where(where(chosen), score.is_(None)).order_by(key.desc() if best else key)
        if after and not mark:
            query = query.where(key < example_id if best else key > example_id)
        found += connection.execute(query.limit(limit - len(found))).scalars()
    return found


def _score(mark: str, after: str) -> float:
    try:
        return float(mark)
    except ValueError:
        raise InvalidFilter.of_mark(after) from None
