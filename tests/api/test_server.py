"""Headers, hosts, health, and the life of the server."""

import asyncio
import threading

import pytest
from starlette.testclient import TestClient

import app
from api.hosts import is_known
from core.db import Database
from core.runtime.process import RUNNING
from tests.served import forget, serving


def background_threads() -> int:
    return sum(thread.name == "whetstone-background" for thread in threading.enumerate())


def test_health_says_what_works(client: TestClient) -> None:
    answer = client.get("/api/health")

    assert answer.status_code == 200
    body = answer.json()
    assert body["success"] is True
    assert body["data"]["database"] == "ok"
    assert body["data"]["workspaces"] == ["public"]
    assert body["data"]["version"]


def test_health_is_503_with_a_reason_while_the_database_is_away(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    forget()

    answer = client.get("/api/health")

    assert answer.status_code == 503
    assert answer.json()["error"] == "DatabaseUnavailable"
    assert "cannot be reached" in answer.json()["message"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/api/health", "/api/nothing", "/_stcore/health"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/api/health", "/_stcore/health"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", "@", ""])
def test_a_foreign_host_name_is_refused(client: TestClient, path: str, host: str) -> None:
    answer = client.get(path, headers={"host": host})

    assert answer.status_code == 400
    assert answer.json()["success"] is False


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("localhost:8501", ["localhost"], True),
        ("LOCALHOST", ["localhost"], True),
        ("[::1]:8501", ["::1"], True),
        ("[::1]:8501", ["[::1]"], True),
        ("data.example.org", ["*.example.org"], True),
        ("example.org", ["*.example.org"], False),
        ("evilexample.org", ["*.example.org"], False),
        ("anything", ["*"], True),
        ("", ["*"], False),
        ("[broken", ["*"], False),
    ],
)
def test_which_hosts_are_known(host: str, allowed: list[str], expected: bool) -> None:
    assert is_known(host, allowed) is expected


def test_an_unknown_route_is_answered_in_the_envelope(client: TestClient) -> None:
    answer = client.get("/api/nothing")

    assert answer.status_code == 404
    assert answer.json() == {
        "success": False,
        "data": None,
        "error": "NotFound",
        "message": "There is nothing at this address; /api/docs lists what there is.",
    }


def test_the_api_describes_itself(client: TestClient) -> None:
    assert "/examples/export" in client.get("/api/openapi.json").json()["paths"]


def test_the_background_runs_as_long_as_the_server(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def live() -> None:
        async with app.lifespan(app.app):
            for thread in threading.enumerate():
                if thread.name == "opening":
                    thread.join()
            assert RUNNING.is_open
            assert background_threads() == 1

    with serving(database, monkeypatch):
        # Without Streamlit's own runtime, which lives once in a process and on one event loop.
        asyncio.run(live())
        assert background_threads() == 0
        assert not RUNNING.is_open
