"""What OpenAI says about a job on its way, in our words, and each of it once."""

import base64
import datetime as dt
from dataclasses import replace

import pytest

from core.tuning.providers.openai import progress
from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.protocol import JobView, MetricPoint, NotSubmitted, ProviderTrouble
from tests.tuning.loopback import DROPPED, Answer
from tests.tuning.openai import description
from tests.tuning.openai.conftest import SPEC
from tests.tuning.openai.service import Service, refused
from tests.tuning.views import Jobs, looked_at, quiet

CSV = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,2.5,0.4,2.75,0.3\n2,1.5,0.6,,\n"


@pytest.fixture
def job(provider: OpenAI, jobs: Jobs) -> JobView:
    return jobs.submitted(provider, SPEC)


def name_of(job: JobView) -> str:
    assert job.remote_id is not None
    return job.remote_id


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("validating_files", "queued"), ("queued", "queued"), ("running", "running"), ("paused", "paused"),
        ("succeeded", "trained"), ("failed", "failed"), ("cancelled", "cancelled"), ("resting", "unknown"),
        (None, "unknown"),
    ],
)  # fmt: skip
def test_every_status_is_ours_and_one_nobody_knows_stays_as_it_came(
    provider: OpenAI, job: JobView, service: Service, status: str | None, state: str
) -> None:
    service.jobs[name_of(job)] |= {"status": status}
    polled = provider.poll(job)
    assert (polled.state, polled.provider_status) == (state, status or "")


def test_the_stand_in_answers_as_openai_describes(provider: OpenAI, job: JobView, service: Service) -> None:
    name = name_of(job)
    service.happen(name, "Step 1/9: training loss=2.00", type="metrics", data={"step": 1, "train_loss": 2.0})
    service.reach(name, 1, train_loss=2.0)
    service.jobs[name] |= {"status": "failed", "error": {"code": "c", "message": "m", "param": "training_file"}}
    assert description.faults(description.named("FineTuningJob"), service.jobs[name]) == []
    for event in service.events[name]:
        assert description.faults(description.named("FineTuningJobEvent"), event) == []
    for point in service.checkpoints[name]:
        assert description.faults(description.named("FineTuningJobCheckpoint"), point) == []
    for file in service.files.values():
        assert description.faults(description.named("OpenAIFile"), file) == []
    assert description.faults(description.named("Model"), service.models[SPEC.base_model]) == []


def test_events_become_notes_and_points_each_once(provider: OpenAI, job: JobView, service: Service) -> None:
    name = name_of(job)
    service.jobs[name] |= {"status": "running"}
    for step in range(1, 6):
        data = {"step": step, "train_loss": 3.0 / step, "train_mean_token_accuracy": 0.1 * step, "total_steps": 9}
        service.happen(name, f"Step {step}/9: training loss={3.0 / step:.2f}", type="metrics", data=data)
    service.happen(name, "Moderation checks are slow today", level="warn")
    view, first = looked_at(provider, job)
    assert [(point.name, point.step) for point in first.points][:2] == [("loss", 1), ("accuracy", 1)]
    assert [point.value for point in first.points if point.name == "loss"] == [3.0 / step for step in range(1, 6)]
    assert (first.done_steps, first.total_steps) == (5, 9)
    (warning,) = first.notes
    assert (warning.kind, warning.message) == ("warning", "Moderation checks are slow today")
    assert warning.at == dt.datetime.fromtimestamp(1_790_000_000, dt.UTC)

    service.happen(name, "Step 6: training loss=0.50", type="metrics", data={"step": 6, "valid_loss": 0.75})
    view, second = looked_at(provider, view)
    assert second.points == [MetricPoint("val_loss", 6, 0.75)]
    assert second.notes == []
    assert (second.done_steps, second.total_steps) == (6, None)
    _, third = looked_at(provider, view)
    assert (third.points, third.notes, third.done_steps) == ([], [], None)


def test_metrics_that_are_no_numbers_are_left_out(provider: OpenAI, job: JobView, service: Service) -> None:
    data = {"step": 1, "train_loss": "NaN", "valid_loss": None, "train_mean_token_accuracy": True, "full_valid_loss": 1}
    service.happen(name_of(job), "Step 1", type="metrics", data=data)
    assert provider.poll(job).points == [MetricPoint("full_val_loss", 1, 1.0)]


def test_checkpoints_are_told_by_their_names(provider: OpenAI, job: JobView, service: Service) -> None:
    for step in (10, 20, 30):
        service.reach(name_of(job), step, train_loss=1.0 / step)
    notes = [note for note in provider.poll(job).notes if note.kind == "checkpoint"]
    assert [note.data["step"] for note in notes if note.data] == [10, 20, 30]
    assert len({note.source for note in notes}) == 3
    assert "ft:tiny:acme::ckpt-step-10" in notes[0].message


def test_a_service_without_checkpoints_is_no_trouble(provider: OpenAI, job: JobView, service: Service) -> None:
    service.server.on("GET", ".*/checkpoints", lambda *_: refused(404, "Not found"))
    assert provider.poll(job).state == "queued"


def test_the_time_left_is_openais_own_estimate(provider: OpenAI, job: JobView, service: Service) -> None:
    soon = int(dt.datetime.now(dt.UTC).timestamp()) + 3_000
    service.jobs[name_of(job)] |= {"status": "running", "estimated_finish": soon}
    left = provider.poll(job).seconds_left
    assert left is not None
    assert 2_000 < left <= 3_000


def test_a_failure_is_told_in_openais_words_with_what_to_do(provider: OpenAI, job: JobView, service: Service) -> None:
    words = "The training file did not pass moderation. 4 of 12 examples were blocked."
    error = {"code": "invalid_training_file", "message": words, "param": "training_file"}
    service.jobs[name_of(job)] |= {"status": "failed", "error": error}
    polled = provider.poll(job)
    assert (polled.state, polled.error, polled.error_code) == ("failed", words, "invalid_training_file")
    assert "Data page" in polled.advice


def test_a_failure_without_a_reason_says_so(provider: OpenAI, job: JobView, service: Service) -> None:
    service.jobs[name_of(job)] |= {"status": "failed", "error": None}
    assert provider.poll(job).error == "OpenAI gave no reason."


def test_a_job_that_is_gone_is_an_alarm_and_not_cancelled(provider: OpenAI, job: JobView, service: Service) -> None:
    del service.jobs[name_of(job)]
    polled = provider.poll(job)
    assert polled.state == "unknown"
    (alarm,) = polled.notes
    assert (alarm.kind, name_of(job) in alarm.message) == ("error", True)


@pytest.mark.parametrize(
    "data", [CSV.encode(), base64.b64encode(CSV.encode()), b"\n".join([base64.b64encode(CSV.encode()), b""])]
)
def test_the_table_of_results_gives_the_points(provider: OpenAI, job: JobView, service: Service, data: bytes) -> None:
    service.contents["file-results"] = data
    service.succeed(name_of(job), result_files=["file-results"])
    polled = provider.poll(job)
    assert (polled.state, polled.tokens_trained) == ("trained", 150_000)
    assert polled.points == [
        MetricPoint("loss", 1, 2.5),
        MetricPoint("accuracy", 1, 0.4),
        MetricPoint("val_loss", 1, 2.75),
        MetricPoint("val_accuracy", 1, 0.3),
        MetricPoint("loss", 2, 1.5),
        MetricPoint("accuracy", 2, 0.6),
    ]


def test_a_table_that_is_none_takes_nothing_from_the_model(provider: OpenAI, job: JobView, service: Service) -> None:
    service.contents["file-results"] = b"\xff\xfe nonsense"
    service.succeed(name_of(job), result_files=["file-results", "file-gone"])
    service.server.on("GET", "/v1/files/file-gone/content", lambda _: refused(404, "Not found"))
    polled = provider.poll(job)
    assert (polled.state, polled.points) == ("trained", [])
    assert any("file-gone" in note.message for note in polled.notes)
    assert progress.table(b"") == []


@pytest.mark.parametrize(
    "answer",
    [
        refused(500, "Oh."), refused(429, "Slow down.", retry_after="7"), refused(401, "No."), DROPPED,
        Answer(200, b"<html>"), Answer(200, b"<html>", {"Content-Type": "text/html"}), Answer(200, b"null"),
    ],
    ids=["500", "429", "401", "dropped", "no json", "html", "null"],
)  # fmt: skip
def test_trouble_changes_nothing_about_a_job(provider: OpenAI, job: JobView, service: Service, answer: Answer) -> None:
    service.server.on("GET", "/v1/fine_tuning/jobs/[^/]+", lambda *_: answer)
    with pytest.raises(ProviderTrouble) as failed:
        provider.poll(job)
    assert failed.value.retry_after_s == (7 if answer.status == 429 else None)


def test_cancelling_says_what_may_be_charged(provider: OpenAI, job: JobView, service: Service) -> None:
    assert "may be charged" in provider.cancel(job)
    assert provider.poll(job).state == "cancelled"
    assert "already completed" in provider.cancel(job)  # twice does no harm


def test_cancelling_where_nobody_answers_is_trouble(provider: OpenAI, job: JobView, service: Service) -> None:
    service.server.on("POST", ".*/cancel", lambda *_: DROPPED)
    with pytest.raises(ProviderTrouble):
        provider.cancel(job)


def test_a_success_without_a_model_is_not_made_one(provider: OpenAI, job: JobView, service: Service) -> None:
    service.succeed(name_of(job))
    service.jobs[name_of(job)] |= {"fine_tuned_model": None}
    with pytest.raises(NotSubmitted, match="names no model"):
        provider.finish(replace(job), quiet)
