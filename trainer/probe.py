"""What a training would take: `python probe.py JOB_DIR`, with the same `job.json` as `train.py`.

Counts the tokens with the base's own tokenizer, refuses when the memory cannot suffice, and otherwise times three real
steps on the longest rows. Writes `probe.json` into the folder and prints the same line; {"error": sentence, "code"} and
exit code 1 when the job cannot be tried. `refusal` in the answer: it would not fit, and nothing was loaded.
"""

# pyright: reportMissingImports=false

import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import base as bases
import job as jobs
import memory
import rows
from job import FAILED, Job, JobRefused
from progress import Progress
from stopping import Stopping

_WARM, _TIMED = 1, 3


def main(folder: Path) -> int:
    """Probe the job of a folder; the exit code."""
    try:
        job = jobs.read(folder)
        bases.check(job)
        said, code = probe(job), 0
    except JobRefused as refused:
        said, code = {"error": str(refused), "code": refused.code}, FAILED
    line = json.dumps(said)
    written = folder / "probe.part"
    if folder.is_dir():
        written.write_text(line + "\n", encoding="utf-8")
        written.replace(folder / "probe.json")
    sys.stdout.write(line + "\n")
    return code


def probe(job: Job) -> dict[str, Any]:
    """All that can be known beforehand. Raises `JobRefused`."""
    began = time.time()
    train, val = rows.read(job.train), rows.read(job.val) if job.val else None
    bases.quiet_libraries(job)
    reader = bases.reader_of(job, tokenizer := bases.tokenizer_of(job))
    chats, asked = reader.kept(train), reader.kept(val) if val else None
    if not chats:
        raise JobRefused("data_wrong", rows.NO_WORDS)
    counted = Counted.of(reader, chats, job.max_length)
    held_out = Counted.of(reader, asked, job.max_length) if asked else None
    if not counted.kept:
        raise JobRefused("too_long", f"No answer begins within the first {job.max_length} tokens; allow longer rows.")
    rows.refuse_endless(reader, chats, job.max_length)
    left_out = len(train) - len(chats)  # chats with tools of which the base's template knows nothing
    facts = {"way": reader.way, **counted.facts(), "left_out": left_out, "val": held_out.facts() if held_out else None}
    del tokenizer
    memory = _memory(job, counted)
    if memory.get("refusal"):
        return {**facts, **memory}
    timed = _timed(job, chats, counted)
    return {**facts, **memory, **timed, **_whole(job, counted, held_out, timed, time.time() - began)}


@dataclass(frozen=True)
class Counted:
    """The tokens of some chats."""

    #: Of each row that is trained: all its tokens, and those that are learned; cut to the most that is allowed.
    kept: Sequence[tuple[int, int]]
    #: Of each row before it is cut.
    lengths: Sequence[int]
    learned: int
    most: int

    @classmethod
    def of(cls, reader: rows.Reader, chats: Sequence[rows.Row], most: int) -> "Counted":
        whole = [reader.encode(row) for row in reader.rows(chats)]
        cut = [{name: values[:most] for name, values in row.items()} for row in whole]
        kept = [(len(row["input_ids"]), _learned(row)) for row in cut if rows.is_learned(row)]
        return cls(kept, [len(row["input_ids"]) for row in whole], sum(map(_learned, whole)), most)

    @property
    def tokens(self) -> int:
        """What one epoch goes through."""
        return sum(length for length, _ in self.kept)

    def facts(self) -> dict[str, int]:
        return {
            "rows": len(self.kept),
            "rows_dropped": len(self.lengths) - len(self.kept),
            "rows_cut": sum(length > self.most for length in self.lengths),
            "longest_tokens": max(self.lengths),
            "tokens": sum(self.lengths),
            "assistant_tokens": self.learned,
            "tokens_an_epoch": self.tokens,
        }


def _learned(row: rows.Row) -> int:
    return sum(label != rows.IGNORED for label in row["labels"])


def _memory(job: Job, counted: Counted) -> dict[str, Any]:
    """Return what is needed and what there is; with a refusal when it cannot fit."""
    from transformers import AutoConfig

    device = bases.device_of(job)
    config = AutoConfig.from_pretrained(job.base)
    size = None if job.hub else memory.size_of(job)
    if size is None:
        return {"estimated_peak_bytes": None}
    dtype = bases.dtype_of(job, device, config.dtype)
    needed = memory.needed_bytes(job, size, config.get_text_config(), max(counted.lengths), dtype.itemsize)
    there_is = memory.available_bytes(device)
    facts = {
        "device": device,
        "dtype": str(dtype).removeprefix("torch."),
        "parameters": size.parameters,
        "trainable": size.trainable,
        "estimated_peak_bytes": needed,
        "available_bytes": there_is,
    }
    if needed <= there_is:
        return facts
    where = "the GPU" if device == "cuda" else "this machine"
    return {
        **facts,
        "refusal": f"This training needs about {needed / 1e9:.1f} GB of memory, and {where} has "
        f"{there_is / 1e9:.1f} GB free; choose a smaller base, a smaller batch or shorter rows, or free some memory.",
    }


def _timed(job: Job, train: list[rows.Row], counted: Counted) -> dict[str, Any]:
    """Three real steps after one that warms up, and one look at validation rows, all with the longest rows."""
    import engines

    # The chats by their length in characters, calls and tools among them; the longest first, enough for all steps
    # that are timed.
    wanted = job.batch_size * job.grad_accum * (_WARM + _TIMED)
    longest = sorted(train, key=lambda chat: -len(json.dumps(chat)))[:wanted]
    at_once = job.batch_size * job.grad_accum
    sample = [longest[at % len(longest)] for at in range(at_once * (_WARM + _TIMED))]
    folder = Path(tempfile.mkdtemp(prefix="whetstone-probe-"))
    try:
        base = bases.load(job)
        trainer = engines.trainer_of(
            replace(job, slow_ms=0),
            base,
            sample,
            longest[: job.batch_size],
            folder,
            Progress(folder, is_silent=True),
            Stopping(folder),
            max_steps=_WARM + _TIMED,
            save_strategy="no",
            eval_strategy="no",
        )
        clock = _clock()
        trainer.add_callback(clock)
        trainer.train()
        seconds, tokens = clock.timed()
        measured = trainer.measure()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    measured_tokens = sum(length for length, _ in sorted(counted.kept, reverse=True)[: job.batch_size])
    return {
        "seconds_a_step": round(seconds / _TIMED, 4),
        "tokens_per_s": round(tokens / max(seconds, 1e-9), 1),
        "measure_tokens_per_s": round(measured_tokens / max(measured["eval_seconds"], 1e-9), 1),
        "measured_bytes": memory.now_bytes(),
        "measured_peak_bytes": memory.peak_bytes(),
        "measured_gpu_bytes": memory.peak_gpu_bytes(),
    }


def _clock() -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """When each step began and ended, and how many tokens there were by then."""

        def __init__(self) -> None:
            self.steps: list[tuple[float, float, int]] = []
            self._began = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._began = time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.steps.append((self._began, time.monotonic(), state.num_input_tokens_seen))

        def timed(self) -> tuple[float, int]:
            """Seconds and tokens of the steps after the first."""
            seconds = sum(end - begin for begin, end, _ in self.steps[_WARM:])
            return seconds, self.steps[-1][2] - self.steps[_WARM - 1][2]

    return Clock()


def _whole(
    job: Job, counted: Counted, held_out: Counted | None, timed: dict[str, Any], start_s: float
) -> dict[str, Any]:
    """Return the whole job by these speeds: all tokens of all epochs, and every look at the validation rows."""
    steps = max(1, math.ceil(math.ceil(len(counted.kept) / (job.batch_size * job.grad_accum)) * job.epochs))
    training = counted.tokens * job.epochs / timed["tokens_per_s"]
    looks = 1 + math.ceil(steps / job.eval_steps) if held_out else 0
    looking = looks * held_out.tokens / timed["measure_tokens_per_s"] if held_out else 0.0
    return {
        "steps": steps,
        "training_s": round(training, 1),
        "measuring_s": round(looking, 1),
        "start_s": round(start_s, 1),
        "seconds": round(start_s + training + looking, 1),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python probe.py JOB_DIR\n")
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
