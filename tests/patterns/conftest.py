"""A demo company whose examples have planted patterns."""

import datetime as dt
from collections.abc import Iterator

import pytest

from core.db import Database
from core.db.embedded import EmbeddedPostgres
from core.demo import loading
from tests.conftest import _temporary_database

ROWS = 10_000


@pytest.fixture(scope="module")
def company(server: EmbeddedPostgres, migrated_template: str) -> Iterator[Database]:
    """Ten thousand examples, for tests that change nothing but patterns."""
    for database in _temporary_database(server, migrated_template):
        loading.load(database, examples=ROWS, actor="test", workspace="planted", today=dt.date(2026, 11, 1))
        yield database.in_workspace("planted")
