"""A demo company of a moderate size, loaded once and copied for every test that asks for it."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from core import demo
from core.db import Database
from core.db.embedded import EmbeddedPostgres
from tests.orchestrator.driving import TODAY

EXAMPLES = 600
_numbers = count(1)


def _administer(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="session")
def demo_template(server: EmbeddedPostgres, migrated_template: str) -> str:
    """The name of a database with the demo company in its workspace `demo`, to copy from."""
    name = "demo_template"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY FILE_COPY")
    database = Database(server.url(name))
    demo.load(database, actor="test", examples=EXAMPLES, today=TODAY)
    database.close()
    return name


@pytest.fixture
def company(server: EmbeddedPostgres, demo_template: str) -> Iterator[Database]:
    """The demo company's workspace, this test's own."""
    name = f"company_{next(_numbers)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {demo_template} STRATEGY FILE_COPY")
    database = Database(server.url(name))
    yield database.in_workspace(demo.WORKSPACE)
    database.close()
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")
