"""Three real steps, timed before a training starts, and the base's own count of tokens."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.local import places
from core.tuning.providers.local.adapter import PROVIDER
from core.tuning.providers.local.runners.local import LocalRunner
from core.tuning.providers.local.training import programs
from core.tuning.providers.protocol import Spec
from tests.training import Tiny
from tests.tuning.local.conftest import settings_with
from tests.tuning.runners.conftest import MakeWork, work

__all__ = ["work"]  # a fixture

DATA = DataFacts(1, "plans@3", "ab" * 32, 200, 20, 20, 20_000, 2_000, 2_000, 180, True, 90_000)


def test_three_real_steps_are_timed(
    tiny: Tiny, trainer_python: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the base's own count of tokens; what was measured is true for an hour, and for these records alone."""
    settings: Settings = settings_with(home, WHETSTONE_TRAINER_PYTHON=trainer_python)
    files = Files(tiny.folder / "train.jsonl", tiny.folder / "val.jsonl", None)
    data = replace(DATA, longest_tokens=9_999, files=lambda _format: files)
    spec = Spec("local", str(tiny.base), "sft", {"epochs": 2, "max_length": 34, "threads": 1, "engine": "plain"})
    checked = PROVIDER.check(spec, data, settings, live=True)
    assert checked.can_start
    assert checked.estimate.seconds is not None
    assert checked.estimate.seconds > 0
    assert checked.estimate.tokens is not None
    assert "Three real steps on cpu" in checked.estimate.basis
    assert "for all 90;" in checked.estimate.basis
    (long,) = [each for each in checked.obstacles if each.code == "too_long"]
    assert "of 200 examples of plans@3 have more than 34 tokens" in long.sentence
    assert " of them are left out, because nothing of the answer is left." in long.sentence
    assert not long.blocks

    def run_no_more(*_: Any, **__: Any) -> None:
        raise AssertionError("it was measured already")

    monkeypatch.setattr(programs, "run", run_no_more)
    assert PROVIDER.check(spec, data, settings, live=True).estimate == checked.estimate
    with pytest.raises(AssertionError, match="measured already"):
        PROVIDER.check(spec, replace(data, root_hash="cd"), settings, live=True)
    assert list((home / "tuning" / "probes").glob(".probe-*")) == []


def test_examples_of_which_nothing_is_left_block(tiny: Tiny, trainer_python: Path, home: Path, tmp_path: Path) -> None:
    settings = settings_with(home, WHETSTONE_TRAINER_PYTHON=trainer_python)
    spec = Spec("local", str(tiny.base), "sft", {"max_length": 32, "threads": 1, "engine": "plain"})
    (chat, *_) = tiny.chats("test")
    chat["messages"][1]["content"] = "word " * 200
    (tmp_path / "long.jsonl").write_text(json.dumps(chat) + "\n")
    data = replace(DATA, files=lambda _format: Files(tmp_path / "long.jsonl", None, None))
    checked = PROVIDER.check(spec, data, settings, live=True)
    assert not checked.can_start
    assert any(each.code == "too_long" and each.blocks for each in checked.obstacles)


def test_a_training_that_runs_is_not_disturbed(tiny: Tiny, home: Path, work: MakeWork) -> None:
    settings = settings_with(home, WHETSTONE_TRAINER_PYTHON=tiny.python)
    running = work(steps=5_000, step_s=0.05)
    runner = LocalRunner(places.device(settings))
    runner.submit(running)
    data = replace(DATA, files=lambda _format: Files(tiny.folder / "train.jsonl", None, None))
    try:
        checked = PROVIDER.check(Spec("local", str(tiny.base), "sft", {}), data, settings, live=True)
    finally:
        runner.kill(running.folder)
    assert checked.can_start
    assert checked.estimate.seconds is None
    assert checked.estimate.basis.startswith("Another training runs on this machine, and is not disturbed")
