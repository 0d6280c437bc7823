"""The company's history as it stood at a moment: topics, platforms, business figures, learned patterns."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from core.orchestrator.material.wording import holds, plural, stem, words_of
from core.patterns import experiment

_MOST_TOPICS = 2_000
_PATTERNS_SHOWN = 5


@dataclass(frozen=True)
class RequestTopic:
    """The topic that the request is about, and how posts and tasks on it did. `name` "": none was recognised."""

    n: int
    note: str
    name: str = ""
    views: float | None = None
    #: Views against the average of all posts; 1.0 is average.
    views_ratio: float | None = None
    engagement_rate: float | None = None
    tasks: int = 0
    task_quality: float | None = None
    all_posts: int = 0


@dataclass(frozen=True)
class Platform:
    """How posts on one platform did on average."""

    name: str
    n: int
    views: float
    engagement_rate: float | None


@dataclass(frozen=True)
class Platforms:
    """The baseline of each platform; `asked` are those that the request names."""

    n: int
    note: str
    asked: tuple[str, ...] = ()
    items: tuple[Platform, ...] = ()


@dataclass(frozen=True)
class Figure:
    """One business figure: its latest value and the one of the period before."""

    name: str
    value: float
    currency: str
    period: str
    before: float | None
    #: Against the period before; 0.1 is 10 % more.
    change: float | None
    n: int

    @property
    def sentence(self) -> str:
        change = "" if self.change is None else f" ({self.change:+.1%})"
        return f"{self.name.replace('_', ' ')} {amount(self.value, self.currency)}{change}"


@dataclass(frozen=True)
class Patterns:
    """Active learned patterns that bear on the intent, the strongest first."""

    n: int
    note: str
    items: tuple[dict[str, Any], ...] = ()
    #: Whether an experiment was on, in which half of the requests is planned without them; and whether this is such.
    is_tried: bool = False
    withheld: bool = False


def amount(value: float, currency: str = "") -> str:
    """Return a figure for people: money with its currency, shares with their places, counts whole."""
    if currency:
        sign = "$" if currency == "USD" else f"{currency} "
        whole = f"{abs(value):,.0f}" if abs(value) >= 100 else f"{abs(value):,.2f}"
        return f"{'-' if value < 0 else ''}{sign}{whole}"
    if value != int(value) and abs(value) < 1:
        return f"{value:.1%}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


#: What each post had been seen and answered to at a moment: the last measurement on its own platform before it, or,
#: where a post was never measured, the counts of the post itself.
MEASURED = """
    SELECT p.post_id, p.topic, p.platform, p.title, p.published_at,
           coalesce(m.views, CASE WHEN NOT m.measured_ever THEN p.views END) AS views,
           coalesce(m.engagement, CASE WHEN NOT m.measured_ever THEN p.engagement END) AS engagement
    FROM orchestrator_published_posts p
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM social_post_analytics s WHERE s.post_id = p.post_id) AS measured_ever,
               last.views, last.engagement
        FROM (SELECT) AS one
        LEFT JOIN LATERAL (
            SELECT s.views, s.clicks + s.shares + s.likes + s.comments AS engagement
            FROM social_post_analytics s
            WHERE s.post_id = p.post_id AND s.platform IS NOT DISTINCT FROM p.platform AND s.tracked_at <= :as_of
            ORDER BY s.tracked_at DESC LIMIT 1
        ) AS last ON true
    ) AS m
    WHERE p.published_at <= :as_of
"""
_TOPICS = text(
    "SELECT name, count(*) FROM (SELECT topic AS name FROM orchestrator_published_posts WHERE published_at <= :as_of"
    " UNION ALL SELECT topic FROM orchestrator_historical_tasks WHERE created_at <= :as_of) AS t"
    " WHERE name <> '' GROUP BY name ORDER BY count(*) DESC, name LIMIT :most"
)
_TOPIC = text(
    f"""
    WITH measured AS ({MEASURED})
    SELECT count(views) FILTER (WHERE topic = :topic) AS n, avg(views) FILTER (WHERE topic = :topic)::float8 AS views,
           (sum(engagement) FILTER (WHERE topic = :topic)
            / nullif(sum(views) FILTER (WHERE topic = :topic), 0))::float8 AS engagement_rate,
           count(views) AS all_posts, avg(views)::float8 AS usual
    FROM measured"""
)
_TASKS = text(
    "SELECT count(*) AS n, avg(quality_score)::float8 AS quality FROM orchestrator_historical_tasks"
    " WHERE topic = :topic AND completed_at <= :as_of"
)
_PLATFORMS = text(
    f"""
    WITH measured AS ({MEASURED})
    SELECT platform, count(views) AS n, avg(views)::float8 AS views,
           (sum(engagement) / nullif(sum(views), 0))::float8 AS engagement_rate
    FROM measured WHERE platform <> '' AND views IS NOT NULL
    GROUP BY platform ORDER BY count(views) DESC, platform LIMIT 12"""
)
#: A figure that was corrected counts as it was last recorded.
FIGURES = """
    SELECT DISTINCT ON (metric_type, period_start, period_end) metric_type AS name, metric_value::float8 AS value,
           coalesce(currency, '') AS currency, period_start, period_end
    FROM financial_metrics
    WHERE recorded_at <= :as_of AND metric_type <> '' AND metric_value IS NOT NULL AND period_start IS NOT NULL
    ORDER BY metric_type, period_start, period_end, recorded_at DESC, id DESC
"""
_LATEST = text(
    f"""
    SELECT name, value, currency, period_start, before, n FROM (
        SELECT name, value, currency, period_start, lag(value) OVER earlier AS before, count(*) OVER whole AS n,
               row_number() OVER (PARTITION BY name ORDER BY period_start DESC, period_end) AS place
        FROM ({FIGURES}) AS f
        WINDOW earlier AS (PARTITION BY name ORDER BY period_start, period_end DESC), whole AS (PARTITION BY name)
    ) AS latest WHERE place = 1 ORDER BY name LIMIT 24"""
)
_PATTERNS = text(
    "SELECT pattern_id, pattern_description AS sentence, support_count AS n, confidence, lift,"
    " avg_quality_improvement AS quality_change FROM learning_patterns"
    " WHERE is_active AND accepted_at IS NOT NULL AND (discovered_at IS NULL OR discovered_at <= :as_of)"
    " AND (:intent = '' OR related_intents IS NULL OR related_intents = '{}' OR :intent = ANY (related_intents))"
    " ORDER BY lift DESC NULLS LAST, support_count DESC NULLS LAST, id"
)


def topic(connection: Connection, request: str, *, as_of: dt.datetime) -> RequestTopic:
    """Return the known topic that the request names, and how it did up to `as_of`."""
    known = connection.execute(_TOPICS, {"as_of": as_of, "most": _MOST_TOPICS}).all()
    if not known:
        return RequestTopic(0, "No post or task is recorded, so nothing is known of any topic.")
    name = _named(request, [row.name for row in known])
    if not name:
        return RequestTopic(0, "The request names no topic that the company has worked on before.")
    row = connection.execute(_TOPIC, {"as_of": as_of, "topic": name}).one()
    tasks = connection.execute(_TASKS, {"as_of": as_of, "topic": name}).one()
    ratio = row.views / row.usual if row.n and row.usual else None
    said = [f"Topic “{name}”: {plural(row.n, 'post')}"]
    if row.n:
        said.append(f"{row.views:,.0f} views on average")
    if ratio is not None:
        said.append(f"{ratio:.2f} times the average of all {row.all_posts:,} posts")
    if tasks.n:
        said.append(f"{plural(tasks.n, 'finished task')} with quality {tasks.quality or 0:.2f}")
    return RequestTopic(
        row.n,
        f"{', '.join(said)}.",
        name,
        _rounded(row.views, 1),
        _rounded(ratio, 3),
        _rounded(row.engagement_rate, 4),
        tasks.n,
        _rounded(tasks.quality, 3),
        row.all_posts,
    )


def _named(request: str, topics: Sequence[str]) -> str:
    """Return the longest topic that stands in the request word for word, or else one whose words all occur in it."""
    said = [name for name in topics if holds(request, name)]
    if said:
        return max(said, key=len)
    stems = {stem(word) for word in words_of(request)}
    near = [name for name in topics if (its := {stem(word) for word in words_of(name)}) and its <= stems]
    return max(near, key=len, default="")


def platforms_in(connection: Connection, request: str) -> tuple[str, ...]:
    """Return the platforms the company has published on that the request names."""
    names = connection.execute(
        text("SELECT DISTINCT platform FROM orchestrator_published_posts WHERE platform <> '' ORDER BY 1 LIMIT 100")
    ).scalars()
    return tuple(name for name in names if holds(request, name))


def platforms(connection: Connection, asked: tuple[str, ...], *, as_of: dt.datetime) -> Platforms:
    """How posts did on each platform up to `as_of`."""
    items = tuple(
        Platform(row.platform, row.n, round(row.views, 1), _rounded(row.engagement_rate, 4))
        for row in connection.execute(_PLATFORMS, {"as_of": as_of})
    )
    if not items:
        return Platforms(0, "No post with counted views is recorded, so there is no baseline of any platform.", asked)
    about = [item for item in items if item.name in asked] or list(items)
    said = "; ".join(f"{item.name} {item.views:,.0f} views on average (n {item.n})" for item in about)
    return Platforms(sum(item.n for item in items), f"{said}.", asked, items)


def figures(connection: Connection, *, as_of: dt.datetime) -> tuple[Figure, ...]:
    """Return the latest value of every business figure that was recorded by `as_of`."""
    return tuple(
        Figure(
            row.name,
            row.value,
            row.currency,
            f"{row.period_start:%B %Y}",
            row.before,
            round(row.value / row.before - 1, 4) if row.before else None,
            row.n,
        )
        for row in connection.execute(_LATEST, {"as_of": as_of})
    )


def patterns(connection: Connection, intent: str, *, as_of: dt.datetime, leave_out: str = "") -> Patterns:
    """Return accepted patterns that bear on `intent`; of an experiment, none for half of the executions."""
    rows = connection.execute(_PATTERNS, {"as_of": as_of, "intent": intent}).all()
    if not rows:
        return Patterns(0, "No learned pattern in use bears on this.")
    is_tried = bool(leave_out) and experiment.is_on_in(connection)
    if is_tried and experiment.is_withheld(leave_out):
        note = f"{plural(len(rows), 'learned pattern')} in use bear on this, and were withheld by the experiment."
        return Patterns(len(rows), note, is_tried=True, withheld=True)
    items = tuple(row._asdict() for row in rows[:_PATTERNS_SHOWN])
    said = " ".join(f"{item['sentence']} (n {item['n'] or 0:,})" for item in items if item["sentence"])
    note = f"{plural(len(rows), 'learned pattern')} in use bear on this. {said}".strip()
    return Patterns(len(rows), note, items, is_tried)


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)
