"""A provider on loopback, settings that lead to it, and a world without keys or proxies of the machine's own."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.errors import ModelUnavailable
from core.llm import Completion, Model, complete
from core.settings import Settings
from tests.llm.servers import FAKES, KEY, KNOWN_MODEL, FakeProvider, Ollama, serving

_FOREIGN = ("API_KEY", "AUTH_TOKEN", "BASE_URL", "OLLAMA_HOST", "PROXY", "proxy", "CREDENTIALS", "CLOUD_PROJECT")


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith(_FOREIGN):
            monkeypatch.delenv(name)


@pytest.fixture(params=sorted(FAKES))
def provider(request: pytest.FixtureRequest) -> Iterator[FakeProvider]:
    """Each provider in turn."""
    with serving(FAKES[request.param]()) as fake:
        yield fake


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    fake = Ollama()
    with serving(fake):
        yield fake


def settings_for(*providers: FakeProvider, key: str | None = KEY) -> Settings:
    """Settings that lead to these providers; nothing else is set."""
    values: dict[str, Any] = {}
    for provider in providers:
        values |= provider.environment(key)
    return Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue]


def model_of(provider: FakeProvider, name: str = KNOWN_MODEL) -> Model:
    return Model.parse(f"{provider.name}:{name}")


@pytest.fixture
def ask(provider: FakeProvider) -> Callable[..., Completion]:
    """Ask the provider; waits between tries are noted in `ask.waits` instead of waited for."""
    waits: list[float] = []

    def asking(**more: Any) -> Completion:
        values = {
            "system": "Be short.",
            "prompt": "Say hello.",
            "settings": settings_for(provider),
            "pause": waits.append,
        }
        return complete(**{"model": model_of(provider), **values, **more})

    asking.waits = waits  # pyright: ignore[reportFunctionMemberAccess]
    return asking


def failing(ask: Callable[..., Completion], **more: Any) -> ModelUnavailable:
    """The failure of an ask that must fail."""
    with pytest.raises(ModelUnavailable) as failed:
        ask(**more)
    return failed.value
