"""The Ray runner over HTTP: found again, never doubled, stopped with a checkpoint, and plain words for what is wrong.

With WHETSTONE_TEST_RAY set to the address of a real cluster on this machine (and RAY_AUTH_TOKEN to its token), the same
story is told there, too.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.tuning.providers.local.runners import folders
from core.tuning.providers.local.runners.ray import RayRunner, is_address, is_loopback
from core.tuning.providers.protocol import NotSubmitted, ProviderTrouble, SubmitUnknown
from tests.tuning.runners.conftest import MakeWork, ends, names, reaches, until
from tests.tuning.runners.ray_head import RayHead

REAL = os.environ.get("WHETSTONE_TEST_RAY", "")


@pytest.fixture
def head(tmp_path: Path) -> Iterator[RayHead]:
    head = RayHead(tmp_path / "head", token="t0ken")
    yield head
    head.close()


@pytest.fixture
def ray(head: RayHead) -> RayRunner:
    return RayRunner(head.address, SecretStr("t0ken"))


@pytest.fixture(params=["stand-in", "real"])
def any_ray(request: pytest.FixtureRequest) -> RayRunner:
    """The stand-in, and a real cluster where there is one."""
    if request.param == "stand-in":
        return request.getfixturevalue("ray")
    if not REAL:
        pytest.skip("WHETSTONE_TEST_RAY names no real Ray cluster")
    token = os.environ.get("RAY_AUTH_TOKEN")
    return RayRunner(REAL, SecretStr(token) if token else None)


def submissions(head: RayHead) -> list[str]:
    return [body["submission_id"] for method, path, body in head.requests if (method, path) == ("POST", "/api/jobs/")]


def test_a_job_is_stopped_resumed_and_done(any_ray: RayRunner, work: MakeWork, tmp_path: Path) -> None:
    key = f"key{tmp_path.name}{os.getpid()}"  # a real cluster remembers the ids of former runs
    job = replace(work(steps=400, step_s=0.03), key=key)
    assert any_ray.version()
    assert any_ray.find(job.folder, key) is None
    first = any_ray.submit(job)
    assert any_ray.submit(job) == first
    assert any_ray.find(job.folder, key) == first
    until(reaches(any_ray, job.folder, 5))
    assert any_ray.status(job.folder).state == "running"
    any_ray.stop(job.folder)
    until(ends(any_ray, job.folder))
    assert names(job.folder)[-2:] == ["checkpoint", "stopped"]
    assert names(job.folder).count("start") == 1
    left = folders.checkpoints(job.folder)[-1].name
    (job.folder / "job.json").write_text('{"steps": 14, "step_s": 0.01, "save_steps": 5}')
    second = any_ray.resume(job.folder)
    assert second != first
    until(ends(any_ray, job.folder))
    begun = folders.begun(job.folder)
    assert begun is not None
    assert folders.events(job.folder, begun.offset)[0][0].values["resume_from"] == left
    assert any_ray.artifacts(job.folder) is not None
    assert "began at" in any_ray.log_tail(job.folder)
    assert any_ray.status(job.folder).said.startswith("SUCCEEDED")


def test_a_cancel_ends_even_who_does_not_listen(any_ray: RayRunner, work: MakeWork, tmp_path: Path) -> None:
    job = replace(work(steps=4000, step_s=0.03, fault="deaf"), key=f"key{tmp_path.name}{os.getpid()}")
    any_ray.submit(job)
    until(reaches(any_ray, job.folder, 2))
    any_ray.cancel(job.folder)
    until(ends(any_ray, job.folder))
    assert any_ray.status(job.folder).said.startswith("STOPPED")


def test_a_lost_answer_is_found_and_not_doubled(ray: RayRunner, head: RayHead, work: MakeWork) -> None:
    head.drops = 1
    job = work(steps=30)
    with pytest.raises(SubmitUnknown, match="did not answer"):
        ray.submit(job)
    found = ray.find(job.folder, job.key)
    assert found == "whetstone-keya-1"
    assert ray.submit(job) == found
    until(ends(ray, job.folder))
    assert submissions(head) == [found]
    assert names(job.folder).count("start") == 1


def test_the_same_submission_again_is_refused_by_its_id(ray: RayRunner, head: RayHead, work: MakeWork) -> None:
    """The answer is lost and nobody looks: `advance` sends the same id again, which Ray takes only once."""
    head.drops = 1
    job = work(steps=3)
    with pytest.raises(SubmitUnknown):
        ray.submit(job)
    assert ray.status(job.folder).state == "waiting"
    ray.advance(job.folder)
    until(ends(ray, job.folder))
    assert submissions(head) == ["whetstone-keya-1"] * 2
    assert list(head.jobs) == ["whetstone-keya-1"]
    assert names(job.folder).count("start") == 1


def test_a_head_that_fails_leaves_it_unknown(ray: RayRunner, head: RayHead, work: MakeWork) -> None:
    head.breaks = 1
    job = work(steps=3)
    with pytest.raises(SubmitUnknown, match="no agent"):
        ray.submit(job)
    assert ray.find(job.folder, job.key) is None  # it was asked, and has no such job


def test_a_cluster_that_is_not_there_takes_nothing(work: MakeWork) -> None:
    ray = RayRunner("http://127.0.0.1:9", None)
    job = work()
    with pytest.raises(NotSubmitted, match="cannot be reached") as refused:
        ray.submit(job)
    assert (refused.value.passing, refused.value.code) == (True, "not_reachable")
    with pytest.raises(ProviderTrouble, match="does not answer"):
        ray.find(job.folder, job.key)
    with pytest.raises(ProviderTrouble, match="does not answer"):
        ray.version()
    with pytest.raises(ProviderTrouble, match="cannot be reached"):
        ray.advance(job.folder)


@pytest.mark.parametrize(("token", "code"), [(None, "key_missing"), ("wrong", "key_refused")])
def test_the_token_is_asked_for(head: RayHead, work: MakeWork, token: str | None, code: str) -> None:
    ray = RayRunner(head.address, SecretStr(token) if token else None)
    with pytest.raises(NotSubmitted, match="token") as refused:
        ray.version()
    assert refused.value.code == code
    with pytest.raises(NotSubmitted) as refused:
        ray.submit(work())
    assert refused.value.code == code
    assert head.jobs == {}
    assert "wrong" not in str(refused.value) + refused.value.advice


def test_a_cluster_that_was_started_anew_has_ended_the_job(ray: RayRunner, head: RayHead, work: MakeWork) -> None:
    job = work(steps=4000, step_s=0.03)
    ray.submit(job)
    until(reaches(ray, job.folder, 6))
    lost = head.jobs.pop("whetstone-keya-1")
    lost.process.kill()
    lost.process.wait()
    assert ray.status(job.folder).state == "ended"
    (job.folder / "job.json").write_text('{"steps": 9, "step_s": 0.01, "save_steps": 5}')
    assert ray.resume(job.folder, died=True) == "whetstone-keya-2"
    until(ends(ray, job.folder))
    begun = folders.begun(job.folder)
    assert begun is not None
    assert (begun.deaths, names(job.folder)[-1]) == (1, "done")


def test_what_is_asked_of_the_cluster(ray: RayRunner, head: RayHead, work: MakeWork) -> None:
    job = replace(work("with space", steps=1), key="k", cpus=3, environment={"HF_HUB_OFFLINE": "1"})
    ray.submit(job)
    until(ends(ray, job.folder))
    (body,) = [body for _, path, body in head.requests if path == "/api/jobs/"]
    assert body["entrypoint"].startswith("exec ")
    assert body["entrypoint"].endswith(f"'{job.folder}'")
    assert body["entrypoint_num_cpus"] == 3
    assert "entrypoint_num_gpus" not in body
    assert body["runtime_env"] == {"env_vars": {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}}
    assert body["metadata"] == {"whetstone_job": job.key}
    assert names(job.folder)[-1] == "done"


def test_another_server_is_not_taken_for_ray(work: MakeWork, tmp_path: Path) -> None:
    head = RayHead(tmp_path / "other")
    try:
        with pytest.raises(ProviderTrouble, match="not the dashboard of a Ray cluster"):
            RayRunner(f"{head.address}/elsewhere", None).version()
    finally:
        head.close()


@pytest.mark.parametrize(
    ("address", "usable", "here"),
    [
        ("http://127.0.0.1:8265", True, True),
        ("https://ray.example", True, False),
        ("http://[::1]:8265", True, True),
        ("auto", False, False),
        ("10.0.0.5:6379", False, False),
        ("ray://10.0.0.5:10001", False, False),
        ("http://", False, False),
        ("http://h:99999", False, False),
    ],
)
def test_addresses(address: str, usable: bool, here: bool) -> None:
    assert is_address(address) is usable
    assert is_loopback(address) is here
