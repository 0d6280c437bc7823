"""The rows of the five sources: counted, filtered, in order, page by page."""

import dataclasses
import datetime as dt
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Connection, text

from core.bounds import id_in
from core.db import Database
from core.errors import InvalidFilter
from core.history.shapes import SHAPES, SOURCES, Source

Sort = Literal["newest", "oldest", "best", "worst"]
SORTS: tuple[Sort, ...] = ("newest", "oldest", "best", "worst")
#: What `outcome` says of rows whose state nobody knows.
UNKNOWN = "unknown"
#: Figures that rest on fewer rows say so.
FEW = 30


@dataclass(frozen=True)
class Wanted:
    """Which rows; what is empty chooses all. A source refuses what it does not have."""

    topic: str = ""
    platform: str = ""
    #: The state of a task or post, such as published; `UNKNOWN` for none.
    outcome: str = ""
    #: The page of web analytics, or the figure of the business.
    name: str = ""
    #: The first and the last day.
    since: dt.date | None = None
    until: dt.date | None = None


@dataclass(frozen=True)
class Task:
    """`description` and `content` are their first 300 characters."""

    id: int
    task_id: str
    title: str | None
    description: str | None
    topic: str | None
    status: str | None
    completion_rate: float | None
    quality_score: float | None
    engagement_score: float | None
    execution_id: str | None
    created_at: dt.datetime | None
    completed_at: dt.datetime | None
    content: str | None
    characters: int | None


@dataclass(frozen=True)
class Post:
    """`content` is its first 300 characters."""

    id: int
    post_id: str
    title: str | None
    topic: str | None
    platform: str | None
    status: str | None
    views: int | None
    engagement: int | None
    shares: int | None
    slug: str | None
    execution_id: str | None
    published_at: dt.datetime | None
    created_at: dt.datetime | None
    content: str | None
    characters: int | None


@dataclass(frozen=True)
class Measurement:
    """What was counted of one post on one platform at a moment."""

    id: int
    post_id: str
    platform: str | None
    views: int | None
    clicks: int | None
    shares: int | None
    likes: int | None
    comments: int | None
    engagement_rate: float | None
    tracked_at: dt.datetime | None


@dataclass(frozen=True)
class PageDay:
    """One day of one page."""

    id: int
    page_id: str | None
    sessions: int | None
    users: int | None
    page_views: int | None
    bounce_rate: float | None
    avg_session_duration: int | None
    conversion_rate: float | None
    tracked_date: dt.date | None


@dataclass(frozen=True)
class Figure:
    """One figure of the business in one period."""

    id: int
    metric_type: str | None
    metric_value: Decimal | None
    currency: str | None
    period_start: dt.date | None
    period_end: dt.date | None
    recorded_at: dt.datetime | None


Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in order, and the mark of the page after them; None on the last. `note`: why there is none."""

    rows: list[Row]
    next: str | None
    note: str = ""


@dataclass(frozen=True)
class _Listing:
    """How a source is listed: its row, its columns that are not plain, its order, and what it can be filtered by."""

    row: type
    at: str
    best: str
    filters: Mapping[str, str]
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)


_LONG = {"content": "left(content, 300)", "characters": "length(content)"}
_STATE = f"coalesce(status, '{UNKNOWN}')"
_LISTINGS: Mapping[Source, _Listing] = {
    "tasks": _Listing(
        Task,
        "coalesce(completed_at, created_at, '-infinity'::timestamptz)",
        "quality_score",
        {"topic": "topic", "outcome": _STATE},
        {**_LONG, "description": "left(description, 300)"},
    ),
    "posts": _Listing(
        Post,
        "coalesce(published_at, created_at, '-infinity'::timestamptz)",
        "views",
        {"topic": "topic", "platform": "platform", "outcome": _STATE},
        _LONG,
    ),
    "social": _Listing(
        Measurement,
        "coalesce(tracked_at, '-infinity'::timestamptz)",
        "engagement_rate",
        {
            # A measurement is about what its post is about.
            "topic": "(SELECT p.topic FROM orchestrator_published_posts p WHERE p.post_id = t.post_id LIMIT 1)",
            "platform": "platform",
        },
    ),
    "web": _Listing(PageDay, "coalesce(tracked_date, '-infinity'::date)", "sessions", {"name": "page_id"}),
    "finance": _Listing(Figure, "coalesce(period_start, '-infinity'::date)", "metric_value", {"name": "metric_type"}),
}
_WORDS = {"topic": "topic", "platform": "platform", "outcome": "state", "name": "name"}


def tasks(
    db: Database, wanted: Wanted = Wanted(), *, sort: Sort = "newest", after: str | None = None, limit: int = 50
) -> Page[Task]:
    """Tasks of the past, by their completion; best: by quality."""
    return _page(db, "tasks", wanted, sort, after, limit)


def posts(
    db: Database, wanted: Wanted = Wanted(), *, sort: Sort = "newest", after: str | None = None, limit: int = 50
) -> Page[Post]:
    """Return posts, by their publication, or creation where that is not known; best: by views."""
    return _page(db, "posts", wanted, sort, after, limit)


def social(
    db: Database, wanted: Wanted = Wanted(), *, sort: Sort = "newest", after: str | None = None, limit: int = 50
) -> Page[Measurement]:
    """Measurements of posts; best: by engagement rate."""
    return _page(db, "social", wanted, sort, after, limit)


def web(
    db: Database, wanted: Wanted = Wanted(), *, sort: Sort = "newest", after: str | None = None, limit: int = 50
) -> Page[PageDay]:
    """Days of pages; best: by sessions."""
    return _page(db, "web", wanted, sort, after, limit)


def finance(
    db: Database, wanted: Wanted = Wanted(), *, sort: Sort = "newest", after: str | None = None, limit: int = 50
) -> Page[Figure]:
    """Figures of the business, by their period; best: the highest value."""
    return _page(db, "finance", wanted, sort, after, limit)


def _page(db: Database, source: Source, wanted: Wanted, sort: Sort, after: str | None, limit: int) -> Page[Any]:
    """One page. Its mark is the key of its last row, so that any depth costs the same."""
    if sort not in SORTS:
        raise InvalidFilter(f"There is no order {sort!r}; there are {', '.join(SORTS)}.")
    listing = _LISTINGS[source]
    conditions, values = _conditions(source, wanted)
    order, is_down = listing.at, sort in ("newest", "best")
    if sort in ("best", "worst"):
        # What nobody knows stands at the end, whichever way is up.
        order = f"coalesce({listing.best}::float8, '{'-' if is_down else ''}Infinity'::float8)"
    kind = "float8" if sort in ("best", "worst") else "date" if "::date" in listing.at else "timestamptz"
    if after is not None:
        key, row_id = _mark(after, kind)
        sign = "<" if is_down else ">"
        conditions.append(f"({order}, id) {sign} (CAST(:mark AS {kind}), :mark_id)")
        values |= {"mark": key, "mark_id": row_id}
    columns = ", ".join(listing.columns.get(each.name, each.name) for each in dataclasses.fields(listing.row))
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    down = "DESC" if is_down else "ASC"
    query = f"""
        SELECT {columns}, ({order})::text FROM {SHAPES[source].table} t {where}
        ORDER BY {order} {down}, id {down} LIMIT :limit"""
    with db.reading() as connection:
        found = connection.execute(text(query), values | {"limit": limit + 1}).all()
        note = _note(connection, source, wanted) if not found and after is None else ""
    shown = found[:limit]
    following = f"{shown[-1].id}@{shown[-1][-1]}" if len(found) > limit else None
    return Page([listing.row(*row[:-1]) for row in shown], following, note)


def _mark(after: str, kind: str) -> tuple[str, int]:
    row_id, _, key = after.partition("@")
    number = id_in(row_id)
    if number is None:
        raise InvalidFilter.of_mark(after)
    try:
        if key not in ("-infinity", "Infinity", "-Infinity"):
            (float if kind == "float8" else dt.datetime.fromisoformat)(key)
        return key, number
    except ValueError:
        raise InvalidFilter.of_mark(after) from None


def _conditions(source: Source, wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    listing = _LISTINGS[source]
    conditions, values = [], {}
    for name, word in _WORDS.items():
        if not (value := getattr(wanted, name)):
            continue
        if name not in listing.filters:
            raise InvalidFilter(
                f"{SHAPES[source].table} has no {word}; it is filtered by {', '.join(listing.filters)}."
            )
        conditions.append(f"{listing.filters[name]} = :{name}")
        values[name] = value
    if wanted.since and wanted.until and wanted.since > wanted.until:
        raise InvalidFilter(f"The dates end before they begin: {wanted.since} is after {wanted.until}.")
    if wanted.since or wanted.until:  # what has no date lies between no dates
        conditions.append(f"isfinite({listing.at})")
    if wanted.since:
        conditions.append(f"{listing.at} >= :since")
        values["since"] = wanted.since
    if wanted.until:
        conditions.append(f"{listing.at} < :until")
        values["until"] = wanted.until + dt.timedelta(days=1)
    return conditions, values


def _note(connection: Connection, source: Source, wanted: Wanted) -> str:
    """Why there is no row."""
    table, listing, noun = SHAPES[source].table, _LISTINGS[source], SHAPES[source].noun
    if not connection.execute(text(f"SELECT EXISTS (SELECT FROM {table})")).scalar_one():
        return f"No {noun} is recorded yet; `history import` brings some."
    for name, column in listing.filters.items():
        if not (value := getattr(wanted, name)):
            continue
        query = f"SELECT DISTINCT {column} FROM {table} t WHERE {column} IS NOT NULL ORDER BY 1 LIMIT 5000"
        known = list(connection.execute(text(query)).scalars())
        if value not in known:
            near = difflib.get_close_matches(value, known, 1, 0.6)
            meant = f" Is {near[0]!r} meant?" if near else ""
            return f"No {noun} has the {_WORDS[name]} {value!r}.{meant}"
    if wanted.since or wanted.until:
        span = connection.execute(
            text(
                f"SELECT min(at)::date, max(at)::date FROM (SELECT {listing.at} AS at FROM {table}) AS t"
                " WHERE isfinite(at)"
            )
        ).one()
        if span[0] is None:
            return f"No {noun} has a date, so none lies between two."
        if (wanted.since and wanted.since > span[1]) or (wanted.until and wanted.until < span[0]):
            return f"No {noun} lies between these dates; they go from {span[0]} to {span[1]}."
    return f"No {noun} fits all of this."


@dataclass(frozen=True)
class Freshness:
    """How much one source holds, and how old it is."""

    source: Source
    table: str
    rows: int
    #: Of the rows that have a date, the first and the last.
    first: dt.datetime | None
    last: dt.datetime | None
    dated: int
    #: Imports that were not undone, and the last of them.
    imports: int
    imported_at: dt.datetime | None

    @property
    def note(self) -> str:
        """What has to be known before anything is read out of it."""
        noun = SHAPES[self.source].noun
        if not self.rows:
            return f"No {noun} is recorded."
        said = []
        if self.rows < FEW:
            said.append(f"Only {self.rows} rows: fewer than {FEW} can say little.")
        if self.dated < self.rows:
            said.append(f"{self.rows - self.dated:,} rows have no date and count in no trend.")
        return " ".join(said)


#: When a row was, and nothing else that stands in for it.
_DATED: Mapping[Source, str] = {
    "tasks": "completed_at",
    "posts": "published_at",
    "social": "tracked_at",
    "web": "tracked_date",
    "finance": "period_start",
}


def sources(db: Database) -> list[Freshness]:
    """Return what each of the five sources holds."""
    parts = [
        f"SELECT '{source}', count(*), min({at})::timestamptz, max({at})::timestamptz, count({at})"
        f" FROM {SHAPES[source].table}"
        for source, at in _DATED.items()
    ]
    with db.reading() as connection:
        counted = {row[0]: row for row in connection.execute(text(" UNION ALL ".join(parts)))}
        query = "SELECT source, count(*), max(at) FROM history_imports WHERE undone_at IS NULL GROUP BY source"
        imported = {row[0]: row for row in connection.execute(text(query))}
    found = []
    for source in SOURCES:
        _, rows, first, last, dated = counted[source]
        _, times, at = imported.get(source, (source, 0, None))
        found.append(Freshness(source, SHAPES[source].table, rows, first, last, dated, times, at))
    return found
