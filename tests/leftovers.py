"""What a test leaves in its process, where the tests after it find it."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

#: pytest's own note of what runs now, and what Streamlit sets when it reads its settings for the first time.
_PASSING = {"PYTEST_CURRENT_TEST", "MAPBOX_API_KEY"}
#: Beginnings of the names of threads that work on a database until they are stopped.
_OURS = ("whetstone-", "worker ")
#: SIGALRM is pytest-timeout's.
_NOT_OURS = {getattr(signal, name, None) for name in ("SIGKILL", "SIGSTOP", "SIGALRM")}
_SIGNALS = sorted(set(signal.valid_signals()) - _NOT_OURS)


@dataclass(frozen=True)
class State:
    """What every test finds, and has to leave as it was."""

    main: ModuleType
    environment: dict[str, str]
    folder: str
    path: list[str]
    handlers: dict[int, Any]

    @classmethod
    def now(cls) -> "State":
        environment = {name: value for name, value in os.environ.items() if name not in _PASSING}
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        return cls(sys.modules["__main__"], environment, os.getcwd(), list(sys.path), handlers)  # noqa: PTH109

    def restore(self) -> None:
        sys.modules["__main__"] = self.main
        for name in set(os.environ) - set(self.environment) - _PASSING:
            del os.environ[name]
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.path[:] = self.path
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)


def left_behind(
    before: State, after: State, threads: Callable[[], list[threading.Thread]] = threading.enumerate
) -> str:
    """What differs, in words; empty where nothing does."""
    found = []
    if after.main is not before.main:
        found.append(f"another __main__, {getattr(after.main, '__file__', None)}")
    changed = sorted(
        name
        for name in {*before.environment, *after.environment}
        if before.environment.get(name) != after.environment.get(name)
    )
    found += [f"the environment variable {name}" for name in changed]
    if after.folder != before.folder:
        found.append(f"the working folder {after.folder}")
    if after.path != before.path:
        found.append("another sys.path")
    found += [
        f"a handler of {signal.Signals(number).name}"
        for number, handler in after.handlers.items()
        if handler != before.handlers[number]
    ]
    for thread in threads():
        if thread.name.startswith(_OURS):
            thread.join(5)  # it may be on its way out
            if thread.is_alive():
                found.append(f"the thread {thread.name}")
    return ", ".join(found)
