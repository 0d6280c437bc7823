"""Dataset versions over the API: what the core freezes, exports and proves."""

from core.datasets import exporting, snapshots
from core.db import Database
from tests.api.calling import Caller
from tests.served import add

PATH = "/orchestrator/training/datasets"


def frozen(call: Caller, **values: object) -> dict[str, object]:
    return call(f"POST {PATH}", body={"name": "plans", "wait": True, **values}, status=202)


def test_a_version_is_frozen_listed_exported_and_verified(call: Caller, database: Database) -> None:
    add(database, *({} for _ in range(40)), {"success": False}, {"tags": ["TEST"]})
    made = frozen(call, description="for planning")
    assert (made["version"]["label"], made["version"]["example_count"]) == ("plans@1", 40)
    assert made["defaults"]["left_out"] == {"failed": 1, "TEST": 1}
    number = made["version"]["id"]
    whole = call(f"GET {PATH}/{{which}}", "plans@1")
    assert whole["id"] == number == call(f"GET {PATH}/{{which}}", number)["id"]
    assert whole["choice"]["recipe"]["target"] == "plan"
    assert whole["manifest"]
    assert call(f"GET {PATH}/{{which}}/lineage", number)["sources"][0]["count"] == 40
    listed = call(f"GET {PATH}")
    assert [row["label"] for row in listed["rows"]] == ["plans@1"]
    expected = b"".join(exporting.export(database, "plans@1", "train", "openai")).decode()
    assert call(f"GET {PATH}/{{which}}/files/{{split}}", number, "train") == expected
    same = {"dataset": "plans", "split": "train", "format": "openai"}
    assert call(f"POST {PATH}/export", body=same) == expected
    assert call(f"POST {PATH}/{{which}}/verify", number)["ok"] is True


def test_without_waiting_it_is_asked_for_and_built_later(call: Caller, database: Database) -> None:
    add(database, *({} for _ in range(40)))
    made = frozen(call, wait=False)["version"]
    assert made["status"] == "queued"
    snapshots.build(database, made["id"])
    assert call(f"GET {PATH}/{{which}}", made["id"])["status"] == "frozen"


def test_two_versions_are_compared(call: Caller, database: Database) -> None:
    add(database, *({} for _ in range(40)), {"success": False})
    frozen(call)
    frozen(call, include=["failed"], recipe={"target": "result"})
    found = call(f"GET {PATH}/compare", query="left=plans@1&right=plans@2")
    assert (found["added"]["count"], found["removed"]["count"]) == (1, 0)
    assert found["settings_changed"] == ["filter", "recipe"]


def test_exactly_takes_the_filter_alone(call: Caller, database: Database) -> None:
    add(database, *({} for _ in range(40)), *({"success": False} for _ in range(5)))
    assert frozen(call, exactly=True)["version"]["example_count"] == 45


def test_lists_go_on_behind_a_version(call: Caller, database: Database) -> None:
    add(database, *({} for _ in range(40)))
    for _ in range(3):
        frozen(call)
    page = call(f"GET {PATH}", query="limit=2")
    assert [row["version"] for row in page["rows"]] == [3, 2]
    assert [row["version"] for row in call(f"GET {PATH}", query=f"after={page['next']}")["rows"]] == [1]
    assert [row["version"] for row in call(f"GET {PATH}", query="offset=1&limit=1")["rows"]] == [2]
    call(f"GET {PATH}", query="after=999", status=409)


REFUSED: list[tuple[str, object, str, int]] = [
    ("POST ", {"name": "plans", "wait": True}, "", 400),
    ("POST ", {"name": ""}, "", 422),
    ("POST ", {"name": "a", "split": {"train": 90, "validation": 90, "test": 90}}, "", 422),
    ("POST ", {"name": "a", "include": ["everything"]}, "", 422),
    ("POST ", {"name": "a", "excluded_ids": [2**70]}, "", 422),
    ("GET /nothing", None, "", 404),
    ("GET /nothing/files/train", None, "", 404),
    ("GET /nothing/files/all", None, "format=word", 422),
    ("POST /export", {"dataset": "nothing"}, "", 404),
    ("POST /nothing/verify", None, "", 404),
    ("GET /compare", None, "left=a", 422),
    ("GET /compare", None, "left=a&right=b", 404),
]


def test_what_cannot_be_is_refused(call: Caller) -> None:
    for operation, body, query, status in REFUSED:
        call(operation.replace(" ", f" {PATH}"), body=body, query=query, status=status)
