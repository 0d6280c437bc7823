"""What every request passes: ids, limits, other sites, the envelope, and keys against doing a thing twice."""

from unittest.mock import Mock

import pytest
from httpx2 import Response
from sqlalchemy.exc import OperationalError
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from api.guard import Guard
from core.commands import store as commands
from core.commands.filters import CommandFilter
from core.db import Database
from core.examples import store
from tests.api.test_training import RUN

DATA = "/api/orchestrator/training/data"


REFUSED = [
    ("GET", "/api/nothing", 404, "NotFound"),
    ("GET", "/api/", 404, "NotFound"),
    ("GET", "/api/health/", 404, "NotFound"),
    ("DELETE", "/api/health", 405, "MethodNotAllowed"),
    ("GET", f"{DATA}/7", 404, "UnknownExample"),
    ("GET", f"{DATA}/seven", 422, "BadRequest"),
    ("GET", f"{DATA}?workspace=nowhere", 404, "WorkspaceRefused"),
]


def test_every_refusal_has_the_envelope(client: TestClient) -> None:
    for method, path, status, error in REFUSED:
        answer = client.request(method, path)
        assert answer.status_code == status, path
        told = answer.json()
        assert (told["success"], told["data"], told["error"]) == (False, None, error)
        assert told["message"].endswith(".")


def test_an_answer_has_the_id_of_its_request(client: TestClient) -> None:
    assert client.get("/api/health", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    made = [client.get("/api/health", headers={"X-Request-ID": "bad id"}).headers["x-request-id"] for _ in "ab"]
    assert len(set(made)) == 2
    assert all(len(each) == 36 for each in made)


ORIGINS: list[tuple[dict[str, str], int]] = [
    ({}, 200),
    ({"origin": "http://127.0.0.1"}, 200),
    ({"origin": "https://127.0.0.1"}, 200),  # behind a proxy with TLS
    ({"origin": "http://127.0.0.1:8080"}, 403),
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://[::1"}, 403),
    ({"sec-fetch-site": "same-origin"}, 200),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
]


def test_a_page_of_another_site_changes_nothing(client: TestClient, database: Database) -> None:
    for number, (headers, status) in enumerate(ORIGINS):
        run = RUN | {"execution_id": f"run-{number}"}
        assert client.post(DATA, json=run, headers=headers).status_code == status, headers
    assert store.choices(database).total == sum(status == 200 for _, status in ORIGINS)


NOT_JSON = [b"{", b"[" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300, b'{"a": "\\ud800"}', b"\xff", b"nul"]


def test_a_body_has_to_be_json(client: TestClient) -> None:
    sound = b'{"execution_id": "a", "user_request": "b"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = client.post(DATA, content=sound, headers={"content-type": kind})
        assert (answer.status_code, answer.json()["error"]) == (415, "NotJson")
    for body in NOT_JSON:
        answer = client.post(DATA, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, body[:20]
        assert "body" in answer.json()["message"]


def test_numbers_keep_their_digits(client: TestClient, database: Database) -> None:
    state = b'{"execution_id":"a","user_request":"b","business_state":{"id":123456789012345678901234567890,"x":NaN}}'
    saved = client.post(DATA, content=state, headers={"content-type": "application/json"}).json()["data"]
    kept = store.get(database, saved[0]["id"]).business_state
    assert kept == {"id": "123456789012345678901234567890", "x": None}


def test_a_large_body_is_refused_before_it_is_read(client: TestClient) -> None:
    answer = client.post(
        DATA, content=b"{}", headers={"content-length": str(10**12), "content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == "BodyTooLarge"


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_a_body_that_does_not_say_its_size_is_counted(size: int, status: int) -> None:
    async def heard(scope, receive, send) -> None:
        body = (await receive())["body"]
        await JSONResponse({"size": len(body)})(scope, receive, send)

    def pieces():
        yield from (b'"', b"x" * (size - 2), b'"')

    client = TestClient(Guard(heard, most_bytes=10), base_url="http://127.0.0.1")
    answer = client.post("/", content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"size": 10}


def test_the_same_key_makes_one_command_and_the_same_answer(client: TestClient, database: Database) -> None:
    def sent(body: dict[str, object], key: str = "key-1"):
        return client.post("/api/orchestrator/training/data", json=body, headers={"Idempotency-Key": key})

    first, again = sent(RUN), sent(RUN)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.json()["data"][0]["outcome"] == "new"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = sent(RUN | {"execution_id": "run-2"})
    assert other.status_code == 409
    assert "another request" in other.json()["message"]
    # What was refused did nothing, so its key can be used for the mended request.
    assert sent(RUN | {"quality_score": 7}, "key-2").status_code == 400
    assert sent(RUN | {"quality_score": 0.7}, "key-2").json()["data"][0]["outcome"] == "changed"
    assert sent(RUN, "a\tb").status_code == 400
    assert sent(RUN, "k" * 201).status_code == 400


def test_what_may_have_been_done_is_not_done_again(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent() -> Response:
        body = {"agent": "printer", "action": "print"}
        return client.post("/api/commands", json=body, headers={"Idempotency-Key": "key-1"})

    with monkeypatch.context() as patch:
        # The connection breaks when the command is in the queue already.
        lost = OperationalError("SELECT", {}, Exception("server closed the connection unexpectedly"))
        patch.setattr(commands, "get", Mock(side_effect=lost))
        assert sent().status_code == 503
    again = sent()
    assert again.status_code == 409
    assert "is not known" in again.json()["message"]
    assert commands.count(database, CommandFilter()) == 1


def test_the_page_of_the_api_loads_nothing_and_runs_nothing(client: TestClient) -> None:
    answer = client.get("/api/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for word in ("<script", "<link", "<img", "src=", "@import", "url("):
        assert word not in answer.text
    assert "/api/orchestrator/training/data/{example_id}" in answer.text
