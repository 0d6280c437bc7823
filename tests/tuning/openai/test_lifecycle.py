"""A job from its files to an answer of its model: through the real SDK to aimock, every request held against OpenAI's
own description; and what happens when the answer to the one request that is paid for is lost."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.llm import Model, complete
from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.protocol import Spec, SubmitUnknown
from tests.tuning.loopback import Proxy
from tests.tuning.openai import description
from tests.tuning.openai.conftest import BASE, SECRET, SPEC, leading_to
from tests.tuning.views import Jobs, adopted, looked_at, model_of, quiet, with_remote

CREATE = "/v1/fine_tuning/jobs"
#: A job's key that no other test gives to the service, which all tests share.
ALONE = "a10e" * 8


@pytest.fixture
def proxy(aimock_url: str) -> Iterator[Proxy]:
    """Stands before aimock and keeps every request."""
    server = Proxy(aimock_url)
    with server.serving():
        yield server


@pytest.fixture
def jobs(proxy: Proxy, tmp_path: Path) -> Jobs:
    return leading_to(proxy.url, tmp_path)


def at(url: str) -> list[dict]:
    """All jobs there are, asked past the proxy."""
    with urllib.request.urlopen(f"{url}{CREATE}?limit=100") as answer:
        return json.load(answer)["data"]


def marked(url: str, key: str) -> list[dict]:
    return [each for each in at(url) if (each.get("metadata") or {}).get("whetstone_job") == key]


def driven(provider: OpenAI, jobs: Jobs, spec: Spec, key: str) -> list[str]:
    """The whole life of a job, and its states on the way."""
    view = jobs.submitted(provider, spec, key=key)
    states = []
    while not states or states[-1] != "trained":
        view, polled = looked_at(provider, view)
        states.append(str(polled.state))
        assert len(states) < 10
    made = provider.finish(view, quiet)
    assert made.call_name.startswith(f"openai:ft:{BASE}:")
    assert (made.kind, made.serving, made.note) == ("tuned", "ready", "")
    answer = complete(Model.parse(made.call_name), system="", prompt="Say ready.", settings=jobs.settings)
    assert answer.text == "ready"
    return states


def test_a_job_lives_from_its_files_to_an_answer(provider: OpenAI, jobs: Jobs, proxy: Proxy) -> None:
    assert driven(provider, jobs, SPEC, "a" * 32) == ["queued", "running", "trained"]
    (created,) = proxy.asked("POST", CREATE)
    training, validation = proxy.asked("POST", "/v1/files")
    assert created.json == {
        "model": BASE,
        "training_file": created.json["training_file"],
        "validation_file": created.json["validation_file"],
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": 0.5}},
        },
        "seed": 7,
        "suffix": "plans-aaaaaaaa",
        "metadata": {"whetstone_job": "a" * 32},
    }
    files = jobs.files("openai")
    assert files.validation is not None
    assert description.parts(training) == {"file": files.train.read_text(), "purpose": "fine-tune"}
    assert description.parts(validation) == {"file": files.validation.read_text(), "purpose": "fine-tune"}
    assert files.train.name in training.body.decode()


def test_openais_description_takes_every_request_of_every_method(provider: OpenAI, jobs: Jobs, proxy: Proxy) -> None:
    provider.check(SPEC, jobs.view(SPEC).data, jobs.settings, live=True)
    driven(provider, jobs, SPEC, "b" * 32)
    preferring = replace(
        SPEC, method="dpo", settings={"beta": 0.2, "n_epochs": "auto", "use_validation": False}, name=""
    )
    driven(provider, jobs, preferring, "c" * 32)
    view = jobs.submitted(provider, SPEC, key="d" * 32)
    assert "may be charged" in provider.cancel(view)
    assert looked_at(provider, view)[1].state == "cancelled"
    assert adopted(view, provider.find(view)).remote_id == view.remote_id
    provider.unserve(model_of("openai:ft:none", jobs.settings, jobs.folder))
    asked = {f"{each.method} {each.path.rpartition('/')[0] or each.path}" for each in proxy.seen}
    assert len(asked) > 6
    assert [fault for each in proxy.seen for fault in description.refusals(each)] == []


def test_the_description_would_have_told(proxy: Proxy, jobs: Jobs) -> None:
    """That no request is refused says something only if wrong ones are."""
    good = {"model": BASE, "training_file": "file-1", "suffix": "x", "metadata": {"a": "b"}}
    body = description.named("CreateFineTuningJobRequest")
    assert description.faults(body, good) == []
    epochs = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 500}}}
    for wrong in (
        {"suffix": "x" * 65},
        {"seed": -1},
        {"method": epochs},
        {"method": {"type": "other"}},
        {"colour": "red"},
        {"metadata": {"a": 1}},
        {"training_file": None},
    ):
        assert description.faults(body, {**good, **wrong}) != [], wrong


def test_a_lost_answer_makes_one_job_that_is_found_again(
    provider: OpenAI, jobs: Jobs, proxy: Proxy, aimock_url: str
) -> None:
    others = [jobs.submitted(provider, SPEC, key=f"{number:032x}") for number in range(3)]
    view = jobs.uploaded(provider, SPEC, key=ALONE)
    before = len(at(aimock_url))
    proxy.lose = lambda seen: seen.method == "POST" and seen.path == CREATE
    with pytest.raises(SubmitUnknown, match="no answer came"):
        provider.submit(view)
    proxy.lose = lambda _: False
    assert len(at(aimock_url)) == before + 1  # with the SDK's own retries there would be three
    (made,) = marked(aimock_url, ALONE)
    # aimock takes no notice of the filter, so that the job is told from the others only here.
    view = adopted(view, provider.find(view))
    assert view.remote_id == made["id"]
    assert view.remote_id not in [each.remote_id for each in others]
    assert looked_at(provider, view)[1].state in ("queued", "running")
    assert len(marked(aimock_url, ALONE)) == 1


def test_what_was_never_submitted_is_not_found(provider: OpenAI, jobs: Jobs) -> None:
    jobs.submitted(provider, SPEC, key="e" * 32)
    assert provider.find(jobs.view(SPEC, key="f" * 32)) is None


def test_files_that_are_there_are_not_sent_again(provider: OpenAI, jobs: Jobs, proxy: Proxy) -> None:
    view = jobs.uploaded(provider, SPEC)
    again = with_remote(view, provider.upload(view, quiet))
    assert again.remote == view.remote
    assert len(proxy.asked("POST", "/v1/files")) == 2
    lost = replace(view, remote={"files": dict.fromkeys(view.remote["files"], "file-gone")})
    assert provider.upload(lost, quiet)["training_file"] != "file-gone"


def test_the_key_goes_only_where_it_belongs_and_into_no_body(provider: OpenAI, jobs: Jobs, proxy: Proxy) -> None:
    jobs.submitted(provider, SPEC)
    assert {each.headers["authorization"] for each in proxy.seen} == {f"Bearer {SECRET}"}
    assert all(SECRET.encode() not in each.body and SECRET not in each.path for each in proxy.seen)


def test_a_model_of_an_unknown_base_has_no_cost(provider: OpenAI, jobs: Jobs) -> None:
    unknown = replace(SPEC, base_model="llama-9")
    view = jobs.submitted(provider, unknown)
    for _ in range(3):
        view, polled = looked_at(provider, view)
    assert polled.tokens_trained is not None
    assert provider.finish(view, quiet).cost_usd is None
    assert provider.check(unknown, view.data, jobs.settings, live=False).estimate.cost_high is None
