"""Published posts as they had been measured at a moment, which is what every figure of a post is made from."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from core.db import Database

#: States of posts that nobody outside has seen.
UNSEEN = ("rejected", "draft", "scheduled", "failed")
SEEN = f"""coalesce(p.published_at, p.created_at) <= :as_of
    AND (p.status IS NULL OR p.status NOT IN ({", ".join(f"'{state}'" for state in UNSEEN)}))"""
#: What each post had been seen and answered to at a moment: the last measurement on its own platform before it, or,
#: where a post was never measured, the counts of the post itself. In sets, so that a million posts are one pass.
MEASURED = f"""
    latest AS (
        SELECT DISTINCT ON (post_id, coalesce(platform, '')) post_id, coalesce(platform, '') AS platform, views,
               CASE WHEN coalesce(clicks, shares, likes, comments) IS NOT NULL
                    THEN coalesce(clicks, 0) + coalesce(shares, 0) + coalesce(likes, 0) + coalesce(comments, 0)
               END AS engagement, engagement_rate
        FROM social_post_analytics WHERE tracked_at <= :as_of
        ORDER BY post_id, coalesce(platform, ''), tracked_at DESC, id DESC
    ), ever AS (
        SELECT DISTINCT post_id FROM social_post_analytics
    ), counted AS (
        SELECT p.post_id, p.slug, nullif(p.topic, '') AS topic, nullif(p.platform, '') AS platform, p.published_at,
               coalesce(p.published_at, p.created_at) AS at,
               CASE WHEN e.post_id IS NULL THEN p.views ELSE l.views END AS views,
               CASE WHEN e.post_id IS NULL THEN p.engagement ELSE l.engagement END AS engagement,
               l.engagement_rate AS measured_rate
        FROM orchestrator_published_posts p
        LEFT JOIN ever e ON e.post_id = p.post_id
        LEFT JOIN latest l ON l.post_id = p.post_id AND l.platform = coalesce(p.platform, '')
        WHERE {SEEN}
    ), measured AS (
        SELECT *, coalesce(CASE WHEN views > 0 THEN engagement::float8 / views END, measured_rate) AS rate FROM counted
    )"""
_MOST_POSTS = 20_000
_PERFORMED = text(
    f"""
    WITH {MEASURED}
    SELECT coalesce(topic, ''), coalesce(platform, ''), views, coalesce(engagement, 0) FROM measured
    WHERE views IS NOT NULL AND at > :since
      AND (CAST(:topic AS text) = '' OR topic = :topic) AND (CAST(:platform AS text) = '' OR platform = :platform)
    ORDER BY at DESC LIMIT {_MOST_POSTS}"""
)
_LATEST = text(
    f"SELECT p.post_id, p.content, coalesce(p.published_at, p.created_at) FROM orchestrator_published_posts p"
    f" WHERE {SEEN} AND p.topic = :topic AND p.content <> ''"
    " ORDER BY coalesce(p.published_at, p.created_at) DESC, p.id DESC LIMIT 1"
)
_PLATFORMS = text(
    "SELECT platform FROM orchestrator_published_posts WHERE platform <> '' GROUP BY platform"
    " ORDER BY count(*) DESC, platform LIMIT 100"
)


@dataclass(frozen=True)
class Performed:
    """How one post was received. `topic` and `platform` are "" where nobody named them."""

    topic: str
    platform: str
    views: int
    #: Answers of all kinds; 0 also where nobody counted them.
    engagement: int


@dataclass(frozen=True)
class LatestPost:
    """The text of the newest post on a topic."""

    post_id: str
    content: str
    at: dt.datetime


def performed(
    db: Database, *, since: dt.datetime, as_of: dt.datetime, topic: str = "", platform: str = ""
) -> Sequence[Performed]:
    """Return the posts of a span whose views were counted, as they were measured at its end; the newest 20,000."""
    chosen = {"as_of": as_of, "since": since, "topic": topic, "platform": platform}
    with db.connect() as connection:
        return [Performed(*row) for row in connection.execute(_PERFORMED, chosen)]


def latest_post(db: Database, topic: str, *, as_of: dt.datetime) -> LatestPost | None:
    """Return the newest post on exactly this topic that has a text and that people had seen at `as_of`."""
    with db.connect() as connection:
        row = connection.execute(_LATEST, {"topic": topic, "as_of": as_of}).one_or_none()
    return None if row is None else LatestPost(*row)


def platform_names(connection: Connection) -> list[str]:
    """Return the platforms that the company has published on, the most used first; at most 100."""
    return list(connection.execute(_PLATFORMS).scalars())
