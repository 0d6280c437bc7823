"""Examples one by one and page by page: look, tag, edit, score. Every write is audited; nothing is deleted."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError

from core import audit
from core.db import Database
from core.db.tables import SOURCED, cube_version, examples, revisions
from core.db.tables import cube as sums
from core.errors import Conflict, InvalidExample, UnknownExample
from core.examples import content, cube, orders
from core.examples.filters import Filter, where
from core.examples.orders import SORTS as SORTS
from core.examples.orders import Sort as Sort

#: The scores of a rating with one key, 1 to 5.
RATINGS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Example:
    """One example, whole. `quality_score` None: not scored; `success` None: unknown; "" means none."""

    id: int
    execution_id: str
    user_request: str
    intent: str
    business_state: dict[str, Any]
    execution_plan: str | None
    execution_result: str | None
    quality_score: float | None
    success: bool | None
    tags: list[str]
    created_at: dt.datetime
    updated_at: dt.datetime
    source_agent: str
    source_model: str
    execution_time_ms: int | None
    context: dict[str, Any] | None
    revision: int
    import_id: int | None
    withdrawn_at: dt.datetime | None
    source_digest: uuid.UUID | None
    source_score: float | None
    has_plan: bool
    has_result: bool
    is_trainable: bool
    request_key: uuid.UUID


@dataclass(frozen=True)
class ExampleRow:
    """What a table shows of an example; `request` is its first 200 characters."""

    id: int
    created_at: dt.datetime
    intent: str
    request: str
    quality_score: float | None
    success: bool | None
    tags: list[str]
    source_agent: str
    source_model: str
    is_trainable: bool


@dataclass(frozen=True)
class ExamplePage:
    """Rows in order, and the cursor of the page after them; None on the last page."""

    rows: list[ExampleRow]
    next: str | None


@dataclass(frozen=True)
class Revision:
    """Content that an edit replaced, who did it and why."""

    example_id: int
    revision: int
    user_request: str
    intent: str
    business_state: dict[str, Any]
    context: dict[str, Any] | None
    execution_plan: str | None
    execution_result: str | None
    replaced_at: dt.datetime
    replaced_by: str
    reason: str


@dataclass(frozen=True)
class Choices:
    """How many examples there are, and the values that occur in them, sorted: what a filter can offer."""

    total: int
    intents: list[str]
    tags: list[str]
    source_agents: list[str]
    source_models: list[str]


def get(db: Database, example_id: int) -> Example:
    """Return the example, withdrawn or not. Raises `UnknownExample`."""
    with db.connect() as connection:
        return _get(connection, example_id)


def _get(connection: Connection, example_id: int, *, lock: bool = False) -> Example:
    query = select(*(examples.c[field] for field in Example.__dataclass_fields__)).where(examples.c.id == example_id)
    is_possible = abs(example_id) < 2**63
    row = connection.execute(query.with_for_update() if lock else query).one_or_none() if is_possible else None
    if row is None:
        raise UnknownExample(f"There is no example {example_id}.")
    return Example(**row._asdict())


def count(db: Database, chosen: Filter) -> int:
    """How many examples the filter chooses."""
    with db.reading() as connection:
        in_cube = cube.usable(connection, chosen)
        if in_cube is not None:
            query = select(func.coalesce(cast(func.sum(sums.c.number), BigInteger), 0)).where(in_cube)
        else:
            query = select(func.count()).select_from(examples).where(where(chosen))
        return connection.execute(query).scalar_one()


def page(
    db: Database, chosen: Filter, *, sort: Sort = "newest", after: str | None = None, limit: int = 50, offset: int = 0
) -> ExamplePage:
    """One page of the table. `after` is the `next` of the page before; any depth costs the same. `offset` passes over
    so many rows more, which costs their place in the index.

    The ids come first, from the dashboard index alone: a filter that few rows pass never reads the wide rows it skips.
    """
    with db.reading() as connection:
        ids = orders.ids(connection, chosen, sort, after, offset + limit + 1)[offset:]
        found = {row.id: row for row in connection.execute(_columns().where(examples.c.id.in_(ids)))}
    rows = [ExampleRow(*found[key]) for key in ids if key in found]
    more = len(rows) > limit
    rows = rows[:limit]
    return ExamplePage(rows, orders.mark(sort, rows[-1]) if more else None)


def _columns() -> Select[*tuple[Any, ...]]:
    c = examples.c
    request = func.left(c.user_request, 200)
    return select(
        c.id,
        c.created_at,
        c.intent,
        request,
        c.quality_score,
        c.success,
        c.tags,
        c.source_agent,
        c.source_model,
        c.is_trainable,
    )


def choices(db: Database) -> Choices:
    """Return what the visible examples hold in all, from the cube or in one scan; to be cached by `version`."""
    c = examples.c
    groups = (c.intent, c.source_agent, c.source_model, c.tags)
    query = select(*groups, func.count().label("number")).where(c.withdrawn_at.is_(None)).group_by(*groups)
    with db.reading() as connection:
        if cube.is_fresh(connection):
            known = connection.execute(select(cube_version)).one()
            return Choices(
                known.total, *map(sorted, (known.intents, known.tags, known.source_agents, known.source_models))
            )
        rows = connection.execute(query).all()
    return Choices(
        sum(row.number for row in rows),
        sorted({row.intent for row in rows}),
        sorted({tag for row in rows for tag in row.tags}),
        sorted({row.source_agent for row in rows}),
        sorted({row.source_model for row in rows}),
    )


def version(db: Database) -> str:
    """Return a text that changes with every committed change of examples, so that a page can cache by it."""
    with db.reading() as connection:
        return connection.execute(text(cube.CURRENT_VERSION)).scalar_one()


def history(db: Database, example_id: int) -> list[Revision]:
    """Former contents of an example, the latest first. The current content is in the example itself."""
    query = select(revisions).where(revisions.c.example_id == example_id).order_by(revisions.c.revision.desc())
    with db.reading() as connection:
        return [Revision(*row) for row in connection.execute(query)]


def edit(
    db: Database, example_id: int, changes: Mapping[str, Any], *, expected_revision: int, actor: str, reason: str
) -> Example:
    """Replace content fields; what was there stays as a revision.

    Raises `Conflict` when somebody else edited the example since `expected_revision` was read, `InvalidExample` naming
    the field that cannot be stored, `UnknownExample`.
    """
    values = {field: content.validated(field, value) for field, value in changes.items()}
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason=reason)
        before = _get(connection, example_id, lock=True)
        if before.revision != expected_revision:
            raise Conflict(
                f"Example {example_id} was edited by somebody else (revision {before.revision}, you started from "
                f"{expected_revision}). Look at the new content, then edit again."
            )
        changed = {field: value for field, value in values.items() if content.differ(getattr(before, field), value)}
        if not changed:
            return before
        try:
            connection.execute(
                update(examples)
                .where(examples.c.id == before.id)
                .values(**changed, revision=before.revision + 1, updated_at=func.now(), source_record=_SOURCE_RECORD)
            )
        except OperationalError as error:
            if isinstance(error.orig, psycopg.errors.ProgramLimitExceeded):
                raise InvalidExample("The request holds too many different words for the search; shorten it.") from None
            raise
        after = _get(connection, example_id)
        audit.record(
            connection,
            actor=actor,
            action="edit",
            subject="example",
            subject_id=example_id,
            before={"revision": before.revision},
            after={"revision": after.revision, "fields": sorted(changed)},
            reason=reason,
            row_count=1,
        )
        return after


#: A person's first change keeps what the source had given, so that its next file changes nothing of the person's.
_SOURCE_RECORD = func.coalesce(
    examples.c.source_record,
    func.jsonb_build_object(*(part for name in SOURCED for part in (literal(name, Text), examples.c[name]))),
)


def set_score(
    db: Database, example_id: int, *, score: float | None, success: bool | None, actor: str, reason: str
) -> Example:
    """Overrule score (0.0 to 1.0, None: not scored) and success; the values before are audited, with the reason."""
    with db.begin() as connection:
        return set_score_in(connection, example_id, score=score, success=success, actor=actor, reason=reason)


def set_score_in(
    connection: Connection, example_id: int, *, score: float | None, success: bool | None, actor: str, reason: str
) -> Example:
    """Return the same in the caller's transaction."""
    if score is not None and not 0.0 <= score <= 1.0:
        raise InvalidExample(f"The quality score must be between 0 and 1, not {score}.")
    before = _get(connection, example_id, lock=True)
    connection.execute(
        update(examples)
        .where(examples.c.id == example_id)
        .values(quality_score=score, success=success, updated_at=func.now(), source_record=_SOURCE_RECORD)
    )
    audit.record(
        connection,
        actor=actor,
        action="score",
        subject="example",
        subject_id=example_id,
        before={"quality_score": before.quality_score, "success": before.success},
        after={"quality_score": score, "success": success},
        reason=reason,
        row_count=1,
    )
    return _get(connection, example_id)


def known_or_raise(connection: Connection, ids: Sequence[int]) -> None:
    """Raise `UnknownExample` naming the first of `ids` that does not exist."""
    # One parameter however many ids: a list of them would end at PostgreSQL's 65,535.
    asked = select(func.unnest(bindparam(None, list(ids), type_=ARRAY(BigInteger))).label("id")).subquery()
    # Not NOT IN: of more ids than fit into work_mem it reads the list again for each of them.
    unknown = ~exists().where(examples.c.id == asked.c.id)
    missing = connection.execute(select(asked.c.id).where(unknown).order_by(asked.c.id).limit(1)).scalar_one_or_none()
    if missing is not None:
        raise UnknownExample(f"There is no example {missing}; nothing was changed.")
