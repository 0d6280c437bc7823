"""What stands in the way of tuning Gemini: the trap of a key that cannot tune, project, bucket, credentials, dates."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.tuning.providers.gemini import bucket as gemini_bucket
from core.tuning.providers.gemini.access import place
from core.tuning.providers.gemini.adapter import Gemini
from core.tuning.providers.protocol import CheckReport, NotSubmitted, Obstacle, ProviderTrouble, Spec
from tests.llm.servers import credentials
from tests.tuning.gemini.conftest import BASE, SPEC, leading_to
from tests.tuning.gemini.emulator import BUCKET
from tests.tuning.gemini.service import Service, refused
from tests.tuning.loopback import Answer, Loopback
from tests.tuning.views import DATA, Jobs, quiet, settings

TODAY = dt.date(2026, 11, 24)
STUDIO_KEY = "AIzaSy-0123456789abcdefghijklmnop"


def checked(
    chosen: Settings, spec: Spec = SPEC, *, today: dt.date = TODAY, live: bool = False, **data: Any
) -> CheckReport:
    return Gemini(today=lambda: today, timeout_s=5).check(spec, replace(DATA, **data), chosen, live=live)


def found(result: CheckReport, code: str) -> Obstacle:
    (one,) = [each for each in result.obstacles if each.code == code]
    return one


def test_with_everything_set_only_the_price_is_open(jobs: Jobs) -> None:
    result = checked(jobs.settings, live=True)
    assert result.can_start
    assert [each.code for each in result.obstacles] == ["price_unknown"]
    assert "enter it" in found(result, "price_unknown").remedy
    assert (result.estimate.tokens, result.estimate.cost_high) == (100_000, None)
    assert "no known price" in result.estimate.basis


def test_a_key_of_ai_studio_is_refused_and_never_used(
    provider: Gemini, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK would take it, post to a closed service, and leave the examples out."""
    monkeypatch.setenv("GEMINI_API_KEY", STUDIO_KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", STUDIO_KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", service.server.url)
    only_key = settings(tmp_path, GEMINI_API_KEY=STUDIO_KEY, GEMINI_BASE_URL=service.server.url)
    for live in (False, True):
        result = checked(only_key, live=live)
        assert not result.can_start
        obstacle = next(each for each in result.obstacles if each.blocks)
        assert "AI Studio" in obstacle.sentence
        assert "2025-05" in obstacle.sentence
        assert "GOOGLE_CLOUD_PROJECT" in obstacle.remedy
    view = replace(Jobs(tmp_path, only_key).view(SPEC), remote={"training_uri": "gs://b/x.jsonl"}, remote_id="x")
    with pytest.raises(NotSubmitted, match="GOOGLE_CLOUD_PROJECT"):
        provider.upload(view, quiet)
    with pytest.raises(NotSubmitted, match="GOOGLE_CLOUD_PROJECT"):
        provider.submit(view)
    for ask in (provider.find, provider.poll, provider.cancel):
        with pytest.raises(ProviderTrouble, match="GOOGLE_CLOUD_PROJECT"):
            ask(view)
    assert service.server.seen == []


def test_a_key_beside_a_project_is_not_sent(
    provider: Gemini, jobs: Jobs, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", STUDIO_KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", STUDIO_KEY)
    provider.poll(jobs.submitted(provider, SPEC))
    asked = [each for each in service.server.seen if each.path != "/token"]
    assert all(each.path.startswith("/v1/projects/acme/locations/europe-west4/tuningJobs") for each in asked)
    assert all("x-goog-api-key" not in each.headers for each in service.server.seen)
    assert all(STUDIO_KEY not in str(each) for each in service.server.seen)


@pytest.mark.parametrize("name", ["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "WHETSTONE_GCS_BUCKET"])
@pytest.mark.parametrize("value", [None, " "])
def test_each_missing_setting_is_named(
    service: Service, storage: str, tmp_path: Path, name: str, value: str | None
) -> None:
    result = checked(leading_to(service, storage, tmp_path, **{name: value}))
    assert name in found(result, "key_missing").sentence
    assert found(result, "key_missing").blocks


@pytest.mark.parametrize(
    ("given", "bucket", "prefix"),
    [("b", "b", "whetstone/"), ("gs://b/", "b", "whetstone/"), ("gs://b/team/x", "b", "team/x/")],
)
def test_the_forms_of_a_buckets_name(tmp_path: Path, given: str, bucket: str, prefix: str) -> None:
    chosen = settings(tmp_path, GOOGLE_CLOUD_PROJECT="p", GOOGLE_CLOUD_LOCATION="l", WHETSTONE_GCS_BUCKET=given)
    assert place(chosen)[2:] == (bucket, prefix)


def test_credentials_that_are_missing_are_said_before_and_known_when_asked(jobs: Jobs, tmp_path: Path) -> None:
    with credentials(tmp_path / "none.json"):
        before = found(checked(jobs.settings), "key_missing")
        assert not before.blocks  # a machine of Google's own has no file
        assert "gcloud auth application-default login" in before.remedy
        result = checked(jobs.settings, live=True)
    assert not result.can_start
    assert "none.json" in found(result, "not_reachable").sentence


@pytest.mark.parametrize("code", [401, 403, 404, 500])
def test_a_project_that_cannot_be_used_is_known_before_anything_is_sent(
    jobs: Jobs, service: Service, code: int
) -> None:
    service.server.on("GET", ".*/tuningJobs", lambda *_: refused(code, "Not in this project"))
    result = checked(jobs.settings, live=True)
    assert not result.can_start
    assert "Not in this project" in found(result, "not_reachable").sentence
    assert "asked again" not in found(result, "not_reachable").sentence


def test_a_bucket_that_is_not_there_is_known_before_anything_is_sent(
    service: Service, storage: str, tmp_path: Path
) -> None:
    result = checked(leading_to(service, storage, tmp_path, WHETSTONE_GCS_BUCKET="nobodys"), live=True)
    assert not result.can_start
    assert "nobodys" in found(result, "not_reachable").sentence


def test_a_bucket_that_may_not_be_written_is_known_before_anything_is_sent(service: Service, tmp_path: Path) -> None:
    bucket = Loopback()
    bucket.on("GET", ".*/iam/testPermissions", lambda _: {"permissions": ["storage.objects.get"]})
    with bucket.serving():
        result = checked(leading_to(service, bucket.url, tmp_path), live=True)
    obstacle = found(result, "not_reachable")
    assert "lacks storage.objects.create" in obstacle.sentence
    assert "roles/storage.objectUser" in obstacle.remedy


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"longest_tokens": 140_000}, "too_long"),
        ({"validation": 5_001}, "too_long"),
        ({"size_bytes": 2 << 30}, "too_long"),
        ({"train": 0}, "too_small"),
    ],
)
def test_data_that_google_would_refuse_is_named(jobs: Jobs, changes: dict[str, Any], code: str) -> None:
    assert found(checked(jobs.settings, **changes), code).blocks


def test_a_base_past_its_date_is_not_offered(jobs: Jobs) -> None:
    assert not checked(jobs.settings, replace(SPEC, base_model="gemini-2.5-flash")).can_start
    offered = Gemini(today=lambda: TODAY).bases(jobs.settings)
    assert BASE in offered
    assert "gemini-2.5-flash" not in offered
    assert not checked(jobs.settings, today=dt.date(2027, 4, 20)).can_start


def test_another_method_is_not_offered(jobs: Jobs) -> None:
    assert found(checked(jobs.settings, replace(SPEC, method="dpo")), "method_not_offered").blocks


def test_a_file_that_is_there_is_not_sent_again_and_one_with_other_content_is_told(
    service: Service, tmp_path: Path
) -> None:
    """The emulator does not enforce the condition, so Google's refusal comes from here."""
    held = {"size": "0"}
    bucket = Loopback()
    bucket.on("POST", "/upload/.*", lambda _: Answer(412, {"error": {"code": 412, "message": "Precondition"}}))
    bucket.on("GET", "/storage/.*", lambda _: {"name": "x", "bucket": BUCKET, **held})
    jobs = Jobs(tmp_path, leading_to(service, bucket.url, tmp_path))
    path = jobs.files("gemini").train
    with bucket.serving():
        with pytest.raises(NotSubmitted, match="other content"):
            gemini_bucket.bring(jobs.settings, path, quiet, 5)
        held["size"] = str(path.stat().st_size)
        uri = gemini_bucket.bring(jobs.settings, path, quiet, 5)
    assert uri == f"gs://{BUCKET}/whetstone/{path.name}"
    first, *_ = bucket.asked("POST", "/upload/.*")
    assert first.query["ifGenerationMatch"] == "0"
    assert "authorization" not in first.headers  # an emulator gets no credentials


def test_a_large_file_goes_in_pieces_and_tells_how_far_it_is(jobs: Jobs, tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 64}.jsonl"
    path.write_bytes(b"x" * (20 << 20))
    told: list[float] = []
    gemini_bucket.bring(jobs.settings, path, lambda _, part: told.append(part or 0.0), 30)
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("code", "passing", "words"), [(403, False, "does not let"), (404, False, "no such bucket"), (503, True, "503")]
)
def test_a_bucket_that_refuses_begins_nothing(
    provider: Gemini, service: Service, tmp_path: Path, code: int, passing: bool, words: str
) -> None:
    bucket = Loopback()
    bucket.on("POST", "/upload/.*", lambda _: Answer(code, {"error": {"code": code, "message": "No."}}))
    chosen = leading_to(service, bucket.url, tmp_path)
    with bucket.serving(), pytest.raises(NotSubmitted, match=words) as failed:
        Gemini(timeout_s=1).upload(Jobs(tmp_path, chosen).view(SPEC), quiet)
    assert failed.value.passing == passing
    away = leading_to(service, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(NotSubmitted, match="cannot be reached") as failed:
        Gemini(timeout_s=1).upload(Jobs(tmp_path, away).view(SPEC), quiet)
    assert failed.value.passing
