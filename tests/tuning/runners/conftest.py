"""Folders with a job for the stand-in trainer, and ways to wait for what it does."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.tuning.providers.local.runners import Runner, TrainerRun, folders
from core.tuning.providers.local.runners.local import LocalRunner

PROGRAM = Path(__file__).with_name("trainer.py")
MakeWork = Callable[..., TrainerRun]


@pytest.fixture
def work(tmp_path: Path) -> MakeWork:
    """Make the folder of a job."""

    def work(
        name: str = "a",
        *,
        steps: int = 4,
        step_s: float = 0.01,
        fault: str = "",
        save_steps: int = 5,
        processes: int = 1,
    ) -> TrainerRun:
        folder = tmp_path / name
        folder.mkdir()
        job = {"steps": steps, "step_s": step_s, "fault": fault, "save_steps": save_steps}
        (folder / "job.json").write_text(json.dumps(job))
        return TrainerRun(folder, f"key{name}", sys.executable, PROGRAM, processes)

    return work


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    """A runner whose trainers do not outlive the test."""
    runner = LocalRunner(tmp_path / "device")
    yield runner
    for begun in tmp_path.glob("*/begun.json"):
        runner.kill(begun.parent)


def until(true: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for it."""
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.02)


def reaches(runner: Runner, folder: Path, step: int) -> Callable[[], bool]:
    """Whether the trainer has done so many steps."""
    return lambda: any(each.values.get("step", 0) >= step for each in runner.events(folder, 0)[0])


def ends(runner: Runner, folder: Path) -> Callable[[], bool]:
    """Whether the trainer has ended, while what is due is done."""

    def ended() -> bool:
        runner.advance(folder)
        return runner.status(folder).state == "ended"

    return ended


def names(folder: Path) -> list[str]:
    """The names of the events."""
    return [each.name for each in folders.events(folder, 0)[0]]
