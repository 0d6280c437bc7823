"""The trainer against bare Transformers with PEFT on the same base and chats: speed, memory, start, the whole job."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import OURS
from benchmarks.setting import Setting
from core.settings import get_settings
from core.tuning.providers.local.training import environment

_ROUNDS = 3
_ROOT = Path(__file__).parent.parent
_MAKE = _ROOT / "tests" / "trainer" / "make_tiny.py"
_BARE = Path(__file__).with_name("trainer_bare.py")
#: Two million parameters: enough for a step to cost more than what stands around it.
_SHAPE = ("256", "4")
_JOB = {
    "seed": 1, "epochs": 2, "learning_rate": 0.002, "batch_size": 8, "threads": 1, "save_steps": 25, "log_steps": 5,
    "device": "cpu", "dtype": "float32", "lora": {"r": 8, "alpha": 16},
}  # fmt: skip


class Run(NamedTuple):
    """One training, from its process' start to its end."""

    tokens_per_s: float
    peak_bytes: float
    start_s: float
    whole_s: float
    #: Of all its threads: what a busy machine does not change.
    cpu_s: float


def run(setting: Setting) -> None:
    """Needs the trainer's environment, and says so where it is missing; needs no database."""
    there_is = environment.status(get_settings())
    if there_is.python is None:
        print(f"\ntrainer: not measured. {there_is.sentence}")
        return
    with tempfile.TemporaryDirectory(prefix="whetstone-bench-trainer-") as temporary:
        folder, python = Path(temporary), str(there_is.python)
        subprocess.run([python, _MAKE, folder / "tiny", "0", *_SHAPE], check=True, capture_output=True)
        contestants: dict[str, Callable[[Path], Run]] = {
            f"{OURS} (TRL)": lambda job: _ours(python, job, "trl"),
            f"{OURS} (plain)": lambda job: _ours(python, job, "plain"),
            "Transformers + PEFT": lambda job: _bare(python, job),
        }
        runs: dict[str, list[Run]] = {name: [] for name in contestants}
        for turn in range(_ROUNDS):
            for number, (name, train) in enumerate(contestants.items()):
                runs[name].append(train(_job(folder, f"{turn}-{number}")))
    _show(runs)


def _job(folder: Path, name: str) -> Path:
    job = folder / name
    job.mkdir()
    files = {"base": str(folder / "tiny" / "base"), "train": str(folder / "tiny" / "train.jsonl")}
    (job / "job.json").write_text(json.dumps({**_JOB, **files}))
    return job


def _ours(python: str, job: Path, engine: str) -> Run:
    values = json.loads((job / "job.json").read_text())
    (job / "job.json").write_text(json.dumps(values | {"engine": engine}))
    began, cpu_s = time.time(), _cpu_s()
    subprocess.run([python, environment.TRAIN, job], check=True, capture_output=True)
    whole_s, cpu_s = time.time() - began, _cpu_s() - cpu_s
    events = [json.loads(line) for line in (job / "progress.jsonl").read_text().splitlines()]
    first = next(each["t"] for each in events if each["event"] == "train_begin")
    speed = [each["tokens_per_s"] for each in events if "tokens_per_s" in each][-1]
    return Run(speed, events[-1]["peak_memory_bytes"] or 0, first - began, whole_s, cpu_s)


def _cpu_s() -> float:
    """What children that ended took so far."""
    took = os.times()
    return took.children_user + took.children_system


def _bare(python: str, job: Path) -> Run:
    began, cpu_s = time.time(), _cpu_s()
    # -P: our `queue.py` beside it is not the one that Python has.
    done = subprocess.run([python, "-P", _BARE, job], check=True, capture_output=True, text=True)
    whole_s, cpu_s = time.time() - began, _cpu_s() - cpu_s
    line = next(each for each in done.stdout.splitlines() if each.startswith("facts "))
    facts = json.loads(line.removeprefix("facts "))
    return Run(facts["tokens_per_s"], facts["peak_bytes"], facts["first_step"] - began, whole_s, cpu_s)


def _show(runs: dict[str, list[Run]]) -> None:
    medians = {
        name: Run(*(statistics.median(each) for each in zip(*found, strict=True))) for name, found in runs.items()
    }
    bare = medians["Transformers + PEFT"]
    print(f"\ntrainer: 200 chats, 2 epochs, {_ROUNDS} rounds in turns, on the CPU; load {os.getloadavg()[0]:.1f}")
    for name, each in medians.items():
        ratios = [mine / theirs if theirs else 0.0 for mine, theirs in zip(each, bare, strict=True)]
        print(
            f"  {name:<24}{each.tokens_per_s:>8,.0f} tokens/s ({ratios[0]:.2f})"
            f"   peak {each.peak_bytes / 1e6:>6,.0f} MB ({ratios[1]:.2f})"
            f"   first step after {each.start_s:>5.1f} s ({ratios[2]:.2f})"
            f"   whole {each.whole_s:>6.1f} s ({ratios[3]:.2f}), CPU {each.cpu_s:>6.1f} s ({ratios[4]:.2f})",
            flush=True,
        )
