"""The demo company: the same every time, believable, with planted patterns, and gone without a trace."""

import datetime as dt
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core import audit, demo
from core.db import Database, workspaces
from core.demo import words
from core.demo.draws import SLICE
from core.demo.patterns import LONG, PLANTED
from core.demo.rhythm import Year
from core.errors import Conflict, WorkspaceRefused
from core.orchestrator.agents import SHAPE
from core.orchestrator.plans import parse

TODAY = dt.date(2026, 11, 22)
HISTORY_TABLES = (
    "orchestrator_historical_tasks",
    "orchestrator_published_posts",
    "social_post_analytics",
    "web_analytics",
    "financial_metrics",
)
EXAMPLES = "orchestrator_training_data"


def load(db: Database, examples: int = 300, **options: Any) -> demo.DemoSummary:
    return demo.load(db, examples=examples, actor="tester", **{"today": TODAY, **options})


def rows(db: Database, query: str, workspace: str = "demo") -> list[Any]:
    with db.in_workspace(workspace).copying() as connection:
        return connection.execute(query.encode()).fetchall()


def one(db: Database, query: str, workspace: str = "demo") -> Any:
    return rows(db, query, workspace)[0][0]


def digest(db: Database, workspace: str = "demo") -> str:
    """Of every byte of every table that a load fills."""
    content = hashlib.sha256()
    with db.in_workspace(workspace).copying() as connection:
        for table in (EXAMPLES, *HISTORY_TABLES):
            query = f"COPY (SELECT * FROM {table} ORDER BY id) TO STDOUT"
            with connection.cursor().copy(query.encode()) as copy:
                for block in copy:
                    content.update(block)
    return content.hexdigest()


def test_the_same_seed_size_and_day_give_the_same_bytes(database: Database) -> None:
    load(database)
    first = digest(database)

    load(database, replace=True)
    assert digest(database) == first

    load(database, seed=8, workspace="other_seed")
    assert digest(database, "other_seed") != first


@pytest.mark.parametrize("examples", [1, 300, SLICE + 1])
def test_a_company_has_as_many_executions_as_asked_for(database: Database, examples: int) -> None:
    steps: list[tuple[int, int]] = []

    summary = load(database, examples, progress=lambda done, total: steps.append((done, total)))

    assert summary.examples == examples
    assert one(database, f"SELECT count(*) FROM {EXAMPLES}") == examples
    assert steps[-1] == (examples, examples)
    assert len(steps) == -(-examples // SLICE)


@pytest.mark.parametrize("examples", [0, -1, 10_000_001])
def test_a_size_out_of_reach_is_refused(database: Database, examples: int) -> None:
    with pytest.raises(WorkspaceRefused, match="1 to 10,000,000"):
        load(database, examples)
    assert not workspaces.exists(database, "demo")


def test_more_executions_begin_with_the_same_requests(database: Database) -> None:
    load(database, 100)
    load(database, 250, workspace="larger")

    query = f"SELECT intent, user_request FROM {EXAMPLES} ORDER BY id LIMIT 100"
    assert rows(database, query, "larger") == rows(database, query)


def test_the_year_ends_at_the_last_midnight(database: Database) -> None:
    load(database, 2_000)

    first, last = rows(database, f"SELECT min(created_at), max(created_at) FROM {EXAMPLES}")[0]
    midnight = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
    assert midnight - dt.timedelta(days=1) < last < midnight
    assert midnight - dt.timedelta(days=365) <= first < midnight - dt.timedelta(days=350)
    for table, column in (
        ("orchestrator_historical_tasks", "greatest(created_at, completed_at)"),
        ("orchestrator_published_posts", "published_at"),
        ("social_post_analytics", "tracked_at"),
        ("web_analytics", "tracked_date + 1"),
        ("financial_metrics", "period_end + 1"),
    ):
        assert one(database, f"SELECT count(*) FROM {table} WHERE {column} > '{TODAY}'") == 0, table


def test_a_year_can_begin_in_any_month() -> None:
    for today in (dt.date(2026, 1, 1), dt.date(2028, 2, 29), dt.date(2028, 12, 31), dt.date(2027, 3, 1)):
        months = Year(today).months()
        assert months[0] < Year(today).first.replace(day=1)
        assert 12 <= len(months) <= 13
        assert months[-1] < today.replace(day=1)


def test_work_grows_and_rests_at_weekends(database: Database) -> None:
    load(database, 5_000)

    quarters = rows(
        database,
        f"SELECT width_bucket(created_at, (SELECT array_agg('{TODAY}'::timestamptz - n * interval '91 days' "
        f"ORDER BY n DESC) FROM generate_series(0, 4) n)) AS quarter, count(*) FROM {EXAMPLES} GROUP BY 1 ORDER BY 1",
    )
    assert quarters[-1][1] > 1.5 * quarters[1][1]
    weekend = one(database, f"SELECT avg((extract(isodow FROM created_at) > 5)::int)::float FROM {EXAMPLES}")
    assert weekend < 0.15


def test_examples_look_like_a_company_that_captures_its_work(database: Database) -> None:
    load(database, 5_000)

    def share(condition: str) -> float:
        return one(database, f"SELECT avg(({condition})::int)::float FROM {EXAMPLES}")

    assert 0.02 < share("execution_result LIKE 'Error: %' AND NOT success") < 0.04
    assert 0.01 < share("execution_result = 'success' AND NOT is_trainable") < 0.03
    assert 0.03 < share("quality_score IS NULL") < 0.12
    assert 0.01 < share("success IS NULL") < 0.08
    assert share("tags @> '{PRODUCTION}'") > 0.9
    for tag in ("DEVELOPMENT", "TEST", "LOW_QUALITY", "MANUAL_APPROVED", "EXCLUDE"):
        assert 0 < share(f"tags @> '{{{tag}}}'") < 0.1, tag
    assert one(database, f"SELECT count(*) - count(DISTINCT user_request) FROM {EXAMPLES}") > 50
    assert one(database, f"SELECT count(DISTINCT source_agent) FROM {EXAMPLES}") == 4
    assert one(database, f"SELECT count(DISTINCT intent) FROM {EXAMPLES}") == len(words.INTENTS)
    assert one(database, f"SELECT count(DISTINCT source_model) FROM {EXAMPLES}") == len(words.MODELS)


def test_plans_are_plans_of_this_orchestrator_and_no_template_is_left_open(database: Database) -> None:
    load(database, 2_000)

    for request, plan, result in rows(
        database, f"SELECT user_request, execution_plan, execution_result FROM {EXAMPLES}"
    ):
        assert "%" not in request
        assert "%(" not in f"{plan}{result}"
        for step in parse(plan, SHAPE).steps if plan else ():
            assert step.agent in SHAPE


def test_no_text_could_break_out_of_json_or_of_a_copy_field() -> None:
    def texts(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, dict):
            return [text for pair in value.items() for part in pair for text in texts(part)]
        return [text for part in value for text in texts(part)] if isinstance(value, tuple | list) else []

    for text in texts([value for name, value in vars(words).items() if name.isupper()]):
        assert not set('"\\\x00\x01\x02\r\t') & set(text), text
    for text in texts([words.TOPICS, words.AUDIENCES, words.PLATFORMS, words.TONES, words.RIVALS, words.OPENERS]):
        assert "\n" not in text


#: For each planted pattern, the examples it holds for, and what they are compared with.
_WRITING = "source_agent = 'content_agent'"
_LEGAL = "business_state->>'topic' IN ({})".format(
    ", ".join(f"'{topic.name}'" for topic in words.TOPICS if topic.is_legal)
)
_REVIEWED = "execution_plan LIKE '%goes out unchecked%'"
PATTERNS_IN_SQL = {
    "thread_on_tuesday": ("extract(isodow FROM created_at) = 2", "business_state->>'format' = 'thread'"),
    "long_without_audience": ("NOT business_state ? 'audience'", f"length(user_request) > {LONG}"),
    "tuned_on_financial": (f"source_model = '{words.TUNED_MODEL}'", "source_agent = 'financial_agent'"),
    "legal_reviewed": (_REVIEWED, f"{_WRITING} AND {_LEGAL}"),
    "legal_unreviewed": (_LEGAL, f"{_WRITING} AND NOT {_REVIEWED}"),
    "compliance_on_legal": (_LEGAL, "intent = 'compliance_check'"),
    "research_with_budget": ("user_request LIKE '%budget of $%'", "intent = 'market_research'"),
    "email_on_friday_afternoon": (
        "extract(isodow FROM created_at) = 5 AND extract(hour FROM created_at) >= 15",
        "intent = 'email_campaign'",
    ),
    "older_model": (f"source_model = '{words.OLDER_MODEL}'", f"source_model <> '{words.TUNED_MODEL}'"),
}


def test_planted_patterns_can_be_seen_and_no_others(database: Database) -> None:
    load(database, 2 * SLICE)

    assert PATTERNS_IN_SQL.keys() == {pattern.name for pattern in PLANTED}
    for pattern in PLANTED:
        holds, among = PATTERNS_IN_SQL[pattern.name]
        ((with_it, without_it, count),) = rows(
            database,
            f"SELECT avg(quality_score) FILTER (WHERE {holds}), avg(quality_score) FILTER (WHERE NOT ({holds})),"
            f" count(*) FILTER (WHERE {holds}) FROM {EXAMPLES} WHERE {among} AND quality_score IS NOT NULL",
        )
        difference = with_it - without_it
        assert difference * pattern.effect > 0, f"{pattern.name}: {difference:+.3f}"
        assert abs(difference) > 0.5 * abs(pattern.effect), f"{pattern.name}: {difference:+.3f}"
        assert count > 50, pattern.name

    averages = rows(database, f"SELECT avg(quality_score) FROM {EXAMPLES} GROUP BY business_state->>'tone'")
    assert max(averages)[0] - min(averages)[0] < 0.02


def test_readers_of_one_month_become_growth_of_the_next(database: Database) -> None:
    load(database)

    growth_by_readers = one(
        database,
        """
        WITH readers AS (
            SELECT date_trunc('month', published_at)::date AS month, ln(sum(views)) AS level
            FROM orchestrator_published_posts GROUP BY 1
        ), trend AS (
            SELECT month, level - (regr_slope(level, extract(epoch FROM month)) OVER () * extract(epoch FROM month)
                                   + regr_intercept(level, extract(epoch FROM month)) OVER ()) AS rest
            FROM readers WHERE month > (SELECT min(month) FROM readers)
        ), growth AS (
            SELECT period_start AS month,
                   metric_value / lag(metric_value) OVER (ORDER BY period_start) - 1 AS growth
            FROM financial_metrics WHERE metric_type = 'customers'
        )
        SELECT corr(growth, rest) FROM growth JOIN trend ON growth.month = trend.month + interval '1 month'
        """,
    )
    assert growth_by_readers > 0.6


def test_results_quote_figures_of_a_month_that_was_over(database: Database) -> None:
    load(database, 2_000)

    wrong = one(
        database,
        f"""
        SELECT count(*) FROM {EXAMPLES} e
        LEFT JOIN financial_metrics m ON m.metric_type = 'revenue'
             AND m.metric_value = (e.business_state->>'mrr')::numeric AND m.period_end < e.created_at::date
        WHERE m.id IS NULL
        """,
    )
    assert wrong == 0


def test_history_is_filled(database: Database) -> None:
    summary = load(database)

    assert summary.tasks == one(database, "SELECT count(*) FROM orchestrator_historical_tasks") == 600
    assert summary.posts == one(database, "SELECT count(*) FROM orchestrator_published_posts") == 300
    assert summary.post_measurements == one(database, "SELECT count(*) FROM social_post_analytics") > 900
    assert summary.page_days == one(database, "SELECT count(*) FROM web_analytics") == 8 * 365
    assert summary.financial_figures == one(database, "SELECT count(*) FROM financial_metrics") >= 7 * 12
    assert (
        one(
            database,
            "SELECT count(*) FROM social_post_analytics s WHERE NOT EXISTS"
            " (SELECT FROM orchestrator_published_posts p WHERE p.post_id = s.post_id AND p.views >= s.views)",
        )
        == 0
    )


def test_the_company_keeps_its_own_data(database: Database) -> None:
    with database.begin() as connection:
        audit.record(connection, actor="somebody", action="look", subject="examples")

    load(database)
    demo.drop(database, actor="tester")

    for table in (EXAMPLES, *HISTORY_TABLES):
        assert one(database, f"SELECT count(*) FROM {table}", "public") == 0
    lines = [(line.actor, line.action, line.subject_id) for line in audit.entries(database)]
    assert lines == [("tester", "drop demo", "demo"), ("tester", "load demo", "demo"), ("somebody", "look", "")]


def test_the_load_stands_in_the_demo_companys_own_log_too(database: Database) -> None:
    load(database, 250)

    (line,) = audit.entries(database.in_workspace("demo"))
    assert (line.actor, line.action, line.row_count) == ("tester", "load demo", 250)


def test_a_dropped_company_leaves_nothing(database: Database) -> None:
    before = rows(database, "SELECT count(*) FROM pg_class UNION ALL SELECT count(*) FROM pg_proc", "public")
    load(database)

    demo.drop(database, actor="tester")

    assert not workspaces.exists(database, "demo")
    after = rows(database, "SELECT count(*) FROM pg_class UNION ALL SELECT count(*) FROM pg_proc", "public")
    assert after == before
    with pytest.raises(WorkspaceRefused, match="no demo company"):
        demo.drop(database, actor="tester")


def test_a_company_that_is_there_is_only_replaced_on_request(database: Database) -> None:
    load(database, 100)

    with pytest.raises(Conflict, match="already loaded"):
        load(database, 200)
    assert one(database, f"SELECT count(*) FROM {EXAMPLES}") == 100

    load(database, 200, replace=True)
    assert one(database, f"SELECT count(*) FROM {EXAMPLES}") == 200


@pytest.mark.parametrize("replace", [False, True])
def test_a_workspace_with_other_work_is_never_touched(database: Database, replace: bool) -> None:
    team = workspaces.create(database, "team")
    with team.begin() as connection:
        audit.record(connection, actor="somebody", action="import", subject="examples")

    with pytest.raises(WorkspaceRefused, match="holds other work"):
        load(database, workspace="team", replace=replace)
    with pytest.raises(WorkspaceRefused, match="holds other work"):
        demo.drop(database, actor="tester", workspace="team")
    with pytest.raises(WorkspaceRefused, match="company's own"):
        load(database, workspace="public", replace=replace)
    with pytest.raises(WorkspaceRefused, match="company's own"):
        demo.drop(database, actor="tester", workspace="public")


def test_two_loads_at_once_are_told_so(database: Database) -> None:
    with database.dedicated() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('whetstone demo'), hashtext('demo'))")
        with pytest.raises(Conflict, match="right now"):
            load(database)


def test_a_large_load_ends_with_the_indexes_of_a_small_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    query = (
        "SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = '{}' ORDER BY 1"
    )
    load(database, 100)
    monkeypatch.setattr("core.demo.loading._MANY", 50)

    load(database, 100, workspace="large")

    assert rows(database, query.format("large")) == rows(database, query.format("demo"))


KILLED_LOAD = """
import os, signal, sys
from core import demo
from core.db import Database

def kill_half_way(done, total):
    if done < total:
        os.kill(os.getpid(), signal.SIGKILL)

demo.load(Database(sys.argv[1]), examples=30_000, actor="tester", progress=kill_half_way)
"""


def test_a_killed_load_leaves_nothing_that_blocks_the_next(database: Database) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_LOAD, database.url],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": "."},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert one(database, f"SELECT count(*) FROM {EXAMPLES}") == 0

    load(database, 100)

    assert one(database, f"SELECT count(*) FROM {EXAMPLES}") == 100


def test_a_load_that_fails_half_way_leaves_no_rows(database: Database) -> None:
    def fail(done: int, total: int) -> None:
        raise psycopg.OperationalError("the connection went away")

    with pytest.raises(psycopg.OperationalError):
        load(database, progress=fail)

    assert one(database, f"SELECT count(*) FROM {EXAMPLES}") == 0
    assert load(database).examples == 300
