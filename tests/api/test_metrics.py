"""Metrics as Prometheus reads them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from core.db import Database, workspaces
from tests.commands.conftest import claim, enqueue, failed, run
from tests.served import forget


def scraped(client: TestClient) -> dict[tuple[str, ...], float]:
    """Each value by its name and the values of its labels."""
    answer = client.get("/api/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_queue_is_counted_in_each_workspace(client: TestClient, database: Database) -> None:
    failed(database)
    enqueue(database)
    claim(database)
    waiting = enqueue(database)
    run(
        database,
        "UPDATE commands SET created_at = now() - interval '1 hour', not_before = now() - interval '1 hour'"
        " WHERE id = %s",
        waiting,
    )
    enqueue(workspaces.create(database, "demo"))
    found = scraped(client)
    statuses = {key[1]: value for key, value in found.items() if key[0] == "whetstone_commands" and key[2] == "public"}
    expected = {"pending": 1, "running": 1, "failed": 1, "completed": 0, "paused": 0, "cancelled": 0}
    assert statuses == expected
    assert found["whetstone_commands", "pending", "demo"] == 1
    assert 3_600 <= found["whetstone_oldest_pending_seconds", "public"] < 3_700
    assert found["whetstone_workers", "public"] == 0
    assert found["whetstone_database_up",] == 1


def test_requests_are_counted_by_route_and_not_by_address(client: TestClient) -> None:
    for number in range(3):
        client.get(f"/api/commands/{number + 1}")
    client.get("/api/nothing-like-this")
    client.request("BREW", "/api/health")
    found = scraped(client)
    route = "/commands/{command_id}"
    assert found["whetstone_http_requests_total", "GET", route, "404"] >= 3
    assert found["whetstone_http_request_seconds_count", "GET", route] >= 3
    assert not any("nothing-like-this" in part for key in found for part in key)
    assert not any("BREW" in part for key in found for part in key)


def test_metrics_are_there_without_a_database(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    forget()
    found = scraped(client)
    assert found["whetstone_database_up",] == 0
    assert not any(key[0] == "whetstone_commands" for key in found)
