"""A frozen version to train on, and a provider whose server counts what it is paid for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from core.datasets import recipes, snapshots, splits
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import examples
from core.examples.filters import Filter
from core.settings import Settings
from core.tuning import jobs
from core.tuning.engine import Schedule
from core.tuning.jobs import SEARCHES, Job
from core.tuning.providers.protocol import Spec
from tests.datasets.conftest import example
from tests.tuning.scripted import Scripted, Server, World

#: Nothing waits: a test says when what comes next comes.
AT_ONCE = Schedule(
    lease_s=30.0,
    hosted_s=(0.0, 0.0),
    machine_s=(0.0, 0.0),
    searches_s=(0.0,) * SEARCHES,
    late_search_s=0.0,
    settle_s=0.0,
    backoff_s=0.0,
    longest_s=0.0,
    chance=lambda: 0.0,
)
SPEC = Spec("openai", "tiny", "sft", {"epochs": 2})


def freeze(
    database: Database, name: str = "plans", rows: int = 20, *, split: str = "80/10/10", **fields: Any
) -> DatasetVersion:
    """A version of `rows` examples; another name has other records."""
    rowset = [
        example(
            number,
            execution_id=f"{name}-{number}",
            intent=name,
            user_request=f"Write post {number} for {name}",
            **fields,
        )
        for number in range(rows)
    ]
    with database.begin() as connection:
        connection.execute(insert(examples), rowset)
    return snapshots.create(
        database,
        name,
        filter=Filter(intents=(name,)),
        recipe=recipes.parse({"target": "plan"}),
        split=splits.parse(split),
        description="",
        drop_duplicates=True,
        actor="ada",
        progress=None,
    )


def run(database: Database, sql: str, *values: Any) -> Any:
    """One statement on the side: to turn the clock, and to look."""
    with database.begin() as connection:
        result = connection.exec_driver_sql(sql, values)
        return result.all() if result.returns_rows else result.rowcount


@pytest.fixture
def version(database: Database) -> DatasetVersion:
    return freeze(database)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(WHETSTONE_HOME=tmp_path, _env_file=None)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def service() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def world(service: Server) -> World:
    return service.world


@pytest.fixture
def scripted(service: Server) -> Scripted:
    return Scripted(service.url)


Create = Callable[..., Job]


@pytest.fixture
def create(database: Database, version: DatasetVersion, settings: Settings, scripted: Scripted) -> Create:
    """Make a job of the version; what is given replaces what is usual."""

    def create(spec: Spec = SPEC, **values: Any) -> Job:
        usual: dict[str, Any] = {"actor": "ada", "reason": "test", "settings": settings, "providers": scripted}
        return jobs.create(database, spec, values.pop("dataset", version), **{**usual, **values})

    return create
