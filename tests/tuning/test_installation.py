"""Installing in the background: one at a time, and why it failed is kept."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Conflict, TrainerUnavailable
from core.settings import Settings
from core.tuning.providers.local.training import environment
from core.tuning.providers.local.training.installation import Installation

HOME = Settings(home=Path("nowhere"))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Installing takes until this is set."""
    gate = threading.Event()
    monkeypatch.setattr(environment, "install", lambda _settings, _device, _tell: gate.wait(30))
    yield gate
    gate.set()


def test_it_runs_once_at_a_time_and_again_when_it_is_done(gate: threading.Event) -> None:
    installation = Installation()
    assert not installation.is_running
    installation.start(HOME, "cpu")
    assert installation.is_running
    with pytest.raises(Conflict, match="being installed already"):
        installation.start(HOME, "cuda")
    gate.set()
    installation.wait(30)
    assert (installation.is_running, installation.error) == (False, "")
    installation.start(HOME, "cuda")
    installation.wait(30)


def test_why_it_failed_is_kept_until_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise TrainerUnavailable("There is no room.")

    monkeypatch.setattr(environment, "install", refused)
    installation = Installation()
    installation.start(HOME, "cpu")
    installation.wait(30)
    assert installation.error == "There is no room."
    monkeypatch.setattr(environment, "install", lambda *_: None)
    installation.start(HOME, "cpu")
    installation.wait(30)
    assert installation.error == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(environment, "install", broken)
    installation = Installation()
    installation.start(HOME, "cpu")
    installation.wait(30)
    assert "the log of the server says why" in installation.error
