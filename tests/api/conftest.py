"""The whole app in this process, without a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import app
from core.db import Database
from tests.api.calling import Caller
from tests.served import serving


@pytest.fixture
def client(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestClient]:
    """Speaks to the app on this test's database. Its lifespan does not run: routes open the database themselves."""
    with serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path)):
        yield TestClient(app.app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture
def call(client: TestClient) -> Caller:
    return Caller(client)
