"""What Google says about a job, in our words; and what becomes of a model."""

import datetime as dt
from collections.abc import Iterator

import pytest
from google.genai.types import JobState

from core.tuning.providers.gemini.adapter import Gemini
from core.tuning.providers.protocol import JobView, NotSubmitted, ProviderTrouble
from tests.tuning.gemini import description
from tests.tuning.gemini.conftest import SPEC
from tests.tuning.gemini.service import ENDPOINT, HOME, MODEL, Service, refused
from tests.tuning.loopback import DROPPED, Answer
from tests.tuning.views import Jobs, looked_at, model_of, quiet

STATES = {
    "JOB_STATE_UNSPECIFIED": "unknown",
    "JOB_STATE_QUEUED": "queued",
    "JOB_STATE_PENDING": "queued",
    "JOB_STATE_RUNNING": "running",
    "JOB_STATE_UPDATING": "running",
    "JOB_STATE_PAUSED": "paused",
    "JOB_STATE_CANCELLING": "cancelling",
    "JOB_STATE_SUCCEEDED": "trained",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "trained",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
    "JOB_STATE_EXPIRED": "expired",
}


@pytest.fixture
def job(provider: Gemini, jobs: Jobs, service: Service) -> Iterator[JobView]:
    view = jobs.submitted(provider, SPEC)
    yield view
    # What a test made the stand-in say is something that Google could say.
    known = (each for each in service.jobs.values() if each.get("state") in STATES)
    assert [fault for each in known for fault in description.faults("TuningJob", each)] == []


def name_of(job: JobView) -> str:
    assert job.remote_id is not None
    return job.remote_id


def test_the_table_has_every_state_of_the_sdk_and_of_googles_description() -> None:
    described = description.document()["schemas"]["GoogleCloudAiplatformV1TuningJob"]["properties"]["state"]["enum"]
    assert set(STATES) == {each.value for each in JobState} == set(described)


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_ours(provider: Gemini, job: JobView, service: Service, state: str) -> None:
    service.put(name_of(job), state)
    polled = provider.poll(job)
    assert (polled.state, polled.provider_status) == (STATES[state], state)


def test_a_state_that_nobody_knows_stays_as_it_came(provider: Gemini, job: JobView, service: Service) -> None:
    service.put(name_of(job), "JOB_STATE_DREAMING")
    polled = provider.poll(job)
    assert (polled.state, polled.provider_status) == ("unknown", "JOB_STATE_DREAMING")


def test_a_success_in_part_is_a_model_with_a_warning(provider: Gemini, job: JobView, service: Service) -> None:
    error = {"code": 13, "message": "The last checkpoint was not exported"}
    service.succeed(name_of(job), "JOB_STATE_PARTIALLY_SUCCEEDED", error=error)
    polled = provider.poll(job)
    (warning,) = [note.message for note in polled.notes if note.kind == "warning"]
    assert "last checkpoint was not exported" in warning
    assert provider.finish(job, quiet).serving == "ready"


def test_examples_that_were_left_out_are_counted_with_their_reasons(
    provider: Gemini, job: JobView, service: Service
) -> None:
    stats = {
        "totalBillableTokenCount": "40000", "tuningDatasetExampleCount": "12", "totalTruncatedExampleCount": "2",
        "truncatedExampleIndices": ["3", "7"], "droppedExampleReasons": ["too long", "no model turn"],
    }  # fmt: skip
    service.put(name_of(job), "JOB_STATE_RUNNING", tuningDataStats={"supervisedTuningDataStats": stats})
    view, polled = looked_at(provider, job)
    (warning,) = polled.notes
    assert (warning.kind, warning.source) == ("warning", "left-out")
    assert warning.message == ("Google left out or cut 2 of 12 examples. example 3: too long; example 7: no model turn")
    assert provider.poll(view).notes[0].source == warning.source  # which keeps it once


def test_checkpoints_are_told_and_can_be_asked(provider: Gemini, job: JobView, service: Service) -> None:
    made = [
        {
            "checkpointId": str(number),
            "epoch": str(number),
            "step": str(6 * number),
            "endpoint": f"{HOME}/endpoints/{number}",
        }
        for number in (1, 2)
    ]
    service.succeed(name_of(job))
    service.jobs[name_of(job)]["tunedModel"]["checkpoints"] = made
    notes = [note for note in provider.poll(job).notes if note.kind == "checkpoint"]
    assert [note.message for note in notes] == ["Checkpoint 1 of epoch 1, step 6", "Checkpoint 2 of epoch 2, step 12"]
    done = provider.finish(job, quiet)
    assert [each["name"] for each in done.checkpoints] == [f"vertex:{HOME}/endpoints/{number}" for number in (1, 2)]
    assert done.serving_remote["more_endpoints"] == [f"{HOME}/endpoints/{number}" for number in (1, 2)]


def test_the_deployment_that_google_does_itself_is_told(provider: Gemini, job: JobView, service: Service) -> None:
    service.succeed(name_of(job))
    (note,) = provider.poll(job).notes
    assert ENDPOINT in note.message
    assert "nothing by the hour" in note.message


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("Permission denied while reading gs://acme/x", "service agent"),
        ("Example 7 has no model turn", "Data page"),
        ("Out of luck", "start the job again"),
    ],
)
def test_a_failure_is_told_in_googles_words_with_what_to_do(
    provider: Gemini, job: JobView, service: Service, words: str, advice: str
) -> None:
    service.put(name_of(job), "JOB_STATE_FAILED", error={"code": 3, "message": words})
    polled = provider.poll(job)
    assert (polled.error, polled.error_code) == (words, "3")
    assert advice in polled.advice


def test_what_failed_or_expired_without_words_says_so(provider: Gemini, job: JobView, service: Service) -> None:
    service.put(name_of(job), "JOB_STATE_FAILED")
    assert provider.poll(job).error == "Google gave no reason."
    service.put(name_of(job), "JOB_STATE_EXPIRED")
    assert "expire" in provider.poll(job).error


def test_a_job_that_is_gone_is_an_alarm_and_not_cancelled(provider: Gemini, job: JobView, service: Service) -> None:
    del service.jobs[name_of(job)]
    polled = provider.poll(job)
    assert polled.state == "unknown"
    assert [note.kind for note in polled.notes] == ["error"]


@pytest.mark.parametrize(
    "answer",
    [refused(500, "Oh"), refused(401, "No"), DROPPED, Answer(200, b"<html>"), Answer(200, b"null"), Answer(200, b"[]")],
    ids=["500", "401", "dropped", "no json", "null", "list"],
)
def test_trouble_changes_nothing_about_a_job(provider: Gemini, job: JobView, service: Service, answer: Answer) -> None:
    service.server.on("GET", ".*/tuningJobs/[^/]+", lambda *_: answer)
    with pytest.raises(ProviderTrouble):
        provider.poll(job)


def test_the_wait_that_google_asks_for_is_kept(provider: Gemini, job: JobView, service: Service) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    service.server.on("GET", ".*/tuningJobs/[^/]+", lambda *_: refused(429, "Slow down", details=[detail]))
    with pytest.raises(ProviderTrouble) as failed:
        provider.poll(job)
    assert failed.value.retry_after_s == 7


def test_cancelling_says_that_it_may_not_help_and_cost(provider: Gemini, job: JobView, service: Service) -> None:
    words = provider.cancel(job)
    assert "may still be trained" in words
    assert "may be charged" in words
    assert provider.poll(job).state == "cancelling"
    assert "has ended" in provider.cancel(job)  # twice does no harm
    service.succeed(name_of(job))  # it was too late, and the state at the end decides
    assert provider.poll(job).state == "trained"


def test_a_success_without_an_endpoint_is_not_made_one(provider: Gemini, job: JobView, service: Service) -> None:
    service.put(name_of(job), "JOB_STATE_SUCCEEDED")
    with pytest.raises(NotSubmitted, match="names no endpoint"):
        provider.finish(job, quiet)


def test_a_model_that_has_just_been_deployed_is_waited_for(provider: Gemini, job: JobView, service: Service) -> None:
    service.succeed(name_of(job))
    service.endpoints.clear()
    service.jobs[name_of(job)]["endTime"] = dt.datetime.now(dt.UTC).isoformat()
    with pytest.raises(ProviderTrouble, match="does not answer yet"):
        provider.finish(job, quiet)
    service.jobs[name_of(job)]["endTime"] = "2026-11-20T10:00:00Z"
    made = provider.finish(job, quiet)
    assert made.serving == "failed"
    assert "did not answer" in made.note


def test_the_end_of_a_model_deletes_every_endpoint_and_the_model(
    provider: Gemini, jobs: Jobs, job: JobView, service: Service
) -> None:
    service.succeed(name_of(job))
    service.deploy(f"{HOME}/endpoints/1")
    remote = {"endpoint": ENDPOINT, "model": f"{MODEL}@1", "more_endpoints": [f"{HOME}/endpoints/1"]}
    model = model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder, serving_remote=remote)
    assert provider.serving(model).state == "ready"
    served = provider.unserve(model)
    looks = 0
    while served.state == "deleting":
        model = model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder, serving_remote=dict(served.remote))
        served = provider.serving(model)
        looks += 1
        assert looks < 30
    assert served.state == "deleted"
    assert (service.endpoints, service.models) == ({}, {})
    gone = model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder)
    assert provider.serving(gone).state == "deleted"
    with pytest.raises(NotSubmitted, match="no endpoint"):
        provider.serve(gone)
    assert provider.unserve(gone).state == "deleted"


def test_an_end_that_google_refuses_is_told(provider: Gemini, jobs: Jobs, job: JobView, service: Service) -> None:
    service.succeed(name_of(job))
    served = provider.unserve(model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder))
    service.operations[served.remote["operation"]]["error"] = {"code": 7, "message": "You may not."}
    ending = model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder, serving_remote=dict(served.remote))
    failed = provider.serving(ending)
    assert (failed.state, "You may not" in failed.error) == ("failed", True)
    service.server.on("GET", ".*/endpoints/.*", lambda *_: refused(403, "Denied"))
    with pytest.raises(ProviderTrouble, match="Denied"):
        provider.serving(model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder))
    service.server.on("GET", ".*/endpoints/.*", lambda *_: Answer(502, b"<html>bad gateway</html>"))
    with pytest.raises(ProviderTrouble, match="bad gateway"):
        provider.unserve(model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder))
