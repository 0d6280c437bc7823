"""What stands in a job's folder: what was begun, the events, and what was made. The same for every runner."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.tuning.providers.local.runners import Artifacts, TrainerEvent, TrainerRun
from core.tuning.providers.protocol import NotSubmitted

BEGUN = "begun.json"
EVENTS = "progress.jsonl"
LOG = "trainer.log"
STOP = "stop"
RESULT = "result.json"

#: Bytes of events read at once; the rest comes with the next poll.
_READ_AT_ONCE = 1 << 20
_TAIL = 4_000

Asked = Literal["", "stop", "cancel"]


@dataclass(frozen=True)
class Begun:
    """What was begun in a folder. Written before anything is started."""

    key: str
    python: str
    program: str
    processes: int
    cpus: int
    gpus: int
    environment: Mapping[str, str]
    #: waiting: for its turn. starting: a process starts it at this moment, or was killed while it did.
    state: Literal["waiting", "starting", "started"] = "waiting"
    #: 1 for the first start.
    attempt: int = 1
    #: Starts after an end that nobody asked for.
    deaths: int = 0
    #: Where the events of this attempt begin.
    offset: int = 0
    #: The process, and when it started (seconds since 1970): the number alone may belong to another one by now.
    pid: int | None = None
    pid_started: float | None = None
    asked: Asked = ""
    asked_at: float | None = None
    #: Since when it waits, in seconds since 1970.
    since: float = 0.0

    @classmethod
    def of(cls, work: TrainerRun, *, since: float) -> "Begun":
        return cls(
            key=work.key,
            python=work.python,
            program=str(work.program),
            processes=work.processes,
            cpus=work.cpus,
            gpus=work.gpus,
            environment=dict(work.environment),
            since=since,
        )

    def work(self, folder: Path) -> TrainerRun:
        return TrainerRun(
            folder, self.key, self.python, Path(self.program), self.processes, self.cpus, self.gpus, self.environment
        )


def begun(folder: Path) -> Begun | None:
    """Return what was begun in this folder; None: nothing."""
    try:
        return Begun(**json.loads((folder / BEGUN).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def begun_before(folder: Path) -> Begun:
    """Return what was begun in this folder. Raises `NotSubmitted` where nothing was."""
    current = begun(folder)
    if current is None:
        raise NotSubmitted(f"Nothing was begun in {folder}.", advice="Start the job again.")
    return current


def note(folder: Path, now: Begun, **changes: Any) -> Begun:
    """Write down what is so now."""
    now = replace(now, **changes)
    write_json(folder / BEGUN, asdict(now))
    return now


def begin(folder: Path, work: TrainerRun, now: float) -> Begun:
    """Put a folder in line: for the first time, or for another attempt, whose events begin where the file ends."""
    (folder / STOP).unlink(missing_ok=True)
    before = begun(folder)
    first = Begun.of(work, since=now)
    if before is None:
        return note(folder, first)
    return note(folder, first, attempt=before.attempt + 1, offset=_size_of_events(folder))


def begin_again(folder: Path, before: Begun, now: float, *, died: bool, python: str | None = None) -> Begun:
    """Put a folder in line for another attempt with the same work."""
    (folder / STOP).unlink(missing_ok=True)
    return note(
        folder,
        before,
        python=python or before.python,
        state="waiting",
        attempt=before.attempt + 1,
        deaths=before.deaths + 1 if died else 0,
        since=now,
        offset=_size_of_events(folder),
        pid=None,
        pid_started=None,
        asked="",
        asked_at=None,
    )


def ask_to_end(folder: Path, how: Asked, now: float) -> Begun | None:
    """Note that an end was asked for, and tell the trainer by its stop file. None: nothing was begun."""
    current = begun(folder)
    if current is None:
        return None
    (folder / STOP).touch()
    # Patience counts from the first time.
    return note(folder, current, asked=how, asked_at=current.asked_at if current.asked == how else now)


def _size_of_events(folder: Path) -> int:
    try:
        return (folder / EVENTS).stat().st_size
    except FileNotFoundError:
        return 0


def events(folder: Path, offset: int) -> tuple[list[TrainerEvent], int]:
    """Whole lines from `offset` on. A last line that is not whole yet is left for the next time."""
    try:
        with (folder / EVENTS).open("rb") as file:
            file.seek(offset)
            piece = file.read(_READ_AT_ONCE)
    except FileNotFoundError:
        return [], offset
    found: list[TrainerEvent] = []
    for line in piece[: piece.rfind(b"\n") + 1].split(b"\n")[:-1]:
        if event := _event(offset, line):
            found.append(event)
        offset += len(line) + 1
    return found, offset


def last_of(folder: Path, names: frozenset[str], offset: int) -> TrainerEvent | None:
    """Return the last event of one of these names, from `offset` on."""
    last = None
    while True:
        found, following = events(folder, offset)
        last = next((each for each in reversed(found) if each.name in names), last)
        if following == offset:
            return last
        offset = following


def _event(at_byte: int, line: bytes) -> TrainerEvent | None:
    """None: a line that a killed trainer did not finish, behind which another one went on."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    if not isinstance(values, dict) or not isinstance(values.get("event"), str):
        return None
    return TrainerEvent(at_byte, values["event"], values)


def artifacts(folder: Path) -> Artifacts | None:
    """Return what was made; None while there is no result."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return Artifacts(folder / "adapter", folder / "base_config", result, checkpoints(folder))


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints from which can be gone on, the oldest first."""
    whole = [each for each in folder.glob("out/checkpoint-*") if _is_whole(each)]
    return sorted(whole, key=lambda each: int(each.name.rpartition("-")[2]))


def _is_whole(checkpoint: Path) -> bool:
    """Look for the trainer's state, which it writes last."""
    return (
        checkpoint.name.rpartition("-")[2].isdigit()
        and (checkpoint / "trainer_state.json").exists()
        and (checkpoint / "adapter_model.safetensors").exists()
    )


def log_tail(folder: Path) -> str:
    """Return the last that was printed."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return file.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


def write_json(path: Path, value: Any) -> None:
    """Write beside the path, and rename: nobody ever finds half of it, not even after a power cut."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
