"""The same with a real Ollama, where one answers at OLLAMA_HOST: its own import, adapter, template and runner.

It makes three models whose names begin with `whetstone-test-`, and removes them again.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import ollama
import pytest

from core.settings import Settings
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.local.adapter import PROVIDER
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.ollama.client import Ollama, OllamaAway
from core.tuning.providers.local.training import folder
from core.tuning.providers.protocol import JobView, Spec
from tests.training import Tiny
from tests.tuning.local.conftest import Standing, settings_with

BASE = "whetstone-test-base"


@pytest.fixture
def address() -> str:
    """Where a real Ollama answers."""
    try:
        found = Ollama(Settings())
        found.names()
    except OllamaAway as away:
        pytest.skip(f"no real Ollama: {away}")
    return found.address


@pytest.fixture
def client(address: str, tiny: Tiny) -> Iterator[ollama.Client]:
    client = ollama.Client(host=address)
    create(client, tiny)
    yield client
    for name in [each.model for each in client.list().models if (each.model or "").startswith("whetstone-test-")]:
        client.delete(name or "")


def create(client: ollama.Client, tiny: Tiny, **more: str) -> None:
    client.create(model=BASE, files={"base.gguf": client.create_blob(tiny.base_gguf)}, template=_TEMPLATE, **more)


#: The template of the tiny base, as Ollama writes templates.
_TEMPLATE = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"


def test_a_real_ollama_answers_with_what_was_trained(
    client: ollama.Client, address: str, tiny: Tiny, home: Path
) -> None:
    settings = settings_with(home, OLLAMA_HOST=address, WHETSTONE_TRAINER_PYTHON=tiny.python)
    there = home / "tuning" / "jobs" / "k1"
    chosen = Chosen.of({"epochs": 5, "learning_rate": 2e-3, "threads": 1})
    files = Files(tiny.folder / "train.jsonl", tiny.folder / "val.jsonl", None)
    folder.prepare(there, chosen, tiny.base, files, 200)
    subprocess.run([tiny.python, there / "trainer" / "train.py", there], check=True, capture_output=True)
    data = DataFacts(1, "tickets@1", "ab" * 32, 200, 50, 50, 9_000, 2_000, 2_000, 60, True, 40_000)
    shown = Ollama(settings).show(BASE)
    assert shown is not None
    spec = Spec("local", f"ollama:{BASE}", "sft", {}, "whetstone-test-tuned")
    remote = {"base": {"tag": shown.name, "digest": shown.digest}}
    job = JobView(1, "k1", 0, "running", spec, remote, "k1", None, there, lambda _f: files, data, settings)
    made = PROVIDER.finish(job, lambda _what, _share: None)
    assert made.serving == "ready", made.note
    compared = made.serving_remote["conversations"]
    assert (compared["verdict"], made.note) == ("same", ""), compared
    standing = Standing(tiny.python, home, address=address)
    unseen = tiny.chats("test")
    assert standing.right(BASE, unseen) < len(unseen) / 2
    name = made.call_name.removeprefix("ollama:")
    assert standing.right(name, unseen) > len(unseen) * 0.8
    options = {"temperature": 0, "num_predict": 40}
    assert client.chat(model=name, messages=unseen[0]["messages"][:-1], options=options).done_reason == "stop"

    client.delete(name)
    create(client, tiny, system="You are somebody else.")
    again = PROVIDER.finish(job, lambda _what, _share: None)
    compared = again.serving_remote["conversations"]
    assert (again.serving, compared["verdict"]) == ("ready", "same"), compared
    assert "Where a conversation has no system prompt, Ollama puts in another one" in again.note
