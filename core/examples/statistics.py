"""What is true of the examples a filter chooses: totals, shares, distributions; each a set operation in Postgres."""

import datetime as dt
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, func, select, text

from core.database import Database
from core.examples.filters import Filter, where
from core.tables import examples

#: Bins of the quality histogram: bin i covers i/20 up to, not including, (i+1)/20; the last includes 1.0.
BINS = 20


@dataclass(frozen=True)
class Group:
    """A slice of the examples. Averages are None where nothing in it is scored, or judged."""

    name: str
    count: int
    average_quality: float | None
    success_rate: float | None


@dataclass(frozen=True)
class Month:
    """The examples created in one month (UTC), by outcome."""

    month: dt.date
    succeeded: int
    failed: int
    unknown: int
    average_quality: float | None

    @property
    def count(self) -> int:
        return self.succeeded + self.failed + self.unknown


@dataclass(frozen=True)
class Statistics:
    """Of one filter. `total` is what the workspace holds in all, withdrawn examples left out."""

    total: int
    filtered: int
    scored: int
    average_quality: float | None
    success_rate: float | None
    histogram: tuple[int, ...]
    by_intent: tuple[Group, ...]
    by_tag: tuple[Group, ...]
    by_model: tuple[Group, ...]
    by_month: tuple[Month, ...]
    first: dt.datetime | None
    last: dt.datetime | None
    new_this_week: int


_Row = Row[*tuple[Any, ...]]


@dataclass
class _Sum:
    """Counts that add up; every share and average is taken once, at the end."""

    count: int = 0
    scored: int = 0
    quality: float = 0.0
    succeeded: int = 0
    failed: int = 0

    def add(self, row: _Row) -> None:
        self.count += row.number
        self.scored += row.scored
        self.quality += row.quality or 0.0
        self.succeeded += row.number if row.success is True else 0
        self.failed += row.number if row.success is False else 0

    @property
    def average_quality(self) -> float | None:
        return self.quality / self.scored if self.scored else None

    @property
    def success_rate(self) -> float | None:
        judged = self.succeeded + self.failed
        return self.succeeded / judged if judged else None


def overview(db: Database, chosen: Filter, *, total: int | None = None, now: dt.datetime | None = None) -> Statistics:
    """All statistics of the data page for one filter, in one scan of the dashboard index.

    `total` is `store.choices(db).total` where the caller has it at hand; otherwise it is counted.

    One GROUP BY over everything the page shows, then sums of its few thousand groups here: GROUPING SETS would keep
    PostgreSQL from scanning in parallel, and one query a chart would scan six times.
    """
    c = examples.c
    groups = (c.intent, c.source_model, c.success, c.month, c.quality_bin, c.tags)
    query = (
        select(*groups, func.count().label("number"), func.count(c.quality_score).label("scored"),
               func.sum(c.quality_score).label("quality"), func.min(c.created_at).label("first"),
               func.max(c.created_at).label("last"))
        .where(where(chosen))
        .group_by(*groups)
    )  # fmt: skip
    week_ago = (now or dt.datetime.now(dt.UTC)) - dt.timedelta(days=7)
    with db.connect() as connection:
        # Many small groups come back: without these the planner overrates what handing rows to the leader costs.
        connection.execute(text("SET LOCAL parallel_tuple_cost = 0.001"))
        connection.execute(text("SET LOCAL parallel_setup_cost = 100"))
        rows = connection.execute(query).all()
        if total is None:
            visible = c.withdrawn_at.is_(None)
            total = connection.execute(select(func.count()).select_from(examples).where(visible)).scalar_one()
        new = connection.execute(
            select(func.count()).select_from(examples).where(where(chosen), c.created_at >= week_ago)
        ).scalar_one()
    return _summed(rows, total=total, new_this_week=new)


def _summed(rows: Iterable[_Row], *, total: int, new_this_week: int) -> Statistics:
    rows = list(rows)
    histogram = [0] * BINS
    for row in rows:
        if row.quality_bin is not None:
            histogram[row.quality_bin - 1] += row.number
    everything = _by(rows, lambda row: ("",)).get("", _Sum())
    return Statistics(
        total=total,
        filtered=everything.count,
        scored=everything.scored,
        average_quality=everything.average_quality,
        success_rate=everything.success_rate,
        histogram=tuple(histogram),
        by_intent=_groups(_by(rows, lambda row: (row.intent,))),
        by_tag=_groups(_by(rows, lambda row: row.tags)),
        by_model=_groups(_by(rows, lambda row: (row.source_model,))),
        by_month=tuple(
            Month(month, s.succeeded, s.failed, s.count - s.succeeded - s.failed, s.average_quality)
            for month, s in sorted(_by(rows, lambda row: (row.month,)).items())
        ),
        first=min((row.first for row in rows), default=None),
        last=max((row.last for row in rows), default=None),
        new_this_week=new_this_week,
    )


Key = TypeVar("Key", bound=Hashable)


def _by(rows: Iterable[_Row], keys: Callable[[_Row], Iterable[Key]]) -> dict[Key, _Sum]:
    sums: dict[Key, _Sum] = {}
    for row in rows:
        for key in keys(row):
            sums.setdefault(key, _Sum()).add(row)
    return sums


def _groups(sums: dict[str, _Sum]) -> tuple[Group, ...]:
    """Largest first, then by name."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1].count, item[0]))
    return tuple(Group(name, s.count, s.average_quality, s.success_rate) for name, s in ordered)
