"""Ten thousand hostile requests over every route there is: none of them is our fault (a 5xx)."""

import asyncio
import random
import re
import string
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_from_bytes, unquote

import orjson
import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api import openapi
from api.rest import application
from core.commands.filters import PARAMETERS as OF_COMMANDS
from core.db import Database
from core.examples.filters import PARAMETERS as OF_EXAMPLES
from tests.commands.conftest import enqueue
from tests.served import add, serving

REQUESTS = 10_000
AT_ONCE = 4
SEED = 20261127

#: Beside a route's own.
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
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
    {"idempotency-key": "a"}, {"idempotency-key": "b" * 300}, {"idempotency-key": "\xe9"},
    {"x-request-id": "\xff" * 9},
    {"sec-fetch-site": "cross-site"},
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


#: What stands in the place of a value of a body, as it is written in JSON.
VALUES = (
    "null", "true", "{}", "[]", '""', "[[]]", '{"a":{"a":{}}}',
    '"\\u0000"', '"\\ud800"', '"-1"', "[null]", '["EXCLUDE"]',
    '"' + "x" * 9_000 + '"', "[" * 300 + "]" * 300, '"2026-01-01T00:00:00"', '"0001-01-01T00:00:00+14:00"', '"\\u202e"',
    "1e400", "-1e400", "NaN", "0.1", "-0.0", "2e9",
    *(number for number in NUMBERS if re.fullmatch(r"-?(0|[1-9]\d*)", number)),
)  # fmt: skip
#: Whole bodies that are no JSON, or not of any form that a route has.
BODIES = (
    b"", b"{", b"\xff\xfe", b"null", b"[]", b'""', b"{}", b"1", b'{"a":' * 2_000, b'{"":""}', b"\x00", b"[" * 5_000,
)  # fmt: skip


def body(chance: random.Random, example: Any) -> bytes:
    """A body that a route would take, with one or two things in it changed; now and then none at all."""
    kind = chance.randrange(10)
    if kind == 0 or not isinstance(example, dict):
        return chance.choice(BODIES)
    changed = orjson.loads(orjson.dumps(example))
    for _ in range(chance.choice((0, 1, 1, 2))):
        place = changed
        while True:
            name = chance.choice([*place, "unknown"]) if isinstance(place, dict) else chance.randrange(len(place))
            inside = place[name] if name != "unknown" else None
            if not (isinstance(inside, dict | list) and inside and chance.random() < 0.6):
                break
            place = inside
        if isinstance(place, dict) and chance.random() < 0.2:
            place.pop(name, None)
        else:
            place[name] = f"@{chance.randrange(len(VALUES))}@"
    return re.sub(r'"@(\d+)@"', lambda at: VALUES[int(at[1])], orjson.dumps(changed).decode()).encode()


#: For an answer that never came, or not to its end.
_BROKEN_OFF = 599


class Asked(NamedTuple):
    method: str
    address: str
    headers: dict[str, str]
    body: bytes


def requests(seed: int, number: int) -> Iterator[Asked]:
    """Method, address below /api, headers, and body."""
    chance = random.Random(seed)
    known, examples = routes(), openapi.examples()
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
        if (method := min(route.methods or {"GET"})) not in ("GET", "DELETE") and chance.random() < 0.7:
            given = []  # so that the body is looked at
        query = "&".join(f"{name}={worth}" for name, worth in given)
        example = examples.get(f"{method} {re.sub(':path', '', route.path)}", {}).get("body")
        method = method if chance.random() < 0.85 else chance.choice(METHODS)
        headers = chance.choice(HEADERS)
        sent = b"" if method in ("GET", "HEAD") else body(chance, example)
        if sent and chance.random() < 0.97:
            headers = {"content-type": "application/json", **headers}
        yield Asked(method, f"{path}?{query}" if query else path, headers, sent)


async def answered_with(app: Any, asked: Asked) -> tuple[int, bytes]:
    """What the app answers, spoken to as a server speaks to it: a client of HTTP takes ten times as long."""
    path, _, query = asked.address.partition("?")
    headers = {"host": "127.0.0.1", **asked.headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": asked.method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), worth.encode("latin-1")) for name, worth in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    told: list[Any] = []
    messages = iter([{"type": "http.request", "body": asked.body, "more_body": False}])

    async def receive() -> Any:
        if (message := next(messages, None)) is None:
            await asyncio.Event().wait()  # whoever asked stays until it is answered
        return message

    async def send(message: Any) -> None:
        told.append(message)

    # What the app raises after its answer of 500 is for the server's log.
    with suppress(Exception):
        await app(scope, receive, send)
    status = next((each["status"] for each in told if each["type"] == "http.response.start"), _BROKEN_OFF)
    is_whole = bool(told) and told[-1]["type"] == "http.response.body" and not told[-1].get("more_body", False)
    return status if is_whole else _BROKEN_OFF, b"".join(each.get("body", b"") for each in told)


async def attack(app: Any, number: int) -> tuple[Counter[int], list[str]]:
    """A few at a time, so that the database works while the next is read."""
    answered: Counter[int] = Counter()
    faults: list[str] = []
    waiting = requests(SEED, number)

    async def worker() -> None:
        for asked in waiting:
            status, told = await answered_with(app, asked)
            answered[status] += 1
            if status >= 500:
                faults.append(f"{status} {asked.method} {asked.address[:300]} {asked.body[:300]!r} {told[:200]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return answered, faults


def test_every_route_is_attacked() -> None:
    assert {route.path for route in routes()} >= {
        "/health",
        "/examples/export",
        "/commands/export",
        "/executions/export",
        "/datasets/{name:path}/{version}/export",
        "/orchestrator/training/data",
        "/commands/{command_id}/complete",
        "/tasks/bulk",
    }


@pytest.mark.timeout(300)
def test_no_request_is_answered_with_a_fault_of_ours(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add(database, {}, {"success": False})
    enqueue(database)
    with serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path), WHETSTONE_REQUESTS_PER_MINUTE="0"):
        answered, faults = asyncio.run(attack(application(), REQUESTS))

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
