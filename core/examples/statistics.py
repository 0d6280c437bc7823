"""What is true of the examples a filter chooses: totals, shares, distributions; each a set operation in Postgres."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Float,
    Integer,
    Label,
    Row,
    Subquery,
    Text,
    case,
    cast,
    func,
    literal,
    select,
    text,
    tuple_,
    union_all,
)

from core.db import Database
from core.db.tables import cube as sums
from core.db.tables import examples
from core.examples import cube, store
from core.examples.filters import EVERYTHING, Filter, where

#: Bins of the quality histogram: bin i covers i/20 up to, not including, (i+1)/20; the last includes 1.0.
BINS = 20
#: How far back the course of new examples goes.
WEEKS = 4
#: The length of the two periods that are held against each other, in days.
PERIOD = 30
#: Fewer judged examples than this in one of the periods say nothing of a change.
COMPARABLE = 20


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
class Period:
    """The examples created in PERIOD days. Averages are None where nothing is scored, or judged."""

    count: int
    scored: int
    average_quality: float | None
    judged: int
    success_rate: float | None


@dataclass(frozen=True)
class ModelMonth:
    """What one model did in one month (UTC), of what is scored."""

    model: str
    month: dt.date
    scored: int
    average_quality: float


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
    #: Created in each of the last WEEKS times seven days, the latest last: of this filter, and of the workspace.
    by_week: tuple[int, ...]
    total_by_week: tuple[int, ...]
    #: Of those in the filter, what holds something a model could learn.
    trainable: int
    #: Of this filter: the last PERIOD days, and as many days before them.
    latest: Period
    before: Period

    @property
    def new_this_week(self) -> int:
        return self.by_week[-1]

    @property
    def quality_change(self) -> float | None:
        """By how much the average quality rose against the period before; None where too little is scored."""
        now, then = self.latest, self.before
        if now.average_quality is None or then.average_quality is None or min(now.scored, then.scored) < COMPARABLE:
            return None
        return now.average_quality - then.average_quality

    @property
    def success_change(self) -> float | None:
        """The same of the success rate, as a share."""
        now, then = self.latest, self.before
        if now.success_rate is None or then.success_rate is None or min(now.judged, then.judged) < COMPARABLE:
            return None
        return now.success_rate - then.success_rate


_Row = Row[*tuple[Any, ...]]


@dataclass
class _Sum:
    """Counts that add up; every share and average is taken once, at the end."""

    count: int = 0
    scored: int = 0
    quality: float = 0.0
    succeeded: int = 0
    failed: int = 0
    trainable: int = 0

    def add(self, row: _Row) -> None:
        self.count += row.number
        self.trainable += row.trainable
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
    """All statistics of the data page for one filter, from the cube or in one scan of the dashboard index.

    `total` is `store.choices(db).total` where the caller has it at hand; otherwise it is counted.

    First one GROUP BY over everything the page shows, which PostgreSQL scans in parallel; then its few thousand groups
    are summed up once for each chart. GROUPING SETS over the examples would not be parallel, and one query a chart
    would scan six times. A fresh cube holds such groups already.
    """
    now = now or dt.datetime.now(dt.UTC)
    with db.reading() as connection:
        weeks, periods = _by_week(connection, chosen, now), _periods(connection, chosen, now)
        in_cube = cube.usable(connection, chosen)
        if in_cube is not None:
            groups = _groups_in_cube(in_cube)
        else:
            groups = _groups_of(chosen)
            # Many small groups go to the leader: without these the planner overrates what that costs.
            connection.execute(text("SET LOCAL parallel_tuple_cost = 0.001"))
            connection.execute(text("SET LOCAL parallel_setup_cost = 100"))
        rows = connection.execute(_sums_of(groups)).all()
        if total is None:
            total = store.count(db, EVERYTHING)
    return _statistics(rows, total, weeks, periods)


def quality_of_models(db: Database, chosen: Filter) -> tuple[ModelMonth, ...]:
    """Return the average quality of each model in each month that has something scored, by model and month."""
    with db.reading() as connection:
        in_cube = cube.usable(connection, chosen)
        groups = (_groups_in_cube(in_cube) if in_cube is not None else _groups_of(chosen)).c
        scored = func.sum(groups.scored)
        query = (
            select(groups.source_model, groups.month, cast(scored, BigInteger), func.sum(groups.quality) / scored)
            .group_by(groups.source_model, groups.month)
            .having(scored > 0)
            .order_by(groups.source_model, groups.month)
        )
        return tuple(ModelMonth(*row) for row in connection.execute(query))


def by_agent(db: Database, chosen: Filter) -> tuple[Group, ...]:
    """Count the examples of a filter by the agent they came from, largest first.

    Not part of `overview`, which it would make slower for everybody.
    """
    c = examples.c
    with db.reading() as connection:
        in_cube = cube.usable(connection, chosen)
        if in_cube is not None:
            key, condition = sums.c.source_agent, in_cube
            figures = (func.sum(sums.c.number), func.sum(sums.c.scored), func.sum(sums.c.quality))
            trainable = func.sum(case((sums.c.is_trainable, sums.c.number), else_=0))
            success = sums.c.success
        else:
            key, condition, success = c.source_agent, where(chosen), c.success
            figures = (func.count(), func.count(c.quality_score), func.sum(c.quality_score))
            trainable = func.count().filter(c.is_trainable)
        number, scored, quality = figures
        query = select(
            literal("agent").label("part"),
            key.label("name"),
            success.label("success"),
            cast(number, BigInteger).label("number"),
            cast(scored, BigInteger).label("scored"),
            cast(trainable, BigInteger).label("trainable"),
            quality.label("quality"),
        )
        rows = connection.execute(query.where(condition).group_by(key, success)).all()
    return _groups(_by_name(rows, "agent"))


def _by_week(connection: Connection, chosen: Filter, now: dt.datetime) -> list[tuple[int, int]]:
    """Count new examples of the filter and of all by week, the latest last: a short piece of the dashboard index."""
    c = examples.c
    first = now - dt.timedelta(days=7 * WEEKS)
    # What is dated later than now is as new as can be.
    week = func.least(func.floor(func.extract("epoch", c.created_at - first) / (7 * 24 * 3600)), WEEKS - 1)
    query = (
        select(cast(week, Integer).label("week"), func.count().filter(where(chosen)), func.count())
        .where(c.withdrawn_at.is_(None), c.created_at >= first)
        .group_by(text("week"))
    )
    found = {week: (of_filter, of_all) for week, of_filter, of_all in connection.execute(query)}
    return [found.get(week, (0, 0)) for week in range(WEEKS)]


def _periods(connection: Connection, chosen: Filter, now: dt.datetime) -> tuple[Period, Period]:
    """Return the last PERIOD days of the filter and those before: a short piece of the dashboard index."""
    c, middle = examples.c, now - dt.timedelta(days=PERIOD)
    is_latest = (c.created_at >= middle).label("is_latest")
    query = (
        select(
            is_latest,
            func.count(),
            func.count(c.quality_score),
            func.avg(c.quality_score),
            func.count(c.success),
            func.avg(cast(cast(c.success, Integer), Float)),
        )
        .where(where(chosen), c.created_at >= middle - dt.timedelta(days=PERIOD))
        .group_by(text("is_latest"))
    )
    found = {row[0]: Period(*row[1:]) for row in connection.execute(query)}
    none = Period(0, 0, None, 0, None)
    return found.get(True, none), found.get(False, none)


def _groups_in_cube(condition: ColumnElement[bool]) -> CTE:
    """Return what `_groups_of` gives, from the cube."""
    c = sums.c
    # Cell 40 is the score 1.0, which the last bin includes.
    quality_bin = func.least(c.cell // 2 + 1, BINS).label("quality_bin")
    keys = (c.intent, c.source_model, c.success, c.month, case((c.cell.is_not(None), quality_bin)).label("quality_bin"))
    trainable = case((c.is_trainable, c.number), else_=0).label("trainable")
    figures = (c.number, c.scored, trainable, c.quality, c.first, c.last)
    return select(*keys, c.tags, *figures).where(condition).cte("groups")


def _groups_of(chosen: Filter) -> CTE:
    """Return the finest groups that the page shows anything of."""
    c = examples.c
    keys = (c.intent, c.source_model, c.success, c.month, c.quality_bin, c.tags)
    sums = (
        func.count().label("number"),
        func.count(c.quality_score).label("scored"),
        func.count().filter(c.is_trainable).label("trainable"),
        func.sum(c.quality_score).label("quality"),
        func.min(c.created_at).label("first"),
        func.max(c.created_at).label("last"),
    )
    return select(*keys, *sums).where(where(chosen)).group_by(*keys).cte("groups")


def _sums_of(groups: CTE) -> CompoundSelect[*tuple[Any, ...]]:
    """One row for each outcome of each intent, model, month and bin, and of each tag; `part` says which it is."""
    g = groups.c
    parts = (g.intent, g.source_model, g.month, g.quality_bin)
    # GROUPING has a bit for each part, the first one highest, which is 0 in the rows that are grouped by it.
    part = case(
        {(1 << len(parts)) - 1 - (1 << (len(parts) - 1 - place)): column.name for place, column in enumerate(parts)},
        value=func.grouping(*parts),
    )
    name = func.coalesce(*(cast(column, Text) for column in parts))
    grouped_by_one = func.grouping_sets(*(tuple_(column, g.success) for column in parts))
    tagged = select(func.unnest(g.tags).label("tag"), groups).subquery("tagged")
    return union_all(
        select(part.label("part"), name.label("name"), g.success, *_summed(groups)).group_by(grouped_by_one),
        select(literal("tag"), tagged.c.tag, tagged.c.success, *_summed(tagged)).group_by(
            tagged.c.tag, tagged.c.success
        ),
    )


def _summed(groups: CTE | Subquery) -> list[Label[Any]]:
    counts = [cast(func.sum(groups.c[name]), BigInteger).label(name) for name in ("number", "scored", "trainable")]
    return [
        *counts,
        func.sum(groups.c.quality).label("quality"),
        func.min(groups.c.first).label("first"),
        func.max(groups.c.last).label("last"),
    ]


def _statistics(
    rows: Sequence[_Row], total: int, weeks: Sequence[tuple[int, int]], periods: tuple[Period, Period]
) -> Statistics:
    histogram = [0] * BINS
    for row in rows:
        if row.part == "quality_bin" and row.name is not None:
            histogram[int(row.name) - 1] += row.number
    months = _by_name(rows, "month")
    everything = _Sum()
    whole = [row for row in rows if row.part == "intent"]  # every example has exactly one
    for row in whole:
        everything.add(row)
    return Statistics(
        total=total,
        filtered=everything.count,
        scored=everything.scored,
        average_quality=everything.average_quality,
        success_rate=everything.success_rate,
        histogram=tuple(histogram),
        by_intent=_groups(_by_name(rows, "intent")),
        by_tag=_groups(_by_name(rows, "tag")),
        by_model=_groups(_by_name(rows, "source_model")),
        by_month=tuple(
            Month(
                dt.date.fromisoformat(name), s.succeeded, s.failed, s.count - s.succeeded - s.failed, s.average_quality
            )
            for name, s in sorted(months.items())
        ),
        first=min((row.first for row in whole), default=None),
        last=max((row.last for row in whole), default=None),
        by_week=tuple(of_filter for of_filter, _ in weeks),
        total_by_week=tuple(of_all for _, of_all in weeks),
        trainable=everything.trainable,
        latest=periods[0],
        before=periods[1],
    )


def _by_name(rows: Iterable[_Row], part: str) -> dict[str, _Sum]:
    sums: dict[str, _Sum] = {}
    for row in rows:
        if row.part == part:
            sums.setdefault(row.name, _Sum()).add(row)
    return sums


def _groups(sums: dict[str, _Sum]) -> tuple[Group, ...]:
    """Largest first, then by name."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1].count, item[0]))
    return tuple(Group(name, s.count, s.average_quality, s.success_rate) for name, s in ordered)
