"""What the engine is told of a trainer: progress once, the end by the last event, and deaths that are survived."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.tuning.providers.local.runners import TrainerRun, folders
from core.tuning.providers.local.runners.local import LocalRunner
from core.tuning.providers.local.runners.ray import RayRunner
from core.tuning.providers.local.training import watching
from core.tuning.providers.protocol import JobStatus, ProviderTrouble
from tests.tuning.runners.conftest import MakeWork, reaches, runner, until, work
from tests.tuning.runners.ray_head import RayHead

__all__ = ["runner", "work"]  # fixtures


class Watcher:
    """Polls as the engine does, and keeps what it was told."""

    def __init__(self, runner: Any, folder: Path) -> None:
        self.runner, self.folder = runner, folder
        self.remote: dict[str, Any] = {}
        self.polls: list[JobStatus] = []

    def poll(self) -> JobStatus:
        polled = watching.polled(self.folder, self.remote, self.runner)
        self.remote |= polled.remote
        self.polls.append(polled)
        return polled

    def until(self, *states: str) -> JobStatus:
        until(lambda: self.poll().state in states)
        return self.polls[-1]

    @property
    def notes(self) -> list[str]:
        return [note.message for polled in self.polls for note in polled.notes]

    @property
    def sources(self) -> list[str | None]:
        return [note.source for polled in self.polls for note in polled.notes]

    def points(self, name: str) -> list[tuple[int, float]]:
        return [(each.step, each.value) for polled in self.polls for each in polled.points if each.name == name]


Begin = Callable[..., Watcher]


@pytest.fixture
def begin(runner: LocalRunner, work: MakeWork) -> Begin:
    def begin(**values: Any) -> Watcher:
        job: TrainerRun = work(**values)
        runner.submit(job)
        return Watcher(runner, job.folder)

    return begin


def test_everything_is_told_once(begin: Begin) -> None:
    watcher = begin(steps=12, step_s=0.05)
    done = watcher.until("trained")
    assert watcher.points("loss") == [(step, 1 / step) for step in range(1, 13)]
    assert watcher.points("learning_rate") == [(step, 0.001) for step in range(1, 13)]
    assert watcher.notes == ["Begins.", "checkpoint-5", "checkpoint-10", "Trained in 12 steps."]
    assert len(set(watcher.sources)) == 4
    told = [each for each in watcher.polls if each.done_steps is not None]
    assert (told[-1].done_steps, told[-1].total_steps) == (12, 12)
    running = [each for each in watcher.polls if each.state == "running"]
    assert running[0].phase in ("starting", "preparing", "training")
    assert any(each.phase == "training" for each in running)
    assert any(each.seconds_left == 1.0 for each in running)
    assert done.seconds_left is None
    assert watcher.poll().notes == []  # it stays done, and has nothing new to say
    assert watcher.polls[-1].state == "trained"


def test_one_that_died_goes_on_from_its_checkpoint(begin: Begin) -> None:
    watcher = begin(steps=20, step_s=0.02, fault="dies once")
    watcher.until("trained")
    (warning,) = [each for each in watcher.notes if "ended without a word" in each]
    assert warning == "The trainer ended without a word; it goes on from checkpoint-10 (1 of 3)."
    assert "Goes on from checkpoint-10." in watcher.notes
    assert watcher.points("loss")[-1] == (20, 1 / 20)


def test_after_the_third_death_it_has_failed_with_what_it_printed(begin: Begin) -> None:
    watcher = begin(steps=20, step_s=0.01, fault="dies")
    failed = watcher.until("failed")
    assert failed.error_code == "died"
    assert failed.error.startswith("The trainer ended without a word, for the 4th time.")
    assert failed.error.endswith("the machine is on fire")
    assert "batch" in failed.advice
    assert len([each for each in watcher.notes if "of 3)" in each]) == 3
    # Who tries again has three deaths before him again.
    job = json.loads((watcher.folder / "job.json").read_text()) | {"fault": ""}
    (watcher.folder / "job.json").write_text(json.dumps(job))
    watcher.runner.resume(watcher.folder)
    begun = folders.begun(watcher.folder)
    assert begun is not None
    assert begun.deaths == 0
    watcher.until("trained")


def test_its_own_words_are_why_it_failed(begin: Begin) -> None:
    failed = begin(fault="error").until("failed")
    assert failed.error == "RuntimeError: out of memory"
    assert failed.error_code == "other"
    assert "trainer.log" in failed.advice


@pytest.mark.parametrize(("code", "advice"), [("no_memory", "smaller batch"), ("diverged", "smaller learning rate")])
def test_known_reasons_have_their_advice(runner: LocalRunner, work: MakeWork, code: str, advice: str) -> None:
    job = work()
    folders.note(job.folder, folders.begin(job.folder, job, 1.0), state="started")
    line = {"event": "failed", "code": code, "error": "It did not work."}
    (job.folder / "progress.jsonl").write_text(json.dumps(line) + "\n")
    failed = Watcher(runner, job.folder).poll()
    assert (failed.state, failed.error, failed.error_code) == ("failed", "It did not work.", code)
    assert advice in failed.advice


def test_a_stop_pauses_and_a_resume_goes_on(begin: Begin) -> None:
    watcher = begin(steps=60, step_s=0.03)
    until(reaches(watcher.runner, watcher.folder, 3))
    watcher.runner.stop(watcher.folder)
    paused = watcher.until("paused")
    assert paused.phase == "stopped"
    assert watcher.poll().state == "paused"
    watcher.runner.resume(watcher.folder)
    assert watcher.poll().state in ("queued", "running")
    watcher.until("trained")
    assert not [each for each in watcher.notes if "of 3)" in each]


def test_a_stop_that_nobody_here_asked_for_is_gone_on_from(begin: Begin) -> None:
    """As when the machine is shut down: the trainer saves, and nobody wanted it to end."""
    watcher = begin(steps=60, step_s=0.03)
    until(reaches(watcher.runner, watcher.folder, 3))
    (watcher.folder / "stop").touch()
    watcher.until("trained")
    assert any("was stopped from outside; it goes on from checkpoint-" in each for each in watcher.notes)


def test_a_cancel_ends_it(begin: Begin) -> None:
    watcher = begin(steps=600, step_s=0.03)
    until(reaches(watcher.runner, watcher.folder, 3))
    watcher.runner.cancel(watcher.folder)
    watcher.until("cancelled")
    assert watcher.poll().state == "cancelled"


def test_who_waits_for_the_device_says_so(begin: Begin) -> None:
    first, second = begin(name="a", steps=600, step_s=0.03), begin(name="b", steps=3)
    waiting = second.poll()
    assert (waiting.state, waiting.phase, waiting.poll_again_s) == ("queued", "waiting for the device", 1.0)
    first.runner.kill(first.folder)
    second.until("trained")


def test_a_finished_result_counts_even_without_its_event(runner: LocalRunner, work: MakeWork) -> None:
    """Killed between the two."""
    job = work()
    folders.note(job.folder, folders.begin(job.folder, job, 1.0), state="started")
    (job.folder / "result.json").write_text(json.dumps({"steps": 4, "tokens": 77}))
    trained = Watcher(runner, job.folder).poll()
    assert (trained.state, trained.tokens_trained) == ("trained", 77)


def test_a_value_that_is_no_number_is_no_point(runner: LocalRunner, work: MakeWork) -> None:
    job = work()
    folders.note(job.folder, folders.begin(job.folder, job, 1.0), state="started")
    lines = ['{"event": "log", "step": 1, "loss": NaN, "eval_loss": 0.5}', '{"event": "log", "step": 2, "loss": null}']
    (job.folder / "progress.jsonl").write_text("\n".join(lines) + "\n")
    polled = Watcher(runner, job.folder).poll()
    assert [(each.name, each.step, each.value) for each in polled.points] == [("val_loss", 1, 0.5)]


def test_a_folder_that_is_gone_is_a_failure(runner: LocalRunner, tmp_path: Path) -> None:
    failed = Watcher(runner, tmp_path / "nowhere").poll()
    assert (failed.state, failed.error_code) == ("failed", "folder_gone")


def test_a_python_that_is_gone_is_a_failure_that_says_what_to_do(begin: Begin) -> None:
    watcher = begin(steps=20, step_s=0.02, fault="dies once")
    begun = folders.begun(watcher.folder)
    assert begun is not None
    folders.note(watcher.folder, begun, python="/nowhere/python")
    failed = watcher.until("failed")
    assert failed.error_code == "no_trainer"
    assert "trainer install" in failed.advice
    watcher.runner.resume(watcher.folder, python=begun.python)
    watcher.until("trained")


def test_the_same_is_told_of_a_cluster(work: MakeWork, tmp_path: Path) -> None:
    head = RayHead(tmp_path / "head")
    try:
        ray = RayRunner(head.address, None)
        job = work(steps=20, step_s=0.03, fault="dies once")
        ray.submit(job)
        watcher = Watcher(ray, job.folder)
        watcher.until("trained")
        assert "The trainer ended without a word; it goes on from checkpoint-10 (1 of 3)." in watcher.notes
        assert list(head.jobs) == ["whetstone-keya-1", "whetstone-keya-2"]
        assert watcher.points("loss")[-1] == (20, 1 / 20)
    finally:
        head.close()
    with pytest.raises(ProviderTrouble):
        watcher.poll()
