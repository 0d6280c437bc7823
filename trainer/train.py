"""One LoRA training: `python train.py JOB_DIR`.

Reads `job.json` (see `job.py`), writes `progress.jsonl`, `out/checkpoint-N/`, `adapter/`, `base_config/` and, last,
`result.json`. The file `stop`, SIGTERM or SIGINT end it with a checkpoint and exit code 75; the same command goes on
from there, and comes to the same bytes as if it had never stopped. Exit codes: 0 done, 75 stopped, 73 another trainer
works in this folder, else failed; the last event says the same, and a reason.
"""

import json
import sys
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

import base
import job as jobs
import origin
import rows
from alone import Taken, alone
from job import BUSY, FAILED, JobRefused
from progress import Progress, is_first
from stopping import Stopping

_BEGAN = time.time()


def main(folder: Path) -> int:
    """Run the job of a folder; the exit code."""
    stopping = Stopping(folder)
    stopping.listen()
    progress = Progress(folder, is_silent=not is_first())
    if not folder.is_dir():
        sys.stderr.write(f"There is no folder {folder}.\n")
        return FAILED
    try:
        # Held until this process ends.
        held = alone(folder) if is_first() else nullcontext()
    except Taken as taken:  # the events are the other one's
        sys.stderr.write(f"{taken}\n")
        return BUSY
    with held:
        return _run(folder, progress, stopping)


def _run(folder: Path, progress: Progress, stopping: Stopping) -> int:
    if (folder / "result.json").exists():
        # Nothing is trained again; but a trainer killed right after its result said nothing of it.
        if not any(each.get("event") == "done" for each in progress.events()):
            progress.tell("done", **json.loads((folder / "result.json").read_text(encoding="utf-8")))
        return 0
    try:
        job = jobs.read(folder)
        base.check(job)
        train, val = rows.read(job.train), rows.read(job.val) if job.val else None
        base_hash = _checked(folder, job) if is_first() else ""
        base.quiet_libraries(job)
        import training  # only now: its libraries take seconds

        return training.run(folder, job, base_hash, train, val, progress, stopping, _BEGAN)
    except JobRefused as refused:
        return _failed(progress, refused.code, str(refused))
    except Exception as error:  # noqa: BLE001 (the outermost edge: whoever watches must learn the reason)
        traceback.print_exc()
        return _failed(progress, *_explained(error))


def _checked(folder: Path, job: jobs.Job) -> str:
    """Return the hash of the base, when all is as it was when the training began."""
    base_hash = origin.hash_of_base(job)
    origin.unchanged(folder, job, base_hash)
    return base_hash


def _failed(progress: Progress, code: str, sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    progress.tell("failed", code=code, error=sentence[:2000])
    return FAILED


def _explained(error: Exception) -> tuple[str, str]:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error):
        return "no_memory", (
            "The memory does not suffice; choose a smaller base, a smaller batch or shorter rows. "
            f"({type(error).__name__}: {str(error).splitlines()[0][:300]})"
        )
    return "other", f"The training failed: {type(error).__name__}: {error}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python train.py JOB_DIR\n")
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
