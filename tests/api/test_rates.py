"""How many requests a minute: by token or by address, told with the time to wait, and never for who looks after us."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api import openapi, rates
from api.guard import Guard
from api.rates import Rates
from api.rest import application
from core import access
from core.db import Database
from core.examples import store
from core.settings import get_settings
from tests.served import serving

COMMANDS, DATA = "/commands", "/orchestrator/training/data"


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now * 10**9


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestClient]:
    """An application of this test's own, with three requests a minute."""
    api = application()
    for each in api.user_middleware:
        if each.cls is Guard:
            each.kwargs["rates"] = Rates(clock)
    with serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path), WHETSTONE_REQUESTS_PER_MINUTE="3"):
        yield TestClient(api, base_url="http://127.0.0.1")


def bearer(db: Database, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access.create(db, name, role='analyst', actor='ada').secret}"}


def test_one_too_many_is_told_when_to_come_again(limited: TestClient, clock: Clock) -> None:
    assert [limited.get(COMMANDS).status_code for _ in range(4)] == [200, 200, 200, 429]
    told = limited.get(COMMANDS)
    assert told.headers["retry-after"] == "20"
    assert told.headers["x-request-id"]
    assert told.json() == {
        "success": False,
        "data": None,
        "error": "TooManyRequests",
        "message": "These are more than 3 requests a minute; go on in 20 s.",
    }
    clock.now += 19
    assert limited.get(COMMANDS).headers["retry-after"] == "1"
    clock.now += 1
    assert [limited.get(COMMANDS).status_code for _ in range(2)] == [200, 429]
    clock.now += 3_600
    assert [limited.get(COMMANDS).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_each_token_and_each_address_counts_by_itself(limited: TestClient, database: Database) -> None:
    one, other = bearer(database, "one"), bearer(database, "other")
    assert [limited.get(COMMANDS, headers=one).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert limited.get(COMMANDS, headers=other).status_code == 200
    assert limited.get(COMMANDS).status_code == 200
    elsewhere = TestClient(limited.app, base_url="http://127.0.0.1", client=("127.0.0.2", 5))
    assert [elsewhere.get(COMMANDS).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert limited.get(COMMANDS).status_code == 200


def test_who_tries_tokens_is_stopped(limited: TestClient, database: Database) -> None:
    wrong = [{"Authorization": f"Bearer whet_{number:043}"} for number in range(5)]
    assert [limited.get(COMMANDS, headers=each).status_code for each in wrong] == [401, 401, 401, 429, 429]
    assert limited.get(COMMANDS, headers=bearer(database, "one")).status_code == 200


def test_health_and_metrics_are_never_too_many(limited: TestClient) -> None:
    assert {limited.get("/health").status_code for _ in range(6)} == {200}
    assert {limited.get("/metrics").status_code for _ in range(6)} == {200}
    assert (
        'whetstone_http_requests_total{method="GET",route="/health",status="200"} 6.0' in limited.get("/metrics").text
    )
    assert limited.get(COMMANDS).status_code == 200


def test_a_request_counts_once_however_many_captures_it_holds(limited: TestClient, database: Database) -> None:
    for batch in range(3):
        runs = [{"execution_id": f"{batch}-{number}", "user_request": "a post"} for number in range(400)]
        assert limited.post(DATA, json={"examples": runs}).status_code == 200
    assert store.choices(database).total == 1_200
    assert limited.post(DATA, json={"execution_id": "a", "user_request": "b"}).status_code == 429
    assert store.choices(database).total == 1_200


def test_nobody_is_limited_where_that_is_set(limited: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_REQUESTS_PER_MINUTE", "0")
    get_settings.cache_clear()
    assert {limited.get(COMMANDS).status_code for _ in range(8)} == {200}


def test_only_so_many_callers_are_remembered(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_CALLERS", 3)
    buckets = Rates(clock)
    for caller in ("a", "b", "c"):
        assert buckets.take(caller, per_minute=1) == 0
        assert buckets.take(caller, per_minute=1) == 60
    buckets.take("a", per_minute=1)  # who asks stays
    buckets.take("d", per_minute=1)
    assert [buckets.take(caller, per_minute=1) for caller in ("a", "c", "d")] == [60, 60, 60]
    assert buckets.take("b", per_minute=1) == 0


def test_a_minute_holds_what_is_set_at_any_rate(clock: Clock) -> None:
    for per_minute in (1, 3, 7, 60, 61, 12_000):
        buckets = Rates(clock)
        sent = sum(buckets.take("a", per_minute=per_minute) == 0 for _ in range(per_minute + 5))
        assert sent == per_minute
        clock.now += buckets.take("a", per_minute=per_minute)
        assert buckets.take("a", per_minute=per_minute) == 0


def test_the_description_says_so() -> None:
    for _, path, operation in openapi.operations(application().openapi()):
        assert "429" in operation["responses"], path
