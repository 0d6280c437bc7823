"""An Ollama that answers from the weights it was given, and a home in which the trainer is known."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ollama
import pytest

from core.tuning.providers.data import Files
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.ollama import publishing
from core.tuning.providers.local.training import environment, folder
from tests.training import Tiny
from tests.tuning.local.trained import Trained, settings_with

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tried(trainer_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which that Python was tried already, which takes seconds."""
    home = tmp_path_factory.mktemp("tried")
    found = environment.status(settings_with(home, WHETSTONE_TRAINER_PYTHON=trainer_python))
    assert found.state == "ready", found.sentence
    return home


@pytest.fixture
def home(tried: Path, tmp_path: Path) -> Path:
    """A home of this test's own."""
    shutil.copytree(tried, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="session")
def llama_python() -> Path:
    """A Python with `xllamacpp` and `gguf`: WHETSTONE_TEST_LLAMA, or this one."""
    python = os.environ.get("WHETSTONE_TEST_LLAMA", sys.executable)
    if subprocess.run([python, "-c", "import xllamacpp, gguf"], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has not both xllamacpp and gguf; name one that has by WHETSTONE_TEST_LLAMA")
    return Path(python)


@dataclass
class Standing:
    """The stand-in for Ollama. What it was given is there again when it is started anew."""

    python: Path
    store: Path
    port: int = 0
    address: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Serve, at the same address as before."""
        self._process = subprocess.Popen(
            [self.python, "-m", "tests.tuning.local.mini_ollama", self.store, str(self.port)],
            cwd=HERE.parents[2],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        words = next((line.split() for line in self._process.stdout if line.startswith("address ")), None)
        assert words, "the stand-in did not start"
        self.address = words[1]
        self.port = int(self.address.rpartition(":")[2])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @property
    def client(self) -> ollama.Client:
        return ollama.Client(host=self.address, trust_env=False)

    def add(self, name: str, file: Path) -> None:
        """A model of a GGUF file, as `ollama create` makes it."""
        client = self.client
        client.create(model=name, files={file.name: client.create_blob(file)})

    def faults(self, *faults: str) -> None:
        """Answer as an older one: `no debug`, `no count`."""
        (self.store / "faults.json").write_text(json.dumps(faults))

    def right(self, model: str, rows: list[dict[str, Any]]) -> int:
        """How many of these chats it answers exactly as they are."""
        client = self.client
        return sum(self.says(model, row["messages"][:-1], client) == row["messages"][-1]["content"] for row in rows)

    def says(self, model: str, messages: list[dict[str, str]], client: ollama.Client | None = None) -> str:
        options = {"temperature": 0, "num_predict": 12}
        said = (client or self.client).chat(model=model, messages=messages, options=options)
        return (said.message.content or "").strip()


@pytest.fixture
def standing(llama_python: Path, tmp_path: Path) -> Iterator[Standing]:
    """An Ollama without models."""
    standing = Standing(llama_python, tmp_path / "ollama")
    standing.start()
    yield standing
    standing.stop()


@pytest.fixture
def served(standing: Standing, tiny: Tiny) -> Standing:
    """An Ollama with the model `tiny`."""
    standing.add("tiny", tiny.base_gguf)
    return standing


@pytest.fixture(scope="session")
def trained(tiny: Tiny, trainer_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a training is done."""
    there = tmp_path_factory.mktemp("trained") / "job"
    chosen = Chosen.of({"epochs": 1, "learning_rate": 2e-3, "threads": 1, "engine": "plain"})
    folder.prepare(there, chosen, tiny.base, Files(tiny.folder / "train.jsonl", None, None), 200)
    done = subprocess.run(
        [trainer_python, there / "trainer" / "train.py", there], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    publishing.to_gguf(
        there / "base_config",
        there / "adapter",
        there / "adapter.gguf",
        python=str(trainer_python),
        report_progress=lambda _what, _share: None,
    )
    return there


@pytest.fixture
def job(home: Path, trained: Path, served: Standing, trainer_python: Path) -> Trained:
    """A job whose training is done, in a home of its own."""
    given = {"OLLAMA_HOST": served.address, "WHETSTONE_TRAINER_PYTHON": trainer_python}
    return Trained(home, trained, given)
