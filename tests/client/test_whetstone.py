"""The client loses nothing: not when the server is away, killed in the middle, or does not take a record."""

import datetime as dt
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from core import access, audit
from core.db import Database
from core.examples import store
from core.examples.filters import EVERYTHING
from core.settings import get_settings
from tests.api.conftest import client as served  # noqa: F401 (a fixture)

ROOT = Path(__file__).parents[2]
CAPTURES = 10_000


def loaded() -> ModuleType:
    """The file as an agent has it: alone."""
    spec = importlib.util.spec_from_file_location("whetstone_client", ROOT / "client" / "whetstone.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PAUSES_S = (0.02, 0.1)
    return module


whetstone = loaded()


class Through(httpx.BaseTransport):
    """To the app in this process; or away, while a test says so."""

    def __init__(self, app: TestClient) -> None:
        self.app, self.is_away, self.sizes = app, False, []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("away", request=request)
        self.sizes.append(len(request.content))
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        answer = self.app.request(request.method, str(request.url), content=request.content, headers=headers)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def through(served: TestClient) -> Through:  # noqa: F811
    return Through(served)


@pytest.fixture
def agent(through: Through, tmp_path: Path) -> Iterator[Any]:
    with whetstone.Whetstone("http://127.0.0.1", spool=tmp_path / "spool", transport=through) as client:
        yield client


def test_an_execution_is_captured_in_three_lines(agent: Any, database: Database) -> None:
    agent.capture(
        "run-1",
        "Draft a post",
        execution_plan={"steps": []},
        execution_result="A post.",
        success=True,
        quality_score=0.9,
        tags=["PRODUCTION"],
        business_state={"stock": 4},
    )
    assert agent.flush()
    (row,) = store.page(database, EVERYTHING).rows
    example = store.get(database, row.id)
    assert (example.execution_id, example.user_request, example.quality_score) == ("run-1", "Draft a post", 0.9)
    assert (example.success, example.tags, example.business_state) == (True, ["PRODUCTION"], {"stock": 4})
    assert abs(dt.datetime.now(dt.UTC) - example.created_at) < dt.timedelta(minutes=5)


def test_what_is_told_again_is_changed_and_a_later_word_wins(agent: Any, database: Database, through: Through) -> None:
    through.is_away = True
    for number in range(5):
        agent.capture("run-1", "Draft a post", execution_result=f"Version {number}")
    assert not agent.flush(0.1)
    assert agent.waiting == 5
    through.is_away = False
    assert agent.flush()
    (row,) = store.page(database, EVERYTHING).rows
    assert store.get(database, row.id).execution_result == "Version 4"


def test_what_waited_is_sent_by_the_next_process(through: Through, database: Database, tmp_path: Path) -> None:
    through.is_away = True
    first = whetstone.Whetstone("http://127.0.0.1", spool=tmp_path / "spool", transport=through)
    first.capture("run-1", "Draft a post")
    first.close(0.05)
    assert os.stat(tmp_path / "spool").st_mode & 0o077 == 0  # noqa: PTH116
    through.is_away = False
    other = whetstone.Whetstone("http://127.0.0.1", workspace="demo", spool=tmp_path / "spool", transport=through)
    assert other.waiting == 0
    other.close()
    with whetstone.Whetstone("http://127.0.0.1", spool=tmp_path / "spool", transport=through) as again:
        assert again.flush()
    assert store.count(database, EVERYTHING) == 1
    with pytest.raises(RuntimeError, match="closed"):
        again.capture("run-2", "Too late")


def test_a_record_that_is_not_taken_holds_up_no_other(agent: Any, through: Through, database: Database) -> None:
    through.is_away = True
    for number in range(9):
        agent.capture(f"run-{number}", "Draft a post", quality_score=7.0 if number == 4 else 0.7)
    through.is_away = False
    assert agent.flush()
    (refused,) = agent.refused()
    assert refused.record["execution_id"] == "run-4"
    assert "quality_score" in refused.message
    assert store.count(database, EVERYTHING) == 8
    with pytest.raises(TypeError):
        agent.capture("run-10", "Draft a post", business_state={"at": object()})


def test_captures_wait_for_a_token_and_say_so(
    through: Through, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_API_TOKENS", "required")
    get_settings.cache_clear()
    reader = access.create(database, "reader", role="viewer", actor="ada").secret
    agent = access.create(database, "agent", role="analyst", actor="ada").secret
    ended = access.create(database, "ended", role="analyst", actor="ada").secret
    access.revoke(database, "ended", actor="ada")

    def client(token: str | None) -> Any:
        return whetstone.Whetstone("http://127.0.0.1", token=token, spool=tmp_path / "spool", transport=through)

    for number, (token, why) in enumerate(
        [
            (None, "401 The API needs a token"),
            (ended, "401 This token was revoked"),
            (reader, "403 This needs the role"),
        ]
    ):
        with monkeypatch.context() as patch:
            patch.delenv("WHETSTONE_TOKEN", raising=False)
            waits = client(token)
            waits.capture(f"run-{number}", "Draft a post")
            until(lambda waits=waits, why=why: waits.why_waiting.startswith(why))
            assert (waits.waiting, waits.refused()) == (number + 1, [])
            waits.close(0)
    monkeypatch.setenv("WHETSTONE_TOKEN", agent)
    with client(None) as sends:
        sends.capture("run-3", "Draft a post")
        assert sends.flush()
        until(lambda: sends.why_waiting == "")
    assert store.count(database, EVERYTHING) == 4
    assert {line.actor for line in audit.entries(database) if line.subject != "token"} == {"agent"}


def test_who_sends_too_fast_keeps_to_the_time_that_it_is_told(
    agent: Any, through: Through, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whetstone, "PAUSES_S", (0.0, 30.0))
    tries: list[float] = []
    real = through.handle_request

    def handle(request: httpx.Request) -> httpx.Response:
        tries.append(time.monotonic())
        if len(tries) == 1:
            return httpx.Response(429, headers={"Retry-After": "1"}, json={"message": "Too many."})
        return real(request)

    monkeypatch.setattr(through, "handle_request", handle)
    agent.capture("run-1", "Draft a post")
    assert agent.flush()
    assert tries[1] - tries[0] >= 1
    assert store.count(database, EVERYTHING) == 1


def test_large_records_go_in_several_requests(
    agent: Any, through: Through, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whetstone, "BATCH_CHARACTERS", 3_000)
    through.is_away = True
    for number in range(6):
        agent.capture(f"run-{number}", "x" * 1_000)
    through.is_away = False
    assert agent.flush()
    assert max(through.sizes) < 4_000
    assert store.count(database, EVERYTHING) == 6


def test_other_routes_answer_with_their_data(agent: Any, database: Database) -> None:
    command = {"agent": "printer", "action": "print"}
    made = [agent.call("POST", "/api/commands", command, key="label-17")["id"] for _ in range(2)]
    assert made[0] == made[1]
    others = [agent.call("POST", "/api/commands", command)["id"] for _ in range(4)]
    assert [row["id"] for row in agent.rows("/api/commands", limit=2)] == [*reversed(others), made[0]]
    with pytest.raises(whetstone.WhetstoneError, match="There is no command 999") as error:
        agent.call("GET", "/api/commands/999")
    assert (error.value.status, error.value.error) == (404, "UnknownCommand")


@pytest.mark.timeout(170)
def test_nothing_is_lost_when_the_server_is_killed_in_the_middle(database: Database, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "tests.client.api_app:app", "--log-level", "error", "--port"]
    environment = os.environ | {"DATABASE_URL": database.url, "WHETSTONE_HOME": str(tmp_path)}

    def started() -> subprocess.Popen[bytes]:
        return subprocess.Popen([*command, str(port)], cwd=ROOT, env=environment)

    def arrived() -> int:
        with database.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM orchestrator_training_data")).scalar_one()

    server = started()
    try:
        with whetstone.Whetstone(f"http://127.0.0.1:{port}", spool=tmp_path / "spool") as agent:
            for number in range(CAPTURES):
                agent.capture(f"run-{number}", f"Draft post {number}", execution_result="A post.")
                if number == CAPTURES // 4:
                    until(lambda: arrived() > 0)
                    server.send_signal(signal.SIGKILL)
                    server.wait()
                    killed_at = arrived()
            assert 0 < killed_at < CAPTURES
            assert agent.waiting >= CAPTURES - killed_at
            server = started()
            assert agent.flush(120)
    finally:
        server.kill()
        server.wait()
    assert arrived() == CAPTURES


def until(true: Any, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
