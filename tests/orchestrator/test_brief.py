"""A plan in short: what runs side by side, how long, for how much, and only the facts that a step uses."""

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.db import Database
from core.deployments import preferences
from core.errors import Conflict
from core.history.enrichment import Baseline, Platforms, RequestTopic, SimilarWork
from core.history.figures import Figures, LatestFigure
from core.orchestrator import brief, executions, queries
from core.orchestrator.material.context import Context
from core.orchestrator.plans import Plan, Request, Step
from core.patterns.hints import Hints
from tests.orchestrator.driving import drive, submitted

KNOWN = Context(
    as_of=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
    similar=SimilarWork(4, "4 similar requests found."),
    topic=RequestTopic(7, "Topic “labels”: 7 posts.", "labels"),
    platforms=Platforms(
        100, "all of them", (), (Baseline("blog", 60, 1_453.0, None), Baseline("Chirplane", 40, 1_689.0, None))
    ),
    figures=Figures(1, "all figures", (LatestFigure("revenue", 9_000.0, "USD", "October 2026", None, None, 12),)),
    patterns=Hints(0, "none"),
)


def step(agent: str, action: str, **payload: object) -> Step:
    return Step("one", agent, action, dict(payload), "because")


@pytest.mark.parametrize(
    ("steps", "facts"),
    [
        ([step("compliance", "claims")], ()),
        ([step("financial", "trend", metric="revenue")], ("October 2026: revenue $9,000.",)),
        ([step("financial", "trend", metric="cash")], ()),
        ([step("market_insight", "what_performed", by="topic")], ("Topic “labels”: 7 posts.",)),
        (
            [step("market_insight", "what_performed", by="platform")],
            ("Of 2 platforms, Chirplane has most views: 1,689 (n 40).",),
        ),
        (
            [step("content", "social_variants", platforms=["blog"]), step("financial", "trend", metric="revenue")],
            (
                "4 similar requests found.",
                "October 2026: revenue $9,000.",
                "blog: 1,453 views on average (n 60).",
            ),
        ),
    ],
)
def test_only_facts_that_a_step_uses_are_reasons(steps: list[Step], facts: tuple[str, ...]) -> None:
    assert brief.used_facts(Plan("x", tuple(steps)), KNOWN) == facts


def test_without_past_work_it_says_so_with_the_rule_that_matched(database: Database) -> None:
    found = brief.brief(database, submitted(database, "Research what competitors charge for online booking"))
    assert found is not None
    assert found.reasons == (
        brief.NO_PAST_WORK,
        "Taken as competitor watch, because the request says “competitors”.",
    )


def test_what_runs_side_by_side_stands_together(database: Database) -> None:
    found = brief.brief(database, submitted(database))
    assert found is not None
    assert [len(group) for group in found.levels] == [2, 1, 3]


def test_time_is_that_of_the_longest_step_of_each_group(database: Database) -> None:
    execution = submitted(database)
    found = brief.brief(database, execution)
    assert found is not None
    assert (found.seconds, found.cost_usd) == (None, Decimal(0))
    executions.approve(database, execution.execution_id, actor="ben")
    drive(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE commands SET started_at = now(), finished_at = now() + interval '2 seconds'"))
    found = brief.brief(database, execution)
    assert found is not None
    assert found.seconds == pytest.approx(2.0 * len(found.levels))


def test_with_a_model_the_cost_is_that_of_what_it_did_before(database: Database) -> None:
    execution = submitted(database)
    preferences.set_planner_model(database, "openai:some", actor="ada", reason="")
    found = brief.brief(database, execution)
    assert found is not None
    assert found.cost_usd is None
    executions.approve(database, execution.execution_id, actor="ben")
    drive(database, agents=["market_insight", "content", "compliance"])
    with database.begin() as connection:
        connection.execute(
            text(
                'UPDATE executions SET planner_model = \'openai:some\', spent = \'{"steps": {"cost_usd": "0.25"}}\','
                " status = CASE status WHEN 'executing' THEN 'completed' ELSE status END"
            )
        )
    found = brief.brief(database, execution)
    assert found is not None
    assert found.cost_usd == Decimal("0.25")


def test_without_a_plan_there_is_nothing_to_decide(database: Database) -> None:
    execution = executions.submit(database, Request("Write a blog post"), actor="ada")
    assert brief.brief(database, execution) is None


def test_a_yes_or_no_is_kept_as_success_and_the_score_stays(database: Database) -> None:
    execution = submitted(database)
    with pytest.raises(Conflict):
        executions.judge_answer(database, execution.execution_id, answered=True, actor="ada")
    executions.approve(database, execution.execution_id, actor="ben")
    drive(database)
    judged = executions.judge_answer(database, execution.execution_id, answered=False, actor="ada")
    assert (judged.success, judged.score, judged.scored_by) == (False, None, "ada")
    assert queries.get(database, execution.execution_id).override is not None
