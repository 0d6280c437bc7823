"""The export of the queue."""

import orjson
import pytest
from starlette.testclient import TestClient

from core.db import Database, workspaces
from tests.commands.conftest import enqueue, failed


def test_the_export_holds_the_commands_of_the_filter_with_their_attempts(
    client: TestClient, database: Database
) -> None:
    enqueue(database)
    command_id = failed(database, payload={"text": 'ü "quoted"\n'}, run="run-1", priority=1)

    answer = client.get("/api/commands/export?status=failed&agent=clerk&run=run-1")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="commands-public.json"'
    (command,) = orjson.loads(answer.content)
    assert command["id"] == command_id
    assert command["payload"] == {"text": 'ü "quoted"\n'}
    assert [attempt["error"] for attempt in command["attempts"]] == ["out of ink"]
    assert "token" not in command


def test_a_selection_is_exported_by_its_ids(client: TestClient, database: Database) -> None:
    ids = [enqueue(database) for _ in range(3)]

    answer = client.get(f"/api/commands/export?id={ids[0]}&id={ids[2]}")

    assert [command["id"] for command in answer.json()] == [ids[0], ids[2]]


def test_each_workspace_has_its_own_and_an_export_of_nothing_is_an_empty_list(
    client: TestClient, database: Database
) -> None:
    enqueue(workspaces.create(database, "demo"))

    assert client.get("/api/commands/export").json() == []
    assert len(client.get("/api/commands/export?workspace=demo").json()) == 1


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("status=lost", 400, "InvalidFilter"),
        ("id=first", 400, "InvalidFilter"),
        ("agent=%00", 400, "InvalidFilter"),
        ("workspace=nowhere", 404, "WorkspaceRefused"),
    ],
)
def test_what_cannot_be_exported_is_said_with_its_status(
    client: TestClient, query: str, status: int, error: str
) -> None:
    answer = client.get(f"/api/commands/export?{query}")

    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["message"]
