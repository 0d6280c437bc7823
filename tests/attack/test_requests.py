"""Ten thousand hostile requests over every route there is: none of them is our fault (a 5xx)."""

import random
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api.rest import application
from core.commands.filters import PARAMETERS as OF_COMMANDS
from core.db import Database
from core.examples.filters import PARAMETERS as OF_EXAMPLES
from tests.commands.conftest import enqueue
from tests.served import add, serving

REQUESTS = 10_000
SEED = 20261127

METHODS = ("GET",) * 30 + ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
NUMBERS = (
    "0", "-1", "1",
    "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "9" * 40, "-" + "9" * 40, "9" * 5_000, "1e400", "-1e400",
    "NaN", "inf", "0x10", "1_000", "٣",
    "1.0000000000000000000000001", "00000000000000000000001", "+1", " 1 ", "1;DROP TABLE commands", "1e-400",
)  # fmt: skip
TEXTS = (
    "", "-", "--", "%", "%00", "%ff%fe", "%ed%a0%80", "%C0%AF", "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd", "%F0%9F%92%A3",
    "%E2%80%AE", "a%0d%0aSet-Cookie:%20x=1", "'", "%22", "%5C", "%7B%22a%22:1%7D", "[]", "null", "true", "public",
    "pg_catalog", "information_schema", "x" * 8_000, "%F0%90%8D%88" * 300, "{0}", "%25s", "<script>", "failed", "jsonl",
    "planning", "openai", "train", "all", "1@1",
)  # fmt: skip
MOMENTS = (
    "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2026-02-30", "0", "-1", "1e30", "99999999999999999999",
    "10000-01-01", "2026-01-01", "now()", "infinity", "P1Y", "24:00", "2026-01-01T00:00:00.9999999999",
)  # fmt: skip
HEADERS = (
    {}, {}, {}, {"accept": "\xff\xfe"}, {"range": "bytes=99999999999999999999-"}, {"content-length": "0"},
    {"x-forwarded-host": "evil.example"}, {"cookie": "a" * 4_000}, {"content-type": "application/json"},
    {"if-none-match": "*"}, {"accept-encoding": "gzip;q=NaN"}, {"origin": "null"},
    {"transfer-encoding": "identity"}, {"authorization": "Bearer " + "9" * 500}, {"expect": "100-continue"},
)  # fmt: skip


def routes() -> list[APIRoute]:
    """Of the app itself, so that one that is added tomorrow is attacked tomorrow."""
    found: list[APIRoute] = []

    def collect(of: object) -> None:
        for route in getattr(of, "routes", ()):
            if isinstance(route, APIRoute):
                found.append(route)
            else:
                collect(getattr(route, "original_router", None) or getattr(route, "app", None))

    collect(application())
    return found


def parameters(route: APIRoute) -> list[str]:
    """Every parameter that a route declares, and those it takes from a filter."""
    declared = [each.alias for each in route.dependant.query_params]
    return sorted({*declared, "workspace", "unknown", *OF_EXAMPLES.values(), *OF_COMMANDS.values()})


def value(chance: random.Random) -> str:
    """Already written for an address."""
    kind = chance.randrange(8)
    if kind < 3:
        return quote(chance.choice(NUMBERS))
    if kind < 5:
        return chance.choice(TEXTS)
    if kind == 5:
        return chance.choice(MOMENTS)
    if kind == 6:
        return quote_from_bytes(chance.randbytes(chance.randrange(1, 40)))
    return quote("".join(chance.choices(string.printable + "äßé日\u202e\ufffe💣", k=chance.randrange(1, 60))))


def requests(seed: int, number: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Method, address below /api, and headers."""
    chance = random.Random(seed)
    known = routes()
    for each in range(number):
        route = known[each % len(known)]
        path = re.sub(r"\{[^}]*\}", lambda _: value(chance) or "x", route.path)
        names = parameters(route)
        own = [each.alias for each in route.dependant.query_params] or names
        given = [
            (chance.choice(chance.choice((names, own))), value(chance))
            for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 3, 8)))
        ]
        if not each % 101:
            given += [(chance.choice(names), str(extra)) for extra in range(300)]
        query = "&".join(f"{name}={worth}" for name, worth in given)
        yield chance.choice(METHODS), f"{path}?{query}" if query else path, chance.choice(HEADERS)


def test_every_route_is_attacked() -> None:
    assert {route.path for route in routes()} >= {
        "/health",
        "/examples/export",
        "/commands/export",
        "/executions/export",
        "/datasets/{name:path}/{version}/export",
    }


@pytest.mark.timeout(300)
def test_no_request_is_answered_with_a_fault_of_ours(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add(database, {}, {"success": False})
    enqueue(database)
    answered: Counter[int] = Counter()
    faults: list[str] = []
    with (
        serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path)),
        TestClient(application(), base_url="http://127.0.0.1", raise_server_exceptions=False) as client,
    ):
        for method, address, headers in requests(SEED, REQUESTS * 2):
            if answered.total() == REQUESTS:
                break
            try:
                answer = client.request(method, address, headers=headers)
            except ValueError:
                continue  # the client itself refuses to send it
            answered[answer.status_code] += 1
            if answer.status_code >= 500:
                faults.append(f"{answer.status_code} {method} {address[:300]} {answer.text[:200]}")

    assert not faults, "\n".join(faults[:20])
    assert answered.total() == REQUESTS
    assert answered[200] > 100
    assert answered[400] > 100


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/commands/export?id={'9' * 40}", 400),
        (f"/commands/export?id=-{'9' * 40}", 400),
        (f"/examples/export?id={'9' * 5_000}", 400),
        (f"/executions/export?id={'9' * 40}", 404),
        ("/executions/export?id=%00", 404),
        (f"/datasets/plans/{'9' * 40}/export", 422),
        ("/datasets/plans/-1/export", 422),
        ("/datasets/%00/1/export", 404),
    ],
)
def test_a_number_beyond_what_a_row_can_have_is_the_askers_matter(
    database: Database, monkeypatch: pytest.MonkeyPatch, address: str, status: int
) -> None:
    with serving(database, monkeypatch):
        client = TestClient(application(), base_url="http://127.0.0.1", raise_server_exceptions=False)
        answer = client.get(address)
    assert answer.status_code == status
    assert answer.json()["message"]
