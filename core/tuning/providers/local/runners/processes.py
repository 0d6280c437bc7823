"""A process and everything it started: found again after a restart, never mistaken for another, ended as a whole."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil

#: Clocks are corrected while processes run, and with them what the system says about their start.
_CLOCK_S = 2.0
_KILL_TIMEOUT_S = 10.0


def identity(pid: int) -> float | None:
    """When the process started, in seconds since 1970; with its number this is nobody else. None: it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether this very process still works. One that only waits to be buried does not."""
    return _exists(pid, started, buried_too=False)


def _exists(pid: int | None, started: float | None, *, buried_too: bool) -> bool:
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        is_the_same = abs(process.create_time() - started) <= _CLOCK_S
        return is_the_same and (buried_too or process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:  # gone, or another user's and so none of ours
        return False


def with_argument(folder: Path) -> tuple[int, float] | None:
    """Return a process that was started with this folder as an argument, the oldest: what it started has it, too."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.create_time(), process.pid))
    return (min(found)[1], min(found)[0]) if found else None


def ask_to_end(pid: int | None, started: float | None) -> None:
    """Tell the whole group, which saves what it has and ends. Windows has no such signal; there the stop file does."""
    if pid is not None and is_alive(pid, started) and sys.platform != "win32":
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)


def kill(pid: int | None, started: float | None) -> None:
    """End the process and whatever is left of what it started, and wait until it is gone."""
    if pid is None:
        return
    if sys.platform == "win32":
        _kill_tree(pid, started)
        return
    # A number is not given to a new process while a group has it: without a process of it, the group is still ours.
    if _exists(pid, started, buried_too=True) or not psutil.pid_exists(pid):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(psutil.Error):
            psutil.Process(pid).wait(_KILL_TIMEOUT_S)


def _kill_tree(pid: int, started: float | None) -> None:
    if not is_alive(pid, started):
        return
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
        for each in family:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(family, _KILL_TIMEOUT_S)
