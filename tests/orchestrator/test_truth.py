"""Nothing becomes a model answer by itself: what was carried out without a judge waits for a person."""

import datetime as dt
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from core.commands.handlers import CommandContext, by_action
from core.db import Database, migrations
from core.db.tables import examples
from core.db.tables import executions as executions_table
from core.deployments.preferences import set_planner_model
from core.errors import CommandRefused, Conflict, NotUnderstood
from core.examples import tagging
from core.examples.filters import Filter
from core.history.enrichment import similar
from core.orchestrator import executions, queries
from core.orchestrator.agents import ACTIONS, SHAPE
from core.orchestrator.material import context
from core.orchestrator.planners import builtin
from core.orchestrator.plans import Plan, Request, Step, to_json
from core.orchestrator.records import Execution
from core.orchestrator.scoring.rubric import Done
from core.runtime.agents import registry
from core.settings import get_settings
from core.tuning import budget
from tests.datasets.test_snapshots import create
from tests.llm.conftest import model_of
from tests.llm.servers import FAKES, FakeProvider, serving
from tests.orchestrator.driving import drive, example_of, record_figures, submitted


def carried_out(db: Database, words: str, **more: object) -> Execution:
    planned = submitted(db, words, **more)
    executions.approve(db, planned.execution_id, actor="bob")
    drive(db)
    return queries.get(db, planned.execution_id)


def trainable(db: Database, execution: Execution) -> bool:
    query = select(examples.c.is_trainable).where(examples.c.execution_id == execution.execution_id)
    with db.connect() as connection:
        return connection.execute(query).scalar_one()


def test_without_a_judge_score_and_success_are_unknown_and_nothing_is_trainable(database: Database) -> None:
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    assert (done.status, done.score, done.success, done.scored_by) == ("completed", None, None, "")
    assert done.form is not None
    example = example_of(database, done.execution_id)
    assert (example.quality_score, example.success, example.is_trainable) == (None, None, False)


def test_a_memo_that_only_says_what_is_not_recorded_is_not_complete(database: Database) -> None:
    done = carried_out(database, "Can we afford a campaign of $4,000? Write a memo.")
    parts = {part["name"]: part["score"] for part in done.score_parts or []}
    assert (done.score, done.success) == (None, None)
    assert parts["completeness"] < 0.6


def test_the_word_of_a_person_makes_it_trainable_and_says_whose_it_is(database: Database) -> None:
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    scored = executions.override_score(
        database, done.execution_id, score=0.8, success=True, actor="ada", reason="usable"
    )
    assert (scored.score, scored.scored_by) == (0.8, "ada")
    assert trainable(database, done)
    executions.override_score(database, done.execution_id, score=None, success=None, actor="ada", reason="not sure")
    assert not trainable(database, done)


def test_approving_by_tag_makes_it_trainable_until_the_tag_goes(database: Database) -> None:
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    key = example_of(database, done.execution_id).id
    tagging.add_tags(database, [key], ["MANUAL_APPROVED"], actor="ada", reason="read")
    assert trainable(database, done)
    tagging.remove_tags(database, [key], ["MANUAL_APPROVED"], actor="ada", reason="read again")
    assert not trainable(database, done)


@pytest.mark.parametrize("judgement", ["maybe", ""])
def test_a_judgement_is_needed_or_given(database: Database, judgement: str) -> None:
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    with pytest.raises(Exception, match="judgement"), database.begin() as connection:
        connection.execute(
            update(examples).where(examples.c.execution_id == done.execution_id).values(judgement=judgement)
        )


def test_checks_and_fields_stand_beside_the_result_and_are_not_learned(database: Database) -> None:
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    assert done.result
    titles = [each["title"] for each in done.result["beside"]]
    assert "Compliance, claims" in titles
    assert "Content, seo fields" in titles
    learned = example_of(database, done.execution_id).execution_result or ""
    assert learned == done.result["text"]
    assert "Checked step" not in learned
    assert "Slug:" not in learned


def test_a_request_that_is_not_understood_is_told_so_and_nothing_of_it_is_done(database: Database) -> None:
    planned = submitted(database, "asdf qwer zxcv")
    assert (planned.status, planned.plan, planned.result) == ("failed", None, None)
    assert "not understood" in (planned.error or "")
    assert "content generation, social post, email campaign" in (planned.error or "")
    assert executions.example_id(database, planned.execution_id) is None
    again = submitted(database, "asdf qwer zxcv", intent="social_post")
    assert again.status == "pending_approval", "a person has said what kind of work it is"


def test_text_of_work_that_nobody_approved_is_not_taken_over(database: Database) -> None:
    carried_out(database, "asdf qwer zxcv", intent="content_generation")
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    assert done.result
    assert "asdf" not in done.result["text"]
    assert any("on this topic" in sentence for sentence in done.result["missing"])


def test_text_of_what_failed_is_not_taken_over_because_it_has_a_score(database: Database) -> None:
    words = "Write a blog post about solar roof tiles."
    first = failed(database)
    key = example_of(database, first.execution_id).id
    # What reached the example before the failure, and a score: still nobody approved it.
    with database.begin() as connection:
        connection.execute(
            examples.update()
            .where(examples.c.id == key)
            .values(
                execution_result="Tiles of the failed run.",
                business_state={"topic": "solar roof tiles"},
                quality_score=0.9,
                success=None,
                revision=examples.c.revision + 1,
            )
        )
    done = carried_out(database, words)
    assert done.result
    assert "failed run" not in done.result["text"]
    tagging.add_tags(database, [key], ["MANUAL_APPROVED"], actor="ada", reason="read")
    again = carried_out(database, f"{words} Once more.")
    assert again.result
    assert "failed run" in again.result["text"]


def test_a_network_that_is_named_is_kept_to_where_nothing_was_published_yet(company: Database) -> None:
    planned = submitted(company, "Write a short post for Mastodon about our opening hours.")
    assert planned.plan
    (step,) = [step for step in planned.plan.steps if step.action == "social_variants"]
    assert step.payload["platforms"] == ["Mastodon"]


def test_a_post_is_planned_as_one_also_for_a_network_that_is_in_no_list(database: Database) -> None:
    plan = submitted(database, "Write a post for Friendica about our opening hours.").plan
    assert plan
    assert plan.intent == "social_post"
    (step,) = [step for step in plan.steps if step.action == "social_variants"]
    assert step.payload["platforms"] == ["Friendica"]
    assert "Friendica is in no list of networks here" in step.reason
    article = submitted(database, "Write a blog post about our opening hours.").plan
    assert article
    assert article.intent == "content_generation"


def test_a_limit_of_words_is_kept_to(database: Database) -> None:
    article = submitted(database, "Write an article about drills in no more than 200 words.").plan
    assert article
    assert next(step for step in article.steps if step.action == "draft").payload["words"] == 200
    post = submitted(database, "Write a short post for Mastodon about drills, at most 50 words.").plan
    assert post
    assert next(step for step in post.steps if step.id == "posts").payload["words"] == 50


def failed(db: Database) -> Execution:
    """An execution whose first text could not be written."""

    def refuse(work: CommandContext) -> dict[str, object]:
        raise CommandRefused("The pen is empty.")

    planned = submitted(db, "Write a blog post about solar roof tiles.")
    executions.approve(db, planned.execution_id, actor="bob")
    drive(db, {**registry(), "content": by_action("content", dict.fromkeys(ACTIONS["content"], refuse))})
    return queries.get(db, planned.execution_id)


def test_what_failed_by_itself_is_nothing_to_learn_from_until_a_person_says_so(database: Database) -> None:
    done = failed(database)
    assert (done.status, done.score, done.success) == ("failed", None, False)
    assert not trainable(database, done)
    key = example_of(database, done.execution_id).id
    tagging.add_tags(database, [key], ["MANUAL_APPROVED"], actor="ada", reason="the plan is good")
    assert trainable(database, done)
    tagging.remove_tags(database, [key], ["MANUAL_APPROVED"], actor="ada", reason="read again")
    assert not trainable(database, done), "it still is one that failed"
    executions.override_score(database, done.execution_id, score=0.7, success=None, actor="ada", reason="fine")
    assert trainable(database, done)


def test_a_failed_one_that_is_resumed_waits_for_a_judgement_like_any_other(database: Database) -> None:
    done = failed(database)
    executions.resume(database, done.execution_id, actor="ada")
    drive(database)
    again = queries.get(database, done.execution_id)
    assert (again.status, again.success) == ("completed", None)
    with database.connect() as connection:
        query = select(examples.c.judgement).where(examples.c.execution_id == done.execution_id)
        assert connection.execute(query).scalar_one() == "needed"


def test_work_that_nobody_judged_does_not_say_what_is_usual(database: Database) -> None:
    for number in range(3):
        carried_out(database, f"Write an email about solar roof tiles, number {number}.")
    ask = "Solar roof tiles, number seven"
    now = dt.datetime.now(dt.UTC)

    def usual() -> str:
        with database.connect() as connection:
            return similar.similar_requests(connection, ask, as_of=now + dt.timedelta(minutes=1)).usual_intent

    assert usual() == ""
    judged = carried_out(database, "Write an email about solar roof tiles, number four.")
    executions.override_score(database, judged.execution_id, score=0.9, success=True, actor="ada", reason="good")
    assert usual() == "email_campaign"


def test_a_report_of_real_figures_has_delivered_without_past_work(database: Database) -> None:
    record_figures(database, "revenue", [100, 110, 120, 130, 140, 150])
    record_figures(database, "costs", [60, 61, 62, 63, 64, 65])
    done = carried_out(database, "Write the monthly report on revenue and costs.")
    (report,) = [step for step in (done.result or {})["steps"] if step["action"] == "draft"]
    assert report["result"]["n"] >= 2
    assert not any("on this topic" in sentence for sentence in report["result"]["missing"])


def test_what_a_model_has_written_is_delivered_whatever_it_rests_on() -> None:
    written = {"text": "A shelf saves walking.", "n": 0, "missing": ["No past work."]}
    step = Step("s", "content", "draft", {}, "why")
    assert Done(step, "completed", {**written, "source": "ollama:qwen3"}).has_delivered
    assert not Done(step, "completed", {**written, "source": "built-in"}).has_delivered


# Requests.


def test_a_request_that_is_not_understood_goes_on_as_the_kind_that_a_person_says(database: Database) -> None:
    planned = submitted(database, "asdf qwer zxcv")
    assert planned.is_not_understood
    executions.go_on_as(database, planned.execution_id, "social_post", actor="ada")
    drive(database, agents=["orchestrator"])
    again = queries.get(database, planned.execution_id)
    assert (again.status, again.intent, again.is_not_understood) == ("pending_approval", "social_post", False)
    with pytest.raises(Conflict):
        executions.go_on_as(database, planned.execution_id, "email_campaign", actor="bob")


def test_the_refusal_names_the_kinds(database: Database) -> None:
    known = context.gather(database, Request("asdf"), as_of=dt.datetime.now(dt.UTC))
    with pytest.raises(NotUnderstood, match="social post") as refusal:
        builtin.plan(Request("asdf"), known, SHAPE)
    assert "social_post" in refusal.value.kinds


def step_of(db: Database, action: str, words: str, **more: object) -> Step:
    plan = submitted(db, words, **more).plan
    assert plan
    return next(step for step in plan.steps if step.action == action)


def test_limits_readers_and_networks_of_the_words_are_kept_to(database: Database) -> None:
    post = step_of(database, "social_variants", "Announce the flea market on Nextdoor, at most 200 characters.")
    assert (post.payload["platforms"], post.payload["characters"]) == (["Nextdoor"], 200)
    guide = step_of(database, "draft", "Write a guide for CFOs about leasing tools in 300 words or less.")
    assert (guide.payload["audience"], guide.payload["words"]) == ("CFOs", 300)
    assert guide.payload["topic"] == "leasing tools"
    done = carried_out(database, "Write a short post for Xing about the flea market in our yard, under 60 characters.")
    posts = (done.result or {})["text"].partition("\n")[2]
    assert len(posts) < 60


def test_all_platforms_of_the_field_are_written_for(database: Database) -> None:
    names = tuple(f"Forum {number}" for number in range(1, 13))
    post = step_of(database, "social_variants", "Write a short post about drills.", platforms=names)
    assert post.payload["platforms"] == list(names)


def test_the_plan_names_what_it_cannot_keep(database: Database) -> None:
    post = step_of(
        database, "social_variants", "Write a short post on Frobnitz about drills.", constraints="Rhyme every line."
    )
    assert post.payload["platforms"] == ["Frobnitz"]
    assert "Frobnitz is in no list" in post.reason
    assert "Rhyme every line." in post.reason
    article = step_of(database, "draft", "Write a blog article about drills.", platforms=("LinkedIn", "Xing"))
    assert "none of its own for LinkedIn, Xing" in article.reason


# With a judge.


@pytest.fixture(params=["ollama", "openai"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with serving(FAKES[request.param]()) as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        yield fake
    get_settings.cache_clear()


PLAN = Plan("content_generation", (Step("d", "content", "draft", {"topic": "shelves", "format": "post"}, "As asked."),))


def test_over_the_budget_a_judge_that_costs_is_not_asked_and_says_so(
    database: Database, provider: FakeProvider
) -> None:
    set_planner_model(database, str(model_of(provider)), actor="ada", reason="test")
    budget.set_budget(database, Decimal(0), actor="ada", reason="test")
    provider.say(to_json(PLAN))
    provider.say("Shelves save walking. Which one is yours?")
    provider.say({"reason": "Fine.", "score": 0.8})
    done = carried_out(database, "Write a short post about shelves.")
    if provider.name == "ollama":
        assert done.score == 0.8, "a judge on a machine of one's own costs nothing"
        return
    assert (done.score, done.scored_by, len(provider.asked)) == (None, "", 2)
    assert "Nothing is left of this month's budget of $0.00" in (done.score_parts or [])[-1]["reason"]


def test_what_judging_costs_counts_in_the_budget(database: Database) -> None:
    done = carried_out(database, "Write a blog post about solar roof tiles.")
    spent = {"judging": {"tokens_in": 1, "tokens_out": 1, "cost_usd": "1.25"}}
    with database.begin() as connection:
        connection.execute(
            update(executions_table)
            .where(executions_table.c.execution_id == done.execution_id)
            .values(spent=spent, cost_usd=Decimal("1.25"))
        )
    budget.set_budget(database, 2, actor="ada", reason="test")
    now = budget.budget(database)
    assert (now.spent_usd, now.judged_usd, now.left_usd) == (Decimal("1.25"), Decimal("1.25"), Decimal("0.75"))


def test_a_model_may_say_that_it_has_not_understood(database: Database, provider: FakeProvider) -> None:
    set_planner_model(database, str(model_of(provider)), actor="ada", reason="test")
    provider.say({"intent": "not_understood", "steps": []}, tokens_in=70, tokens_out=7)
    planned = submitted(database, "the thing from before, but the other way")
    assert planned.is_not_understood
    assert "cannot tell what is wanted" in (planned.error or "")
    assert planned.tokens_in == 70, "it was paid for all the same"
    provider.say({"intent": "not_understood", "steps": []}, tokens_in=30, tokens_out=3)
    executions.go_on_as(database, planned.execution_id, "social_post", actor="ada")
    drive(database, agents=["orchestrator"])
    again = queries.get(database, planned.execution_id)
    assert (again.status, again.plan_source) == ("pending_approval", "built-in"), "a person has said what it is"
    assert again.tokens_in == 100


# Datasets and old data.


def test_a_dataset_of_good_work_freezes_none_that_nobody_judged(company: Database) -> None:
    chosen = Filter(quality_min=0.7, success=True)
    before = create(company, "before", filter=chosen).example_count
    carried_out(company, "asdf qwer zxcv", intent="content_generation")
    carried_out(company, "Write a blog post about solar roof tiles.")
    carried_out(company, "Write a short post for Mastodon about our opening hours.")
    assert create(company, "after", filter=chosen).example_count == before


def test_rows_from_before_lose_the_score_that_was_only_form(empty_database: Database, tmp_path: Path) -> None:
    """0009 and later on a database that was filled before."""
    folder = migrations.FOLDER
    for file in sorted(folder.glob("*.sql")):
        if file.name < "0009":
            shutil.copy(file, tmp_path)
    migrations.migrate(empty_database, tmp_path)
    rows = {
        # id: status, score, success, override, then what becomes of score, success and whether it teaches
        "form": ("completed", 0.9, True, None, (None, None, False)),
        "by hand": ("completed", 0.8, True, '{"actor": "ada", "score": 0.8, "success": true}', (0.8, True, True)),
        "failed": ("failed", 0.4, False, None, (None, False, False)),
        "brought in": (None, 0.7, True, None, (0.7, True, True)),
        "approved": ("completed", 0.9, True, None, (None, None, True)),
    }
    with empty_database.begin() as connection:
        for name, (status, score, success, override, _) in rows.items():
            tags = ["MANUAL_APPROVED"] if name == "approved" else []
            connection.execute(
                text(
                    "INSERT INTO orchestrator_training_data (execution_id, user_request, execution_plan,"
                    " execution_result, quality_score, success, source_agent, tags) VALUES (:id, 'Write a post about"
                    " drills', 'a plan of three steps', 'a text of some words', :score, :success, :agent, :tags)"
                ),
                {
                    "id": name,
                    "score": score,
                    "success": success,
                    "tags": tags,
                    "agent": "orchestrator" if status else "import",
                },
            )
            if status:
                connection.execute(
                    text(
                        "INSERT INTO executions (execution_id, request, status, score, success, override, created_by)"
                        " VALUES (:id, 'Write a post about drills', :status, :score, :success,"
                        " CAST(:override AS jsonb), 'ada')"
                    ),
                    {"id": name, "status": status, "score": score, "success": success, "override": override},
                )
    migrations.migrate(empty_database)
    query = text("SELECT execution_id, quality_score, success, is_trainable FROM orchestrator_training_data")
    with empty_database.connect() as connection:
        found = {row[0]: tuple(row)[1:] for row in connection.execute(query)}
        unscored = text("SELECT execution_id, form FROM executions WHERE score IS NULL")
        forms = {row.execution_id: row.form for row in connection.execute(unscored)}
    assert found == {name: expected for name, (*_, expected) in rows.items()}
    assert forms == {"form": 0.9, "failed": 0.4, "approved": 0.9}
