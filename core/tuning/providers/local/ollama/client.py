"""Ollama, as far as fine-tuning needs it: what it has, and a model more or less in it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import ModelUnavailable
from core.llm import Model
from core.llm.calling import access_to
from core.settings import Settings, without_login
from core.tuning.providers.protocol import NotSubmitted, ProviderTrouble

#: Seconds for a question, for a file or a model to be taken, and for a model to be loaded and to answer.
_ASK_S, _TAKE_S, _LOAD_S = 5.0, 3_600.0, 600.0
#: Commands that begin what is no longer about files.
_AFTER_FILES = re.compile(r"(?:TEMPLATE|SYSTEM|PARAMETER|LICENSE|MESSAGE|RENDERER|PARSER|REQUIRES)\b")
_SHOWN = 300
#: Worth asking again.
_BUSY = (429, 503)


class OllamaAway(ProviderTrouble):
    """Ollama does not answer."""


@dataclass(frozen=True)
class Shown:
    """A model as Ollama shows it."""

    name: str
    #: Where its weights lie on Ollama's machine; more than one: parts that are no text, such as those for pictures.
    files: tuple[Path, ...]
    #: Hashes of the adapters on it.
    adapters: tuple[str, ...]
    #: As Ollama calls it: Q4_K_M, F16, …
    quantisation: str
    #: GGUF's own facts, such as general.architecture and general.parameter_count.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: Texts at which it stops, besides the ends that stand in the file.
    stops: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 of the weights, by the name of their file; "" where that says nothing."""
        return _digest(self.files[0]) if self.files else ""

    @property
    def architecture(self) -> str:
        return str(self.facts.get("general.architecture", ""))


@dataclass(frozen=True)
class Rendered:
    """What a model in Ollama makes of a conversation; None: this Ollama does not say it."""

    text: str | None
    tokens: int | None


class Ollama:
    """The Ollama that OLLAMA_HOST names. Every method raises `OllamaAway` when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        try:
            self.address = access_to(Model("ollama", ""), settings).base_url or ""
        except ModelUnavailable as wrong:
            raise OllamaAway(str(wrong)) from None

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, so that its files can be ours to read."""
        return urlsplit(self.address).hostname in ("127.0.0.1", "localhost", "::1")

    def names(self) -> tuple[str, ...]:
        """Return the names of its models."""
        with self._client(_ASK_S) as client:
            return tuple(sorted(each.model for each in client.list().models if each.model))

    def show(self, name: str) -> Shown | None:
        """Return a model; None: there is none of this name."""
        try:
            with self._client(_ASK_S) as client:
                found = client.show(name)
        except NotSubmitted as refused:
            if refused.code == "404":
                return None
            raise
        files, adapters = _files(found.modelfile or "")
        quantisation = (found.details.quantization_level if found.details else "") or ""
        return Shown(name, files, adapters, quantisation, dict(found.modelinfo or {}), _stops(found.parameters or ""))

    def has_blob(self, digest: str) -> bool:
        """Whether it has a file with this hash (`sha256:…`)."""
        import httpx

        with self._errors(), httpx.Client(base_url=self.address, timeout=_ASK_S, trust_env=not self.is_here) as client:
            return client.head(f"/api/blobs/{digest}").status_code == httpx.codes.OK

    def take_blob(self, file: Path, digest: str) -> None:
        """Give it a file, unless it has it. Raises `NotSubmitted` when what came there is something else."""
        if self.has_blob(digest):
            return
        with self._client(_TAKE_S) as client:
            taken = client.create_blob(file)
        if taken != digest:
            raise NotSubmitted(f"{file} has changed: it is {taken} now, and was {digest}.", code="changed")

    def create(
        self,
        name: str,
        *,
        base: str,
        adapter: str,
        parameters: Mapping[str, Any],
        quantise: str | None = None,
        weights: str = "",
    ) -> None:
        """Make a model of a base and an adapter; with `weights`, of that file of the base's alone, without template,
        system prompt and parameters that the base has in Ollama. Raises `NotSubmitted`.
        """
        origin: dict[str, Any] = {"files": {"base.gguf": weights}} if weights else {"from_": base}
        with self._client(_TAKE_S) as client:
            said = client.create(
                model=name,
                **origin,
                adapters={"adapter.gguf": adapter},
                parameters=dict(parameters),
                quantize=quantise,
                stream=False,
            )
        if said.status != "success":
            raise NotSubmitted(f"Ollama did not make {name}; it said: {said.status}.")

    def ask(self, name: str, prompt: str) -> str:
        """Return a few words of a model: a wrong base or adapter shows only when it is loaded.

        Raises `NotSubmitted`.
        """
        with self._client(_LOAD_S) as client:
            said = client.chat(
                model=name, messages=[{"role": "user", "content": prompt}], options={"num_predict": 8}, stream=False
            )
        return said.message.content or ""

    def render(self, name: str, messages: Sequence[Mapping[str, str]]) -> Rendered:
        """Return the text that a model makes of a conversation, and how many tokens. Raises `NotSubmitted`.

        An older Ollama does not know the question for the text, and answers: one token of that is enough.
        """
        said = self._chat(name, messages, _debug_render_only=True)
        shown = said.get("_debug_info")
        text = shown.get("rendered_template") if isinstance(shown, dict) else None
        if isinstance(text, str):
            said = self._chat(name, messages)
        tokens = said.get("prompt_eval_count")
        return Rendered(text if isinstance(text, str) else None, tokens if isinstance(tokens, int) and tokens else None)

    def _chat(self, name: str, messages: Sequence[Mapping[str, str]], **more: Any) -> dict[str, Any]:
        """Ask what the SDK has no words for."""
        import httpx
        import ollama

        body = {
            "model": name,
            "messages": [dict(each) for each in messages],
            "stream": False,
            "options": {"num_predict": 1},
            **more,
        }
        with self._errors(), httpx.Client(base_url=self.address, timeout=_LOAD_S, trust_env=not self.is_here) as client:
            answer = client.post("/api/chat", json=body)
            if answer.is_error:
                raise ollama.ResponseError(answer.text, answer.status_code)
            said = answer.json()
            if not isinstance(said, dict):
                raise TypeError("an answer that is no object")
            return said

    def delete(self, name: str) -> None:
        """Remove a model; one that is not there is none to remove."""
        try:
            with self._client(_TAKE_S) as client:
                client.delete(name)
        except NotSubmitted as refused:
            if refused.code != "404":
                raise

    @contextmanager
    def _client(self, timeout_s: float) -> Iterator[Any]:
        import ollama

        # A proxy in the environment is for the world outside; it does not know what runs on this machine.
        with (
            self._errors(),
            ollama.Client(host=self.address, timeout=timeout_s, trust_env=not self.is_here) as client,
        ):
            yield client

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import httpx
        import ollama

        try:
            yield
        except ollama.ResponseError as error:
            words = f"Ollama refused: {str(error.error)[:_SHOWN]}"
            if error.status_code in _BUSY:
                raise ProviderTrouble(words) from None
            raise NotSubmitted(words, code=str(error.status_code)) from None
        except (ConnectionError, httpx.HTTPError):
            place = without_login(self.address)
            raise OllamaAway(
                f"Ollama does not answer at {place}. Start it with `ollama serve`, or set OLLAMA_HOST."
            ) from None
        except (ValueError, TypeError):  # JSON's, pydantic's, or the SDK's own
            raise OllamaAway(
                f"What answers at {without_login(self.address)} is not Ollama; correct OLLAMA_HOST."
            ) from None


def _files(modelfile: str) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Weights and adapters, by the first lines of a Modelfile. Texts, which may hold anything, come after them."""
    files, adapters = [], []
    for line in modelfile.splitlines():
        if _AFTER_FILES.match(line):
            break
        command, _, argument = line.partition(" ")
        path = Path(argument.strip().strip('"'))
        if command == "FROM":
            files.append(path)
        elif command == "ADAPTER":
            adapters.append(_digest(path))
    return tuple(files), tuple(adapters)


def _stops(parameters: str) -> tuple[str, ...]:
    """Return the parameters `stop`, each on a line of its own, as Go quotes it."""
    found = []
    for line in parameters.splitlines():
        name, _, value = line.partition(" ")
        if name == "stop":
            try:
                found.append(str(json.loads(value.strip())))
            except ValueError:
                found.append(value.strip().strip('"'))
    return tuple(found)


def _digest(path: Path) -> str:
    kind, _, value = path.name.replace(":", "-").partition("-")
    return f"sha256:{value}" if kind == "sha256" and re.fullmatch(r"[0-9a-f]{64}", value) else ""
