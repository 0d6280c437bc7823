"""The three tables that past work stands in, as SQL: what is compared of a row, since when it is known, its figures.

“Known” is when a row came to be: an example was asked for, a task begun (or, where only that is known, done), a post
published. What came of it is known later, and none of that is given for a moment before.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["example", "task", "post"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Ask:
    """What is looked for: work like `text` of these kinds, on a topic and a platform (exactly so named), known from
    `since` on and before `as_of`. An execution that is left out takes its own example, task and post with it.
    """

    text: str
    kinds: tuple[Kind, ...] = KINDS
    topic: str = ""
    platform: str = ""
    since: dt.datetime | None = None
    as_of: dt.datetime | None = None
    leave_out: str = ""
    limit: int = 10
    #: For averages rather than for a list that is read: nothing doubtful.
    clearly: bool = False


@dataclass(frozen=True)
class SearchedTable:
    """One of the tables. Its SQL calls a row of it `r`, and takes `:as_of`, `infinity` for everything there is."""

    table: str
    #: The text that is compared.
    text: str
    known_at: str
    topic: str
    platform: str
    #: The name that people and other tables know the row by.
    key: str
    #: Whether it stems from the execution `:leave_out`.
    own: str
    #: Words of the text, as its index has them, and the table and column of their statistics.
    words: str
    statistics: tuple[str, str]
    #: Figures, by the names of `Hit`.
    figures: str
    joins: str = ""
    #: What else a row must fulfil to be shown at all.
    shown: str = "true"


#: The score as it stood: an execution has none before it ended, and what a person changed later was something else.
_EXAMPLE_FIGURES = """
    r.intent, r.source_model, is_judged(r.judgement, r.quality_score, r.success) AS counts,
    CASE WHEN later.execution_id IS NOT NULL THEN NULL
         WHEN changed.id IS NOT NULL THEN (changed.before ->> 'quality_score')::float8
         ELSE r.quality_score END AS quality,
    CASE WHEN later.execution_id IS NOT NULL THEN NULL
         WHEN changed.id IS NOT NULL THEN (changed.before ->> 'success')::boolean
         ELSE r.success END AS success,
    NULL::float8 AS completion, NULL::float8 AS engagement, NULL::float8 AS views"""
_EXAMPLE_JOINS = """
    LEFT JOIN executions later ON later.execution_id = r.execution_id
        AND coalesce(later.finished_at, later.decided_at, 'infinity') >= CAST(:as_of AS timestamptz)
        AND CAST(:as_of AS timestamptz) <> 'infinity'
    LEFT JOIN LATERAL (
        SELECT a.id, a.before FROM audit_log a
        WHERE a.subject = 'example' AND a.subject_id = r.id::text AND a.action = 'score'
          AND a.at >= CAST(:as_of AS timestamptz)
        ORDER BY a.id LIMIT 1
    ) AS changed ON true"""
_TASK_FIGURES = """
    '' AS intent, '' AS source_model, true AS counts,
    CASE WHEN ended.is_so THEN r.quality_score END AS quality, NULL::boolean AS success,
    CASE WHEN ended.is_so THEN r.completion_rate END AS completion,
    CASE WHEN ended.is_so THEN r.engagement_score END AS engagement, NULL::float8 AS views"""
_TASK_JOINS = """
    CROSS JOIN LATERAL (
        SELECT CAST(:as_of AS timestamptz) = 'infinity' OR r.completed_at < CAST(:as_of AS timestamptz) AS is_so
    ) AS ended"""
#: Views as they were last measured on the post's own platform; of a post that was never measured, its own counts.
_POST_FIGURES = """
    '' AS intent, '' AS source_model, true AS counts, NULL::float8 AS quality, NULL::boolean AS success,
    NULL::float8 AS completion,
    CASE WHEN measured.ever THEN last.engagement ELSE r.engagement END::float8 AS engagement,
    CASE WHEN measured.ever THEN last.views ELSE r.views END::float8 AS views"""
_POST_JOINS = """
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM social_post_analytics s WHERE s.post_id = r.post_id) AS ever
    ) AS measured
    LEFT JOIN LATERAL (
        SELECT s.views, s.clicks + s.shares + s.likes + s.comments AS engagement FROM social_post_analytics s
        WHERE s.post_id = r.post_id AND s.platform IS NOT DISTINCT FROM r.platform
          AND s.tracked_at < CAST(:as_of AS timestamptz)
        ORDER BY s.tracked_at DESC LIMIT 1
    ) AS last ON true"""

SOURCES: dict[Kind, SearchedTable] = {
    "example": SearchedTable(
        table="orchestrator_training_data",
        text="left(btrim(r.user_request, E' \\t\\n\\r\\f\\v'), 2000)",
        known_at="r.created_at",
        topic="coalesce(r.business_state ->> 'topic', '')",
        platform="coalesce(r.business_state ->> 'platform', '')",
        key="r.execution_id",
        own="r.execution_id = CAST(:leave_out AS text)",
        words="(SELECT w.words FROM example_words w WHERE w.example_id = r.id)",
        statistics=("example_words", "words"),
        figures=_EXAMPLE_FIGURES,
        joins=_EXAMPLE_JOINS,
        shown="r.withdrawn_at IS NULL AND NOT r.tags && ARRAY['EXCLUDE', 'TEST', 'CANCELLED']",
    ),
    "task": SearchedTable(
        table="orchestrator_historical_tasks",
        text="similar_text(r.title, r.description)",
        known_at="coalesce(r.created_at, r.completed_at)",
        topic="coalesce(r.topic, '')",
        platform="''",
        key="r.task_id",
        own="(r.task_id = CAST(:leave_out AS text) OR r.metadata ->> 'execution_id' = CAST(:leave_out AS text))",
        words="to_tsvector('simple'::regconfig, similar_text(r.title, r.description))",
        statistics=("task_words", "to_tsvector"),
        figures=_TASK_FIGURES,
        joins=_TASK_JOINS,
    ),
    "post": SearchedTable(
        table="orchestrator_published_posts",
        text="similar_text(r.title, r.content)",
        known_at="coalesce(r.published_at, r.created_at)",
        topic="coalesce(r.topic, '')",
        platform="coalesce(r.platform, '')",
        key="r.post_id",
        # The original system ends the address of a post with the first eight characters of its execution.
        own="(r.post_id = CAST(:leave_out AS text) OR (length(CAST(:leave_out AS text)) >= 8"
        " AND right(r.post_id, 9) = '-' || left(CAST(:leave_out AS text), 8)))",
        words="to_tsvector('simple'::regconfig, similar_text(r.title, r.content))",
        statistics=("post_words", "to_tsvector"),
        figures=_POST_FIGURES,
        joins=_POST_JOINS,
    ),
}
