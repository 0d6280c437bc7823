"""Executions as a download."""

import orjson
from starlette.testclient import TestClient

from core.db import Database, workspaces
from core.orchestrator import executions
from core.orchestrator.plans import Request
from tests.orchestrator.driving import submitted

PATH = "/api/executions/export"


def test_it_is_one_json_array_of_all(client: TestClient, database: Database) -> None:
    first, second = submitted(database, "A blog post, one"), submitted(database, "A blog post, two")
    answer = client.get(PATH)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="executions-public.json"'
    read = orjson.loads(answer.content)
    assert [each["execution_id"] for each in read] == [first.execution_id, second.execution_id]
    assert read[0]["plan"]["steps"]
    assert read[0]["context"]["similar"]["n"] == 0


def test_one_is_named_after_itself(client: TestClient, database: Database) -> None:
    submitted(database, "A blog post, one")
    execution = submitted(database, "A blog post, two")
    answer = client.get(PATH, params={"id": execution.execution_id})
    assert f'filename="execution-{execution.execution_id}.json"' in answer.headers["content-disposition"]
    assert [each["request"] for each in orjson.loads(answer.content)] == ["A blog post, two"]


def test_a_status_chooses(client: TestClient, database: Database) -> None:
    submitted(database, "A blog post")
    executions.submit(database, Request("Just asked for"), actor="ada")
    read = orjson.loads(client.get(f"{PATH}?status=planning&status=failed").content)
    assert [each["request"] for each in read] == ["Just asked for"]


def test_nothing_is_an_empty_array(client: TestClient) -> None:
    assert orjson.loads(client.get(PATH).content) == []


def test_what_is_not_there_is_an_error_and_no_shorter_file(client: TestClient, database: Database) -> None:
    execution = submitted(database)
    answer = client.get(PATH, params={"id": [execution.execution_id, "nobody"]})
    assert answer.status_code == 404
    assert answer.json()["error"] == "UnknownExecution"


def test_an_unknown_status_is_refused(client: TestClient) -> None:
    assert client.get(f"{PATH}?status=nonsense").status_code == 422


def test_each_workspace_has_its_own(client: TestClient, database: Database) -> None:
    submitted(workspaces.create(database, "demo"))
    assert orjson.loads(client.get(PATH).content) == []
    assert len(orjson.loads(client.get(f"{PATH}?workspace=demo").content)) == 1
