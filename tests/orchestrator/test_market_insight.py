"""What performed: means, intervals and counts by hand; nothing that was measured later is read."""

import datetime as dt

import pytest

from core.db import Database
from core.db.tables import published_posts, social_analytics
from tests.orchestrator.driving import ask

NOW = dt.datetime.now(dt.UTC)


def post(
    db: Database, name: str, topic: str, platform: str, views: int, engagement: int = 0, *, days_ago: float = 30
) -> None:
    at = NOW - dt.timedelta(days=days_ago)
    row = {
        "post_id": name, "title": name, "content": f"About {topic}. Always the best!", "topic": topic,
        "platform": platform, "views": views, "engagement": engagement, "shares": 0, "published_at": at,
        "created_at": at,
    }  # fmt: skip
    with db.begin() as connection:
        connection.execute(published_posts.insert().values(row))


def measure(db: Database, name: str, platform: str, views: int, *, days_ago: float) -> None:
    row = {
        "post_id": name, "platform": platform, "views": views, "clicks": 1, "shares": 2, "likes": 3, "comments": 4,
        "tracked_at": NOW - dt.timedelta(days=days_ago),
    }  # fmt: skip
    with db.begin() as connection:
        connection.execute(social_analytics.insert().values(row))


def test_means_intervals_and_engagement_by_platform(database: Database) -> None:
    for number, (views, engagement) in enumerate([(100, 10), (200, 20), (300, 60)]):
        post(database, f"a{number}", "tools", "blog", views, engagement)
    post(database, "b", "tools", "forum", 900, 9)
    found = ask(database, "market_insight", "what_performed", by="platform")
    first, second = found["data"]["groups"]
    assert (first["name"], first["n"], first["views"], first["low"]) == ("forum", 1, 900, None)
    # Mean 200, s 100, t(2) 4.3027: 200 ± 4.3027 · 100 / √3.
    assert second["views"] == 200
    assert second["low"] == pytest.approx(200 - 4.3027 * 100 / 3**0.5)
    assert second["high"] == pytest.approx(200 + 4.3027 * 100 / 3**0.5)
    assert second["engagement_rate"] == pytest.approx(90 / 600)
    assert found["n"] == 4
    assert "n 3, indicative" in found["text"]
    assert "No platform has 30 posts or more" in found["text"]


def test_topics_are_compared_within_one_platform(database: Database) -> None:
    post(database, "a", "tools", "blog", 100)
    post(database, "b", "tools", "forum", 900)
    post(database, "c", "staff", "blog", 300)
    found = ask(database, "market_insight", "what_performed", by="topic", platform="blog")
    assert [(group["name"], group["views"]) for group in found["data"]["groups"]] == [("staff", 300), ("tools", 100)]


def test_the_last_measurement_on_the_posts_own_platform_counts(database: Database) -> None:
    post(database, "a", "tools", "blog", 5000)
    measure(database, "a", "blog", 100, days_ago=20)
    measure(database, "a", "blog", 150, days_ago=10)
    measure(database, "a", "forum", 999, days_ago=5)
    measure(database, "a", "blog", 777, days_ago=-1)
    (group,) = ask(database, "market_insight", "what_performed", by="topic")["data"]["groups"]
    assert (group["views"], group["engagement_rate"]) == (150, pytest.approx(10 / 150))


def test_a_post_whose_measurements_all_came_later_is_not_counted_yet(database: Database) -> None:
    post(database, "a", "tools", "blog", 5000)
    measure(database, "a", "blog", 100, days_ago=-1)
    assert ask(database, "market_insight", "what_performed", by="topic")["data"]["groups"] == []


def test_no_post_is_said_in_plain_words(database: Database) -> None:
    post(database, "a", "tools", "blog", 100, days_ago=400)
    post(database, "b", "tools", "blog", 100, days_ago=-1)
    found = ask(database, "market_insight", "what_performed", by="topic", topic="tools", months=12)
    assert found["missing"] == ["No post on “tools” with counted views was published in the last 12 months."]
    assert found["n"] == 0
