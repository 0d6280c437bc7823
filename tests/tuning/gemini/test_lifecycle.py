"""A job from the bucket to an answer of its model, through the real SDKs; every request is held against Google's own
description, and so is every answer of the stand-in."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as cloud

from core.llm import Model, complete
from core.tuning.providers.gemini.adapter import Gemini
from core.tuning.providers.protocol import JobView, NotSubmitted, ProviderTrouble, SubmitUnknown
from tests.llm.servers import credentials
from tests.tuning.gemini import description
from tests.tuning.gemini.conftest import SPEC, leading_to
from tests.tuning.gemini.emulator import BUCKET
from tests.tuning.gemini.service import ENDPOINT, HOME, MODEL, Service, refused
from tests.tuning.loopback import DROPPED, RESET, Answer
from tests.tuning.views import Jobs, adopted, looked_at, model_of, quiet


def object_at(storage: str, uri: str) -> bytes:
    """What lies in the bucket, read by the real client."""
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    client = cloud.Client(project="acme", credentials=AnonymousCredentials(), client_options={"api_endpoint": storage})
    return client.bucket(bucket).blob(name).download_as_bytes()


def done(provider: Gemini, jobs: Jobs, service: Service) -> JobView:
    view = jobs.submitted(provider, SPEC)
    assert view.remote_id is not None
    service.succeed(view.remote_id)
    return looked_at(provider, view)[0]


def test_a_job_lives_from_the_bucket_to_an_answer(provider: Gemini, jobs: Jobs, service: Service, storage: str) -> None:
    view = jobs.uploaded(provider, SPEC)
    files = jobs.files("gemini")
    assert files.validation is not None
    assert view.remote["training_uri"] == f"gs://{BUCKET}/whetstone/{files.train.name}"
    assert object_at(storage, view.remote["training_uri"]) == files.train.read_bytes()
    assert object_at(storage, view.remote["validation_uri"]) == files.validation.read_bytes()

    view = adopted(view, provider.submit(view))
    assert view.remote_id == f"{HOME}/tuningJobs/1"
    (created,) = service.creations()
    assert created.json == {
        "baseModel": "gemini-3.5-flash",
        "supervisedTuningSpec": {
            "trainingDatasetUri": view.remote["training_uri"],
            "validationDatasetUri": view.remote["validation_uri"],
            "exportLastCheckpointOnly": False,
            "hyperParameters": {
                "epochCount": 2,
                "learningRateMultiplier": 1.5,
                "adapterSize": "ADAPTER_SIZE_FOUR",
            },
        },
        "tunedModelDisplayName": "plans-01234567",
        "labels": {"whetstone_job": view.key},
    }
    states = []
    for state in ("QUEUED", "PENDING", "RUNNING"):
        service.put(view.remote_id, f"JOB_STATE_{state}")
        view, polled = looked_at(provider, view)
        states.append(polled.state)
    service.succeed(view.remote_id)
    view, polled = looked_at(provider, view)
    assert [*states, polled.state] == ["queued", "queued", "running", "trained"]
    assert (polled.tokens_trained, polled.total_steps) == (80_000, 12)  # 40,000 in each of two epochs

    made = provider.finish(view, quiet)
    assert made.call_name == f"vertex:{ENDPOINT}"
    assert (made.serving, made.note, made.tokens_trained) == ("ready", "", 80_000)
    assert made.cost_usd is None  # nobody has entered a price
    assert made.shutdown_date == dt.date(2027, 5, 19)
    assert {each["kind"] for each in made.artefacts} == {"endpoint", "model", "job", "file"}
    answer = complete(Model.parse(made.call_name), system="", prompt="Say ready.", settings=jobs.settings)
    assert answer.text == "ready"


def test_googles_description_takes_every_request_and_every_answer_of_the_stand_in(
    provider: Gemini, jobs: Jobs, service: Service
) -> None:
    assert provider.check(SPEC, jobs.view(SPEC).data, jobs.settings, live=True).can_start
    view = done(provider, jobs, service)
    plain = replace(SPEC, settings={"use_validation": False, "adapter_size": "auto"}, name="")
    other = jobs.submitted(provider, plain, key="f" * 32)
    provider.find(other)
    provider.cancel(other)
    provider.finish(view, quiet)
    model = model_of(f"vertex:{ENDPOINT}", jobs.settings, jobs.folder, serving_remote={"model": MODEL})
    while (served := provider.unserve(model)).state != "deleted":
        model = replace(model, serving_remote=served.remote)
    seen = [each for each in service.server.seen if each.path != "/token"]
    assert len({str(each) for each in seen}) > 8
    assert [fault for each in seen for fault in description.refusals(each)] == []
    for job in service.jobs.values():
        assert description.faults("TuningJob", job) == []


def test_the_description_would_have_told(jobs: Jobs, provider: Gemini, service: Service) -> None:
    """That no request is refused says something only if wrong ones are."""
    jobs.submitted(provider, SPEC)
    body = service.creations()[0].json
    assert description.faults("TuningJob", body) == []
    for wrong in ({"colour": "red"}, {"labels": {"a": 1}}, {"baseModel": 3}, {"supervisedTuningSpec": {"epochs": 3}}):
        assert description.faults("TuningJob", {**body, **wrong}) != [], wrong
    odd = replace(service.creations()[0], path="/v1beta/tunedModels")
    assert description.refusals(odd) == ["POST /v1beta/tunedModels is no request of this API"]


@pytest.mark.parametrize("answer", [DROPPED, RESET], ids=["dropped", "reset"])
def test_a_lost_answer_makes_one_job_that_is_found_again(
    provider: Gemini, jobs: Jobs, service: Service, answer: Answer
) -> None:
    others = [jobs.submitted(provider, SPEC, key=f"{number:032x}") for number in range(5)]
    view = jobs.uploaded(provider, SPEC)
    service.next = [answer]
    with pytest.raises(SubmitUnknown, match="may charge"):
        provider.submit(view)
    assert (len(service.creations()), len(service.jobs)) == (6, 6)
    view = adopted(view, provider.find(view))
    assert view.remote_id == f"{HOME}/tuningJobs/6"
    assert view.remote_id not in [each.remote_id for each in others]


def test_a_server_that_ignores_the_filter_gives_the_right_one_and_never_a_wrong_one(
    provider: Gemini, jobs: Jobs, service: Service
) -> None:
    mine = jobs.submitted(provider, SPEC)
    for number in range(5):
        jobs.submitted(provider, SPEC, key=f"{number:032x}")
    service.jobs[f"{HOME}/tuningJobs/3"].pop("labels")
    service.heeds_filter = False
    assert adopted(mine, provider.find(mine)).remote_id == mine.remote_id
    assert provider.find(jobs.view(SPEC, key=f"{mine.key[:-1]}0")) is None


def test_a_server_that_takes_no_filter_is_asked_for_all(provider: Gemini, jobs: Jobs, service: Service) -> None:
    mine = jobs.submitted(provider, SPEC)
    jobs.submitted(provider, SPEC, key="f" * 32)
    listing = service._list
    service.server.on(
        "GET",
        r"/v1/(projects/[^/]+/locations/[^/]+)/tuningJobs",
        lambda seen, parent: refused(400, "Invalid filter") if "filter" in seen.query else listing(seen, parent),
    )
    assert adopted(mine, provider.find(mine)).remote_id == mine.remote_id


def test_of_two_under_one_label_the_newer_is_taken_and_the_other_told(
    provider: Gemini, jobs: Jobs, service: Service
) -> None:
    first = jobs.submitted(provider, SPEC)
    second = adopted(first, provider.submit(first))
    found = adopted(first, provider.find(first))
    assert found.remote_id == second.remote_id
    assert any(str(first.remote_id) in note.message for note in looked_at(provider, found)[1].notes)


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 429])
def test_a_refusal_begins_nothing(provider: Gemini, jobs: Jobs, service: Service, code: int) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [refused(code, "No such thing")]
    with pytest.raises(NotSubmitted, match="No such thing") as failed:
        provider.submit(view)
    assert failed.value.advice
    assert failed.value.passing == (code == 429)
    assert (len(service.creations()), service.jobs) == (1, {})


@pytest.mark.parametrize("code", [408, 409, 500, 502, 503, 504])
def test_after_trouble_nobody_knows(provider: Gemini, jobs: Jobs, service: Service, code: int) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [refused(code, "Trouble")]
    with pytest.raises(SubmitUnknown):
        provider.submit(view)
    assert len(service.creations()) == 1


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"null", b'{"name": 7}', b'{"name": "x"}'])
def test_an_answer_that_says_nothing_leaves_it_unknown(
    provider: Gemini, jobs: Jobs, service: Service, body: bytes
) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [Answer(200, body)]
    with pytest.raises(SubmitUnknown):
        provider.submit(view)
    assert len(service.creations()) == 1


def test_waiting_too_long_leaves_it_unknown(jobs: Jobs, service: Service) -> None:
    provider = Gemini(timeout_s=1)
    view = jobs.uploaded(provider, SPEC)
    service.server.on("POST", ".*/tuningJobs", lambda _: service.server.released.wait(20) and {})
    with pytest.raises(SubmitUnknown):
        provider.submit(view)
    assert len(service.creations()) == 1


def test_nobody_listening_begins_nothing(provider: Gemini, jobs: Jobs, service: Service, storage: str) -> None:
    view = jobs.uploaded(provider, SPEC)
    away = leading_to(service, storage, jobs.folder, GOOGLE_VERTEX_BASE_URL="http://127.0.0.1:9")
    with pytest.raises(NotSubmitted, match="cannot be reached") as failed:
        provider.submit(replace(view, settings=away))
    assert failed.value.passing


def test_credentials_that_are_refused_begin_nothing(
    provider: Gemini, jobs: Jobs, service: Service, tmp_path: Path
) -> None:
    view = jobs.submitted(provider, SPEC)
    with credentials(tmp_path / "gone.json"):
        with pytest.raises(NotSubmitted, match="credentials") as failed:
            provider.submit(view)
        assert "gcloud auth" in failed.value.advice
        with pytest.raises(ProviderTrouble, match=r"gone\.json"):
            provider.poll(view)
    assert len(service.creations()) == 1


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("SERVICE_DISABLED", "Enable the API"),
        ("BILLING_DISABLED", "billing account"),
        ("OTHER", "roles/aiplatform.user"),
    ],
)
def test_a_refused_permission_says_which_one(
    provider: Gemini, jobs: Jobs, service: Service, reason: str, advice: str
) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [
        refused(403, "Denied", details=[{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}])
    ]
    with pytest.raises(NotSubmitted) as failed:
        provider.submit(view)
    assert advice in failed.value.advice


def test_a_job_is_asked_about_in_the_region_of_its_name(
    provider: Gemini, jobs: Jobs, service: Service, storage: str
) -> None:
    view = jobs.submitted(provider, SPEC)
    moved = leading_to(service, storage, jobs.folder, GOOGLE_CLOUD_LOCATION="us-central1")
    assert provider.poll(replace(view, settings=moved)).state == "queued"
    assert "may be charged" in provider.cancel(replace(view, settings=moved))


def test_the_price_that_was_entered_makes_the_cost(
    provider: Gemini, jobs: Jobs, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.tuning.providers.pricing import Price

    monkeypatch.setattr(
        "core.tuning.providers.pricing.price", lambda *_: Price(Decimal(2), "entered in this workspace")
    )
    view = done(provider, jobs, service)
    assert provider.finish(view, quiet).cost_usd == Decimal("0.16")
    estimate = provider.check(SPEC, view.data, jobs.settings, live=False).estimate
    assert (estimate.tokens, estimate.cost_low, estimate.cost_high) == (100_000, Decimal("0.2"), Decimal("0.2"))
