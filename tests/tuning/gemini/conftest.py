"""The adapter, with a bucket of an emulator, credentials of its own, and nothing of the machine's settings."""

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.tuning.providers.gemini.adapter import Gemini
from core.tuning.providers.protocol import Spec
from tests.llm.servers import machine_credentials
from tests.tuning.gemini import emulator
from tests.tuning.gemini.emulator import BUCKET
from tests.tuning.gemini.service import Service
from tests.tuning.loopback import Loopback
from tests.tuning.views import Jobs, settings

BASE = "gemini-3.5-flash"
SPEC = Spec("gemini", BASE, "sft", {"epoch_count": 2, "learning_rate_multiplier": 1.5, "adapter_size": 4}, "Plans!")


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GEMINI_", "STORAGE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def provider() -> Gemini:
    return Gemini(today=lambda: dt.date(2026, 11, 24), timeout_s=10)


@pytest.fixture
def service(_own_world: None) -> Iterator[Service]:
    server = Loopback()
    with server.serving(), machine_credentials(f"{server.url}/token"):
        yield Service(server)


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    """The address of an emulator of Cloud Storage with one bucket."""
    with emulator.running() as url:
        yield url


def leading_to(service: Service, storage: str, home: Path, **values: Any) -> Settings:
    usual = {
        "GOOGLE_CLOUD_PROJECT": "acme", "GOOGLE_CLOUD_LOCATION": "europe-west4", "WHETSTONE_GCS_BUCKET": BUCKET,
        "GOOGLE_VERTEX_BASE_URL": service.server.url, "STORAGE_EMULATOR_HOST": storage,
    }  # fmt: skip
    return settings(home, **{**usual, **values})


@pytest.fixture
def jobs(service: Service, storage: str, tmp_path: Path) -> Jobs:
    return Jobs(tmp_path, leading_to(service, storage, tmp_path))
