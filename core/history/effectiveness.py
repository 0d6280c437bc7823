"""What history says of topics, platforms and times: how well work on them did, and how sure that is. Not why."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from core.db import Database
from core.errors import InvalidFilter
from core.history.estimates import Estimate, Group, Trend, shrunk, trend
from core.history.published import MEASURED, SEEN
from core.history.records import FEW

#: Hours of a day are taken together, so that a slot has rows.
HOURS = 4
_MONTH_S = 365.2425 / 12 * 86_400


@dataclass(frozen=True)
class Topic:
    """How work on one topic did; an estimate is None where nobody measured it."""

    name: str
    posts: int
    tasks: int
    #: Of a post: views, answers per view, conversions on its page. Of a task: its quality.
    views: Estimate | None
    engagement: Estimate | None
    conversions: Estimate | None
    quality: Estimate | None
    #: Of the engagement, a month.
    trend: Trend | None


@dataclass(frozen=True)
class Topics:
    """All topics, the best engagement first."""

    as_of: dt.datetime
    topics: tuple[Topic, ...]
    posts: int
    tasks: int
    #: Posts and tasks without a topic, which count for none.
    without_topic: int
    note: str


@dataclass(frozen=True)
class Platform:
    """How posts on one platform usually do: what a single post is measured against."""

    name: str
    posts: int
    views: Estimate | None
    median_views: float | None
    engagement: Estimate | None


@dataclass(frozen=True)
class Slot:
    """Posts of one weekday (1 is Monday) from one hour on, against the usual engagement of their platforms."""

    weekday: int
    hour: int
    #: 1.0 is as usual.
    engagement: Estimate

    @property
    def is_better(self) -> bool:
        """Whether the whole interval lies above what is usual, on rows enough to say so."""
        return not self.engagement.is_few and self.engagement.low is not None and self.engagement.low > 1


@dataclass(frozen=True)
class Times:
    """When posts were answered most, the best slot first."""

    zone: str
    platform: str
    posts: int
    slots: tuple[Slot, ...]
    note: str


#: Count, mean and variance. Both of the last of one type: PostgreSQL then keeps one state for them.
_OF = "count({0}), avg({0}::float8), var_samp({0}::float8)"
_X = f"date_part('epoch', at - CAST(:as_of AS timestamptz)) / {_MONTH_S}"
#: Mean, spread and slope of the rate come out of one state, too.
_TOPICS = text(
    f"""
    WITH {MEASURED}
    SELECT topic, count(*), {_OF.format("views")}, count(rate), regr_avgy(rate, {_X}), regr_syy(rate, {_X}),
           regr_slope(rate, {_X}), regr_sxx(rate, {_X})
    FROM measured GROUP BY topic"""
)
#: Conversions of the page of each post, which is known by the last part of its address: the slug, or else the key. Not
#: in one statement with the above: from the pages, which are few, to their posts.
_CONVERSIONS = text(
    f"""
    WITH converted AS (
        SELECT regexp_replace(rtrim(page_id, '/'), '^.*/', '') AS page, sum(sessions * conversion_rate) AS conversions
        FROM web_analytics
        WHERE tracked_date <= CAST(:as_of AS timestamptz) AND sessions IS NOT NULL AND conversion_rate IS NOT NULL
        GROUP BY 1
    ), found AS (
        SELECT DISTINCT ON (id) topic, conversions FROM (
            SELECT p.id, p.topic, p.status, p.published_at, p.created_at, c.conversions, 1 AS place
            FROM converted c JOIN orchestrator_published_posts p ON p.slug = c.page
            UNION ALL
            SELECT p.id, p.topic, p.status, p.published_at, p.created_at, c.conversions, 2
            FROM converted c JOIN orchestrator_published_posts p ON p.post_id = c.page
        ) AS p WHERE {SEEN} ORDER BY id, place
    )
    SELECT nullif(topic, ''), {_OF.format("conversions")} FROM found GROUP BY 1"""
)
_TASKS = text(
    f"SELECT nullif(topic, '') AS topic, count(*), {_OF.format('quality_score')} FROM orchestrator_historical_tasks"
    " WHERE coalesce(completed_at, created_at) <= :as_of GROUP BY 1"
)


def topics(db: Database, *, as_of: dt.datetime | None = None) -> Topics:
    """How work on each topic did up to `as_of`. Small groups are drawn towards the mean: `estimates.shrunk`."""
    with db.reading() as connection:
        return topics_in(connection, as_of or dt.datetime.now(dt.UTC))


def topics_in(connection: Connection, moment: dt.datetime) -> Topics:
    """Return the same on the caller's connection."""
    posts = {row[0]: _with_variance(row) for row in connection.execute(_TOPICS, {"as_of": moment})}
    tasks = {row[0]: row for row in connection.execute(_TASKS, {"as_of": moment})}
    pages = {row[0]: row for row in connection.execute(_CONVERSIONS, {"as_of": moment})}
    without = sum(found[None][1] for found in (posts, tasks) if None in found)
    counts = [sum(row[1] for row in found.values()) for found in (posts, tasks)]
    names = sorted((posts.keys() | tasks.keys()) - {None})
    views, engagement, conversions = _estimates(posts, 2), _estimates(posts, 5), _estimates(pages, 1)
    quality = _estimates(tasks, 2)
    found = [
        Topic(
            name,
            posts[name][1] if name in posts else 0,
            tasks[name][1] if name in tasks else 0,
            views.get(name),
            engagement.get(name),
            conversions.get(name),
            quality.get(name),
            trend(posts[name][5], *posts[name][8:11]) if name in posts else None,
        )
        for name in names
    ]
    found.sort(key=lambda topic: (topic.engagement is None, -(topic.engagement.value if topic.engagement else 0)))
    note = _topics_note(sum(counts), len(names), without)
    return Topics(moment, tuple(found), counts[0], counts[1], without, note)


def _with_variance(row: Any) -> tuple[Any, ...]:
    """Return the row of a topic with the variance of its rate in the place of the sum of squares, which stands at the
    end.
    """
    *before, n, mean, squares, slope, sxx = row
    return (*before, n, mean, squares / (n - 1) if n > 1 else None, slope, sxx, squares)


def _estimates(rows: Mapping[Any, Any], at: int) -> dict[str, Estimate]:
    """Return the estimates of the groups that have a name and values; count, mean and variance begin at `at` of each
    row.
    """
    return shrunk([Group(name, *row[at : at + 3]) for name, row in rows.items() if name is not None and row[at]])


def _topics_note(rows: int, names: int, without: int) -> str:
    if not rows:
        return "No post and no task is recorded up to then, so nothing is known of any topic."
    if not names:
        return f"None of the {rows:,} posts and tasks has a topic."
    said = []
    if rows < FEW:
        said.append(f"All of this rests on {rows} posts and tasks; fewer than {FEW} can say little.")
    if without:
        said.append(f"{without:,} posts and tasks have no topic and count for none.")
    return " ".join(said)


_PLATFORMS = text(
    f"""
    WITH {MEASURED}
    SELECT platform, count(*), {_OF.format("views")}, {_OF.format("rate")},
           percentile_cont(0.5) WITHIN GROUP (ORDER BY views)
    FROM measured WHERE platform IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"""
)


def platforms(db: Database, *, as_of: dt.datetime | None = None) -> tuple[Platform, ...]:
    """How posts on each platform usually did up to `as_of`, the one with the most posts first."""
    with db.reading() as connection:
        return platforms_in(connection, as_of or dt.datetime.now(dt.UTC))


def platforms_in(connection: Connection, moment: dt.datetime) -> tuple[Platform, ...]:
    """Return the same on the caller's connection."""
    rows = {row[0]: row for row in connection.execute(_PLATFORMS, {"as_of": moment})}
    views, engagement = _estimates(rows, 2), _estimates(rows, 5)
    return tuple(Platform(name, row[1], views.get(name), row[8], engagement.get(name)) for name, row in rows.items())


_TIMES = text(
    f"""
    WITH {MEASURED}, against AS (
        SELECT published_at AT TIME ZONE :zone AS at,
               rate / nullif(avg(rate) OVER (PARTITION BY platform), 0) AS ratio
        FROM measured
        WHERE published_at IS NOT NULL AND rate IS NOT NULL AND (:platform = '' OR platform = :platform)
    )
    SELECT extract(isodow FROM at)::int, (extract(hour FROM at)::int / {HOURS}) * {HOURS}, {_OF.format("ratio")}
    FROM against WHERE ratio IS NOT NULL GROUP BY 1, 2"""
)


def times(db: Database, *, platform: str = "", zone: str = "UTC", as_of: dt.datetime | None = None) -> Times:
    """When posts were answered most: by weekday and part of the day in `zone`, each post against its own platform's
    mean. Raises `InvalidFilter` for a zone that nobody knows.
    """
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidFilter(f"There is no time zone {zone!r}; one is called Europe/Berlin, for example.") from None
    values = {"as_of": as_of or dt.datetime.now(dt.UTC), "zone": zone, "platform": platform}
    with db.reading() as connection:
        rows = {f"{row[0]} {row[1]}": row for row in connection.execute(_TIMES, values)}
    found = _estimates(rows, 2)
    slots = [Slot(row[0], row[1], found[name]) for name, row in rows.items()]
    slots.sort(key=lambda slot: (-slot.engagement.value, slot.weekday, slot.hour))
    return Times(zone, platform, sum(row[2] for row in rows.values()), tuple(slots), _times_note(slots))


def _times_note(slots: Iterable[Slot]) -> str:
    found = list(slots)
    if not found:
        return "No post with a date and counted answers is recorded, so no time is better than another."
    if not any(slot.is_better for slot in found):
        return "No time of the week is surely better than another; the order may be chance."
    return ""
