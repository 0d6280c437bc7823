"""Who may do what over the API: no route without a rule, roles, workspaces, and where a token is needed."""

import re
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from streamlit import config

import app
from api import openapi
from api.access import NEEDS, is_loopback
from api.rest import application
from core import access, audit, models
from core.access import ROLES, Role
from core.commands import store as commands
from core.commands.filters import CommandFilter
from core.db import Database, workspaces
from core.errors import DatabaseUnavailable
from core.examples import store
from core.settings import get_settings
from tests.api.test_training import RUN
from tests.attack.test_requests import routes
from tests.orchestrator.driving import submitted

DATA = "/api/orchestrator/training/data"
RUNS = "/api/orchestrator/executions"
#: For the parts of an address; of each kind one that is well-formed.
PARTS = {"name": "plans", "version": "1", "which": "1", "split": "train", "execution_id": "x", "pattern_id": "x"}


def bearer(db: Database, role: Role, name: str = "", **more: Any) -> dict[str, str]:
    made = access.create(db, name or f"the {role}", role=role, actor="ada", **more)
    return {"Authorization": f"Bearer {made.secret}"}


@pytest.fixture
def required(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("WHETSTONE_API_TOKENS", "required")
    get_settings.cache_clear()
    return client


def operations() -> list[tuple[str, str]]:
    """Method and address of every route, also of those that no description names."""
    return sorted({(method, route.path_format) for route in routes() for method in route.methods or ()})


def filled(path: str) -> str:
    return "/api" + re.sub(r"\{(\w+)\}", lambda part: PARTS.get(part[1], "1"), path)


def described() -> dict[str, dict[str, Any]]:
    return {f"{method.upper()} {path}": each for method, path, each in openapi.operations(application().openapi())}


# No route without a rule


def test_every_route_says_what_it_needs_and_nothing_else_is_said() -> None:
    assert {f"{method} {path}" for method, path in operations()} == NEEDS.keys()
    assert described().keys() <= NEEDS.keys()
    assert [name for name, needed in NEEDS.items() if needed is None] == ["GET /health"]


def test_whatever_changes_something_needs_more_than_a_viewer() -> None:
    reading = {name for name, each in described().items() if "x-changes-nothing" in each}
    writing = {name for name in NEEDS if not name.startswith("GET ")} - reading
    assert {name for name in writing if NEEDS[name] in (None, "viewer")} == set()
    assert len(writing) > 20


def test_a_route_that_nobody_thought_of_is_refused_to_all(database: Database, client: TestClient) -> None:
    api: FastAPI = application()
    api.add_api_route("/forgotten", lambda: "secret", methods=["GET"])
    answer = TestClient(api, base_url="http://127.0.0.1").get("/forgotten")
    assert answer.status_code == 403
    assert answer.json()["message"] == "It is not said which role GET /forgotten needs, so nobody may do it."


def test_the_description_says_what_every_operation_needs(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for method, path, operation in openapi.operations(document):
        needed = NEEDS[f"{method.upper()} {path}"]
        assert operation["x-role"] == needed
        assert operation["security"] == ([] if needed is None else [{"token": []}, {}])
    page = client.get("/api/docs").text
    assert page.count("Role: <b>") == len(document_roles(document))
    assert "Role: <b>approver</b>" in page
    assert "Open to all" in page


def document_roles(document: dict[str, Any]) -> list[str]:
    return [each["x-role"] for _, _, each in openapi.operations(document) if each["x-role"]]


# Roles


def state(db: Database) -> tuple[Any, ...]:
    log = [line for line in audit.entries(db) if line.subject != "token"]
    return store.choices(db).total, commands.count(db, CommandFilter()), len(log)


def test_a_viewer_writes_nothing(client: TestClient, database: Database) -> None:
    client.post(DATA, json=RUN)
    waiting = submitted(database)
    models.add_base(database, "ollama:qwen3:4b", name="qwen3", actor="ada")
    viewer, before = bearer(database, "viewer"), state(database)
    bodies: dict[str, Any] = {f"{method.upper()} {path}": each for method, path, each in _examples()}
    tried = 0
    for name, needed in NEEDS.items():
        if needed in (None, "viewer"):
            continue
        method, path = name.split(" ")
        where = filled(path.replace("{execution_id}", waiting.execution_id))
        key = {"Idempotency-Key": f"key-{tried}"} if method == "POST" else {}
        answer = client.request(method, where, json=bodies.get(name), headers=viewer | key)
        assert answer.status_code == 403, name
        assert answer.json()["error"] == "NotAllowed"
        assert answer.json()["message"] == f"This needs the role {needed}; the token 'the viewer' has the role viewer."
        tried += 1
    assert tried > 20
    assert state(database) == before
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM idempotency_keys").scalar_one() == 0


def _examples() -> list[tuple[str, str, Any]]:
    found = [(name.split(" "), each) for name, each in openapi.examples().items()]
    return [(method, path, each.get("body")) for (method, path), each in found]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_its_part_and_is_the_actor(client: TestClient, database: Database, role: Role) -> None:
    waiting = submitted(database)
    mine = bearer(database, role)
    allowed = ROLES.index(role)
    assert client.get(DATA, headers=mine).status_code == 200
    assert client.post(f"{DATA}/filter", json={}, headers=mine).status_code == 200
    assert client.post(DATA, json=RUN, headers=mine).status_code == (200 if allowed >= 1 else 403)
    approved = client.post(f"{RUNS}/{waiting.execution_id}/approve", json={}, headers=mine)
    assert approved.status_code == (200 if allowed >= 2 else 403)
    if allowed >= 2:
        assert approved.json()["data"]["decided_by"] == f"the {role}"
    assert (f"the {role}" in {line.actor for line in audit.entries(database)}) is (allowed >= 1)


def test_four_eyes_holds_for_tokens(client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_FOUR_EYES", "1")
    get_settings.cache_clear()
    waiting = submitted(database)
    path = f"{RUNS}/{waiting.execution_id}/approve"
    same = client.post(path, json={}, headers=bearer(database, "approver", "Ada"))
    assert (same.status_code, same.json()["error"]) == (403, "NotAllowed")
    assert "somebody else has to approve" in same.json()["message"]
    assert client.post(path, json={}, headers=bearer(database, "approver", "bob")).status_code == 200


def test_a_key_of_somebody_else_gives_nothing_away(client: TestClient, database: Database) -> None:
    analyst, viewer = bearer(database, "analyst"), bearer(database, "viewer")
    key = {"Idempotency-Key": "key-1"}
    first = client.post(DATA, json=RUN, headers=analyst | key)
    assert first.json()["data"][0]["outcome"] == "new"
    assert client.post(DATA, json=RUN, headers=viewer | key).status_code == 403
    other = client.post(DATA, json=RUN, headers=bearer(database, "analyst", "other") | key)
    assert "idempotency-replayed" not in other.headers
    # The same name with fewer rights: it was answered under this key, and is not answered again.
    access.revoke(database, "the analyst", actor="ada")
    fewer = bearer(database, "viewer", "the analyst")
    assert client.post(DATA, json=RUN, headers=fewer | key).status_code == 403


# Workspaces


def test_a_token_is_for_its_workspaces(client: TestClient, database: Database) -> None:
    workspaces.create(database, "demo")
    mine = bearer(database, "analyst", workspaces=["demo"])
    assert client.get(f"{DATA}?workspace=demo", headers=mine).status_code == 200
    assert client.post(f"{DATA}?workspace=demo", json=RUN, headers=mine).status_code == 200
    for query in ("", "?workspace=public", "?workspace=nowhere", "?workspace=demo&workspace=public", "?workspace="):
        for path in (DATA, "/api/examples/export", "/api/commands"):
            answer = client.get(f"{path}{query}", headers=mine)
            assert (answer.status_code, answer.json()["error"]) == (403, "NotAllowed"), (path, query)
            assert "is not for the workspace" in answer.json()["message"]
    assert client.post(DATA, json=RUN, headers=mine).status_code == 403
    assert store.choices(database).total == 0
    assert client.get("/api/orchestrator/training/providers", headers=mine).status_code == 200
    assert client.get("/api/docs", headers=mine).status_code == 200
    everywhere = client.get("/api/metrics", headers=mine)
    assert (everywhere.status_code, "all workspaces" in everywhere.json()["message"]) == (403, True)
    assert client.get("/api/metrics", headers=bearer(database, "viewer")).status_code == 200


# Tokens that are none


NOBODY = ["Bearer", "Bearer ", "Bearer whet_", "Bearer " + "x" * 5_000, "Basic YTpi", "whet_" + "a" * 43, ""]


def test_who_cannot_be_told_is_asked_for_a_token(client: TestClient, database: Database) -> None:
    unknown = "Bearer whet_" + "a" * 43
    for said in (*NOBODY, unknown, unknown.encode() + b"\xff"):
        answer = client.post(DATA, json=RUN, headers={"Authorization": said})
        assert answer.status_code == 401, said
        assert answer.headers["www-authenticate"] == 'Bearer realm="Whetstone"'
        assert answer.json()["error"] == "NotIdentified"
        assert answer.json()["message"].endswith(".")
    assert store.choices(database).total == 0
    assert client.get("/api/health", headers={"Authorization": unknown}).status_code == 200


def test_a_revoked_token_ends_at_once_and_an_expired_one_by_itself(client: TestClient, database: Database) -> None:
    mine, other = bearer(database, "viewer", "mine"), bearer(database, "viewer", "other")
    assert client.get(DATA, headers=mine).status_code == 200
    access.revoke(database, "mine", actor="ada")
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE api_tokens SET expires_at = now() WHERE name = 'other'")
    told = [client.get(DATA, headers=each).json()["message"] for each in (mine, other)]
    assert told == ["This token was revoked.", "This token has expired."]


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable("It is away."), OperationalError("SELECT", {}, Exception("server closed"))]
)
def test_a_database_that_is_away_is_no_fault_of_the_token(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    mine = bearer(database, "viewer")
    with monkeypatch.context() as patch:
        patch.setattr(access, "identify", Mock(side_effect=error))
        answer = client.get(DATA, headers=mine)
    assert (answer.status_code, answer.json()["error"]) == (503, "DatabaseUnavailable")
    assert client.get(DATA, headers=mine).status_code == 200


def test_no_log_line_holds_a_token(
    client: TestClient, database: Database, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mine = bearer(database, "viewer")
    client.get(DATA, headers=mine)
    client.post(DATA, json=RUN, headers=mine)
    client.get(DATA, headers={"Authorization": mine["Authorization"][:-1]})
    told = capsys.readouterr()
    assert mine["Authorization"][12:30] not in told.out + told.err + caplog.text


def test_a_body_is_not_read_before_it_is_known_who_sends_it(required: TestClient) -> None:
    def endless():
        yield b"["
        raise AssertionError("it is read")

    answer = required.post(DATA, content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 401


# Where a token is needed


def test_on_a_laptop_nobody_needs_a_token_and_the_setting_names_the_actor(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_ACTOR", "ada")
    get_settings.cache_clear()
    waiting = submitted(database)
    answer = client.post(f"{RUNS}/{waiting.execution_id}/approve", json={})
    assert answer.json()["data"]["decided_by"] == "ada"


def test_where_tokens_are_required_only_health_is_open(required: TestClient, database: Database) -> None:
    mine = bearer(database, "viewer")
    for method, path in operations():
        answer = required.request(method, filled(path))
        assert answer.status_code == (200 if path == "/health" else 401), path
    for path in ("/nothing", "/health/", "//health", "/healthy", "/HEALTH"):
        assert required.get(f"/api{path}").status_code == 401, path
    for path in ("/docs", "/openapi.json", "/metrics", "/commands"):
        assert required.get(f"/api{path}", headers=mine).status_code == 200, path
    assert required.get("/api/nothing", headers=mine).status_code == 404


BOUND = ["0.0.0.0", "::", "192.168.1.7", "whetstone.example.org", "", None]


@pytest.mark.parametrize("bound", BOUND)
def test_who_listens_to_others_asks_for_a_token(client: TestClient, bound: str | None) -> None:
    before = config.get_option("server.address")
    config.set_option("server.address", bound)
    try:
        assert client.get(DATA).status_code == 401
        assert client.get("/api/health").status_code == 200
    finally:
        config.set_option("server.address", before)


#: The address that the request came to, the name it was called by, and what is answered without a token.
REACHED = [
    ("127.0.0.1", "127.0.0.1:8501", 200),
    ("127.0.0.1", "[::1]", 200),
    ("127.0.0.1", "[::1]:8501", 200),
    ("127.0.0.1", "data.example.org", 401),  # a proxy on this machine
    ("10.0.0.7", "10.0.0.7:8501", 401),
    ("10.0.0.7", "127.0.0.1", 401),  # whoever says so
]


@pytest.mark.parametrize(("address", "host", "status"), REACHED)
@pytest.mark.usefixtures("client")
def test_who_is_reached_or_called_from_elsewhere_asks_for_a_token(address: str, host: str, status: int) -> None:
    before = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", ["*"])
    try:
        assert TestClient(app.app, base_url=f"http://{address}").get(DATA, headers={"host": host}).status_code == status
    finally:
        config.set_option("server.allowedHosts", before)


LOOPBACK = [
    ("127.0.0.1", True),
    ("127.8.8.8", True),
    ("localhost", True),
    ("LOCALHOST.", True),
    ("::1", True),
    ("[::1]", True),
    ("/run/whetstone.sock", True),
    ("unix:///run/whetstone.sock", True),
    ("", False),
    ("0.0.0.0", False),
    ("::", False),
    ("127.0.0.1.evil.example", False),
    ("localhost.evil.example", False),
    ("10.0.0.1", False),
    ("2130706433", False),
]


@pytest.mark.parametrize(("host", "is_it"), LOOPBACK)
def test_what_is_this_machine_alone(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
