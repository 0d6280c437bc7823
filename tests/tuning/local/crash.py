"""The local provider under crashes: its trainer is a stand-in that learns nothing, and tells of every beginning."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.tuning.providers.local import places
from core.tuning.providers.local.adapter import LocalProvider
from core.tuning.providers.local.training import environment, programs
from core.tuning.providers.protocol import JobStatus, JobView, Provider, Spec, Submitted, SubmitUnknown
from tests.tuning.crash_cases import Case

_PROBE = """
import json
print(json.dumps({"rows": 16, "tokens": 160, "assistant_tokens": 16, "tokens_an_epoch": 160, "tokens_per_s": 100,
                  "steps": 6, "seconds": 1.0, "device": "cpu"}))
"""
HERE = Path(__file__).parent
_TO_GGUF = """
import hashlib, json, pathlib, sys
out = pathlib.Path(sys.argv[3]); out.write_bytes(b"GGUF")
print(json.dumps({"sha256": hashlib.sha256(b"GGUF").hexdigest()}))
"""


class _Machine:
    """A machine with a trainer, and no Ollama."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        programs_folder = folder / "programs"
        programs_folder.mkdir()
        shutil.copyfile(HERE.parent / "runners" / "trainer.py", programs_folder / "train.py")
        (programs_folder / "to_gguf.py").write_text(_TO_GGUF)
        (programs_folder / "probe.py").write_text(_PROBE)
        self._starts = folder / "starts"
        self._starts.touch()
        _install(folder.parent)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "PRETENDED_PROGRAMS": str(self._folder / "programs"),
            "PRETENDED_STARTS": str(self._starts),
            "OLLAMA_HOST": "http://127.0.0.1:9",
        }

    def submissions(self) -> Sequence[str]:
        return self._starts.read_text().split()

    def drop_reply(self) -> None:
        (self._folder / "programs" / "drop").touch()

    def stall(self, on: bool) -> None:
        stalled = self._folder / "programs" / "stall"
        stalled.touch() if on else stalled.unlink(missing_ok=True)

    def hold(self, polls: int) -> None:
        self._starts.with_name("hold").write_text(str(polls))


def _install(home: Path) -> None:
    """What the trainer's environment looks like once it is there."""
    python = home / "trainer" / "env-cpu" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    facts = {"folder": "env-cpu", "device": "cpu", "versions": {}, "wanted": environment.wanted(), "size_bytes": 1}
    (home / "trainer" / "current.json").write_text(json.dumps(facts))


class _Disturbed(LocalProvider):
    """The provider, whose answer is lost or late where the machine says so."""

    def submit(self, job: JobView) -> Submitted:
        submitted = super().submit(job)
        drop, stall = programs.FOLDER / "drop", programs.FOLDER / "stall"
        while stall.exists():
            time.sleep(0.01)
        if drop.exists():
            drop.unlink()
            raise SubmitUnknown("The answer was lost.")
        return submitted

    def poll(self, job: JobView) -> JobStatus:
        status = super().poll(job)
        hold = Path(os.environ["PRETENDED_STARTS"]).with_name("hold")
        if status.state == "running" and hold.exists():
            left = int(hold.read_text()) - 1
            hold.write_text(str(left)) if left else hold.unlink()
        return status

    def cancel(self, job: JobView) -> str:
        return _ended(job, super().cancel(job))

    def stop(self, job: JobView) -> str:
        return _ended(job, super().stop(job))


def _ended(job: JobView, words: str) -> str:
    """Only then: how many polls it takes would be another number each time, and with it the points to be killed at."""
    runner = places.runner_of(job.settings, "machine")
    while runner.status(job.folder).state != "ended":
        time.sleep(0.01)
    return words


def provider() -> Provider:
    """The provider of this process, with the stand-in for its trainer."""
    programs.FOLDER = Path(os.environ["PRETENDED_PROGRAMS"])
    return _Disturbed()


@contextmanager
def serve(folder: Path) -> Iterator[_Machine]:
    real = programs.FOLDER
    try:
        yield _Machine(folder)
    finally:
        programs.FOLDER = real


CASE = Case(
    Spec("local", str(HERE / "small_base"), "sft", {}),
    serve,
    provider="tests.tuning.local.crash:provider",
    scenarios=("through", "answer lost", "cancelled", "resumed"),
)
