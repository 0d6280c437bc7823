"""Past work like a text, over HTTP."""

import pytest
from starlette.testclient import TestClient

from core.db import Database, workspaces
from tests.similarity.planting import example, plant, post, task

PATH = "/api/similar"


def test_hits_come_with_figures_and_how_they_were_compared(client: TestClient, database: Database) -> None:
    plant(database, "example", [example(1, "the tool shelf", quality_score=0.5)])
    plant(database, "task", [task(1, "the tool shelf", created_at="2026-07-01")])
    plant(database, "post", [post(1, "tool shelf", topic="wood", views=12)])
    told = client.get(PATH, params={"text": "tool shelf", "as_of": "2026-06-30"}).json()
    assert told["success"]
    assert told["message"].startswith("Compared by words.")
    assert told["data"]["method"] == "words"
    found = {hit["key"]: hit for hit in told["data"]["hits"]}
    assert set(found) == {"run-1", "post-1"}
    assert (found["run-1"]["quality"], found["post-1"]["views"]) == (0.5, 12)
    assert found["run-1"]["at"] == "2026-06-01T12:00:00Z"
    only = {"text": "tool shelf", "kind": ["post", "task"], "topic": "wood", "limit": 1}
    assert [hit["key"] for hit in client.get(PATH, params=only).json()["data"]["hits"]] == ["post-1"]


def test_each_workspace_has_its_own(client: TestClient, database: Database) -> None:
    plant(workspaces.create(database, "team"), "task", [task(1, "paint")])
    assert client.get(PATH, params={"text": "paint"}).json()["data"]["hits"] == []
    assert len(client.get(PATH, params={"text": "paint", "workspace": "team"}).json()["data"]["hits"]) == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 422),
        ({"text": "x" * 4_001}, 422),
        ({"text": "x", "kind": "tasks"}, 422),
        ({"text": "x", "as_of": "yesterday"}, 422),
        ({"text": "x", "limit": 0}, 422),
        ({"text": "paint", "topic": "a\0b"}, 400),
        ({"text": "x", "workspace": "nowhere"}, 404),
    ],
)
def test_what_cannot_be_is_a_sentence(client: TestClient, given: dict[str, object], status: int) -> None:
    answer = client.get(PATH, params=given)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.json()["message"]
