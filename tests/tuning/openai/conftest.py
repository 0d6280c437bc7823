"""The adapter, with nothing of the machine's own settings."""

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.protocol import Spec
from tests.tuning.loopback import Loopback
from tests.tuning.openai import aimock
from tests.tuning.openai.service import Service
from tests.tuning.views import Jobs, settings

SECRET = "sk-test-0123456789abcdefghijklmnop"
BASE = "gpt-4.1-mini-2025-04-14"
SPEC = Spec(
    "openai", BASE, "sft", {"n_epochs": 3, "seed": 7, "batch_size": "auto", "learning_rate_multiplier": 0.5}, "Plans!"
)


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OPENAI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def provider() -> OpenAI:
    return OpenAI(today=lambda: dt.date(2026, 11, 24), pause=lambda _: None, timeout_s=20)


@pytest.fixture
def service() -> Iterator[Service]:
    """A small stand-in of our own, for what the other one lacks."""
    server = Loopback()
    with server.serving():
        yield Service(server)


def leading_to(url: str, home: Path, **values: Any) -> Jobs:
    """Jobs whose settings lead to this address."""
    return Jobs(home, settings(home, **{"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": SECRET, **values}))


@pytest.fixture
def jobs(service: Service, tmp_path: Path) -> Jobs:
    return leading_to(service.server.url, tmp_path)


@pytest.fixture(scope="session")
def aimock_url() -> Iterator[str]:
    with aimock.running() as url:
        yield url
