"""A trainer, and something small to train, shared by the tests of the trainer and of its users."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from core.errors import TrainerUnavailable
from core.settings import Settings
from core.tuning.providers.local.training import environment
from tests.forked import finished
from tests.trainer import tickets

ROOT = Path(__file__).parents[1]
#: The file of all that this machine trusts, where it is named.
_AUTHORITIES = os.environ.get("SSL_CERT_FILE")
PROGRAMS = ROOT / "trainer"
#: Seconds within which a test may have the environment made (two minutes on a busy machine).
PATIENCE_S = 900
#: Threads of torch that wait give their core away. On two busy cores, two trainings of two threads took 69 to 144 s
#: while waiting threads spun, and 13 s so.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}


@pytest.fixture(scope="session")
def trainer_python() -> Path:
    """A Python with the trainer's packages: WHETSTONE_TEST_TRAINER, or that of `.trainer/`, which is made and kept."""
    if named := os.environ.get("WHETSTONE_TEST_TRAINER"):
        return Path(named)
    settings = Settings(_env_file=None, WHETSTONE_HOME=ROOT / ".trainer")  # pyright: ignore[reportCallIssue]
    with pytest.MonkeyPatch.context() as patch:
        # What is installed does not come from loopback.
        patch.delenv("SSL_CERT_FILE", raising=False)
        if _AUTHORITIES:
            patch.setenv("SSL_CERT_FILE", _AUTHORITIES)
        made = _installed(settings)
    assert made.python
    return made.python


def _installed(settings: Settings) -> environment.Environment:
    """Made by us, or by tests in another process, for whom we wait."""
    while True:
        try:
            return environment.install(settings, "cpu", lambda progress: None)
        except TrainerUnavailable:
            time.sleep(1)
            if environment.status(settings).state not in ("installing", "ready"):
                raise


@dataclass(frozen=True)
class Tiny:
    """A copy of the base that `make_tiny.py` made once, its chats, and the Python to use them with."""

    folder: Path
    python: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @cached_property
    def base_gguf(self) -> Path:
        """The base as llama.cpp and Ollama take it."""
        path = self.folder / "base.gguf"
        done(self.python, Path(__file__).parent / "trainer" / "make_base_gguf.py", self.base, path)
        return path

    def chats(self, part: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / f"{part}.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def tiny(trainer_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A base that sorts tickets by the wrong labels, and 200 chats by which it learns the right ones."""
    return tiny_in(tmp_path_factory.mktemp("tiny"), trainer_python)


def tiny_in(folder: Path, python: Path) -> Tiny:
    """The same in a folder of one's own."""
    shutil.copytree(Path(__file__).parent / "trainer" / "tiny_base", folder / "base")
    tickets.write(folder)
    return Tiny(folder, python)


def done(python: Path, program: Path, *arguments: str | Path) -> str:
    """What a program printed, which must have gone well."""
    code, said, errors = finished(python, [str(program), *map(str, arguments)], {**os.environ, **PATIENT})
    assert code == 0, errors[-3_000:]
    return said


def exact_match(model: Path, chats: list[dict[str, Any]], adapter: Path | None = None) -> int:
    """How many last answers llama.cpp gives word for word. In a process of its own: it is native code."""
    given = [str(adapter)] if adapter else []
    answered = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "trainer" / "answer.py"), str(model), *given],
        input=json.dumps([chat["messages"][:-1] for chat in chats]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answered.returncode == 0, answered.stderr[-3_000:]
    answers = json.loads(answered.stdout.splitlines()[-1])
    wanted = [chat["messages"][-1]["content"] for chat in chats]
    return sum(answer.strip() == right for answer, right in zip(answers, wanted, strict=True))
