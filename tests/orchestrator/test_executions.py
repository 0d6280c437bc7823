"""From a request to an example: each step from one state to the next, and each that is refused."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from core import audit
from core.commands import store as commands
from core.commands import verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext, Handler, Outcome, Registry
from core.db import Database
from core.deployments.preferences import set_approval
from core.errors import Conflict, Duplicate, InvalidPlan, RequestRefused
from core.orchestrator import executions, queries
from core.orchestrator.plans import Plan, Request, Step, to_json
from core.runtime.agents import registry
from tests.orchestrator.driving import Failing, at_once, drive, example_of, statuses, submitted

ASK = Request("Write a thread about waiting times at the counter")


def with_agent(agent: str, handler: Handler) -> Registry:
    return {**registry(), agent: handler}


def failing(work: CommandContext) -> Outcome:
    raise Failing(f"{work.command.action} is broken")


def test_a_request_becomes_a_plan_that_waits_for_approval(database: Database) -> None:
    execution = executions.submit(database, ASK, actor="ada")
    assert (execution.status, execution.plan, execution.created_by) == ("planning", None, "ada")
    drive(database)
    planned = queries.get(database, execution.execution_id)
    assert planned.status == "pending_approval"
    assert planned.plan is not None
    assert planned.plan_source == "built-in"
    assert "without a model" in planned.plan_note
    assert statuses(database, execution.execution_id) == ["planning", "pending_approval"]


def test_its_example_is_written_with_the_plan_and_completed_at_the_end(database: Database) -> None:
    planned = submitted(database, ASK.text)
    first = example_of(database, planned.execution_id)
    assert first.user_request == ASK.text
    assert orjson.loads(first.execution_plan or "") == to_json(planned.plan)  # type: ignore[arg-type]
    assert (first.execution_result, first.quality_score, first.success, first.tags) == (None, None, None, [])

    executions.approve(database, planned.execution_id, actor="bob", reason="fine")
    drive(database)
    done = queries.get(database, planned.execution_id)
    last = example_of(database, planned.execution_id)
    assert last.id == first.id
    assert (last.execution_result, last.quality_score, last.success) == (
        (done.result or {})["text"],
        done.score,
        done.success,
    )
    assert (last.source_agent, last.source_model) == ("orchestrator", "built-in")
    assert last.execution_time_ms == done.duration_ms
    assert statuses(database, planned.execution_id) == [
        "planning",
        "pending_approval",
        "approved",
        "executing",
        "completed",
    ]


def test_who_decided_and_why_is_kept_and_audited(database: Database) -> None:
    planned = submitted(database)
    approved = executions.approve(database, planned.execution_id, actor="bob", reason="looks right")
    assert (approved.status, approved.decided_by, approved.decision_reason) == ("approved", "bob", "looks right")
    line = next(
        entry
        for entry in audit.entries(database, subject="execution", subject_id=planned.execution_id)
        if entry.after == {"status": "approved"}
    )
    assert (line.actor, line.reason, line.before) == ("bob", "looks right", {"status": "pending_approval"})


def test_without_approval_a_plan_is_carried_outat_once(database: Database) -> None:
    set_approval(database, False, actor="ada", reason="trust")
    execution = executions.submit(database, ASK, actor="ada")
    drive(database)
    done = queries.get(database, execution.execution_id)
    assert (done.status, done.decided_by) == ("completed", "orchestrator")
    assert statuses(database, execution.execution_id) == ["planning", "approved", "executing", "completed"]


def test_the_same_request_within_a_minute_is_asked_about(database: Database) -> None:
    first = executions.submit(database, ASK, actor="ada")
    with pytest.raises(Duplicate, match="ada") as refusal:
        executions.submit(database, replace(ASK, text=f"  {ASK.text.upper()} "), actor="bob")
    assert refusal.value.execution_id == first.execution_id
    assert executions.submit(database, ASK, actor="bob", again=True).execution_id != first.execution_id
    with database.begin() as connection:
        connection.execute(text("UPDATE executions SET created_at = now() - interval '61 seconds'"))
    executions.submit(database, ASK, actor="bob")


def test_two_presses_at_once_submit_once(database: Database) -> None:
    outcomes: list[str] = []

    def press() -> None:
        try:
            outcomes.append(executions.submit(database, ASK, actor="ada").status)
        except Duplicate:
            outcomes.append("duplicate")

    at_once([press] * 4)
    assert sorted(outcomes) == ["duplicate"] * 3 + ["planning"]
    assert queries.counts(database).total == 1


@pytest.mark.parametrize(
    "request_",
    [Request(" \n"), Request("a\0b"), Request("a" * (1 << 17) + "b"), Request("x", platforms=("",)), Request("\ud800"),
     Request("x", intent="y" * 201), Request("x", audience="y" * 501), Request("x", platforms=("p",) * 13)],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused(database: Database, request_: Request) -> None:
    with pytest.raises(RequestRefused):
        executions.submit(database, request_, actor="ada")
    assert queries.counts(database).total == 0


def test_two_who_approve_at_once_do_it_once(database: Database) -> None:
    planned = submitted(database)
    other = Database(database.url)
    outcomes: list[str] = []

    def press(db: Database, who: str) -> None:
        try:
            outcomes.append(executions.approve(db, planned.execution_id, actor=who).status)
        except Conflict as conflict:
            outcomes.append(str(conflict))

    at_once([lambda: press(database, "ada"), lambda: press(other, "bob")])
    other.close()
    approved = [outcome for outcome in outcomes if outcome == "approved"]
    (told,) = [outcome for outcome in outcomes if outcome != "approved"]
    assert len(approved) == 1
    winner = queries.get(database, planned.execution_id).decided_by
    assert f"{winner} decided on it at" in told
    steps = [command.step for command in commands.by_run(database, planned.execution_id) if command.step]
    assert sorted(steps) == sorted(step.id for step in planned.plan.steps)  # type: ignore[union-attr]


def test_an_edited_plan_is_checked_stored_and_learned_from(database: Database) -> None:
    planned = submitted(database)
    assert planned.plan is not None
    edited = Plan(planned.plan.intent, (Step("only", "compliance", "claims", {"text": "Always the best."}, "Short."),))
    broken = Plan("x", (replace(edited.steps[0], agent="nobody"),))
    with pytest.raises(InvalidPlan, match="nobody"):
        executions.approve(database, planned.execution_id, actor="bob", plan=broken)
    assert queries.get(database, planned.execution_id).status == "pending_approval"

    executions.approve(database, planned.execution_id, actor="bob", plan=edited)
    drive(database)
    done = queries.get(database, planned.execution_id)
    assert (done.status, done.plan) == ("completed", edited)
    assert "Edited by bob" in done.plan_note
    example = example_of(database, planned.execution_id)
    assert orjson.loads(example.execution_plan or "") == to_json(edited)
    assert example.revision > 1
    (line,) = [each for each in audit.entries(database, subject="execution") if each.action == "edit plan"]
    assert (line.actor, line.before) == ("bob", {"plan": to_json(planned.plan)})


def test_a_rejected_plan_stays_as_a_negative_example(database: Database) -> None:
    planned = submitted(database)
    with pytest.raises(RequestRefused, match="few words"):
        executions.reject(database, planned.execution_id, actor="bob", reason=" ")
    rejected = executions.reject(database, planned.execution_id, actor="bob", reason="off topic")
    assert (rejected.status, rejected.success, rejected.decision_reason) == ("rejected", False, "off topic")
    example = example_of(database, planned.execution_id)
    assert (example.success, example.quality_score, example.tags) == (False, None, ["REJECTED"])
    assert drive(database) == 0
    with pytest.raises(Conflict, match="rejected"):
        executions.approve(database, planned.execution_id, actor="ada")
    with pytest.raises(Conflict, match="bob decided on it"):
        executions.reject(database, planned.execution_id, actor="ada", reason="again")
    with pytest.raises(Conflict):
        executions.cancel(database, planned.execution_id, actor="ada")


def test_a_step_that_fails_fails_the_execution_and_can_be_resumed(database: Database) -> None:
    planned = submitted(database, "Write a blog post about returning customers")
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database, with_agent("content", failing))
    failed = queries.get(database, planned.execution_id)
    assert (failed.status, failed.success) == ("failed", False)
    assert "outline is broken" in (failed.error or "")
    assert failed.finished_at is not None
    by_step = {state.step: state for state in queries.progress(database, planned.execution_id)}
    assert (by_step["performed"].status, by_step["draft"].status) == ("completed", "waiting")
    assert (by_step["outline"].status, by_step["outline"].attempt) == ("failed", 4)
    kept = {step["step"]: step for step in (failed.result or {})["steps"]}
    assert kept["performed"]["result"]["text"]
    assert example_of(database, planned.execution_id).success is False

    before = commands.by_run(database, planned.execution_id)
    executions.resume(database, planned.execution_id, actor="ada", reason="mended")
    assert queries.get(database, planned.execution_id).status == "executing"
    drive(database)
    done = queries.get(database, planned.execution_id)
    assert (done.status, done.error) == ("completed", None)
    assert example_of(database, planned.execution_id).quality_score == done.score
    performed = next(command for command in before if command.step == "performed")
    assert commands.get(database, performed.id).attempt == 1, "what was done is not done again"
    assert statuses(database, planned.execution_id)[-3:] == ["failed", "executing", "completed"]


def test_only_what_failed_can_be_resumed(database: Database) -> None:
    planned = submitted(database)
    with pytest.raises(Conflict, match="waiting for approval"):
        executions.resume(database, planned.execution_id, actor="ada")


def test_a_planner_that_fails_fails_the_execution_which_can_be_planned_again(database: Database) -> None:
    execution = executions.submit(database, ASK, actor="ada")
    drive(database, {**registry(), "orchestrator": failing})
    failed = queries.get(database, execution.execution_id)
    assert (failed.status, failed.plan) == ("failed", None)
    assert failed.error == "No plan could be made: plan is broken"
    executions.resume(database, execution.execution_id, actor="ada")
    drive(database)
    assert queries.get(database, execution.execution_id).status == "pending_approval"
    assert statuses(database, execution.execution_id) == ["planning", "failed", "planning", "pending_approval"]


def test_one_failed_step_tried_again_beside_another_does_not_hang(database: Database) -> None:
    planned = submitted(database, "Prepare the monthly report and comment on warranty repairs")
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database, with_agent("financial", failing))
    first, *_ = [each for each in commands.by_run(database, planned.execution_id) if each.status == "failed"]
    verbs.retry(database, CommandFilter(ids=(first.id,)), actor="ada", reason="only this one")
    assert queries.get(database, planned.execution_id).status == "executing"
    drive(database)
    stuck = queries.get(database, planned.execution_id)
    assert stuck.status == "failed"
    assert "is broken" in (stuck.error or "")


def test_cancelled_while_it_waits_nothing_of_it_is_done(database: Database) -> None:
    planned = submitted(database)
    cancelled = executions.cancel(database, planned.execution_id, actor="ada", reason="not needed")
    assert cancelled.status == "cancelled"
    assert example_of(database, planned.execution_id).tags == ["CANCELLED"]
    assert drive(database) == 0
    with pytest.raises(Conflict):
        executions.approve(database, planned.execution_id, actor="bob")


def test_cancelled_while_it_runs_what_was_done_is_kept(database: Database) -> None:
    planned = submitted(database, "Write a blog post about returning customers")
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database, agents=["market_insight"])
    executions.cancel(database, planned.execution_id, actor="ada")
    drive(database)
    cancelled = queries.get(database, planned.execution_id)
    assert (cancelled.status, cancelled.score, cancelled.success) == ("cancelled", None, None)
    kept = {step["step"]: step["status"] for step in (cancelled.result or {})["steps"]}
    assert (kept["performed"], kept["draft"]) == ("completed", "cancelled")
    example = example_of(database, planned.execution_id)
    assert (example.tags, example.success) == (["CANCELLED"], None)


@pytest.mark.parametrize("meanwhile", ["waits", "is done", "is done between"])
def test_cancelled_while_only_its_scoring_is_left_it_is_no_answer_to_learn_from(
    database: Database, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = submitted(database)
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database, agents=[agent for agent in registry() if agent != "orchestrator"])

    def cancelled_meanwhile(work: CommandContext) -> Outcome:
        made = registry()["orchestrator"](work)
        if work.command.action == "score":
            executions.cancel(database, planned.execution_id, actor="ada")
        assert isinstance(made, Outcome)
        return made

    if meanwhile == "is done between":  # the execution is cancelled, and its commands are not yet
        cancel = verbs.cancel

        def cancelled_after(*args: Any, **named: Any) -> Any:
            assert drive(database, most=1) == 1
            return cancel(*args, **named)

        monkeypatch.setattr(verbs, "cancel", cancelled_after)
    if meanwhile != "is done":
        executions.cancel(database, planned.execution_id, actor="ada")
        drive(database)
    else:
        drive(database, {**registry(), "orchestrator": cancelled_meanwhile})

    cancelled = queries.get(database, planned.execution_id)
    assert (cancelled.status, cancelled.score, cancelled.success) == ("cancelled", None, None)
    assert {step["status"] for step in (cancelled.result or {})["steps"]} == {"completed"}
    example = example_of(database, planned.execution_id)
    assert (example.tags, example.success) == (["CANCELLED"], None)
    assert example.execution_result


def test_cancelled_while_it_is_planned_the_plan_is_not_kept(database: Database) -> None:
    execution = executions.submit(database, ASK, actor="ada")

    def cancelled_meanwhile(work: CommandContext) -> Outcome:
        made = registry()["orchestrator"](work)
        executions.cancel(database, execution.execution_id, actor="bob")
        assert isinstance(made, Outcome)
        return made

    drive(database, {**registry(), "orchestrator": cancelled_meanwhile})
    cancelled = queries.get(database, execution.execution_id)
    assert (cancelled.status, cancelled.plan) == ("cancelled", None)


def test_a_step_cancelled_in_the_queue_fails_the_execution(database: Database) -> None:
    planned = submitted(database, "Write a blog post about returning customers")
    executions.approve(database, planned.execution_id, actor="bob")
    step = next(each for each in commands.by_run(database, planned.execution_id) if each.step == "outline")
    verbs.cancel(database, CommandFilter(ids=(step.id,)), actor="ada", reason="")
    drive(database)
    failed = queries.get(database, planned.execution_id)
    assert failed.status == "failed"
    assert failed.error == "Step outline (content/outline): was cancelled in the queue"


def test_steps_deleted_from_the_queue_fail_the_execution(database: Database) -> None:
    planned = submitted(database)
    executions.approve(database, planned.execution_id, actor="bob")
    verbs.delete(database, CommandFilter(run=planned.execution_id, statuses=("pending",)), actor="ada", reason="")
    drive(database)
    failed = queries.get(database, planned.execution_id)
    assert failed.status == "failed"
    assert "deleted from the queue" in (failed.error or "")
    with pytest.raises(Conflict, match="gone from the queue"):
        executions.resume(database, planned.execution_id, actor="ada")


def test_a_step_that_ends_after_its_execution_failed_is_kept_too(database: Database) -> None:
    planned = submitted(database, "Write a blog post about returning customers")
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database, with_agent("content", failing), agents=["content", "orchestrator"])
    failed = queries.get(database, planned.execution_id)
    assert {step["step"]: step["status"] for step in (failed.result or {})["steps"]}["performed"] == "pending"
    drive(database)
    kept = {step["step"]: step for step in (queries.get(database, planned.execution_id).result or {})["steps"]}
    assert kept["performed"]["status"] == "completed"


def test_a_score_by_hand_is_kept_with_what_it_replaced(database: Database) -> None:
    planned = submitted(database)
    with pytest.raises(Conflict, match="once it has ended"):
        executions.override_score(database, planned.execution_id, score=0.1, success=False, actor="ada", reason="no")
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database)
    was = queries.get(database, planned.execution_id).score
    for score, reason in ((1.1, "x"), (0.2, " ")):
        with pytest.raises(RequestRefused):
            executions.override_score(
                database, planned.execution_id, score=score, success=False, actor="ada", reason=reason
            )
    now = executions.override_score(
        database, planned.execution_id, score=0.2, success=False, actor="ada", reason="dull"
    )
    assert (now.score, now.success) == (0.2, False)
    assert now.override is not None
    assert (now.override["actor"], now.override["reason"], now.override["replaced"]["score"]) == ("ada", "dull", was)
    example = example_of(database, planned.execution_id)
    assert (example.quality_score, example.success) == (0.2, False)


def test_the_database_itself_refuses_a_wrong_step_and_a_deletion(database: Database) -> None:
    planned = submitted(database)
    for statement in (
        "UPDATE executions SET status = 'completed'",
        "DELETE FROM executions",
        "TRUNCATE executions",
        "UPDATE executions SET score = 1.5",
    ):
        with (
            pytest.raises(Exception, match=r"cannot go|never deleted|executions_score_check"),
            database.begin() as each,
        ):
            each.execute(text(statement))
    assert queries.get(database, planned.execution_id).status == "pending_approval"
