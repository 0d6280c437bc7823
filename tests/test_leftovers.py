"""The guard over what tests leave in their process."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.leftovers import State, left_behind


def _leave_a_main() -> None:
    sys.modules["__main__"] = ModuleType("__main__")


def _leave_a_variable() -> None:
    os.environ["LEFT_BEHIND"] = "1"


def _leave_a_folder() -> None:
    os.chdir(Path.cwd().parent)


def _leave_a_path() -> None:
    sys.path.insert(0, "somewhere")


def _leave_a_handler() -> None:
    signal.signal(signal.SIGINT, lambda _number, _frame: None)


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (_leave_a_main, "another __main__"),
        (_leave_a_variable, "the environment variable LEFT_BEHIND"),
        (_leave_a_folder, "the working folder"),
        (_leave_a_path, "another sys.path"),
        (_leave_a_handler, "a handler of SIGINT"),
    ],
)
def test_what_is_left_is_named_and_put_back(act: Callable[[], None], named: str) -> None:
    before = State.now()
    act()
    found = left_behind(before, State.now(), threads=list)
    before.restore()
    assert named in found
    assert left_behind(before, State.now(), threads=list) == ""


def test_a_thread_of_ours_that_goes_on_is_named_and_others_are_not() -> None:
    stop = threading.Event()
    ours = threading.Thread(target=stop.wait, name="whetstone-forgotten", daemon=True)
    others = threading.Thread(target=stop.wait, name="somebody's", daemon=True)
    join, ours.join = ours.join, lambda timeout=None: None  # type: ignore[method-assign]
    for thread in (ours, others):
        thread.start()
    state = State.now()
    found = left_behind(state, state, threads=lambda: [ours, others])
    stop.set()
    join()
    assert found == "the thread whetstone-forgotten"
