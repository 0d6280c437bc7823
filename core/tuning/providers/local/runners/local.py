"""Trainers on this machine: processes of their own, which go on when the app ends, and are found again afterwards."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.settings import Settings, variables
from core.tuning.providers.local.runners import Artifacts, TrainerEvent, TrainerRun, TrainerStatus, folders, processes
from core.tuning.providers.local.runners.device import Device
from core.tuning.providers.local.runners.folders import Begun
from core.tuning.providers.protocol import NotSubmitted

#: Seconds from the stop file to SIGTERM, and from either to the end by force. A large model needs time to be saved.
_PATIENCE_S: Mapping[str, tuple[float, float]] = {"stop": (5.0, 300.0), "cancel": (0.0, 20.0)}

#: What this process started, so that it is buried by it and does not stay as a zombie.
_children: dict[int, subprocess.Popen[Any]] = {}


class LocalRunner:
    """Runs one trainer at a time; others wait for the device, the one that waits for longest first.

    `device` is a folder that all processes of this machine share.
    """

    def __init__(self, device: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._device = Device(device, clock=clock)
        self._clock = clock

    def submit(self, work: TrainerRun) -> str:
        current = folders.begun(work.folder)
        if current is None or not (self._goes_on(work.folder, current) or folders.artifacts(work.folder)):
            folders.begin(work.folder, work, self._clock())
        self.advance(work.folder)
        return work.key

    def resume(self, folder: Path, *, died: bool = False, python: str | None = None) -> str:
        current = folders.begun_before(folder)
        if not self._goes_on(folder, current):
            folders.begin_again(folder, current, self._clock(), died=died, python=python)
        elif python is not None and current.state == "waiting":  # it could not be started with the one before
            folders.note(folder, current, python=python)
        self.advance(folder)
        return current.key

    def find(self, folder: Path, key: str) -> str | None:
        current = folders.begun(folder)
        return key if current is not None and current.key == key else None

    def advance(self, folder: Path) -> None:
        current = folders.begun(folder)
        if current is None:
            return
        if current.asked:
            self._insist(folder, current)
        elif current.state != "started":
            self._start_if_free(folder)

    def status(self, folder: Path) -> TrainerStatus:
        _bury()
        current = folders.begun(folder)
        if current is None:
            return TrainerStatus("ended", "nothing was begun")
        if current.state == "started":
            is_alive = processes.is_alive(current.pid, current.pid_started)
            return TrainerStatus("running", f"process {current.pid}") if is_alive else TrainerStatus("ended")
        return TrainerStatus("ended") if current.asked else TrainerStatus("waiting")

    def events(self, folder: Path, offset: int) -> tuple[list[TrainerEvent], int]:
        return folders.events(folder, offset)

    def stop(self, folder: Path) -> None:
        self._ask_to_end(folder, "stop")

    def cancel(self, folder: Path) -> None:
        self._ask_to_end(folder, "cancel")

    def kill(self, folder: Path) -> None:
        _bury()
        with self._device.alone():
            if current := folders.begun(folder):
                current = self._found(folder, current)
                processes.kill(current.pid, current.pid_started)
        _bury()

    def log_tail(self, folder: Path) -> str:
        return folders.log_tail(folder)

    def artifacts(self, folder: Path) -> Artifacts | None:
        return folders.artifacts(folder)

    def is_busy(self, besides: Path | None = None) -> bool:
        """Whether another trainer has the device now."""
        _bury()
        holder = self._device.holder()
        current = folders.begun(holder) if holder is not None and holder != besides else None
        return current is not None and processes.is_alive(current.pid, current.pid_started)

    def _goes_on(self, folder: Path, current: Begun) -> bool:
        """Whether a trainer waits or runs, and shall; otherwise nothing is left of it that could disturb another."""
        if not current.asked and self.status(folder).state != "ended":
            return True
        self.kill(folder)
        return False

    def _ask_to_end(self, folder: Path, how: folders.Asked) -> None:
        with self._device.alone():  # not while another process starts it
            current = folders.ask_to_end(folder, how, self._clock())
            if current is None:
                return
            self._device.leave(current.key)
            current = self._found(folder, current)
        self._insist(folder, current)

    def _insist(self, folder: Path, current: Begun) -> None:
        """First the stop file, then a signal, then force: none of it is waited for here."""
        assert current.asked
        assert current.asked_at is not None
        waited = self._clock() - current.asked_at
        to_signal, to_force = _PATIENCE_S[current.asked]
        if waited >= to_force:
            self.kill(folder)
        elif waited >= to_signal:
            processes.ask_to_end(current.pid, current.pid_started)

    def _start_if_free(self, folder: Path) -> None:
        _bury()
        with self._device.alone():
            current = folders.begun(folder)
            if current is None or current.asked:
                return
            current = self._found(folder, current)
            if current.state == "started":
                return
            self._device.wait(current.key, current.since)
            if self._is_taken(folder) or not self._device.is_first(current.key, current.since):
                return
            self._start(folder, current)
            self._device.leave(current.key)

    def _found(self, folder: Path, current: Begun) -> Begun:
        """With its process, when whoever started it was killed before that was written down. Only while alone."""
        if current.state != "starting":
            return current
        found = processes.with_argument(folder)
        if found is None:
            return folders.note(folder, current, state="waiting")
        return folders.note(folder, current, state="started", pid=found[0], pid_started=found[1])

    def _is_taken(self, folder: Path) -> bool:
        holder = self._device.holder()
        if holder is None or holder == folder:
            return False
        current = folders.begun(holder)
        if current is None:
            return False
        current = self._found(holder, current)
        return current.state == "started" and processes.is_alive(current.pid, current.pid_started)

    def _start(self, folder: Path, current: Begun) -> None:
        if folders.artifacts(folder) is not None:  # it was done before: a finished trainer begins nothing again
            folders.note(folder, current, state="started")
            return
        self._device.give_to(folder)
        current = folders.note(folder, current, state="starting")
        work = current.work(folder)
        try:
            with (folder / folders.LOG).open("ab") as log:
                child = subprocess.Popen(
                    work.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env=environment(work),
                    **_apart(),
                )
        except OSError as error:
            folders.note(folder, current, state="waiting")
            self._device.leave(current.key)
            raise NotSubmitted(
                f"The trainer cannot be started with {work.python}: {error.strerror or error}.",
                code="no_trainer",
                advice="Run `python -m core trainer install`, or correct WHETSTONE_TRAINER_PYTHON.",
            ) from None
        _children[child.pid] = child
        started = processes.identity(child.pid)
        folders.note(folder, current, state="started", pid=child.pid, pid_started=started)


def environment(work: TrainerRun) -> dict[str, str]:
    """Return what a trainer gets to see: not our secrets, and not what Python code of ours would be found by."""
    kept = (each for each in Settings.model_fields.values() if "Secret" in str(each.annotation))
    secret = {name for each in kept for name in variables(each)}
    hidden = secret | {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in hidden}
    return {**kept, "PYTHONUNBUFFERED": "1", **work.environment}


def _apart() -> dict[str, Any]:
    """Start in a group of its own: Ctrl+C in the terminal of the app is not for the trainer."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _bury() -> None:
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            _children.pop(pid, None)
