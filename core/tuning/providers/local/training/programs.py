"""The trainer's programs, run by the trainer's Python: each prints lines of JSON, the last of which is its answer."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from core.tuning.providers.local.runners import TrainerRun, processes
from core.tuning.providers.local.runners.local import environment
from core.tuning.providers.protocol import NotSubmitted

#: The folder of the trainer's programs.
FOLDER = Path(__file__).parents[5] / "trainer"
_TAIL = 1_500
_LOOK_S = 0.2


def run(
    python: str,
    program: str | Path,
    *arguments: str | Path,
    told: Callable[[Mapping[str, Any] | None], None] = lambda _said: None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run one to its end; its answer. `told` gets each line before it, and None while there is none: what it raises
    ends the program. Raises `NotSubmitted` with the program's own words when it failed.
    """
    path = FOLDER / program
    work = TrainerRun(FOLDER, "", python, path, environment=env or {})
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen(
                [python, str(path), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment(work),
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            raise NotSubmitted(
                f"The trainer's Python {python} cannot be started: {error.strerror or error}.",
                code="no_trainer",
                advice="Run `python -m core trainer install`, or correct WHETSTONE_TRAINER_PYTHON.",
            ) from None
        said = _listen(child, output, told)
        last = said[-1] if said else {}
        if child.returncode == 0 and "error" not in last:
            return last
        if isinstance(last.get("error"), str):
            raise NotSubmitted(last["error"], code=str(last.get("code") or "other"))
        errors.seek(0)
        tail = errors.read().decode(errors="replace").strip()[-_TAIL:]
        raise NotSubmitted(
            f"The trainer's {Path(program).name} ended with {child.returncode} and said: {tail or 'nothing'}",
            code="other",
        )


def _listen(
    child: subprocess.Popen[bytes], output: IO[bytes], told: Callable[[Mapping[str, Any] | None], None]
) -> list[dict[str, Any]]:
    """All that it printed, until it has ended."""
    started = processes.identity(child.pid)
    said: list[dict[str, Any]] = []
    offset = 0
    try:
        while True:
            ended = child.poll() is not None
            output.seek(offset)
            piece = output.read()
            whole = piece[: piece.rfind(b"\n") + 1]
            offset += len(whole)
            new = [each for line in whole.splitlines() if (each := _json(line)) is not None]
            said += new
            for each in new or [None]:
                told(each)
            if ended:
                return said
            try:
                child.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
    except BaseException:
        processes.kill(child.pid, started)
        child.wait()
        raise


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
