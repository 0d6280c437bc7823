"""The demo company's business data: posts, how they did, visits of its pages, monthly figures, finished tasks.

The parts hold together. A topic's appeal moves readers and scores alike; visits follow the posts of the days before;
a month's new customers follow the readers of the month before (`READERS_TO_GROWTH`). Executions quote these figures
as they stood at their own time, never later ones.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from core.demo import words
from core.demo.patterns import THREAD
from core.demo.rhythm import DAYS, Year

Row = tuple[Any, ...]
_TASKS, _POSTS = 600, 300
_MEASURED_AFTER_DAYS = (1, 3, 7, 30)
_PAGES = {
    "/": 160,
    "/pricing": 60,
    "/features": 45,
    "/blog": 90,
    "/docs": 70,
    "/trial": 35,
    "/about": 15,
    "/contact": 10,
}
_CONVERTING = {"/pricing": 0.05, "/trial": 0.22}
_REACH = {"blog": 900, "newsletter": 1_400, "Chirplane": 1_100, "Worklink": 700, "Clipreel": 2_000, "forum": 300}
#: How much more a month grows for one standard deviation more readers in the month before.
READERS_TO_GROWTH = 0.022
_PRICE_USD = 49


@dataclass(frozen=True)
class MonthFigures:
    """The figures of one month."""

    first: dt.date
    last: dt.date
    revenue: int
    costs: int
    ad_spend: int
    customers: int
    new_customers: int
    churn_rate: float
    cash: int

    @property
    def cash_months(self) -> float:
        """How long the cash would last without any revenue."""
        return round(self.cash / self.costs, 1)


@dataclass(frozen=True)
class Post:
    """One published post."""

    post_id: str
    topic: int
    platform: str
    is_thread: bool
    published_at: dt.datetime
    views: int
    clicks: int
    likes: int
    comments: int
    shares: int

    @property
    def engagement(self) -> int:
        return self.clicks + self.likes + self.comments + self.shares


@dataclass(frozen=True)
class History:
    """Everything beside the examples. The same for every number of examples."""

    posts: tuple[Post, ...]
    months: tuple[MonthFigures, ...]
    #: Columns and rows of each table.
    tables: dict[str, tuple[tuple[str, ...], list[Row]]]


def invent(year: Year, seed: int) -> History:
    """Return the history of one year; the same for the same year and seed."""
    random = np.random.default_rng([seed, 1_000_003])
    posts = _posts(random, year)
    months = _months(random, year, posts)
    tables = {
        "orchestrator_historical_tasks": (
            (
                "task_id",
                "title",
                "description",
                "topic",
                "completion_rate",
                "quality_score",
                "engagement_score",
                "created_at",
                "completed_at",
                "related_tasks",
                "metadata",
            ),
            _task_rows(random, year),
        ),
        "orchestrator_published_posts": (
            (
                "post_id",
                "title",
                "content",
                "topic",
                "platform",
                "views",
                "engagement",
                "shares",
                "published_at",
                "created_at",
            ),
            [_post_row(random, post) for post in posts],
        ),
        "social_post_analytics": (
            ("post_id", "platform", "views", "clicks", "shares", "likes", "comments", "engagement_rate", "tracked_at"),
            [row for post in posts for row in _measurement_rows(random, year, post)],
        ),
        "web_analytics": (
            (
                "page_id",
                "sessions",
                "users",
                "page_views",
                "bounce_rate",
                "avg_session_duration",
                "conversion_rate",
                "tracked_date",
                "tracked_at",
            ),
            _web_rows(random, year, posts),
        ),
        "financial_metrics": (
            ("metric_type", "metric_value", "currency", "period_start", "period_end", "recorded_at"),
            [row for month in months for row in _month_rows(month)],
        ),
    }
    return History(posts, months, tables)


def _posts(random: np.random.Generator, year: Year) -> tuple[Post, ...]:
    shares = (np.arange(_POSTS) + random.random(_POSTS)) / _POSTS
    return tuple(
        _post(random, number, moment.replace(tzinfo=dt.UTC))
        for number, moment in enumerate(year.moments(shares).tolist())
    )


def _post(random: np.random.Generator, number: int, published_at: dt.datetime) -> Post:
    topic = int(random.integers(len(words.TOPICS)))
    platform = words.PLATFORMS[random.choice(len(words.PLATFORMS), p=(0.2, 0.1, 0.25, 0.2, 0.15, 0.1))]
    is_thread = platform == words.SOCIAL_PLATFORMS[0] and random.random() < 0.6
    is_lucky_day = is_thread and published_at.weekday() == 1
    lift = 1 + 4 * words.TOPICS[topic].appeal + (0.5 if is_lucky_day else 0)
    views = int(_REACH[platform] * lift * (1 + 0.8 * number / _POSTS) * random.lognormal(0, 0.35))
    clicks, likes, comments, shares = (
        int(views * usual * lift * random.lognormal(0, 0.25)) for usual in (0.031, 0.042, 0.006, 0.009)
    )
    return Post(
        f"post-{number + 1:04d}", topic, platform, is_thread, published_at, views, clicks, likes, comments, shares
    )


def _months(random: np.random.Generator, year: Year, posts: Sequence[Post]) -> tuple[MonthFigures, ...]:
    firsts = year.months()
    readers = _readers_by_month(firsts, posts)
    customers, cash, months = 640, 410_000, []
    for number, first in enumerate(firsts):
        growth = 0.035 + (READERS_TO_GROWTH * readers[number - 1] if number else 0) + random.normal(0, 0.004)
        churn_rate = round(float(np.clip(0.024 + random.normal(0, 0.003), 0.01, 0.04)), 4)
        lost = round(customers * churn_rate)
        new = max(round(customers * growth) + lost, 0)
        customers += new - lost
        revenue = customers * _PRICE_USD + int(random.integers(0, 900))
        ad_spend = int(2_400 + 60 * number + random.integers(0, 1_500))
        costs = int(27_000 + 22 * customers + ad_spend + random.integers(0, 2_500))
        cash += revenue - costs
        last = (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
        months.append(MonthFigures(first, last, revenue, costs, ad_spend, customers, new, churn_rate, cash))
    return tuple(months)


def _readers_by_month(months: Sequence[dt.date], posts: Sequence[Post]) -> list[float]:
    """How far each month's views of posts lie from their trend over the year, in standard deviations."""
    views = dict.fromkeys(months, 0)
    for post in posts:
        first = post.published_at.date().replace(day=1)
        if first in views:
            views[first] += post.views
    # The first month lies before the year and the second is not all of it: they have no say.
    level = np.log([max(views[first], 1) for first in months[2:]])
    steps = np.arange(len(level))
    rest = level - np.polyval(np.polyfit(steps, level, 1), steps)
    return [0.0, 0.0, *(rest / rest.std())]


def _month_rows(month: MonthFigures) -> list[Row]:
    recorded_at = dt.datetime.combine(month.last + dt.timedelta(days=1), dt.time(6), dt.UTC)
    figures = {
        "revenue": (month.revenue, "USD"),
        "costs": (month.costs, "USD"),
        "ad_spend": (month.ad_spend, "USD"),
        "cash": (month.cash, "USD"),
        "customers": (month.customers, None),
        "new_customers": (month.new_customers, None),
        "churn_rate": (month.churn_rate, None),
    }
    return [
        (name, value, currency, month.first, month.last, recorded_at) for name, (value, currency) in figures.items()
    ]


def _post_row(random: np.random.Generator, post: Post) -> Row:
    topic = words.TOPICS[post.topic].name
    values = {
        **dict.fromkeys(("month", "posts", "finance", "cash"), ""),
        "topic": topic,
        "Topic": topic[0].upper() + topic[1:],
        "reader": words.AUDIENCES[random.integers(len(words.AUDIENCES))],
        "platform": post.platform,
        "tone": words.TONES[random.integers(len(words.TONES))],
    }
    kind = "social_post" if post.platform in words.SOCIAL_PLATFORMS else "content_generation"
    form = THREAD if post.is_thread or kind != "social_post" else 1
    title = ("Thread: " if post.is_thread else "") + values["Topic"]
    written_at = post.published_at - dt.timedelta(hours=int(random.integers(2, 72)))
    return (
        *(post.post_id, title, words.RESULTS[kind][form] % values, topic, post.platform),
        *(post.views, post.engagement, post.shares, post.published_at, written_at),
    )


def _measurement_rows(random: np.random.Generator, year: Year, post: Post) -> list[Row]:
    """Return what was counted some days after publication, so far; and on a second platform where
    it was shared again.
    """
    platforms = [(post.platform, 1.0)]
    if post.platform in words.SOCIAL_PLATFORMS and random.random() < 0.4:
        others = [name for name in words.SOCIAL_PLATFORMS if name != post.platform]
        platforms.append((others[random.integers(len(others))], 0.3))
    end = dt.datetime.combine(year.today, dt.time(), dt.UTC)
    rows: list[Row] = []
    for platform, part in platforms:
        for days in _MEASURED_AFTER_DAYS:
            tracked_at = post.published_at + dt.timedelta(days=days)
            if tracked_at >= end:
                break
            done = part * min(1.0, 0.35 + 0.65 * (days / _MEASURED_AFTER_DAYS[-1]) ** 0.5)
            views, clicks, shares = (int(count * done) for count in (post.views, post.clicks, post.shares))
            likes, comments = int(post.likes * done), int(post.comments * done)
            rate = round((clicks + shares + likes + comments) / max(views, 1), 4)
            rows.append((post.post_id, platform, views, clicks, shares, likes, comments, rate, tracked_at))
    return rows


def _web_rows(random: np.random.Generator, year: Year, posts: Sequence[Post]) -> list[Row]:
    clicks = np.zeros(DAYS + 1)
    for post in posts:
        day = (post.published_at.date() - year.first).days
        clicks[day : day + 3] += np.array([0.5, 0.35, 0.15])[: len(clicks[day : day + 3])] * post.clicks
    busy = year.day_weights / year.day_weights.mean()
    rows: list[Row] = []
    for day in range(DAYS):
        date = year.first + dt.timedelta(days=day)
        for page, usual in _PAGES.items():
            from_posts = clicks[day] * (0.8 if page == "/blog" else 0.1)
            sessions = int(usual * (0.4 + 0.6 * busy[day]) * random.lognormal(0, 0.08) + from_posts)
            rows.append(_web_row(random, page, sessions, date))
    return rows


def _web_row(random: np.random.Generator, page: str, sessions: int, date: dt.date) -> Row:
    converted = min(_CONVERTING.get(page, 0.008) * random.lognormal(0, 0.15), 1.0)
    return (
        *(page, sessions, int(sessions * random.uniform(0.78, 0.92)), int(sessions * random.uniform(1.3, 2.4))),
        *(round(random.uniform(0.28, 0.62), 4), int(random.integers(35, 240)), round(converted, 4), date),
        dt.datetime.combine(date + dt.timedelta(days=1), dt.time(1), dt.UTC),
    )


def _task_rows(random: np.random.Generator, year: Year) -> list[Row]:
    shares = (np.arange(_TASKS) + random.random(_TASKS)) / _TASKS
    end = dt.datetime.combine(year.today, dt.time(), dt.UTC)
    earlier: dict[int, list[str]] = {}
    rows: list[Row] = []
    for number, moment in enumerate(year.moments(shares).tolist()):
        topic, task_id = int(random.integers(len(words.TOPICS))), f"task-{number + 1:04d}"
        related = earlier.setdefault(topic, [])
        rows.append(_task_row(random, task_id, topic, related[-3:], moment.replace(tzinfo=dt.UTC), end))
        related.append(task_id)
    return rows


def _task_row(
    random: np.random.Generator, task_id: str, topic: int, related: list[str], created_at: dt.datetime, end: dt.datetime
) -> Row:
    intent = words.INTENTS[random.choice(len(words.INTENTS), p=[intent.share for intent in words.INTENTS])]
    values = {
        "topic": words.TOPICS[topic].name,
        "platform": words.PLATFORMS[random.integers(len(words.PLATFORMS))],
        "rival": words.RIVALS[random.integers(len(words.RIVALS))],
        "budget": 100 * int(random.integers(5, 60)),
    }
    openers = words.OPENERS[intent.name]
    audience = words.AUDIENCES[random.integers(len(words.AUDIENCES))]
    completed_at = created_at + dt.timedelta(hours=float(random.lognormal(3, 0.8)))
    is_done = completed_at < end and random.random() < 0.9
    quality = float(np.clip(intent.usual_quality + words.TOPICS[topic].appeal + random.normal(0, 0.1), 0.05, 0.98))
    engagement = float(np.clip(0.45 + 3 * words.TOPICS[topic].appeal + random.normal(0, 0.12), 0.0, 1.0))
    return (
        *(task_id, openers[random.integers(len(openers))] % values, f"Asked for by {audience}.", values["topic"]),
        1.0 if is_done else round(float(random.uniform(0.1, 0.9)), 2),
        *(round(quality, 3), round(engagement, 3), created_at, completed_at if is_done else None, related),
        orjson.dumps({"agent": intent.agent, "intent": intent.name, "audience": audience}).decode(),
    )
