"""Jobs of the trainer in folders of their own, and what came of them."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.forked import Process, finished, started
from tests.training import PATIENT, PROGRAMS, Tiny

#: Long enough for the rule to be learned: 100 steps.
SETTINGS: dict[str, Any] = {
    "seed": 1, "epochs": 2, "learning_rate": 0.006, "batch_size": 4, "save_steps": 25, "eval_steps": 50, "log_steps": 5,
    "threads": 1, "device": "cpu", "lora": {"r": 8, "alpha": 16},
}  # fmt: skip


class TrainerJob:
    """A folder with a `job.json`."""

    def __init__(self, tiny: Tiny, folder: Path, environment: Mapping[str, str] | None = None, **changes: Any) -> None:
        self.tiny, self.folder = tiny, folder
        #: What an environment says is read when libraries are imported, before a fork.
        self.may_fork = not environment
        self.environment = {**os.environ, **PATIENT, **(environment or {})}
        folder.mkdir(parents=True, exist_ok=True)
        files = {"train": str(tiny.folder / "train.jsonl"), "val": str(tiny.folder / "val.jsonl")}
        self.say({"base": str(tiny.base), **files, **SETTINGS, **changes})

    def say(self, values: dict[str, Any]) -> None:
        self.values = values
        (self.folder / "job.json").write_text(json.dumps(values), encoding="utf-8")

    def change(self, **changes: Any) -> None:
        self.say({**self.values, **changes})

    @contextmanager
    def started(self) -> Iterator[Process]:
        with tempfile.TemporaryFile("w+") as output:
            argv = [str(PROGRAMS / "train.py"), str(self.folder)]
            process = started(self.tiny.python, argv, self.environment, output, output, may_fork=self.may_fork)
            try:
                yield process
            finally:
                process.kill()
                process.wait()
                output.seek(0)
                self.said = output.read()

    def run(self) -> int:
        """Train; the exit code."""
        with self.started() as process:
            return process.wait()

    def finished(self) -> "TrainerJob":
        assert self.run() == 0, self.said[-3_000:]
        return self

    def probe(self) -> dict[str, Any]:
        argv = [str(PROGRAMS / "probe.py"), str(self.folder)]
        _, said, errors = finished(self.tiny.python, argv, self.environment)
        assert said, errors[-3_000:]
        return json.loads(said)

    def wait_for_step(self, process: Process, step: int) -> None:
        while process.poll() is None and not any(each.get("step", 0) >= step for each in self.events("log")):
            time.sleep(0.02)
        assert process.poll() is None, self.events()[-1:]

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        path = self.folder / "progress.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [each for each in found if name in (None, each["event"])]

    def curve(self, name: str = "loss") -> dict[int, float]:
        return {each["step"]: each[name] for each in self.events("log") if name in each}

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_text(encoding="utf-8"))

    @property
    def adapter(self) -> bytes:
        return (self.folder / "adapter" / "adapter_model.safetensors").read_bytes()

    def everything(self) -> dict[str, bytes]:
        """Every file, to see that nothing changed."""
        return {os.fspath(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
