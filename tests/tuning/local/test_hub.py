"""A base from a hub: looked at, fetched once with progress, and plain words where that does not work."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.tuning.providers.data import DataFacts
from core.tuning.providers.local import bases, preflight
from core.tuning.providers.local.bases import Base
from core.tuning.providers.protocol import NotSubmitted, Spec
from tests.training import Tiny
from tests.tuning.local.conftest import settings_with
from tests.tuning.local.hub import COMMIT, Hub

DATA = DataFacts(1, "plans@1", "ab" * 32, 100, 0, 0, 10_000, 0, 0, 60, True, 9_000)


@pytest.fixture
def hub(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(tiny.base, "ada/tiny")
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield hub
    hub.close()


def test_it_is_fetched_once(hub: Hub, tiny: Tiny, tmp_path: Path) -> None:
    (tiny.base / "README.md").write_text("what nobody needs")
    told: list[str] = []
    base, store = Base.parse("hub:ada/tiny"), tmp_path / "bases"

    def fetch() -> bases.Resolved:
        return bases.of_hub(
            base, store=store, python=str(tiny.python), report_progress=lambda what, _share: told.append(what)
        )

    try:
        fetched = fetch()
        assert fetched.digest == f"commit:{COMMIT}"
        assert fetched.folder.name == f"hub-ada--tiny-{COMMIT[:12]}"
        weights = fetched.folder / "model.safetensors"
        assert weights.read_bytes() == (tiny.base / "model.safetensors").read_bytes()
        assert (fetched.folder / "chat_template.jinja").exists()
        assert not (fetched.folder / "README.md").exists()
        asked = len(hub.requests)
        assert fetch() == fetched
        assert len(hub.requests) == asked
        assert list(store.glob(".new-*")) == []
    finally:
        (tiny.base / "README.md").unlink()


def test_it_is_looked_at_before(hub: Hub, tiny: Tiny, home: Path) -> None:
    settings = settings_with(home, WHETSTONE_TRAINER_PYTHON=tiny.python)
    seen = bases.look_at_hub(Base.parse("hub:ada/tiny"), python=str(tiny.python))
    assert seen["commit"] == COMMIT
    assert seen["config"]["model_type"] == "llama"
    assert seen["bytes"] > 500_000
    checked = preflight.check(Spec("local", "hub:ada/tiny", "sft", {}), DATA, settings, live=True)
    assert checked.can_start, checked.obstacles
    assert checked.estimate.seconds is None
    absent = preflight.check(Spec("local", "hub:ada/other", "sft", {}), DATA, settings, live=True)
    assert [each.code for each in absent.obstacles if each.blocks] == ["base_missing"]


def test_what_stands_in_the_way_is_said(hub: Hub, tiny: Tiny, tmp_path: Path) -> None:
    base = Base.parse("hub:ada/tiny")

    def fetch(which: Base = base) -> NotSubmitted:
        with pytest.raises(NotSubmitted) as refused:
            bases.of_hub(which, store=tmp_path / "bases", python=str(tiny.python), report_progress=lambda _w, _s: None)
        return refused.value

    hub.gated = True
    assert "agreed to its terms" in str(fetch())
    hub.close()
    gone = fetch()
    assert (gone.code, "cannot be fetched" in str(gone)) == ("not_reachable", True)
    assert json.dumps([each.name for each in (tmp_path / "bases").iterdir()]) == "[]"
