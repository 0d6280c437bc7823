"""Everything that can stand in the way, each found and named with what to do about it."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.tuning.providers.data import DataFacts
from core.tuning.providers.local import bases, shapes
from core.tuning.providers.local.adapter import PROVIDER
from core.tuning.providers.local.choices import SETTINGS, Chosen
from core.tuning.providers.local.training import environment, programs
from core.tuning.providers.protocol import CheckReport, Obstacle, Spec
from tests.tuning.local.conftest import settings_with
from tests.tuning.local.shown import FACTS, Showing
from tests.tuning.runners.ray_head import RayHead

DATA = DataFacts(1, "plans@3", "ab" * 32, 200, 20, 20, 20_000, 2_000, 2_000, 180, True, 90_000)
CONFIG = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 414,
}  # fmt: skip

Check = Callable[..., CheckReport]


@pytest.fixture
def showing() -> Iterator[Showing]:
    showing = Showing()
    yield showing
    showing.close()


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """A file as Ollama keeps it, with a beginning that is right."""
    file = tmp_path / f"sha256-{'1' * 64}"
    file.write_bytes(b"GGUF and more")
    return file


@pytest.fixture
def trainer(tmp_path: Path) -> dict[str, Any]:
    """Settings in which the trainer is installed, as far as a look at it can tell."""
    home = tmp_path / "home"
    folder = home / "trainer" / "env-cpu"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    facts = {
        "folder": folder.name, "device": "cpu", "versions": {"torch": "2"}, "wanted": environment.wanted(),
        "size_bytes": 1,
    }  # fmt: skip
    (home / "trainer" / "current.json").write_text(json.dumps(facts))
    return {"home": home}


@pytest.fixture
def check(showing: Showing, trainer: dict[str, Any], blob: Path) -> Check:
    """Check a job on the model `tiny` of an Ollama that shows it; what is given replaces what is usual."""
    showing.add("tiny:latest", blob)

    def check(
        base: str = "ollama:tiny",
        data: DataFacts = DATA,
        *,
        live: bool = True,
        given: dict[str, Any] | None = None,
        **chosen: Any,
    ) -> CheckReport:
        settings = settings_with(trainer["home"], **{"OLLAMA_HOST": showing.address, **(given or {})})
        return PROVIDER.check(Spec("local", base, "sft", chosen), data, settings, live=live)

    return check


def only(checked: CheckReport) -> Obstacle:
    (obstacle,) = checked.obstacles
    assert obstacle.sentence.endswith((".", "?"))
    assert obstacle.remedy.endswith(".")
    return obstacle


def test_a_job_with_nothing_in_the_way(check: Check) -> None:
    checked = check()
    assert checked.obstacles == ()
    assert checked.estimate.cost_low == checked.estimate.cost_high == 0
    assert checked.estimate.tokens == 60_000
    assert checked.estimate.seconds is None
    assert "timed when you press Check" in checked.estimate.basis


def test_without_live_nothing_is_asked(check: Check) -> None:
    checked = check("ollama:not-there", live=False, given={"OLLAMA_HOST": "http://127.0.0.1:9"})
    assert checked.obstacles == ()


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"epochs": 0}, "Epochs is 0; it has to be 1 to 100."),
        ({"epochs": 2.5}, "Epochs is 2.5; it has to be a whole number."),
        ({"epochs": True}, "Epochs is True; it has to be a whole number."),
        ({"learning_rate": "fast"}, "Learning rate is 'fast'; it has to be a number."),
        ({"engine": "magic"}, "Engine is 'magic'; it can be trl, plain."),
        ({"serve_on": 7}, "Serve on is 7; it has to be a text."),
        ({"speed": 1}, "speed is unknown; there are: epochs,"),
    ],
)
def test_a_wrong_setting(check: Check, chosen: dict[str, Any], words: str) -> None:
    checked = check(**chosen)
    assert not checked.can_start
    assert only(checked).code == "setting_wrong"
    assert only(checked).sentence.startswith(words)


def test_defaults_are_right_and_explained() -> None:
    for each in SETTINGS:
        assert each.explained.endswith(".")
        assert each.label
    assert Chosen.of({}).steps(200) == 150
    assert Chosen.of({"gradient_accumulation": 3, "gpus": 2}).steps(200) == 27
    assert PROVIDER.settings_for("ollama:tiny", "sft") == SETTINGS


def test_gpus_and_the_cpu_are_not_both(check: Check) -> None:
    assert only(check(gpus=2, device="cpu")).sentence == "2 GPUs are chosen, and the device is the CPU."


def test_a_trainer_for_the_cpu_has_no_cuda(check: Check) -> None:
    obstacle = only(check(device="cuda"))
    assert (obstacle.code, obstacle.blocks) == ("setting_wrong", True)
    assert "--device cuda" in obstacle.remedy


@pytest.mark.parametrize("live", [True, False])
def test_no_trainer(check: Check, trainer: dict[str, Any], live: bool) -> None:
    (trainer["home"] / "trainer" / "current.json").unlink()
    checked = check(live=live)
    assert not checked.can_start
    assert only(checked).code == "no_trainer"
    assert "python -m core trainer install" in only(checked).remedy


def test_a_trainer_of_before_is_worth_a_word(check: Check, trainer: dict[str, Any]) -> None:
    file = trainer["home"] / "trainer" / "current.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"wanted": "another"}))
    checked = check()
    assert checked.can_start
    assert only(checked).code == "no_trainer"


def test_too_few_examples(check: Check) -> None:
    checked = check(data=replace(DATA, train=4), live=False)
    assert not checked.can_start
    assert only(checked).sentence == "plans@3 has 4 training examples; fewer than 10 are learned by heart."


def test_few_examples_are_worth_a_word(check: Check) -> None:
    checked = check(data=replace(DATA, train=20), live=False)
    assert checked.can_start
    assert only(checked).code == "too_small"


def test_examples_that_are_too_long(check: Check) -> None:
    checked = check(data=replace(DATA, longest_tokens=5_000, is_exact=False), live=False)
    assert checked.can_start
    assert only(checked).code == "too_long"
    assert "about 5,000 tokens" in only(checked).sentence


@pytest.mark.parametrize("base", ["tiny", "ollama:", "ollama:two words", "hub:nobody", "relative/folder", ""])
def test_a_name_that_is_no_base(check: Check, base: str) -> None:
    checked = check(base, live=False)
    assert not checked.can_start
    assert only(checked).code == "base_missing"
    assert "ollama:TAG" in only(checked).remedy


def test_a_model_that_ollama_does_not_have(check: Check) -> None:
    obstacle = only(check("ollama:other"))
    assert (obstacle.code, obstacle.sentence) == ("base_missing", "Ollama has no model other:latest.")
    assert "ollama pull other:latest" in obstacle.remedy


def test_a_kind_of_model_that_cannot_be_converted(check: Check, showing: Showing, blob: Path) -> None:
    showing.add("strange:latest", blob, general__architecture="mamba")
    checked = check("ollama:strange")
    assert not checked.can_start
    assert only(checked).sentence.startswith("An adapter for mamba cannot be made")
    assert "qwen2" in only(checked).remedy


def test_a_base_that_has_an_adapter_already(check: Check, showing: Showing, blob: Path) -> None:
    showing.add("tuned:latest", blob, adapters=(blob.with_name("sha256-" + "2" * 64),))
    checked = check("ollama:tuned")
    assert not checked.can_start
    assert "has an adapter already" in only(checked).sentence


def test_a_base_with_more_than_text(check: Check, showing: Showing, blob: Path) -> None:
    showing.add("seeing:latest", blob, blob.with_name("sha256-" + "3" * 64))
    assert "parts besides text" in only(check("ollama:seeing")).sentence


def test_weights_that_cannot_be_read(check: Check, showing: Showing, tmp_path: Path) -> None:
    showing.add("far:latest", tmp_path / ("sha256-" + "4" * 64))
    checked = check("ollama:far")
    assert not checked.can_start
    assert only(checked).code == "base_missing"
    assert "cannot be read from here" in only(checked).sentence
    assert "on Ollama's machine" in only(checked).remedy


def test_a_base_that_is_quantised_already(check: Check, showing: Showing, blob: Path) -> None:
    showing.add("small:latest", blob, quantisation="Q4_K_M")
    assert check("ollama:small").obstacles == ()
    assert only(check("ollama:small", quantised="q8_0")).sentence.startswith("small:latest is Q4_K_M already")


def test_ollama_that_does_not_run_and_has_the_base(check: Check) -> None:
    checked = check(given={"OLLAMA_HOST": "http://127.0.0.1:9"})
    assert not checked.can_start
    assert only(checked).code == "ollama_not_running"
    assert "The base is one of its models." in only(checked).sentence


def test_ollama_that_does_not_run_does_not_hinder_a_base_that_was_read_before(
    check: Check, trainer: dict[str, Any]
) -> None:
    """Trained now, deployed later."""
    store = trainer["home"] / "tuning" / "bases"
    digest = "5" * 64
    folder = store / f"{digest}-float32"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    base = bases.Base("ollama", "tiny:latest")
    bases._note(store, base).write_text(json.dumps({"digest": f"sha256:{digest}"}))
    checked = check(given={"OLLAMA_HOST": "http://127.0.0.1:9"})
    assert checked.can_start
    assert only(checked).code == "ollama_not_running"
    assert "trained now, and deployed later" in only(checked).sentence


def test_another_server_is_not_ollama(check: Check, tmp_path: Path) -> None:
    head = RayHead(tmp_path / "head")
    try:
        checked = check(given={"OLLAMA_HOST": head.address})
    finally:
        head.close()
    assert not checked.can_start


def test_not_enough_memory(check: Check, showing: Showing, blob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    showing.add(
        "large:latest",
        blob,
        general__parameter_count=8_000_000_000,
        llama__embedding_length=4096,
        llama__block_count=32,
        llama__feed_forward_length=14336,
        llama__attention__head_count=32,
        llama__attention__head_count_kv=8,
        llama__vocab_size=128_256,
    )
    _memory(monkeypatch, total=16 << 30, available=12 << 30)
    codes = {each.code: each for each in check("ollama:large").obstacles}
    assert codes["no_memory"].blocks
    assert "this machine has 16.0 GB" in codes["no_memory"].sentence
    _memory(monkeypatch, total=256 << 30, available=10 << 30)
    tight = [each for each in check("ollama:large").obstacles if each.code == "no_memory"]
    assert [each.blocks for each in tight] == [False]
    _memory(monkeypatch, total=256 << 30, available=200 << 30)
    slow = [each for each in check("ollama:large").obstacles if "days without a GPU" in each.sentence]
    assert [each.blocks for each in slow] == [False]


def _memory(monkeypatch: pytest.MonkeyPatch, *, total: int, available: int) -> None:
    memory = psutil.virtual_memory()._replace(total=total, available=available)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def test_not_enough_disk(check: Check, showing: Showing, blob: Path) -> None:
    showing.add("huge:latest", blob, general__parameter_count=10**15)
    assert any("are free" in each.sentence and each.blocks for each in check("ollama:huge").obstacles)


def test_the_rule_of_memory_is_near_to_what_was_measured() -> None:
    """A Llama of 135 million parameters took 2.8 GB in float32 and 1.9 GB in bfloat16, rank 8, rows of 256 tokens."""
    facts = FACTS | {
        "general.parameter_count": 135_000_000,
        "llama.embedding_length": 576,
        "llama.block_count": 30,
        "llama.feed_forward_length": 1536,
        "llama.attention.head_count": 9,
        "llama.attention.head_count_kv": 3,
        "llama.vocab_size": 49_152,
    }
    shape = shapes.of_facts(facts)
    assert shape is not None
    chosen = Chosen.of({"max_length": 256})
    assert 2.0e9 < shape.memory(chosen, 256, number_bytes=4) < 4.5e9
    assert 1.4e9 < shape.memory(chosen, 256, number_bytes=2) < 3.0e9
    assert shapes.of_facts({"general.architecture": "llama"}) is None
    assert shapes.of_config({"hidden_size": "many"}) is None
    same = shapes.of_config(CONFIG)
    assert same is not None
    assert same.trained(8) == 16_384


def test_what_can_be_converted_is_what_the_trainer_converts() -> None:
    source = (programs.FOLDER / "to_gguf.py").read_text()
    known = re.findall(r'"(\w+)": Architecture\("(\w+)"', source)
    assert {kind: name.lower() for kind, name in known} == shapes.ARCHITECTURES


def test_a_folder_as_base(check: Check, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    assert "There is no folder" in check(str(folder), live=False).obstacles[0].sentence
    folder.mkdir()
    assert "has no config.json" in check(str(folder), live=False).obstacles[0].sentence
    (folder / "config.json").write_text(json.dumps(CONFIG))
    assert "has no weights" in check(str(folder), live=False).obstacles[0].sentence
    (folder / "model.safetensors").touch()
    assert check(str(folder), live=False).obstacles == ()
    (folder / "config.json").write_text(json.dumps(CONFIG | {"model_type": "bert"}))
    assert "An adapter for bert" in check(str(folder), live=False).obstacles[0].sentence


def test_what_serves_a_folder(check: Check, showing: Showing, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").touch()
    checked = check(str(folder))
    assert checked.can_start
    assert "will not answer yet" in only(checked).sentence
    assert check(str(folder), serve_on="tiny:latest").obstacles == ()
    missing = only(check(str(folder), serve_on="other"))
    assert (missing.code, missing.blocks) == ("base_missing", False)
    away = check(str(folder), serve_on="tiny", given={"OLLAMA_HOST": "http://127.0.0.1:9"})
    assert away.can_start
    assert only(away).code == "ollama_not_running"


RAY = {
    "RAY_ADDRESS": "http://127.0.0.1:9",
    "RAY_AUTH_TOKEN": "t0ken",
    "WHETSTONE_RAY_PYTHON": "/opt/trainer/bin/python",
}


@pytest.mark.parametrize(
    ("changed", "code", "words", "blocks"),
    [
        ({"RAY_ADDRESS": None}, "not_reachable", "RAY_ADDRESS is not set.", True),
        ({"RAY_ADDRESS": "auto"}, "not_reachable", "RAY_ADDRESS is 'auto', which is no dashboard's address.", True),
        ({"WHETSTONE_RAY_PYTHON": None}, "no_trainer", "WHETSTONE_RAY_PYTHON is not set", True),
        ({"RAY_AUTH_TOKEN": None}, "key_missing", "RAY_AUTH_TOKEN is not set.", False),
        ({"RAY_AUTH_TOKEN": None, "RAY_ADDRESS": "http://10.0.0.5:8265"}, "key_missing", "RAY_AUTH_TOKEN is not", True),
        ({"RAY_ADDRESS": "http://10.0.0.5:8265"}, "other", "The token goes to the Ray cluster over plain HTTP", False),
    ],
)
def test_what_a_cluster_needs(check: Check, changed: dict[str, Any], code: str, words: str, blocks: bool) -> None:
    obstacle = only(check(runner="ray", device="cpu", live=False, given={**RAY, **changed}))
    assert (obstacle.code, obstacle.blocks) == (code, blocks)
    assert obstacle.sentence.startswith(words)


def test_a_cluster_without_a_reserved_gpu(check: Check) -> None:
    obstacle = only(check(runner="ray", live=False, given=RAY))
    assert obstacle.sentence.startswith("With the device auto, nothing is reserved")


def test_a_cluster_that_is_asked(check: Check, tmp_path: Path) -> None:
    assert "does not answer" in only(check(runner="ray", device="cpu", given=RAY)).sentence
    head = RayHead(tmp_path / "head", token="t0ken")
    try:
        there = {**RAY, "RAY_ADDRESS": head.address}
        checked = check(runner="ray", device="cpu", given=there)
        assert checked.obstacles == ()
        assert "not measured beforehand" in checked.estimate.basis
        refused = only(check(runner="ray", device="cpu", given={**there, "RAY_AUTH_TOKEN": "wrong"}))
        assert refused.code == "key_refused"
        missing = check(runner="ray", device="cpu", given={**there, "RAY_AUTH_TOKEN": None}).obstacles
        assert [each.code for each in missing] == ["key_missing", "key_missing"]
        assert any(each.blocks for each in missing)
    finally:
        head.close()
