"""Whether a job was begun: for every way in which the one request that is paid for can end, it was sent once."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.protocol import NotSubmitted, SubmitUnknown
from tests.tuning.loopback import DROPPED, RESET, Answer
from tests.tuning.openai.conftest import SECRET, SPEC, leading_to
from tests.tuning.openai.service import Service, refused
from tests.tuning.views import KEY, Jobs, adopted, looked_at, quiet, settings, with_remote


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 415, 422, 429])
def test_a_refusal_begins_nothing(provider: OpenAI, jobs: Jobs, service: Service, status: int) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [refused(status, "No such thing.", "some_code")]
    with pytest.raises(NotSubmitted, match="No such thing") as failed:
        provider.submit(view)
    assert failed.value.advice
    assert (failed.value.passing, failed.value.blocked) == (status == 429, status == 403)
    assert (len(service.creations()), service.jobs) == (1, {})


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 529])
def test_after_trouble_nobody_knows(provider: OpenAI, jobs: Jobs, service: Service, status: int) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [refused(status, "Trouble.")]
    with pytest.raises(SubmitUnknown, match="may charge"):
        provider.submit(view)
    assert len(service.creations()) == 1


@pytest.mark.parametrize("answer", [DROPPED, RESET], ids=["dropped", "reset"])
def test_an_answer_that_never_comes_leaves_a_job_that_is_found(
    provider: OpenAI, jobs: Jobs, service: Service, answer: Answer
) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [answer]
    with pytest.raises(SubmitUnknown):
        provider.submit(view)
    assert (len(service.creations()), len(service.jobs)) == (1, 1)
    assert adopted(view, provider.find(view)).remote_id in service.jobs


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"null", b'{"id": 7}', b'{"id": ""}'])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_an_answer_that_says_nothing_leaves_it_unknown(
    provider: OpenAI, jobs: Jobs, service: Service, body: bytes, kind: str
) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [Answer(200, body, {"Content-Type": kind})]
    with pytest.raises(SubmitUnknown):
        provider.submit(view)
    assert len(service.creations()) == 1


def test_waiting_too_long_leaves_it_unknown(jobs: Jobs, service: Service) -> None:
    provider = OpenAI(timeout_s=0.5)
    view = jobs.uploaded(provider, SPEC)
    service.server.on(
        "POST", "/v1/fine_tuning/jobs", lambda seen: service.server.released.wait(20) and service.create(seen.json)
    )
    with pytest.raises(SubmitUnknown, match="timed out"):
        provider.submit(view)
    assert len(service.creations()) == 1


def test_nobody_listening_begins_nothing(provider: OpenAI, jobs: Jobs, tmp_path: Path) -> None:
    view = jobs.uploaded(provider, SPEC)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    away = replace(view, settings=leading_to(url, tmp_path).settings)
    with pytest.raises(NotSubmitted, match="cannot be reached") as failed:
        provider.submit(away)
    assert failed.value.passing


def test_an_account_without_credit_is_not_tried_again(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [refused(429, "You exceeded your current quota.", "insufficient_quota")]
    with pytest.raises(NotSubmitted) as failed:
        provider.submit(view)
    assert (failed.value.passing, failed.value.code) == (False, "insufficient_quota")
    assert "Top up" in failed.value.advice


def test_openai_that_shuts_an_organisation_out_is_explained(
    provider: OpenAI, jobs: Jobs, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = jobs.uploaded(provider, SPEC)
    words = "Your organization is not permitted to create fine-tuning jobs"
    service.next = [refused(403, words, "permission_denied")] * 2
    with pytest.raises(NotSubmitted, match="not permitted") as failed:
        provider.submit(view)
    assert "2026-05-07" not in str(failed.value)  # another service has its own reasons
    monkeypatch.setattr("core.tuning.providers.openai.access.is_openai", lambda _: True)
    with pytest.raises(NotSubmitted) as failed:
        provider.submit(view)
    assert failed.value.blocked
    assert failed.value.code == "not_eligible"
    for part in (words, "2026-05-07", "60 days", "2027-01-06"):
        assert part in str(failed.value)
    assert "locally" in failed.value.advice


def test_no_key_stands_in_an_error(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    view = jobs.uploaded(provider, SPEC)
    service.next = [refused(401, f"Incorrect API key provided: {SECRET}.")]
    with pytest.raises(NotSubmitted) as failed:
        provider.submit(view)
    assert SECRET[8:-4] not in str(failed.value)
    assert "OPENAI_API_KEY" in failed.value.advice


def test_of_two_under_one_marker_the_newer_is_taken_and_the_other_told(
    provider: OpenAI, jobs: Jobs, service: Service
) -> None:
    view = jobs.submitted(provider, SPEC)
    again = adopted(view, provider.submit(view))  # by a person, who saw nothing of the first
    found = adopted(view, provider.find(view))
    assert found.remote_id == again.remote_id != view.remote_id
    _, polled = looked_at(provider, found)
    assert any(view.remote_id in note.message for note in polled.notes if view.remote_id)


def test_a_list_that_never_ends_is_left(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    jobs.submitted(provider, SPEC, key="a" * 32)
    page = {"object": "list", "data": list(service.jobs.values()), "has_more": True}
    service.server.on("GET", "/v1/fine_tuning/jobs", lambda _: page)
    assert provider.find(jobs.view(SPEC)) is None


def test_a_service_without_a_list_of_jobs_proves_nothing(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    view = jobs.submitted(provider, SPEC)
    service.server.on("GET", "/v1/fine_tuning/jobs", lambda _: refused(404, "Not found"))
    assert provider.find(view) is None


@pytest.mark.parametrize(
    ("status", "passing"), [(401, False), (403, False), (413, False), (429, True), (500, True), (503, True)]
)
def test_a_file_that_is_not_taken_begins_nothing(
    provider: OpenAI, jobs: Jobs, service: Service, status: int, passing: bool
) -> None:
    service.server.on("POST", "/v1/files", lambda _: refused(status, "No."))
    with pytest.raises(NotSubmitted) as failed:
        provider.upload(jobs.view(SPEC), quiet)
    assert failed.value.passing == passing


def test_a_file_is_waited_for_until_openai_has_looked_at_it(jobs: Jobs, service: Service) -> None:
    waits: list[float] = []
    provider = OpenAI(pause=waits.append)
    service.file_states = ["uploaded", "uploaded", "uploaded", "processed"]
    told: list[tuple[str, float | None]] = []
    remote = provider.upload(jobs.view(SPEC), lambda words, part: told.append((words, part)))
    assert remote["training_file"] in service.files
    assert len(waits) == 3
    assert [part for words, part in told if "Uploading" in words][-1] == 1.0
    assert any("looks at the file" in words for words, _ in told)


def test_a_file_that_openai_cannot_use_is_told_in_its_words(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    service.file_states = ["uploaded", "error"]
    with pytest.raises(NotSubmitted, match=r"Line 3 is no JSON") as failed:
        provider.upload(jobs.view(SPEC), quiet)
    assert not failed.value.passing


def test_a_file_that_is_never_looked_at_is_tried_again_later(
    provider: OpenAI, jobs: Jobs, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.tuning.providers.openai.adapter._MOST_WAITS", 3)
    service.file_states = ["uploaded"]
    with pytest.raises(NotSubmitted) as failed:
        provider.upload(jobs.view(SPEC), quiet)
    assert failed.value.passing


def test_an_upload_ends_when_the_job_is_to_stop(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    class ToStop(Exception):
        pass

    def report_progress(words: str, part: float | None) -> None:
        if "Uploading" in words:
            raise ToStop

    with pytest.raises(ToStop):
        provider.upload(jobs.view(SPEC), report_progress)
    assert service.files == {}


def test_without_validation_no_such_file_is_sent(provider: OpenAI, service: Service, tmp_path: Path) -> None:
    jobs = leading_to(service.server.url, tmp_path)
    view = jobs.submitted(provider, replace(SPEC, settings={"use_validation": False}))
    assert "validation_file" not in service.creations()[0].json
    assert len(service.files) == 1
    assert view.remote["validation_file"] is None


def test_what_is_odd_in_the_files_is_told_with_the_first_look(
    provider: OpenAI, service: Service, tmp_path: Path
) -> None:
    few = Jobs(tmp_path, leading_to(service.server.url, tmp_path).settings, train=3)
    view = few.submitted(provider, SPEC)
    view, polled = looked_at(provider, view)
    (warning,) = [note.message for note in polled.notes if note.kind == "warning"]
    assert "3 lines" in warning
    assert [note for note in looked_at(provider, view)[1].notes if note.kind == "warning"] == []


def test_without_a_key_nothing_is_asked(provider: OpenAI, jobs: Jobs, tmp_path: Path) -> None:
    view = replace(jobs.uploaded(provider, SPEC), settings=settings(tmp_path))
    with pytest.raises(NotSubmitted, match="OPENAI_API_KEY"):
        provider.submit(view)


def test_the_marker_is_the_whole_key(provider: OpenAI, jobs: Jobs, service: Service) -> None:
    view = jobs.submitted(provider, SPEC)
    near = with_remote(replace(view, key=f"{KEY[:-1]}0"), {})
    assert provider.find(near) is None
