"""Topics, platforms and times from rows that are counted again in plain Python."""

import datetime as dt
import statistics
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from core.db import Database
from core.db.tables import historical_tasks, published_posts, social_analytics, web_analytics
from core.errors import InvalidFilter
from core.history import effectiveness
from core.history.estimates import Group, shrunk

START = dt.datetime(2026, 1, 1, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DATE = START.date()
NOW = START + 10 * DAY

_NUMBERS = st.none() | st.integers(0, 40)
_POSTS = st.lists(
    st.fixed_dictionaries(
        {
            "topic": st.sampled_from(["oak", "elm", "", None]),
            "platform": st.sampled_from(["blog", "forum", None]),
            "status": st.sampled_from(["published", "rejected", None]),
            "views": _NUMBERS,
            "engagement": _NUMBERS,
            "published_at": st.none() | st.integers(0, 14).map(lambda day: START + day * DAY),
            "created_at": st.none() | st.integers(0, 14).map(lambda day: START + day * DAY),
        }
    ),
    max_size=7,
)
_MEASURED = st.lists(
    st.fixed_dictionaries(
        {
            "post_id": st.integers(0, 6).map(str),
            "platform": st.sampled_from(["blog", "forum", None]),
            "views": _NUMBERS,
            "likes": _NUMBERS,
            "shares": _NUMBERS,
            "clicks": st.none(),
            "comments": st.none(),
            "engagement_rate": st.none() | st.just(0.5),
            "tracked_at": st.integers(0, 14).map(lambda day: START + day * DAY),
        }
    ),
    max_size=8,
)


def plant(db: Database, posts: list[dict[str, Any]], measured: list[dict[str, Any]] = (), **more: Any) -> None:  # pyright: ignore[reportArgumentType]
    with db.begin() as connection:
        for table in (published_posts, social_analytics, historical_tasks, web_analytics):
            connection.execute(text(f"DELETE FROM {table.name}"))
        for number, post in enumerate(posts):
            connection.execute(insert(published_posts).values({"post_id": str(number)} | post))
        for table, rows in (
            (social_analytics, measured),
            (historical_tasks, more.get("tasks", ())),
            (web_analytics, more.get("web", ())),
        ):
            for row in rows:
                connection.execute(insert(table).values(row))


def counted(posts: list[dict[str, Any]], measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each post that counts, with its views and rate, in plain Python."""
    found = []
    for number, post in enumerate(posts):
        at = post["published_at"] or post["created_at"]
        if at is None or at > NOW or post["status"] == "rejected":
            continue
        mine = [row for row in measured if row["post_id"] == str(number)]
        views, engagement, rate = post["views"], post["engagement"], None
        if mine:
            own = [row for row in mine if row["tracked_at"] <= NOW and row["platform"] == post["platform"]]
            last = max(enumerate(own), key=lambda row: (row[1]["tracked_at"], row[0]), default=(0, None))[1]
            views, engagement = (last["views"], None) if last else (None, None)
            if last:
                known = [last[name] for name in ("likes", "shares") if last[name] is not None]
                engagement, rate = sum(known) if known else None, last["engagement_rate"]
        if views and engagement is not None:
            rate = engagement / views
        found.append({**post, "views": views, "rate": rate, "at": at})
    return found


def expected(rows: list[dict[str, Any]], by: str, of: str) -> dict[str, Any]:
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row[by] and row[of] is not None:
            groups.setdefault(row[by], []).append(row[of])
    return shrunk(
        [
            Group(name, len(each), statistics.fmean(each), statistics.variance(each) if len(each) > 1 else None)
            for name, each in groups.items()
        ]
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(posts=_POSTS, measured=_MEASURED)
def test_topics_and_platforms_agree_with_plain_python(
    database: Database, posts: list[dict[str, Any]], measured: list[dict[str, Any]]
) -> None:
    measured = [row for row in measured if int(row["post_id"]) < len(posts)]
    plant(database, posts, measured)
    rows = counted(posts, measured)
    found = effectiveness.topics(database, as_of=NOW)
    assert {topic.name: topic.posts for topic in found.topics} == {
        name: sum(row["topic"] == name for row in rows) for name in {row["topic"] for row in rows if row["topic"]}
    }
    assert found.posts == len(rows)
    assert found.without_topic == sum(not row["topic"] for row in rows)
    for of, name in (("views", "views"), ("rate", "engagement")):
        for by, seen in (("topic", found.topics), ("platform", effectiveness.platforms(database, as_of=NOW))):
            wanted = expected(rows, by, of)
            for each in seen:
                estimate = getattr(each, name)
                assert (estimate is None) == (each.name not in wanted)
                if estimate is not None:
                    assert estimate.n == wanted[each.name].n
                    assert estimate.mean == pytest.approx(wanted[each.name].mean)
    for platform in effectiveness.platforms(database, as_of=NOW):
        views = [row["views"] for row in rows if row["platform"] == platform.name and row["views"] is not None]
        assert platform.median_views == (pytest.approx(statistics.median(views)) if views else None)


def test_quality_conversions_and_trend_of_a_topic(database: Database) -> None:
    posts = [
        {
            "topic": "oak",
            "slug": f"oak-{number}",
            "views": 100,
            "engagement": 10 + number,
            "published_at": START + number * DAY,
        }
        for number in range(5)
    ]
    plant(
        database,
        posts,
        tasks=[
            {"task_id": str(number), "topic": "oak", "quality_score": 0.5 + number / 10, "completed_at": START}
            for number in range(3)
        ],
        web=[
            {"page_id": "https://a.example/blog/oak-1/", "sessions": 40, "conversion_rate": 0.1, "tracked_date": DATE},
            {"page_id": "/blog/oak-1", "sessions": 10, "conversion_rate": 0.2, "tracked_date": DATE},
            {"page_id": "/oak-1", "sessions": 10, "conversion_rate": 0.5, "tracked_date": (NOW + DAY).date()},
            {"page_id": "/pricing", "sessions": 900, "conversion_rate": 0.9, "tracked_date": DATE},
        ],
    )
    (topic,) = effectiveness.topics(database, as_of=NOW).topics
    assert (topic.posts, topic.tasks) == (5, 3)
    assert topic.quality is not None
    assert topic.quality.mean == pytest.approx(0.6)
    assert topic.conversions is not None
    assert (topic.conversions.n, topic.conversions.mean) == (1, pytest.approx(40 * 0.1 + 10 * 0.2))
    assert topic.trend is not None
    assert topic.trend.slope == pytest.approx(0.01 * 365.2425 / 12)
    assert topic.trend.low == pytest.approx(topic.trend.slope, abs=1e-6)


def test_so_little_is_told_as_little(database: Database) -> None:
    assert "nothing is known of any topic" in effectiveness.topics(database).note
    plant(database, [{"published_at": START}])
    assert effectiveness.topics(database, as_of=NOW).note == "None of the 1 posts and tasks has a topic."
    plant(database, [{"topic": "oak", "published_at": START}, {"published_at": START}])
    note = effectiveness.topics(database, as_of=NOW).note
    assert "rests on 2 posts and tasks; fewer than 30" in note
    assert "1 posts and tasks have no topic" in note


def test_the_best_time_is_found_in_its_own_zone_against_each_platforms_usual(database: Database) -> None:
    posts = []
    for week in range(40):
        for day in range(7):
            at = START + dt.timedelta(weeks=week, days=day)  # 2026-01-01 is a Thursday
            lift = 2 if at.isoweekday() == 2 else 1
            for platform, usual in (("blog", 10), ("forum", 100)):
                posts.append(
                    {"platform": platform, "views": 1000, "engagement": usual * lift + week % 3, "published_at": at}
                )
    with database.begin() as connection:
        connection.execute(insert(published_posts), [{"post_id": str(n), **post} for n, post in enumerate(posts)])
    late = START + dt.timedelta(weeks=60)
    found = effectiveness.times(database, as_of=late)
    assert found.posts == 560
    best = found.slots[0]
    assert (best.weekday, best.hour, best.engagement.n, best.is_better) == (2, 8, 80, True)
    assert best.engagement.value == pytest.approx(2 / (8 / 7), rel=0.05)
    assert [slot.is_better for slot in found.slots].count(True) == 1
    assert effectiveness.times(database, zone="Asia/Tokyo", as_of=late).slots[0].hour == 16
    assert effectiveness.times(database, platform="blog", as_of=late).posts == 280
    with pytest.raises(InvalidFilter, match="no time zone 'Mars'"):
        effectiveness.times(database, zone="Mars")
    assert "No post with a date" in effectiveness.times(database, platform="radio", as_of=late).note


def test_times_that_do_not_differ_are_told_so(database: Database) -> None:
    plant(
        database,
        [{"platform": "blog", "views": 10, "engagement": 1, "published_at": START + n * DAY} for n in range(9)],
    )
    assert "may be chance" in effectiveness.times(database, as_of=NOW).note
