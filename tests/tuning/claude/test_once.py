"""A batch is begun at most once, whatever becomes of the reply; the service counts."""

import datetime as dt
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.tuning.providers.claude.adapter import PROVIDER
from core.tuning.providers.protocol import NotSubmitted, ProviderTrouble, SubmitUnknown
from tests.tuning.claude import course
from tests.tuning.claude.course import Course
from tests.tuning.claude.server import FakeAnthropic, serving

SIZES = {"sizes": "2, 5", "validation_rows": 10, "test_rows": 10}


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with serving(course.obedient) as service:
        yield service


@pytest.fixture
def job(fake: FakeAnthropic, tmp_path: Path) -> Course:
    """A job that is about to be sent."""
    job = Course(tmp_path, fake.base_url, SIZES)
    job.upload()
    return job


def decoy(fake: FakeAnthropic, job: Course, *, older: bool = False) -> str:
    """A batch of somebody else, of the same size and time."""
    size = job.job.remote["stage0"]["requests"]
    fake.now -= dt.timedelta(hours=30 if older else 0)
    asked = [
        {
            "custom_id": f"nightly-{index}",
            "params": {"messages": [{"role": "user", "content": "x"}], "model": "claude-haiku-5-5", "max_tokens": 1},
        }
        for index in range(size)
    ]
    made = fake.create(asked)
    fake.now += dt.timedelta(hours=30 if older else 0)
    return made["id"]


@pytest.mark.parametrize("loss", ["drop", "fail", "garbage"])
def test_a_lost_reply_is_one_batch_that_is_found_again(fake: FakeAnthropic, job: Course, loss: str) -> None:
    fake.next = [loss]
    with pytest.raises(SubmitUnknown, match="may charge"):
        job.submit()
    assert (fake.posts, fake.made) == (1, 1)
    ours = next(iter(fake.batches))
    decoy(fake, job)
    decoy(fake, job, older=True)
    fake.end()
    found = PROVIDER.find(job.job)
    assert found is not None
    assert found.remote_id == ours
    job.take(found)
    assert job.poll().state == "again"
    assert fake.posts == 1


def test_a_batch_that_still_runs_is_named_and_not_adopted_before_its_ids_prove_it(
    fake: FakeAnthropic, job: Course
) -> None:
    fake.next = ["drop"]
    with pytest.raises(SubmitUnknown):
        job.submit()
    other = decoy(fake, job)
    with pytest.raises(ProviderTrouble, match="Whether one is this job's shows when it has ended") as trouble:
        PROVIDER.find(job.job)
    assert other in str(trouble.value)
    assert "msgbatch_0001" in str(trouble.value)
    assert trouble.value.retry_after_s
    fake.end()
    found = PROVIDER.find(job.job)
    assert found is not None
    assert found.remote_id == "msgbatch_0001"


@pytest.mark.parametrize("status", [500, 503, 529, 408, 409])
def test_an_error_of_the_service_is_not_known_to_be_a_refusal(fake: FakeAnthropic, job: Course, status: int) -> None:
    fake.next = [status]
    with pytest.raises(SubmitUnknown):
        job.submit()
    assert (fake.posts, fake.made) == (1, 0)
    # Not finding it proves nothing, so nothing is said to be certain.
    assert PROVIDER.find(job.job) is None
    assert fake.posts == 1


@pytest.mark.parametrize(
    ("status", "code", "blocked", "passing"),
    [
        (400, "bad_request", False, False),
        (401, "key_refused", False, False),
        (402, "no_credit", False, False),
        (403, "not_allowed", True, False),
        (404, "no_model", False, False),
        (413, "bad_request", False, False),
        (422, "bad_request", False, False),
        (429, "rate_limited", False, True),
    ],
)
def test_a_refusal_is_certain(
    fake: FakeAnthropic, job: Course, status: int, code: str, blocked: bool, passing: bool
) -> None:
    fake.next = [status]
    with pytest.raises(NotSubmitted) as refusal:
        job.submit()
    assert (refusal.value.code, refusal.value.blocked, refusal.value.passing) == (code, blocked, passing)
    assert (fake.posts, fake.made) == (1, 0)


def test_a_connection_that_was_refused_sent_nothing(job: Course) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        job.job = course.replace(job.job, settings=course.settings_at(f"http://127.0.0.1:{free.getsockname()[1]}"))
        with pytest.raises(NotSubmitted, match="cannot be reached") as refusal:
            job.submit()
    assert refusal.value.passing


def test_without_a_key_nothing_is_sent(fake: FakeAnthropic, job: Course) -> None:
    job.job = course.replace(job.job, settings=course.settings_at(fake.base_url, key=None))
    with pytest.raises(NotSubmitted, match="ANTHROPIC_API_KEY"):
        job.submit()
    with pytest.raises(ProviderTrouble, match="ANTHROPIC_API_KEY"):
        PROVIDER.poll(job.job)
    assert fake.asked == []


def test_the_second_batch_is_found_by_its_own_ids_and_never_taken_for_the_first(
    fake: FakeAnthropic, job: Course
) -> None:
    job.submit()
    fake.end()
    assert job.poll().state == "again"
    job.upload()
    job.job = course.replace(job.job, submitted_at=dt.datetime.now(dt.UTC))
    assert PROVIDER.find(job.job) is None
    fake.next = ["drop"]
    with pytest.raises(SubmitUnknown):
        job.submit()
    fake.end()
    found = PROVIDER.find(job.job)
    assert found is not None
    assert found.remote_id == "msgbatch_0002"
    assert fake.posts == 2


def test_it_is_found_on_a_later_page_of_the_list(fake: FakeAnthropic, job: Course) -> None:
    fake.next = ["drop"]
    with pytest.raises(SubmitUnknown):
        job.submit()
    fake.page = 2
    for _ in range(5):
        decoy(fake, job)
    fake.end()
    found = PROVIDER.find(job.job)
    assert found is not None
    assert found.remote_id == "msgbatch_0001"


@pytest.mark.parametrize("status", [429, 500, 404, 401])
def test_trouble_while_asking_leaves_the_job_as_it_is(fake: FakeAnthropic, job: Course, status: int) -> None:
    job.submit()
    for ask in (PROVIDER.poll, PROVIDER.find, PROVIDER.cancel):
        fake.trouble = [status]
        with pytest.raises(ProviderTrouble):
            ask(job.job)
    assert fake.posts == 1
    assert job.poll().state == "running"


def test_the_same_requests_are_built_every_time(fake: FakeAnthropic, job: Course, tmp_path: Path) -> None:
    job.submit()
    job.submit()
    assert fake.requests["msgbatch_0001"] == fake.requests["msgbatch_0002"]
    (tmp_path / "elsewhere").mkdir()
    other = Course(tmp_path / "elsewhere", fake.base_url, SIZES)
    other.upload()
    assert other.job.remote == {"stage0": job.job.remote["stage0"]}
