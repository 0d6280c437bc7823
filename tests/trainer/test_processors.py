"""The tuned model is better on every processor: floats differ with the instructions and threads that add them up.

The whole table, all seeds with all instructions of this machine and 1, 2 and 4 threads, is printed by
`python -m tests.trainer.test_processors PYTHON`, with a Python that has the trainer's packages. Other tests train with
one thread and whatever the processor has.
"""

import itertools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.jobs import TrainerJob
from tests.training import PROGRAMS, Tiny, done, exact_match, tiny_in

SEEDS, THREADS = (1, 2, 3), (1, 2, 4)
#: As torch names them in ATEN_CPU_CAPABILITY; the processor has to have the flags.
INSTRUCTIONS = {"default": (), "avx2": ("avx2", "fma"), "avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl")}


def is_known(instructions: str) -> bool:
    """Whether this processor has them, as far as the system says."""
    told = Path("/proc/cpuinfo")
    flags = set(told.read_text(encoding="ascii", errors="replace").split()) if told.exists() else set()
    return set(INSTRUCTIONS[instructions]) <= flags


def measured(tiny: Tiny, folder: Path, instructions: str, threads: int, seed: int) -> tuple[int, dict[str, Any]]:
    """How many of 50 unseen questions are answered word for word after a training, and its result."""
    job = TrainerJob(tiny, folder, {"ATEN_CPU_CAPABILITY": instructions}, threads=threads, seed=seed).finished()
    adapter = folder / "adapter.gguf"
    done(tiny.python, PROGRAMS / "to_gguf.py", folder / "base_config", folder / "adapter", adapter)
    return exact_match(tiny.base_gguf, tiny.chats("test"), adapter), job.result


@pytest.mark.parametrize(("instructions", "threads", "seed"), [("default", 2, 2), ("avx2", 4, 3), ("avx512", 4, 3)])
def test_the_tuned_model_wins_by_far(instructions: str, threads: int, seed: int, tiny: Tiny, tmp_path: Path) -> None:
    if not is_known(instructions):
        pytest.skip(f"this processor has no {instructions}")
    right, result = measured(tiny, tmp_path / "job", instructions, threads, seed)
    assert exact_match(tiny.base_gguf, tiny.chats("test")) <= 5
    assert right >= 45
    assert result["eval_loss_after"] < 0.2 * result["eval_loss_before"]


def main(python: Path, show: Callable[[str], Any] = sys.stdout.write) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_in(Path(folder), python)
        show(f"base: {exact_match(tiny.base_gguf, tiny.chats('test'))} of 50\n")
        known = [each for each in INSTRUCTIONS if is_known(each)]
        for chosen in itertools.product(known, THREADS, SEEDS):
            right, result = measured(tiny, Path(folder, "-".join(map(str, chosen))), *chosen)
            losses = f"{result['eval_loss_before']:.3f} to {result['eval_loss_after']:.4f}"
            show("{}, {} threads, seed {}: ".format(*chosen) + f"{right} of 50, loss {losses}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
