"""Plans by rules: the right kind of work, steps that can be run, and reasons that quote what is known."""

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from core.db import Database
from core.history.enrichment import Baseline, Platforms, RequestTopic, SimilarWork
from core.history.figures import Figures, LatestFigure
from core.orchestrator.agents import SHAPE
from core.orchestrator.material.context import Context, gather
from core.orchestrator.planners import builtin, intents
from core.orchestrator.plans import Plan, Request, levels, parse, to_json
from core.patterns.hints import Hints

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
NOTHING = Context(
    NOW,
    SimilarWork(0, "No similar past work was found."),
    RequestTopic(0, "No topic."),
    Platforms(0, "No baseline."),
    Figures(0, "No figure."),
    patterns=Hints(0, "No pattern."),
)
KNOWN = Context(
    NOW,
    SimilarWork(63, "63 similar requests found.", 0.81, 40, 0.9, 50, "social_post"),
    RequestTopic(9, "Topic “tool shelves”: 9 posts, 3,140 views on average, 1.40 times the average.", "tool shelves"),
    Platforms(80, "forum 458 views on average (n 30).", ("forum",), (Baseline("forum", 30, 458.0, 0.09),)),
    Figures(1, "…", (LatestFigure("cash", 291_051.0, "USD", "October 2026", 295_000.0, -0.0134, 13),)),
)


def planned(words: str, known: Context = KNOWN, **more: object) -> Plan:
    return builtin.plan(Request(words, **more), known, SHAPE)  # type: ignore[arg-type]


def actions(plan: Plan) -> list[str]:
    return [f"{step.agent}/{step.action}" for step in plan.steps]


@pytest.mark.parametrize("intent", intents.KNOWN)
@pytest.mark.parametrize("known", [NOTHING, KNOWN], ids=["nothing known", "much known"])
def test_every_intent_has_a_plan_that_can_be_run(intent: str, known: Context) -> None:
    plan = planned("Do something about tool shelves with $2,500", known, intent=intent)
    assert plan.intent == intent
    assert parse(to_json(plan), SHAPE) == plan
    assert all(step.reason.strip() for step in plan.steps)
    assert any(len(group) > 1 for group in levels(plan)), "something can be done side by side"


def test_reasons_quote_the_figures_that_are_known() -> None:
    thread = " ".join(step.reason for step in planned("Write a thread about tool shelves").steps)
    for quoted in (
        "63 similar requests averaged 0.81 (n 40)",
        "forum 458 views on average (n 30)",
        "3,140 views",
        "1.40 times",
    ):
        assert quoted in thread
    budget = " ".join(step.reason for step in planned("Can we spend $2,500 on tool shelves?").steps)
    assert "October 2026: cash $291,051 (-1.3%)" in budget
    assert "a sum of 2,500" in budget
    assert "is not recorded" in planned("Prepare the monthly report").steps[0].reason


def test_what_the_request_says_goes_into_the_payloads() -> None:
    plan = planned(
        "Write a blog post about tool shelves, meant for workshop managers. Use a friendly tone. "
        "Keep it under 300 words."
    )
    draft = next(step for step in plan.steps if step.id == "draft")
    assert draft.payload == {
        "topic": "tool shelves",
        "format": "article",
        "audience": "workshop managers",
        "tone": "friendly",
        "words": 300,
    }
    outlook = next(step for step in planned("Can we spend $4.5k on it?").steps if step.id == "outlook")
    assert outlook.payload["spend"] == 4500
    posts = next(
        step for step in planned("Announce tool shelves", platforms=("Worklink", "forum")).steps if step.id == "posts"
    )
    assert (posts.payload["platforms"], posts.payload["format"]) == (["Worklink", "forum"], "post")
    assert next(step for step in planned("Write a thread").steps if step.id == "posts").payload["format"] == "thread"


def test_legal_topics_are_checked_for_disclosures_too() -> None:
    assert "compliance/disclosures" in actions(planned("Write an article about liability for estimates"))
    assert "compliance/disclosures" not in actions(planned("Write an article about tool shelves"))


def test_about_rivals_it_says_that_nothing_is_stored() -> None:
    memo = next(step for step in planned("Compare our offer on tool shelves with Ostrelle").steps if step.id == "memo")
    assert memo.payload["gaps"] == ["Nothing is stored about other companies, so nothing is said of what they do now."]


def test_an_intent_that_nobody_knows_is_kept_and_planned_by_its_words() -> None:
    plan = planned("Write a thread about tool shelves", intent="spring_cleaning")
    assert plan.intent == "spring_cleaning"
    assert "content/social_variants" in actions(plan)


def test_agents_that_are_not_there_are_planned_without() -> None:
    few = {"content": SHAPE["content"]}
    plan = builtin.plan(Request("Write a blog post about x"), NOTHING, few)
    assert {step.agent for step in plan.steps} == {"content"}


def test_the_kind_of_work_of_every_request_of_the_demo_company_is_recognised(company: Database) -> None:
    with company.connect() as connection:
        rows = connection.execute(
            text("SELECT user_request, intent, business_state->>'topic' AS topic FROM orchestrator_training_data")
        ).all()
    nothing = SimilarWork(0, "")
    wrong = [row for row in rows if intents.detect(row.user_request, nothing, row.topic).intent != row.intent]
    assert len(rows) == 600
    assert len(wrong) <= 6, wrong[:3]


def test_words_decide_and_past_work_only_where_they_do_not() -> None:
    past = SimilarWork(5, "", usual_intent="email_campaign")
    assert intents.detect("Write a thread about shelves", past).intent == "social_post"
    assert intents.detect("Something on shelves", past).intent == "email_campaign"
    assert intents.detect("Something on shelves", SimilarWork(0, "")) == intents.Detected(
        intents.DEFAULT, "no rule fits the words", is_known=False
    )


@given(st.text(min_size=1, max_size=300).filter(lambda words: words.strip() != "" and "\0" not in words))
def test_any_request_can_be_planned(words: str) -> None:
    words = words.encode("utf-8", "ignore").decode()
    if words.strip():
        plan = planned(f"Write an article about {words}", NOTHING)
        assert parse(to_json(plan), SHAPE) == plan


def test_with_the_company_it_plans_from_real_figures(company: Database) -> None:
    request = Request("Review the budget for warranty repairs against our cash")
    plan = builtin.plan(request, gather(company, request, as_of=NOW), SHAPE)
    assert plan.intent == "budget_review"
    assert re.search(r"October 2026: cash \$[\d,]+ \([-+][\d.]+%\)", plan.steps[0].reason)
