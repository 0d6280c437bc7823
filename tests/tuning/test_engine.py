"""What the engine makes of a job: every state, every answer of the provider, and never a second payment."""

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.db import Database
from core.errors import AlreadyTrained, DatabaseUnavailable, TuningRefused
from core.settings import Settings
from core.tuning import budget, jobs, series
from core.tuning.engine import Engine, Schedule
from core.tuning.jobs import SEARCHES, Job
from core.tuning.providers import pricing
from core.tuning.providers.protocol import (
    Capabilities,
    JobStatus,
    NotSubmitted,
    Obstacle,
    ProviderTrouble,
    SubmitUnknown,
    TrainedModel,
)
from tests.commands.conftest import until
from tests.tuning.conftest import AT_ONCE, SPEC, Create, run
from tests.tuning.scripted import CAPABILITIES, Scripted, World


@pytest.fixture
def engine(database: Database, settings: Settings, scripted: Scripted) -> Engine:
    return Engine(database, owner="e1", settings=settings, providers=scripted, schedule=AT_ONCE)


@pytest.fixture
def step(database: Database, engine: Engine) -> Callable[..., Job]:
    """Do steps of a job until it is so."""

    def step(job: Job, until: str = "", most: int = 30) -> Job:
        for _ in range(most):
            now = jobs.get(database, job.id)
            if until and until in (now.state, now.phase):
                return now
            if not engine.advance(job.id, anytime=True) or not until:
                break
        now = jobs.get(database, job.id)
        assert not until or until in (now.state, now.phase), f"{now.state} {now.phase}, not {until}"
        return now

    return step


Step = Callable[..., Job]


def states(database: Database, job: Job) -> list[str]:
    return [each.state for each in jobs.events(database, job.id) if each.kind == "state"]


def told(database: Database, job: Job, kind: str = "message") -> list[str]:
    return [each.message for each in jobs.events(database, job.id) if each.kind == kind]


# The way through


def test_a_job_goes_its_way_and_becomes_a_model(create: Create, step: Step, database: Database, world: World) -> None:
    job = step(create(replace(SPEC, name="planner")), "succeeded")
    assert states(database, job) == ["validating", "uploading", "submitting", "queued", "running", "succeeded"]
    assert [each["marker"] for each in world.paid] == [f"{job.key}-0"]
    assert (world.posts("/files"), world.posts("/jobs")) == (1, 1)
    assert (job.remote_id, job.actual_cost, job.tokens_trained) == ("job-1", Decimal("2.50"), 2_000)
    assert job.started_at is not None
    assert job.ended_at is not None
    assert (job.model_name, job.wants, job.error, job.phase) == ("planner", None, "", "")
    assert told(database, job) == ["Step 1 of 3", "Step 2 of 3", "Step 3 of 3"]
    assert series.of(database, [job.id])[job.id] == {"loss": [(1, 2.0), (2, 1.0), (3, pytest.approx(2 / 3))]}
    (model,) = run(database, "SELECT name, kind, call_name, job_id, cost_usd, created_by FROM models")
    assert tuple(model) == ("planner", "tuned", "openai:ft:job-1", job.id, Decimal("2.50"), "ada")
    assert run(database, "SELECT status, result_model_id FROM fine_tuning_jobs")[0] == ("completed", "openai:ft:job-1")
    assert run(database, "SELECT count(*) FROM fine_tuning_jobs WHERE owner IS NOT NULL")[0][0] == 0


def test_without_a_name_the_model_is_called_by_dataset_and_base(create: Create, step: Step, database: Database) -> None:
    first, second = step(create(), "succeeded"), step(create(again=True), "succeeded")
    assert first.model_name == "plans@1 on tiny"
    assert second.model_name == "plans@1 on tiny 2"
    with pytest.raises(AlreadyTrained, match=f"Job {second.id} "):
        create()


def test_several_stages_are_paid_once_each(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    scripted.stages = 3
    job = step(create(), "succeeded")
    assert [each["marker"] for each in world.paid] == [f"{job.key}-{stage}" for stage in range(3)]
    assert (job.stage, job.remote["done_0"], job.remote["done_1"]) == (2, "job-1", "job-2")


def test_what_is_read_twice_is_kept_once(
    create: Create, step: Step, database: Database, engine: Engine, world: World
) -> None:
    world.script = ("running", "running", "trained")
    job = step(step(create(), "queued"))
    world.paid[0]["polls"] = 0  # the reply was lost on our side, or another engine reads the same again
    before = jobs.version(database)
    step(job)
    assert told(database, job) == ["Step 1 of 3"]
    assert series.of(database, [job.id])[job.id] == {"loss": [(1, 2.0)]}
    assert jobs.version(database) != before


# Refusals before anything is paid


@pytest.mark.parametrize(
    ("status", "state"), [(400, "failed"), (401, "failed"), (403, "blocked")], ids=["wrong", "key", "not eligible"]
)
def test_a_refusal_ends_the_job_in_the_providers_own_words(
    create: Create, step: Step, world: World, status: int, state: str, database: Database
) -> None:
    world.refusals = [(status, "We do not serve this any more.")]
    job = step(create(), state)
    assert (job.error, job.error_code, job.advice) == ("We do not serve this any more.", str(status), "Do as it says.")
    assert (world.paid, job.submitted_at) == ([], None)
    assert jobs.events(database, job.id)[-1].message == "We do not serve this any more."


def test_what_passes_is_tried_again_by_itself(create: Create, step: Step, world: World, database: Database) -> None:
    world.refusals = [(429, "Too many jobs."), (429, "Too many jobs.")]
    job = step(create(), "queued")
    assert (len(world.paid), job.faults) == (1, 0)
    assert states(database, job) == [
        "validating",
        "uploading",
        "submitting",
        "uploading",
        "submitting",
        "uploading",
        "submitting",
        "queued",
    ]
    assert told(database, job, "warning") == ["Too many jobs."]


def test_what_does_not_pass_ends_the_job_after_some_tries(create: Create, step: Step, world: World) -> None:
    world.refusals = [(429, "Too many jobs.")] * AT_ONCE.tries
    job = step(create(), "failed")
    assert (job.error, world.posts("/jobs"), world.paid) == ("Too many jobs.", AT_ONCE.tries, [])


@pytest.mark.parametrize(("code", "state"), [("key_refused", "failed"), ("not_eligible", "blocked")])
def test_what_the_live_check_finds_ends_the_job_with_its_remedy(
    create: Create, step: Step, scripted: Scripted, world: World, code: Any, state: str
) -> None:
    job = create()
    scripted.obstacles = (Obstacle(code, "The key was refused.", "Make a new one."),)
    job = step(job, state)
    assert (job.error, job.error_code, job.advice) == ("The key was refused.", code, "Make a new one.")
    assert world.requests == []


# A lost answer


def test_a_lost_answer_is_found_by_its_marker(create: Create, step: Step, world: World, database: Database) -> None:
    world.drops = 1
    job = step(create(), "submit_unknown")
    assert "No answer came" in job.error
    assert not job.needs_person
    job = step(job, "queued")
    assert (len(world.paid), job.remote_id, job.error) == (1, "job-1", "")
    assert told(database, job) == ["OpenAI has it: it was found by its marker, as job-1."]
    assert step(job, "succeeded").model_id
    assert len(world.paid) == 1


def unfound(step: Step, create: Create, world: World) -> Job:
    """A job that was begun, and that searching does not find."""
    world.drops, world.finds = 1, False
    job = step(create(), "submit_unknown")
    for _ in range(SEARCHES):
        assert not job.needs_person
        job = step(job)
    assert job.needs_person
    return job


def test_what_is_not_found_waits_for_a_person(create: Create, step: Step, world: World, database: Database) -> None:
    job = unfound(step, create, world)
    (warning,) = told(database, job, "warning")
    assert "A person has to decide" in warning
    assert job.key in job.advice
    assert "paid for twice" in job.advice
    for _ in range(5):
        job = step(job)
    assert (job.state, len(world.paid), world.posts("/jobs")) == ("submit_unknown", 1, 1)
    assert len(told(database, job, "warning")) == 1, "it is said once"
    world.finds = True  # it turns up late
    assert step(job, "succeeded").remote_id == "job-1"


def test_looking_again_finds_it(create: Create, step: Step, world: World, database: Database) -> None:
    job = unfound(step, create, world)
    world.finds = True
    assert f"{SEARCHES} times" in jobs.look_again(database, job.id, actor="ada", reason="")
    assert not jobs.get(database, job.id).needs_person
    assert step(job, "succeeded").remote_id == "job-1"


def test_it_is_sent_again_only_by_a_person_with_a_reason(
    create: Create, step: Step, world: World, database: Database
) -> None:
    world.drops, world.finds = 1, False
    job = step(create(), "submit_unknown")
    with pytest.raises(TuningRefused, match="still looked for"):
        jobs.submit_again(database, job.id, actor="ada", reason="hurry")
    for _ in range(SEARCHES):
        job = step(job)
    with pytest.raises(TuningRefused, match="Say why"):
        jobs.submit_again(database, job.id, actor="ada", reason=" ")
    assert "paid for twice" in jobs.submit_again(database, job.id, actor="ada", reason="not in the console")
    assert step(job, "queued").remote_id == "job-2"
    assert len(world.paid) == 2, "as the person was told"
    (asked,) = told(database, job, "asked")
    assert "paid for twice" in asked
    assert "not in the console" in asked


def test_it_is_looked_for_right_before_it_is_sent_again(
    create: Create, step: Step, world: World, database: Database
) -> None:
    job = unfound(step, create, world)
    jobs.submit_again(database, job.id, actor="ada", reason="not in the console")
    world.finds = True
    assert step(job, "queued").remote_id == "job-1"
    assert len(world.paid) == 1


def test_the_database_refuses_what_the_engine_never_does(
    create: Create, step: Step, world: World, database: Database
) -> None:
    job = unfound(step, create, world)
    for state in ("submitting", "uploading", "validating"):
        with pytest.raises(Exception, match="may have been submitted already"):
            run(database, "UPDATE fine_tuning_jobs SET state = %s WHERE id = %s", state, job.id)


def test_what_is_given_up_says_what_may_still_be_charged(
    create: Create, step: Step, world: World, database: Database, scripted: Scripted
) -> None:
    job = unfound(step, create, world)
    assert job.key in jobs.give_up(database, job.id, actor="ada", reason="nobody knows")
    job = jobs.get(database, job.id)
    assert (job.state, job.error_code) == ("failed", "given_up")
    assert "may charge" in job.error
    assert budget.budget(database).reserved_usd == 3
    with pytest.raises(TuningRefused, match="paid again"):
        jobs.retry(database, job.id, actor="ada", reason="", providers=scripted)


def with_capabilities(scripted: Scripted, **values: Any) -> Capabilities:
    scripted.capabilities = replace(CAPABILITIES, **values)
    return scripted.capabilities


def test_a_provider_that_finds_nothing_has_a_person_look_at_once(
    create: Create, step: Step, world: World, scripted: Scripted
) -> None:
    with_capabilities(scripted, finds="none")
    world.drops, world.finds = 1, False
    assert step(step(create(), "submit_unknown")).needs_person


def test_what_was_certainly_not_begun_is_sent_again(
    create: Create, step: Step, world: World, scripted: Scripted, database: Database
) -> None:
    with_capabilities(scripted, finds="exact")
    world.drops = 1
    job = step(create(), "submit_unknown")
    world.paid.clear()  # the server lost it together with the answer
    job = step(job, "queued")
    assert (len(world.paid), world.posts("/jobs")) == (1, 2)
    assert states(database, job)[-4:] == ["submitting", "submit_unknown", "submitting", "queued"]


def test_a_young_submission_that_is_not_there_may_still_be_on_its_way(
    create: Create, database: Database, settings: Settings, scripted: Scripted, world: World, step: Step
) -> None:
    with_capabilities(scripted, finds="exact")
    world.drops = 1
    job = step(create(), "submit_unknown")
    world.paid.clear()
    patient = Engine(database, settings=settings, providers=scripted, schedule=replace(AT_ONCE, settle_s=3_600.0))
    assert patient.advance(job.id)
    assert (jobs.get(database, job.id).state, world.paid) == ("submit_unknown", [])
    assert not patient.advance(job.id), "and it is not asked about before"


def test_what_is_never_there_is_not_sent_for_ever(
    create: Create, step: Step, world: World, scripted: Scripted, database: Database
) -> None:
    with_capabilities(scripted, finds="exact")

    def vanish(job: object) -> Any:
        world.requests.append("POST /jobs")
        raise SubmitUnknown("The line broke.")

    scripted.submit = vanish  # pyright: ignore[reportAttributeAccessIssue]
    job = create()
    for _ in range(40):
        job = step(job)
    assert job.needs_person
    assert world.posts("/jobs") == AT_ONCE.tries + 1


def test_an_error_that_nobody_foresaw_counts_as_sent(
    create: Create, step: Step, scripted: Scripted, world: World
) -> None:
    def submit(job: Any) -> Any:
        Scripted.submit(scripted, job)
        raise ZeroDivisionError("a fault after the request")

    scripted.submit = submit  # pyright: ignore[reportAttributeAccessIssue]
    job = step(create(), "submit_unknown")
    assert "ZeroDivisionError" in job.error
    assert step(job, "queued").remote_id == "job-1"
    assert len(world.paid) == 1


def test_an_interrupted_submission_is_looked_for(
    create: Create, step: Step, database: Database, world: World, engine: Engine
) -> None:
    job = step(create(), "queued")
    run(
        database,
        "UPDATE fine_tuning_jobs SET state = 'submitting', remote_id = NULL, owner = 'dead', token = gen_random_uuid(),"
        " lease_until = now() - interval '1 second' WHERE id = %s",
        job.id,
    )
    assert step(job).state == "submit_unknown"
    assert step(job, "queued").remote_id == "job-1"
    assert len(world.paid) == 1


# Following


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("failed", "failed"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
        ("paused", "paused"),
        ("brewing", "unknown"),
    ],
)
def test_each_word_of_the_provider(
    create: Create, step: Step, world: World, database: Database, said: str, state: str
) -> None:
    world.script = ("running", said)
    job = step(create(), state)
    assert job.provider_status == said, "its own word stands beside ours"
    if said == "failed":
        words = ("The examples were refused by moderation.", "moderation", "Take out what it names.")
        assert (job.error, job.error_code, job.advice) == words


def test_an_unknown_word_is_polled_on(create: Create, step: Step, world: World) -> None:
    world.script = ("brewing", "steeping", "trained")
    job = step(create(), "unknown")
    assert job.is_open
    assert step(job, "succeeded").model_id


def test_a_job_that_is_not_there_is_a_warning_and_never_an_end(
    create: Create, step: Step, world: World, database: Database
) -> None:
    job = step(create(), "running")
    world.troubles = [404, 429, 503, 500]
    for _ in range(4):
        job = step(job)
    assert (job.state, job.faults) == ("running", 4)
    assert told(database, job, "warning") == ["The server said 404: come again."], "the first of a row is told"
    assert step(job, "succeeded").faults == 0


def test_pauses_grow_with_faults_and_heed_the_provider(
    create: Create, step: Step, database: Database, settings: Settings, scripted: Scripted, world: World
) -> None:
    job = step(create(), "running")
    slow = Engine(database, settings=settings, providers=scripted, schedule=Schedule(chance=lambda: 0.0))

    def pause() -> float:
        assert slow.advance(job.id, anytime=True)
        return round(run(database, "SELECT extract(epoch FROM poll_at - now()) FROM fine_tuning_jobs")[0][0])

    world.troubles = [503] * 3
    assert [pause(), pause(), pause()] == [5, 10, 20]
    world.script = ("running",)
    assert pause() == 15
    scripted.poll = lambda _: (_ for _ in ()).throw(  # pyright: ignore[reportAttributeAccessIssue]
        ProviderTrouble("later", retry_after_s=120)
    )
    assert pause() == 120
    scripted.poll = lambda _: JobStatus("running", poll_again_s=7)  # pyright: ignore[reportAttributeAccessIssue]
    assert pause() == 7


def test_polls_are_seldom_for_long_jobs_and_frequent_on_this_machine() -> None:
    schedule = Schedule(chance=lambda: 0.0)
    assert [schedule.until_poll(age, on_machine=False) for age in (0, 400, 86_400)] == [15, 20, 60]
    assert [schedule.until_poll(age, on_machine=True) for age in (0, 86_400)] == [1, 2]
    late = Schedule(chance=lambda: 1.0)
    assert 15 < late.until_poll(0, on_machine=False) <= late.until_poll(86_400, on_machine=False) == 60
    assert late.after_fault(30) == 750


# Cancel


def test_before_it_is_sent_nothing_is_sent(create: Create, step: Step, database: Database, world: World) -> None:
    job = create()
    words = jobs.cancel(database, job.id, actor="bo", reason="wrong base")
    assert words == f"Job {job.id} is cancelled; nothing was sent to OpenAI."
    assert jobs.get(database, job.id).ended_at is not None
    assert not step(job).is_open
    assert world.requests == []
    with pytest.raises(TuningRefused, match="is cancelled; it cannot be cancelled"):
        jobs.cancel(database, job.id, actor="bo", reason="")
    asked = next(each for each in jobs.events(database, job.id) if each.kind == "asked")
    assert (asked.actor, asked.message) == ("bo", "Asked to cancel. wrong base")


def test_during_an_upload_the_intent_is_not_committed_any_more(
    create: Create, engine: Engine, database: Database, world: World
) -> None:
    job = create()
    world.upload_gate.clear()
    thread = threading.Thread(target=engine.advance, args=(job.id,))
    thread.start()
    assert world.uploading.wait(30)
    assert "nothing was sent" in jobs.cancel(database, job.id, actor="bo", reason="", providers=Scripted(""))
    world.upload_gate.set()
    thread.join(30)
    assert (world.posts("/jobs"), jobs.get(database, job.id).state) == (0, "cancelled")


def test_while_it_is_sent_it_is_cancelled_as_soon_as_the_answer_is_there(
    create: Create, engine: Engine, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    job = create()
    world.gate.clear()
    thread = threading.Thread(target=engine.advance, args=(job.id,))
    thread.start()
    until(lambda: jobs.get(database, job.id).state == "submitting")
    assert "is looked for" in jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)
    world.gate.set()
    thread.join(30)
    job = step(job, "cancelled")
    assert states(database, job)[-3:] == ["queued", "cancelling", "cancelled"]
    assert world.posts("/jobs/job-1/cancel") == 1


def test_what_may_have_been_sent_is_looked_for_and_then_cancelled(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    world.drops = 1
    job = step(create(), "submit_unknown")
    jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)
    job = step(job, "cancelled")
    assert (len(world.paid), world.posts("/jobs/job-1/cancel")) == (1, 1)


def test_what_was_certainly_not_begun_is_cancelled_and_not_sent_again(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    with_capabilities(scripted, finds="exact")
    world.drops = 1
    job = step(create(), "submit_unknown")
    world.paid.clear()
    jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)
    step(job, "cancelled")
    assert world.posts("/jobs") == 1


def test_what_is_to_be_sent_again_is_looked_for_when_it_is_cancelled(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    job = unfound(step, create, world)
    jobs.submit_again(database, job.id, actor="ada", reason="not in the console")
    jobs.cancel(database, job.id, actor="ada", reason="or rather not", providers=scripted)
    assert jobs.get(database, job.id).state == "submit_unknown"
    world.finds = True
    step(job, "cancelled")
    assert (len(world.paid), world.posts("/jobs/job-1/cancel")) == (1, 1)


@pytest.mark.parametrize("state", ["queued", "running", "paused", "unknown"])
def test_at_the_provider_it_is_cancelled_there_with_its_honest_words(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted, state: str
) -> None:
    world.script = ({"unknown": "brewing"}.get(state, state),)
    job = step(create(), state)
    words = jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)
    assert words.startswith(f"OpenAI is asked to cancel job {job.id};")
    job = step(job)
    assert (job.state, job.wants) == ("cancelling", None)
    assert "What was trained until now may be charged." in told(database, job)
    job = step(job, "cancelled")
    assert (world.posts("/jobs/job-1/cancel"), job.wants) == (1, None)


def test_a_cancellation_that_fails_is_tried_again(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    world.script = ("running",)
    job = step(create(), "running")
    world.cancel_works = False
    jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)
    job = step(step(job))
    assert (job.state, job.wants, job.faults) == ("cancelling", "cancel", 2)
    world.cancel_works = True
    step(job, "cancelled")


def test_a_job_that_is_done_before_it_is_cancelled_is_kept_and_said_to_cost(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    world.script, world.cancels_late = ("running", "trained"), True
    job = step(create(), "running")
    jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)
    job = step(job, "succeeded")
    assert states(database, job)[-3:] == ["cancelling", "running", "succeeded"]
    assert "OpenAI was done before the cancellation took effect; the model is kept, and is charged for." in told(
        database, job, "warning"
    )


def test_while_it_is_finished_it_ends_without_a_model(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    job = step(create(), "finishing")
    assert "was done with it already, and may charge" in jobs.cancel(
        database, job.id, actor="bo", reason="", providers=scripted
    )
    job = step(job, "cancelled")
    assert "keeps what it made (job-1)" in told(database, job, "warning")[0]
    assert run(database, "SELECT count(*) FROM models")[0][0] == 0


def test_between_two_stages_nothing_more_is_sent(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    scripted.stages = 2
    world.script = ("running", "trained")
    job = step(create(), "running")
    run(database, "UPDATE fine_tuning_jobs SET wants = 'cancel', state = 'cancelling' WHERE id = %s", job.id)
    run(database, "UPDATE fine_tuning_jobs SET wants = NULL WHERE id = %s", job.id)
    step(job, "cancelled")
    assert len(world.paid) == 1


def test_a_provider_that_cannot_cancel_says_so(
    create: Create, step: Step, database: Database, scripted: Scripted
) -> None:
    with_capabilities(scripted, cancels=False)
    job = step(create(), "running")
    with pytest.raises(TuningRefused, match="does not offer that; wait for its end"):
        jobs.cancel(database, job.id, actor="bo", reason="", providers=scripted)


def test_a_job_whose_machine_is_gone_can_be_cancelled_from_elsewhere(
    create: Create, step: Step, database: Database, scripted: Scripted
) -> None:
    with_capabilities(scripted, is_on_a_machine=True)
    job = step(create(), "running")
    run(database, "UPDATE fine_tuning_jobs SET host = 'elsewhere', poll_at = now() - interval '5 minutes'")
    words = jobs.cancel(database, job.id, actor="ada", reason="", providers=scripted)
    assert "is asked to cancel" in words, "it may only be busy"
    run(database, "UPDATE fine_tuning_jobs SET poll_at = now() - interval '11 minutes'")
    words = jobs.cancel(database, job.id, actor="ada", reason="", providers=scripted)
    assert "its machine elsewhere has not been heard of for 10 minutes" in words
    assert jobs.get(database, job.id).state == "cancelled"


# Stop, resume, retry


def test_stopped_and_resumed(create: Create, step: Step, database: Database, world: World, scripted: Scripted) -> None:
    with pytest.raises(TuningRefused, match="does not offer that; cancel it"):
        jobs.stop(database, create().id, actor="ada", reason="", providers=scripted)
    with_capabilities(scripted, stops_and_resumes=True)
    world.script = ("running", "running", "running", "trained")
    job = step(create(again=True), "running")
    with pytest.raises(TuningRefused, match="is running; it cannot be resumed"):
        jobs.resume(database, job.id, actor="ada", reason="", providers=scripted)
    jobs.stop(database, job.id, actor="ada", reason="", providers=scripted)
    job = step(job, "paused")
    assert (world.posts("/jobs/job-1/stop"), job.wants) == (1, None)
    jobs.resume(database, job.id, actor="ada", reason="", providers=scripted)
    job = step(job, "succeeded")
    assert (world.posts("/jobs/job-1/resume"), len(world.paid)) == (1, 1)


def test_a_wish_that_comes_while_another_is_done_is_not_forgotten(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    with_capabilities(scripted, stops_and_resumes=True)
    world.script = ("running",)
    job = step(create(), "running")
    jobs.stop(database, job.id, actor="ada", reason="", providers=scripted)

    def stop(view: Any) -> str:
        jobs.cancel(database, job.id, actor="ada", reason="", providers=scripted)
        return Scripted.stop(scripted, view)

    scripted.stop = stop  # pyright: ignore[reportAttributeAccessIssue]
    assert step(job).wants == "cancel"
    step(job, "cancelled")


def test_retried_where_nothing_was_sent(
    create: Create, step: Step, database: Database, scripted: Scripted, world: World
) -> None:
    job = create()
    scripted.obstacles = (Obstacle("key_refused", "The key was refused.", "Make a new one."),)
    job = step(job, "failed")
    scripted.obstacles = ()
    job = jobs.retry(database, job.id, actor="ada", reason="new key", providers=scripted)
    assert (job.state, job.error, job.ended_at) == ("validating", "", None)
    step(job, "succeeded")
    assert len(world.paid) == 1


def test_what_would_be_paid_again_is_not_retried(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    world.script = ("failed",)
    job = step(create(), "failed")
    with pytest.raises(TuningRefused, match="would be paid again"):
        jobs.retry(database, job.id, actor="ada", reason="", providers=scripted)
    assert create().id != job.id, "as a new job it can be started"
    with_capabilities(scripted, retries_free=True)
    with pytest.raises(AlreadyTrained, match="started anew"):
        jobs.retry(database, job.id, actor="ada", reason="", providers=scripted)


def test_a_provider_with_checkpoints_goes_on_from_the_last(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    with_capabilities(scripted, retries_free=True, stops_and_resumes=True)
    world.script = ("running", "failed")
    job = step(create(), "failed")
    world.script = ("running", "running", "trained")
    jobs.retry(database, job.id, actor="ada", reason="more memory", providers=scripted)
    step(job, "succeeded")
    assert (world.posts("/jobs/job-1/resume"), len(world.paid)) == (1, 1)


def test_what_was_trained_and_could_not_be_finished_is_finished_by_a_retry(
    create: Create, step: Step, database: Database, world: World, scripted: Scripted
) -> None:
    def finish(job: Any, report_progress: Any) -> TrainedModel:
        raise NotSubmitted("There is no room for it.", code="full", advice="Make room.")

    scripted.finish = finish  # pyright: ignore[reportAttributeAccessIssue]
    job = step(create(), "failed")
    assert (job.error, job.advice) == ("There is no room for it.", "Make room.")
    del scripted.finish
    jobs.retry(database, job.id, actor="ada", reason="made room", providers=scripted)
    assert step(job, "succeeded").model_id
    assert len(world.paid) == 1


def test_finishing_comes_again_after_trouble(
    create: Create, step: Step, scripted: Scripted, database: Database
) -> None:
    tries = iter([ProviderTrouble("Ollama does not run."), ZeroDivisionError("a fault")])

    def finish(job: Any, report_progress: Any) -> TrainedModel:
        for error in tries:
            raise error
        return Scripted.finish(scripted, job, report_progress)

    scripted.finish = finish  # pyright: ignore[reportAttributeAccessIssue]
    job = step(create(), "succeeded")
    assert told(database, job, "warning") == ["Ollama does not run."]


def test_a_provider_that_says_nothing_of_the_cost(
    create: Create, step: Step, scripted: Scripted, database: Database
) -> None:
    scripted.finish = lambda job, report_progress: TrainedModel("tuned", "")  # pyright: ignore[reportAttributeAccessIssue]
    assert step(create(), "succeeded").actual_cost is None
    pricing.set_price(database, "openai", "tiny", "3", actor="ada", reason="")
    job = step(create(again=True), "succeeded")
    assert job.actual_cost == Decimal("0.006"), "2,000 tokens at 3 dollars a million"


def test_what_was_spent_until_a_failure_is_kept(create: Create, step: Step, scripted: Scripted) -> None:
    job = step(create(), "queued")
    said = JobStatus("failed", "failed", error="No more.", remote={"cost_usd": "0.75"})
    scripted.poll = lambda _: said  # pyright: ignore[reportAttributeAccessIssue]
    assert step(job, "failed").actual_cost == Decimal("0.75")


def test_a_look_that_fails_before_it_is_sent_again_ends_nothing(
    create: Create, step: Step, world: World, database: Database, scripted: Scripted
) -> None:
    job = unfound(step, create, world)
    jobs.submit_again(database, job.id, actor="ada", reason="not in the console")

    def find(_: object) -> Any:
        raise ProviderTrouble("The list does not answer.")

    scripted.find = find  # pyright: ignore[reportAttributeAccessIssue]
    for _ in range(AT_ONCE.tries + 2):
        job = step(job)
    assert (job.state, len(world.paid)) == ("uploading", 1)
    del scripted.find
    world.finds = True
    assert step(job, "queued").remote_id == "job-1"


def test_the_live_check_has_the_records_at_hand(create: Create, step: Step, scripted: Scripted) -> None:
    seen: list[Any] = []

    def check(spec: Any, data: Any, settings: Any, *, live: bool) -> Any:
        seen.append((live, data.files and data.files("openai").train.exists()))
        return Scripted.check(scripted, spec, data, settings, live=live)

    scripted.check = check  # pyright: ignore[reportAttributeAccessIssue]
    step(create(), "queued")
    assert seen == [(False, None), (True, True)]


def test_jobs_are_counted_by_state(create: Create, step: Step, database: Database) -> None:
    step(create(), "succeeded")
    create(again=True)
    assert jobs.counts(database) == {"succeeded": 1, "validating": 1}
    assert [each.state for each in jobs.open_jobs(database)] == ["validating"]
    first, second = jobs.page(database, limit=1), jobs.page(database, limit=1, after=2)
    assert ([each.id for each in first.rows], first.next) == ([2], 2)
    assert ([each.id for each in second.rows], second.next) == ([1], None)


def test_a_model_that_nothing_serves_yet_says_what_to_do(
    create: Create, step: Step, scripted: Scripted, database: Database
) -> None:
    scripted.finish = lambda job, report_progress: TrainedModel("tuned", "", note="Start Ollama, then deploy it.")  # pyright: ignore[reportAttributeAccessIssue]
    job = step(create(), "succeeded")
    assert told(database, job, "warning") == ["Start Ollama, then deploy it."]


def test_archived_jobs_leave_the_list(create: Create, step: Step, database: Database) -> None:
    job = create()
    with pytest.raises(TuningRefused, match="cancel it before"):
        jobs.archive(database, job.id, actor="ada", reason="")
    step(job, "succeeded")
    assert jobs.archive(database, job.id, actor="ada", reason="").archived_at is not None
    assert jobs.page(database).rows == []
    assert [each.id for each in jobs.page(database, archived=True).rows] == [job.id]
    jobs.unarchive(database, job.id, actor="ada", reason="")
    assert [each.id for each in jobs.page(database, states=["succeeded"]).rows] == [job.id]


# Ownership


def test_a_frozen_owner_that_comes_back_writes_nothing(
    create: Create, step: Step, database: Database, settings: Settings, scripted: Scripted, world: World
) -> None:
    """It was frozen in the middle of its request; the server has begun the job, and its successor has found it."""
    job = create()
    world.gate.clear()
    first = Engine(database, owner="first", settings=settings, providers=scripted, schedule=AT_ONCE)
    thread = threading.Thread(target=first.advance, args=(job.id,))
    thread.start()
    until(lambda: len(world.paid) == 1)
    run(database, "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 second'")
    job = step(step(job), "succeeded")
    world.gate.set()
    thread.join(30)
    assert jobs.get(database, job.id) == job
    assert len(world.paid) == 1
    assert told(database, job, "warning") == []


def test_what_a_frozen_owner_knows_ends_the_search(
    create: Create, step: Step, database: Database, settings: Settings, scripted: Scripted, world: World
) -> None:
    """Nothing can be found at this provider, but the late answer says what became of the submission."""
    with_capabilities(scripted, finds="none")
    world.finds = False
    job = create()
    world.gate.clear()
    first = Engine(database, owner="first", settings=settings, providers=scripted, schedule=AT_ONCE)
    thread = threading.Thread(target=first.advance, args=(job.id,))
    thread.start()
    until(lambda: len(world.paid) == 1)
    run(database, "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 second'")
    assert step(step(job)).needs_person
    world.gate.set()
    thread.join(30)
    now = jobs.get(database, job.id)
    assert (now.state, now.remote_id, now.needs_person) == ("queued", "job-1", False)


def test_what_was_given_up_and_comes_to_light_is_said(
    create: Create, step: Step, database: Database, settings: Settings, scripted: Scripted, world: World
) -> None:
    with_capabilities(scripted, finds="none")
    world.finds = False
    job = create()
    world.gate.clear()
    first = Engine(database, owner="first", settings=settings, providers=scripted, schedule=AT_ONCE)
    thread = threading.Thread(target=first.advance, args=(job.id,))
    thread.start()
    until(lambda: len(world.paid) == 1)
    run(database, "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 second'")
    step(step(job))
    jobs.give_up(database, job.id, actor="ada", reason="nobody knows")
    world.gate.set()
    thread.join(30)
    assert jobs.get(database, job.id).state == "failed"
    assert "has begun job-1 under the marker of this job" in told(database, job, "warning")[-1]


def test_a_job_of_another_machine_is_left_to_it(
    create: Create, database: Database, settings: Settings, scripted: Scripted, engine: Engine
) -> None:
    with_capabilities(scripted, is_on_a_machine=True)
    job = create()
    run(database, "UPDATE fine_tuning_jobs SET host = 'elsewhere'")
    assert not engine.advance(job.id, anytime=True)
    assert engine.claim(10, leads=True, slow=True) == []
    run(database, "UPDATE fine_tuning_jobs SET host = %s", job.host)
    (held,) = engine.claim(10, leads=False, slow=True)  # on its own machine no leader is needed
    engine.release([held])


@pytest.mark.parametrize("where", ["check", "upload", "finish"])
def test_a_database_that_is_away_is_no_fault_of_the_job(
    create: Create, step: Step, scripted: Scripted, database: Database, world: World, where: str
) -> None:
    job = create()
    if where == "finish":
        job = step(job, "finishing")
    before = job.state

    def away(*_: object, **__: object) -> Any:
        raise DatabaseUnavailable("The database does not answer.")

    setattr(scripted, where, away)
    job = step(job)
    assert job.state == {"upload": "uploading"}.get(where, before)
    delattr(scripted, where)
    run(database, "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 s'")
    step(job, "succeeded")
    assert len(world.paid) == 1


def test_a_fault_in_one_step_is_said_and_tried_again(
    create: Create, step: Step, scripted: Scripted, database: Database
) -> None:
    job = step(create(), "finishing")
    scripted.finish = lambda job, report_progress: TrainedModel("wrong", "x")  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    job = step(job)
    assert (job.state, job.is_finishing, job.faults) == ("running", True, 1)
    assert "A step could not be done" in told(database, job, "error")[0]
    del scripted.finish
    step(job, "succeeded")
