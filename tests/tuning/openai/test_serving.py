"""What becomes of a model: one word of it, what it cost, until when it answers, and its end."""

import datetime as dt
import time
from decimal import Decimal

import pytest

from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.protocol import JobView, NotSubmitted, ProviderTrouble
from tests.tuning.loopback import Answer
from tests.tuning.openai.conftest import SPEC
from tests.tuning.openai.service import Service, refused
from tests.tuning.views import Jobs, model_of, quiet


@pytest.fixture
def job(provider: OpenAI, jobs: Jobs, service: Service) -> JobView:
    view = jobs.submitted(provider, SPEC)
    assert view.remote_id is not None
    service.succeed(view.remote_id, result_files=["file-results"])
    service.reach(view.remote_id, 10, train_loss=0.5)
    return view


@pytest.fixture
def at_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers on loopback counts as OpenAI itself."""
    for module in ("access", "checks", "adapter"):
        monkeypatch.setattr(f"core.tuning.providers.openai.{module}.is_openai", lambda _: True)


def test_a_model_comes_with_all_that_is_known_of_it(
    provider: OpenAI, job: JobView, service: Service, at_openai: None
) -> None:
    told: list[str] = []
    made = provider.finish(job, lambda words, _: told.append(words))
    assert made.call_name == "openai:ft:gpt-4.1-mini-2025-04-14:acme:plans:1"
    assert (made.cost_usd, made.tokens_trained) == (Decimal("0.75"), 150_000)  # at 5 US dollars a million
    assert made.shutdown_date == dt.date(2027, 1, 14)
    assert [each["step"] for each in made.checkpoints] == [10]
    assert {each["kind"] for each in made.artefacts} == {"model", "job", "file", "results"}
    assert {each["sha256"] for each in made.artefacts if each["kind"] == "file"} == {
        path.stem for path in (job.files("openai").train, job.files("openai").validation) if path
    }
    assert made.parameters["n_epochs"] == 3
    assert made.parameters["seed"] == 7
    assert any("costs" in words for words in told)
    (asked,) = service.server.asked("POST", "/v1/chat/completions")
    assert asked.json["max_completion_tokens"] == 16


def test_the_providers_own_day_of_shutdown_goes_before_the_catalogues(
    provider: OpenAI, job: JobView, service: Service, at_openai: None
) -> None:
    service.base("ft:gpt-4.1-mini-2025-04-14:acme:plans:1", shutdown="2026-12-31")
    assert provider.finish(job, quiet).shutdown_date == dt.date(2026, 12, 31)


def test_a_model_that_cannot_be_asked_is_kept_with_the_reason(provider: OpenAI, job: JobView, service: Service) -> None:
    service.server.on("POST", "/v1/chat/completions", lambda _: refused(403, "Not for you."))
    made = provider.finish(job, quiet)
    assert made.serving == "failed"
    assert "Not for you" in made.note


def test_a_model_that_has_just_been_made_is_waited_for(provider: OpenAI, job: JobView, service: Service) -> None:
    assert job.remote_id is not None
    service.jobs[job.remote_id] |= {"finished_at": int(time.time())}
    service.server.on("POST", "/v1/chat/completions", lambda _: refused(404, "No such model.", "model_not_found"))
    with pytest.raises(ProviderTrouble, match="does not answer yet"):
        provider.finish(job, quiet)
    service.jobs[job.remote_id] |= {"finished_at": int(time.time()) - 3_600}
    assert provider.finish(job, quiet).serving == "failed"


def test_one_word_that_was_cut_is_an_answer(provider: OpenAI, job: JobView, service: Service) -> None:
    message = {"role": "assistant", "content": "rea", "refusal": None}
    body = {
        "id": "1", "object": "chat.completion", "created": 1, "model": "x", "usage": None,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}],
    }  # fmt: skip
    service.server.on("POST", "/v1/chat/completions", lambda _: Answer(200, body))
    assert provider.finish(job, quiet).serving == "ready"


def test_a_model_is_served_as_long_as_it_is_there(jobs: Jobs, service: Service) -> None:
    provider = OpenAI(today=lambda: dt.date(2026, 11, 24))
    model = model_of("openai:ft:mine", jobs.settings, jobs.folder)
    with pytest.raises(NotSubmitted, match="no model ft:mine"):
        provider.serve(model)
    assert provider.serving(model).state == "deleted"
    service.base("ft:mine", shutdown="2026-11-25")
    assert provider.serve(model).call_name == "openai:ft:mine"
    service.base("ft:mine", shutdown="2026-11-24")
    with pytest.raises(NotSubmitted, match="shut down on 2026-11-24"):
        provider.serve(model)


def test_the_end_of_a_model_is_its_deletion_and_can_be_asked_twice(
    provider: OpenAI, jobs: Jobs, service: Service
) -> None:
    service.base("ft:mine")
    model = model_of("openai:ft:mine", jobs.settings, jobs.folder)
    assert provider.unserve(model).state == "deleted"
    assert "ft:mine" not in service.models
    assert provider.unserve(model).state == "deleted"
    service.server.on("DELETE", ".*", lambda *_: refused(403, "You are no owner."))
    with pytest.raises(ProviderTrouble, match="no owner"):
        provider.unserve(model)
