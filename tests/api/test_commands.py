"""The export of the queue."""

import orjson
import pytest
from starlette.testclient import TestClient

from core.commands import store
from core.commands.filters import CommandFilter
from core.db import Database, workspaces
from tests.api.calling import Caller
from tests.commands.conftest import claim, enqueue, failed, let_lease_end, status


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


def test_a_command_of_another_program_is_submitted_claimed_and_completed(call: Caller, database: Database) -> None:
    made = call("POST /commands", body={"agent": "printer", "action": "print", "payload": {"pages": 3}}, status=201)
    assert (made["status"], made["payload"], made["created_by"]) == ("pending", {"pages": 3}, "local")
    assert "token" not in made
    (mine,) = call("POST /commands/claim", body={"worker": "p-1", "agents": ["printer"]})
    assert mine["command"]["id"] == made["id"]
    token = {"token": mine["token"]}
    assert call("POST /commands/{id}/heartbeat", made["id"], body=token) == {"answer": "go"}
    done = {**token, "result": {"paper": "A4"}}
    assert call("POST /commands/{id}/complete", made["id"], body=done) == {"status": "completed"}
    assert call("POST /commands/{id}/complete", made["id"], body=done) == {"status": "completed"}  # its answer was lost
    whole = call("GET /commands/{id}", made["id"])
    assert whole["command"]["result"] == {"paper": "A4"}
    assert [each["outcome"] for each in whole["attempts"]] == ["completed"]
    assert call("POST /commands/claim", body={"worker": "p-1"}) == []


def test_who_lost_a_command_is_refused(call: Caller, database: Database) -> None:
    command_id = enqueue(database)
    token = {"token": str(claim(database).token)}
    let_lease_end(database, command_id)
    (again,) = call("POST /commands/claim", body={"worker": "w2"}) or (None,)
    assert again is None  # it is taken away first, which any worker of ours does
    other = {"token": "00000000-0000-4000-8000-000000000000"}
    for act, body in (
        ("heartbeat", other),
        ("complete", other),
        ("fail", {**other, "error": "?"}),
        ("hand-back", other),
    ):
        told = call(f"POST /commands/{{id}}/{act}", command_id, body=body, status=409)
        assert "not yours" in told["message"]
        assert call(f"POST /commands/{{id}}/{act}", 10**9, body=body, status=404)["error"] == "UnknownCommand"
    assert call("POST /commands/{id}/heartbeat", command_id, body=token)["answer"] == "go"


def test_a_failure_is_tried_again_and_one_for_good_by_hand(call: Caller, database: Database) -> None:
    command_id = enqueue(database)
    token = {"token": str(claim(database).token)}
    assert call("POST /commands/{id}/retry", command_id, body={}, status=409)["message"].startswith("Not retried")
    ended = call("POST /commands/{id}/fail", command_id, body={**token, "error": "out of ink", "retry": False})
    assert ended == {"status": "failed"}
    assert call("POST /commands/{id}/retry", command_id, body={"reason": "ink came"})["status"] == "pending"
    token = {"token": str(claim(database).token)}
    assert call("DELETE /commands/{id}", command_id, status=409)["message"].startswith("Not deleted: it is running")
    assert call("POST /commands/{id}/hand-back", command_id, body=token) == {"status": "pending"}
    assert call("DELETE /commands/{id}", command_id, query="reason=old")["changed"] == [command_id]
    assert call("GET /commands/{id}", command_id, status=404)["error"] == "UnknownCommand"


def test_commands_are_listed_by_filter_mark_and_offset(call: Caller, database: Database) -> None:
    ids = [enqueue(database, agent="clerk" if number % 2 else "cook") for number in range(7)]
    for sort in store.SORTS:
        whole = [row["id"] for row in call("GET /commands", query=f"sort={sort}")["rows"]]
        assert sorted(whole) == ids
        page = call("GET /commands", query=f"sort={sort}&limit=3")
        rest = call("GET /commands", query=f"sort={sort}&after={page['next']}")
        assert [row["id"] for row in page["rows"] + rest["rows"]] == whole
        part = call("GET /commands", query=f"sort={sort}&limit=2&offset=3")
        assert [row["id"] for row in part["rows"]] == whole[3:5]
    assert {row["agent"] for row in call("GET /commands", query="agent=cook")["rows"]} == {"cook"}


def test_bulk_acts_name_what_they_did_not_change(call: Caller, database: Database) -> None:
    first, second = enqueue(database), enqueue(database)
    foreseen = call("POST /tasks/bulk", body={"action": "pause", "ids": [first, 10**9], "dry_run": True})
    assert (foreseen["changed"], [each["id"] for each in foreseen["refused"]]) == ([first], [10**9])
    assert status(database, first) == "pending"
    paused = call("POST /tasks/bulk", body={"action": "pause", "filter": {"agents": ["clerk"]}, "reason": "lunch"})
    assert paused["changed"] == [first, second]
    exported = call("POST /tasks/bulk", body={"action": "export", "ids": [second]})
    assert [command["id"] for command in orjson.loads(exported)] == [second]
    for action, became in (("resume", "pending"), ("cancel", "cancelled"), ("retry", "pending")):
        assert call("POST /tasks/bulk", body={"action": action, "ids": [first]})["changed"] == [first]
        assert status(database, first) == became
    assert call("POST /tasks/bulk", body={"action": "delete", "ids": [first]})["changed"] == [first]
    call("POST /tasks/bulk", body={"action": "delete"}, status=422)


def test_a_key_makes_one_command(call: Caller, client: TestClient, database: Database) -> None:
    body = {"agent": "printer", "action": "print"}
    made = [
        client.post("/api/commands", json=body, headers={"Idempotency-Key": "a"}).json()["data"]["id"] for _ in range(3)
    ]
    assert len(set(made)) == 1
    assert len(call("GET /commands")["rows"]) == 1


NO_COMMANDS: list[object] = [
    {"agent": "a", "action": ""},
    {"agent": "a", "action": "b", "max_attempts": 0},
    {"agent": "a", "action": "b", "priority": 2**40},
    {"agent": "a\0", "action": "b"},
    {"agent": "a", "action": "b", "payload": {"x": "\0"}},
    {"agent": "a", "action": "b", "waits_for": [10**9]},
]


def test_what_is_no_command_is_refused(client: TestClient, database: Database) -> None:
    answers = [client.post("/api/commands", json=body) for body in NO_COMMANDS]
    assert {answer.status_code for answer in answers} <= {400, 404, 422}
    assert store.page(database, CommandFilter()).rows == []
