"""Nothing becomes a model answer by itself: what was carried out without a judge waits for a person."""

import pytest
from sqlalchemy import select, update

from core.database import Database
from core.examples import tagging
from core.orchestrator import executions
from core.orchestrator.records import Execution
from core.tables import examples
from tests.orchestrator.driving import drive, example_of, submitted


def carried_out(db: Database, words: str, **more: object) -> Execution:
    planned = submitted(db, words, **more)
    executions.approve(db, planned.execution_id, actor="bob")
    drive(db)
    return executions.get(db, planned.execution_id)


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


def test_a_network_that_is_named_is_kept_to_where_nothing_was_published_yet(company: Database) -> None:
    planned = submitted(company, "Write a short post for Mastodon about our opening hours.")
    assert planned.plan
    (step,) = [step for step in planned.plan.steps if step.action == "social_variants"]
    assert step.payload["platforms"] == ["Mastodon"]


def test_a_limit_of_words_is_kept_to(database: Database) -> None:
    article = submitted(database, "Write an article about drills in no more than 200 words.").plan
    assert article
    assert next(step for step in article.steps if step.action == "draft").payload["words"] == 200
    post = submitted(database, "Write a short post for Mastodon about drills, at most 50 words.").plan
    assert post
    assert next(step for step in post.steps if step.id == "posts").payload["words"] == 50
