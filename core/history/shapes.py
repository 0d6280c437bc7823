"""The five sources of history: the table of each, its columns, what they expect, and other names of them."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from core.examples.importing.converting.moments import Order, moment
from core.examples.importing.converting.scale import score
from core.examples.importing.converting.values import text
from core.history import values

Source = Literal["tasks", "posts", "social", "web", "finance"]
Values = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How a value is read, the type it is staged in, and how the staged one becomes the column's."""

    parse: Callable[..., Any]
    staged: str = "text"
    cast: str = "{}"
    #: Whether `parse` takes the order of day and month, and whether a scale is to be found out.
    is_dated: bool = False
    is_scored: bool = False
    #: Of a share, only 0 to 1 and per cent are possible.
    is_rate: bool = False

    def reader(self, order: Order) -> Callable[[Any], Any]:
        return partial(self.parse, order=order) if self.is_dated else self.parse


_TEXTS = "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text({0}::jsonb)) END"
_KEY = Kind(values.identifier)
_LABEL = Kind(values.label)
_TEXT = Kind(text)
_STATUS = Kind(values.status)
_COUNT = Kind(values.count, "int8")
_SCORE = Kind(score, "float8", is_scored=True)
_RATE = Kind(score, "float8", is_scored=True, is_rate=True)
_MOMENT = Kind(moment, cast="{}::timestamptz", is_dated=True)
_DAY = Kind(values.day, cast="{}::date", is_dated=True)
_SECONDS = Kind(values.seconds, "int8")


@dataclass(frozen=True)
class Field:
    """One column: its kind, what it expects in words, and other names of it."""

    kind: Kind
    expects: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """One source: its table, its columns, what identifies a row, and what shows that a file is of this kind."""

    source: Source
    #: One row, in words.
    noun: str
    table: str
    fields: Mapping[str, Field]
    #: Rows with the same values in these are the same row.
    key: tuple[str, ...]
    #: Of each group, one has to be there in every row.
    required: tuple[tuple[str, ...], ...]
    #: Of each group, one has to be a column of the file for the source to be recognised.
    signs: tuple[tuple[str, ...], ...]
    #: A further part of the key where a row has it: when it was measured. A row without it is the latest one.
    moment: str = ""
    #: Fills fields from others, once a row is read.
    completed: Callable[[Values], None] = lambda values: None


#: Of a key that was made because the source has none.
MADE = "made-"


def _made_key(field: str) -> Callable[[Values], None]:
    def complete(row: Values) -> None:
        if row.get(field) is None:
            said = "\x1f".join(f"{name}={row[name]}" for name in sorted(row) if row[name] is not None)
            row[field] = MADE + hashlib.sha256(said.encode()).hexdigest()[:32]

    return complete


_TITLE = re.compile(r"\s*(?:\*{0,2}title:\*{0,2}\s*|#{1,3}\s+(?:title:\s*)?)(.+)", re.IGNORECASE)
_UNDERLINED = re.compile(r"\s*([^\n]+)\n[=-]{3,}\s*(?:\n|$)")


def title_in(content: str) -> str | None:
    """Return the title that a text begins with: `Title: …`, `# …`, or a line that is underlined."""
    found = _TITLE.match(content) or _UNDERLINED.match(content)
    return found[1].strip().strip('*"').strip()[:500] or None if found else None


def _complete_post(row: Values) -> None:
    if row.get("title") is None and row.get("content"):
        title = title_in(row["content"])
        if title:
            row["title"] = title
    _made_key("post_id")(row)


def _complete_web(row: Values) -> None:
    if row.get("tracked_date") is None and row.get("tracked_at"):
        row["tracked_date"] = row["tracked_at"][:10]


_TOPIC = Field(_LABEL, "the topic, at most 500 characters", ("category", "subject", "theme"))
_PLATFORM = Field(_LABEL, "where it appeared, such as a network", ("channel", "network", "site"))
_STATE = Field(_STATUS, "a word such as published, rejected or deleted", ("state", "outcome"))
_RUN = Field(_KEY, "the execution that made it, whole", ("run_id", "generation_id"))
_SHARES = Field(_COUNT, "a whole number", ("share_count", "retweets", "reposts"))
_CREATED = Field(_MOMENT, "a date and time", ("created", "date", "timestamp", "created_on"))
_SHARE = "a share from 0 to 1, or per cent"
_SCORED = "a number; its scale is detected or chosen"

SHAPES: Mapping[Source, Shape] = {
    "social": Shape(
        "social",
        "measurement",
        "social_post_analytics",
        {
            "post_id": Field(_KEY, "the post that was measured; required", ("post", "tweet_id", "content_id")),
            "platform": _PLATFORM,
            "views": Field(_COUNT, "a whole number", ("impressions", "reach", "view_count")),
            "clicks": Field(_COUNT, "a whole number", ("link_clicks", "url_clicks", "click_count")),
            "shares": _SHARES,
            "likes": Field(_COUNT, "a whole number", ("reactions", "favorites", "favourites", "like_count")),
            "comments": Field(_COUNT, "a whole number", ("replies", "comment_count")),
            "engagement_rate": Field(_RATE, _SHARE, ("er",)),
            "tracked_at": Field(
                _MOMENT,
                "when it was measured; without one it is the latest",
                ("measured_at", "collected_at", "recorded_at", "date", "timestamp"),
            ),
        },
        key=("post_id", "platform"),
        moment="tracked_at",
        required=(("post_id",), ("views", "clicks", "shares", "likes", "comments", "engagement_rate")),
        signs=(
            ("post_id", "post", "tweet_id", "content_id"),
            ("clicks", "likes", "comments", "engagement_rate", "impressions", "reactions", "link_clicks"),
        ),
    ),
    "web": Shape(
        "web",
        "day of a page",
        "web_analytics",
        {
            "page_id": Field(_LABEL, "the page; required", ("page", "url", "path", "page_path", "landing_page")),
            "sessions": Field(_COUNT, "a whole number", ("visits",)),
            "users": Field(_COUNT, "a whole number", ("visitors", "unique_visitors", "active_users", "total_users")),
            "page_views": Field(_COUNT, "a whole number", ("pageviews", "views", "screen_page_views")),
            "bounce_rate": Field(_RATE, _SHARE, ("bounces",)),
            "avg_session_duration": Field(
                _SECONDS, "seconds, or minutes and seconds such as 1:23", ("average_session_duration", "avg_duration")
            ),
            "conversion_rate": Field(_RATE, _SHARE, ("session_conversion_rate",)),
            "tracked_date": Field(_DAY, "the day; required", ("date", "day")),
            "tracked_at": Field(_MOMENT, "a date and time", ("recorded_at", "timestamp")),
        },
        key=("page_id", "tracked_date"),
        required=(("page_id",), ("tracked_date",)),
        signs=(
            ("page_id", "page", "url", "path", "page_path", "landing_page"),
            ("sessions", "page_views", "pageviews", "bounce_rate", "visits", "visitors", "screen_page_views"),
        ),
        completed=_complete_web,
    ),
    "finance": Shape(
        "finance",
        "figure",
        "financial_metrics",
        {
            "metric_type": Field(
                _STATUS, "the name of the figure; required", ("metric", "metric_name", "figure", "kpi", "account")
            ),
            "metric_value": Field(
                Kind(values.amount, cast="{}::numeric"), "an amount such as 1234.56; required", ("value", "amount")
            ),
            "currency": Field(Kind(values.currency), "three letters such as USD"),
            "period_start": Field(
                _DAY, "the first day, or the month; required", ("month", "period", "date", "start", "start_date")
            ),
            "period_end": Field(_DAY, "the last day", ("end", "end_date")),
            "recorded_at": Field(
                _MOMENT, "when it was known; without one it is the latest", ("created_at", "booked_at")
            ),
        },
        key=("metric_type", "currency", "period_start", "period_end"),
        moment="recorded_at",
        required=(("metric_type",), ("metric_value",), ("period_start",)),
        signs=(
            ("metric_type", "metric", "metric_name", "figure", "kpi", "account"),
            ("metric_value", "value", "amount"),
        ),
    ),
    "tasks": Shape(
        "tasks",
        "task",
        "orchestrator_historical_tasks",
        {
            "task_id": Field(_KEY, "the key of the task; without one it is made from the content", ("id", "uuid")),
            "title": Field(_LABEL, "at most 500 characters", ("name", "task", "headline")),
            "description": Field(_TEXT, "a text", ("summary", "request", "user_request", "prompt")),
            "content": Field(_TEXT, "what came out of it", ("result", "output", "body", "article", "execution_result")),
            "topic": _TOPIC,
            "status": _STATE,
            "completion_rate": Field(_RATE, _SHARE, ("completion", "progress")),
            "quality_score": Field(_SCORE, _SCORED, ("quality", "score", "rating")),
            "engagement_score": Field(_SCORE, _SCORED, ("engagement",)),
            "execution_id": _RUN,
            "created_at": _CREATED,
            "completed_at": Field(_MOMENT, "a date and time", ("finished_at", "done_at", "closed_at", "completed")),
            "related_tasks": Field(Kind(values.words, cast=_TEXTS), "a list of task ids", ("related",)),
            "metadata": Field(Kind(values.details, cast="{}::jsonb"), "a JSON object", ("meta", "details", "extra")),
        },
        key=("task_id",),
        required=(("title", "description", "content"),),
        signs=(("task_id", "completion_rate", "completed_at", "task", "related_tasks"),),
        completed=_made_key("task_id"),
    ),
    "posts": Shape(
        "posts",
        "post",
        "orchestrator_published_posts",
        {
            "post_id": Field(_KEY, "the key of the post; without one it is made from the content", ("id", "uuid")),
            "title": Field(
                _LABEL, "at most 500 characters; else the one the content begins with", ("headline", "name")
            ),
            "content": Field(_TEXT, "the text", ("body", "text", "article", "markdown", "html")),
            "topic": _TOPIC,
            "platform": _PLATFORM,
            "status": _STATE,
            "views": Field(_COUNT, "a whole number", ("impressions", "view_count", "reads")),
            "engagement": Field(_COUNT, "a whole number", ("engagements", "interactions", "engagement_count")),
            "shares": _SHARES,
            "slug": Field(_LABEL, "the last part of its address", ("permalink", "path")),
            "keywords": Field(Kind(values.words, cast="{}::jsonb"), "a list", ("seo_keywords",)),
            "execution_id": _RUN,
            "published_at": Field(
                _MOMENT, "a date and time", ("published", "publish_date", "published_date", "posted_at")
            ),
            "created_at": _CREATED,
        },
        key=("post_id",),
        required=(("title", "content"),),
        signs=(("content", "body", "article", "published_at", "slug", "publish_date", "posted_at", "post_id"),),
        completed=_complete_post,
    ),
}
SOURCES: tuple[Source, ...] = ("tasks", "posts", "social", "web", "finance")
