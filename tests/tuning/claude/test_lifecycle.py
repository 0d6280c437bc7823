"""The life of a profile against Message Batches on loopback, through the real SDK."""

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.tuning.providers.claude import requests
from core.tuning.providers.claude.adapter import PROVIDER
from core.tuning.providers.protocol import NotSubmitted, ProviderTrouble
from tests.tuning.claude import course
from tests.tuning.claude.course import Course
from tests.tuning.claude.server import FakeAnthropic, serving

SIZES = {"sizes": "2, 5", "validation_rows": 40, "test_rows": 30}


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with serving(course.obedient) as service:
        yield service


@pytest.fixture
def stubborn() -> Iterator[FakeAnthropic]:
    with serving(course.stubborn) as service:
        yield service


def test_the_examples_that_help_are_found_and_hold_on_records_never_seen(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    made = job.through(fake)

    # Only a set with one example of each of the five intents answers everything.
    assert made.kind == "profile"
    assert made.profile is not None
    assert made.profile["chosen"].endswith("-5")
    assert {each["user"].rpartition("Intent: ")[2] for each in made.profile["examples"]} == set(course.CODES)
    assert made.parameters["validation"]["profile"]["exact"]["mean"] == 1
    assert made.parameters["validation"]["base"]["exact"]["mean"] == 0
    assert made.parameters["test"]["n"] == 30
    assert made.parameters["test"]["profile"]["exact"]["mean"] == 1
    assert made.parameters["test"]["profile"]["gain"]["low"] > 0.3
    assert "held-out test records: a score of 1.00 with the profile" in made.note
    assert (fake.made, fake.posts) == (2, 2)


def test_the_artefact_is_the_profile_itself_with_its_hash_and_where_it_came_from(
    fake: FakeAnthropic, tmp_path: Path
) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    made = job.through(fake)
    (artefact,) = made.artefacts
    data = Path(artefact["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == artefact["sha256"]
    document = json.loads(data)
    assert document == made.profile
    assert document["version"] == 1
    assert document["model"] == "anthropic:claude-haiku-5-5"
    assert document["system"] == course.SYSTEM
    assert document["dataset"]["root_hash"] == "ab" * 32
    assert document["candidates"][0]["name"] == "none"
    for each in document["examples"]:
        assert (each["user"], each["assistant"]) == course.record(each["position"])
    assert (made.call_name, made.serving) == ("anthropic:claude-haiku-5-5", "ready")


def test_the_same_seed_makes_the_same_profile_byte_by_byte(fake: FakeAnthropic, tmp_path: Path) -> None:
    hashes = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        (tmp_path / name).mkdir()
        made = Course(tmp_path / name, fake.base_url, {**SIZES, "seed": seed}).through(fake)
        hashes.append((made.artefacts[0]["sha256"], made.profile and made.profile["examples"]))
    assert hashes[0] == hashes[1]
    assert hashes[0][1] != hashes[2][1]


def test_where_examples_do_not_help_the_profile_is_the_bare_prompt_and_says_so(
    stubborn: FakeAnthropic, tmp_path: Path
) -> None:
    job = Course(tmp_path, stubborn.base_url, SIZES)
    made = job.through(stubborn)
    assert made.profile is not None
    assert made.profile["examples"] == []
    assert made.profile["chosen"] == "none"
    assert made.parameters["test"] is None
    assert made.note.startswith("Examples did not help")
    # Nothing is paid for a comparison of the bare model with itself.
    assert stubborn.made == 1


def test_without_a_test_split_the_profile_says_that_nothing_is_known_of_held_out_records(
    fake: FakeAnthropic, tmp_path: Path
) -> None:
    made = Course(tmp_path, fake.base_url, SIZES, test=[]).through(fake)
    assert made.parameters["test"] is None
    assert "Nothing is known of held-out records" in made.note
    assert fake.made == 1


def test_the_cost_is_half_the_list_price_of_what_was_counted(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    made = job.through(fake)
    counted = [fake._message(each["params"])["usage"] for part in fake.requests.values() for each in part]
    tokens_in = sum(each["input_tokens"] for each in counted)
    tokens_out = sum(each["output_tokens"] for each in counted)
    expected = (tokens_in * Decimal("0.10") + tokens_out * Decimal("0.50")) / 1_000_000 / 2
    assert made.cost_usd == expected
    estimate = PROVIDER.check(job.job.spec, job.job.data, job.job.settings, live=False).estimate
    assert estimate.cost_high is not None
    assert made.cost_usd <= estimate.cost_high


def test_a_batch_in_progress_shows_how_far_it_is(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    job.upload()
    job.submit()
    polled = job.poll()
    assert (polled.state, polled.provider_status, polled.done_steps) == ("running", "in_progress", 0)
    assert (
        polled.total_steps == job.job.remote["stage0"]["requests"] == 40 * len(job.job.remote["stage0"]["candidates"])
    )
    fake.batches[job.job.remote_id]["processing_status"] = "resting"  # type: ignore[index]
    polled = job.poll()
    assert (polled.state, polled.provider_status) == ("unknown", "resting")


def test_reading_an_ended_batch_twice_gives_the_same(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    job.upload()
    job.submit()
    fake.end()
    first, second = PROVIDER.poll(job.job), PROVIDER.poll(job.job)
    assert first == second
    assert first.state == "again"
    sources = [each.source for each in first.notes]
    assert all(sources)
    assert len(set(sources)) == len(sources)


def test_results_that_break_off_are_read_again_and_not_judged(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    job.upload()
    job.submit()
    fake.end()
    fake.cut_results = True
    with pytest.raises(ProviderTrouble, match="read again"):
        PROVIDER.poll(job.job)
    fake.cut_results = False
    assert job.poll().state == "again"


def test_rows_without_an_answer_are_counted_and_not_asked_again(fake: FakeAnthropic, tmp_path: Path) -> None:
    fake.fates = lambda custom_id: {"r3": "errored", "r4": "expired"}.get(custom_id.rpartition("-")[2], "succeeded")
    job = Course(tmp_path, fake.base_url, SIZES)
    made = job.through(fake)
    assert made.parameters["validation"]["n"] == 38
    warnings = [each.message for each in job.notes if each.kind == "warning"]
    assert any("prompt is odd" in each and "not asked again" in each for each in warnings)
    assert fake.posts == 2


@pytest.mark.parametrize(("fate", "state"), [("errored", "failed"), ("expired", "expired")])
def test_too_few_answers_end_the_job_with_the_providers_words(
    fake: FakeAnthropic, tmp_path: Path, fate: str, state: str
) -> None:
    fake.fates = lambda custom_id: "succeeded" if custom_id.endswith("0") else fate
    job = Course(tmp_path, fake.base_url, SIZES)
    job.upload()
    job.submit()
    fake.end()
    polled = job.poll()
    assert polled.state == state
    assert polled.error_code == "too_few_answers"
    assert "at least 8 are needed" in polled.error
    assert ("prompt is odd" in polled.error) == (fate == "errored")
    assert polled.advice
    assert Decimal(job.job.remote["cost_usd"]) > 0


def test_a_test_split_that_is_not_answered_leaves_the_profile_and_says_so(fake: FakeAnthropic, tmp_path: Path) -> None:
    fake.fates = lambda custom_id: "errored" if "-s1-" in custom_id else "succeeded"
    made = Course(tmp_path, fake.base_url, SIZES).through(fake)
    assert made.profile is not None
    assert made.profile["chosen"].endswith("-5")
    assert made.parameters["test"] is None
    assert "Nothing is known of held-out records" in made.note


def test_cancelling_says_what_is_charged_and_ends_as_cancelled(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES)
    job.upload()
    job.submit()
    assert "charged" in PROVIDER.cancel(job.job)
    assert job.poll().state == "cancelling"
    fake.end()
    polled = job.poll()
    assert polled.state == "cancelled"
    assert Decimal(job.job.remote["cost_usd"]) > 0
    assert fake.made == 1


def test_a_long_prefix_is_marked_to_be_kept_and_a_short_one_is_not(fake: FakeAnthropic, tmp_path: Path) -> None:
    long = [course.line(question, f"{answer} {'word ' * 600}") for question, answer in map(course.record, range(60))]
    job = Course(tmp_path, fake.base_url, SIZES, train=long)
    job.upload()
    job.submit()
    marked = {
        int(each["custom_id"].partition("-c")[2].partition("-")[0]): json.dumps(each["params"]).count("cache_control")
        for each in fake.requests["msgbatch_0001"]
    }
    assert marked[0] == 0
    assert all(marked[index] == 1 for index in marked if index)


def test_earlier_turns_of_a_record_are_asked_too_and_such_a_record_is_no_example(
    fake: FakeAnthropic, tmp_path: Path
) -> None:
    def with_turns(number: int) -> str:
        question, answer = course.record(number)
        before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
        told = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return json.dumps({"messages": [*before, *told]})

    job = Course(
        tmp_path,
        fake.base_url,
        SIZES,
        train=[*map(with_turns, range(20)), *course.cases(20, 20)],
        validation=[*map(with_turns, range(1000, 1010))],
    )
    job.upload()
    shown = {position for each in job.job.remote["stage0"]["candidates"] for position in each["positions"]}
    assert shown
    assert min(shown) >= 20
    job.submit()
    assert fake.requests["msgbatch_0001"][0]["params"]["messages"][0]["content"] == "Hello"


def test_records_that_cannot_be_shown_stop_the_job_before_anything_is_paid(fake: FakeAnthropic, tmp_path: Path) -> None:
    job = Course(tmp_path, fake.base_url, SIZES, train=[course.line("question", " ")] * 20)
    with pytest.raises(NotSubmitted, match="can be shown as examples"):
        job.upload()
    assert fake.asked == []


def test_ids_of_requests_are_known_again_and_those_of_others_are_not() -> None:
    key, other = "0" * 32, "1" * 32
    name = requests.custom_id(key, 1, 18, 499_999)
    assert len(name) <= 64
    assert requests.place(name, key, 1) == (18, 499_999)
    assert requests.place(name, key, 0) is None
    assert requests.place(name, other, 1) is None
    assert requests.place("anything", key, 1) is None
