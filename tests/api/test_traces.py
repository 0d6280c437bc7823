"""Spans of OpenTelemetry become examples: from the SDKs of providers as they are traced, and from requests by hand."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.testclient import TestClient

import app
from api.guard import MOST_BYTES
from core.db import Database
from core.examples import store
from core.examples.filters import EVERYTHING
from tests.api.traced_agent import ASKED, SYSTEM
from tests.llm.servers import FAKES, serving

ROOT = Path(__file__).parents[2]
TRACES, PROTOBUF = "/api/v1/traces", {"content-type": "application/x-protobuf"}
NANO = "1768419047000000000"


def span(**given: Any) -> dict[str, Any]:
    """A span that asks a model; each attribute a text, and `None` takes one away."""
    attributes = {
        "gen_ai.request.model": "tiny-1",
        "gen_ai.input.messages": orjson.dumps([{"role": "user", "content": ASKED}]).decode(),
        "gen_ai.output.messages": orjson.dumps([{"role": "assistant", "content": "Blue."}]).decode(),
    } | given.pop("attributes", {})
    listed = [{"key": name, "value": {"stringValue": text}} for name, text in attributes.items() if text is not None]
    times = {"startTimeUnixNano": NANO, "endTimeUnixNano": str(int(NANO) + 1_500_000_000)}
    return {"traceId": "5b" * 16, "spanId": "eb" * 8, "name": "chat", **times, "attributes": listed, **given}


def request_of(*spans: dict[str, Any], service: str = "planner") -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def stored(database: Database) -> list[store.Example]:
    return [store.get(database, row.id) for row in store.page(database, EVERYTHING).rows]


@pytest.fixture
def address(client: TestClient) -> Iterator[str]:
    """The app of `client` behind a socket."""
    config = uvicorn.Config(app.app, host="127.0.0.1", port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_an_agent_that_is_traced_already_needs_no_code(database: Database, address: str, name: str) -> None:
    with serving(FAKES[name]()) as provider:
        provider.say("Blue.")
        provider.fail(503)
        for _ in range(2):
            command = [sys.executable, "-m", "tests.api.traced_agent", name, provider.base_url, provider.key or ""]
            done = subprocess.run(
                [*command, f"{address}{TRACES}"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
            )
            assert done.returncode == 0, done.stderr
            assert "Failed to export" not in done.stderr
    failed, answered = stored(database)
    assert (answered.user_request, answered.execution_result) == (ASKED, "Blue.")
    assert (answered.context or {})["system"] == SYSTEM
    assert (answered.source_agent, answered.source_model, answered.success) == ("planner", "tiny-1", None)
    assert len(answered.execution_id) == 16
    assert (answered.execution_time_ms or 0) > 0
    assert (failed.user_request, failed.execution_result, failed.success) == (ASKED, None, False)


@pytest.mark.parametrize("form", ["json", "protobuf"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_call_of_a_model_becomes_one_example_however_often_it_is_sent(
    client: TestClient, database: Database, form: str, packed: bool
) -> None:
    sent = request_of(span(), {"spanId": "aa" * 8, "startTimeUnixNano": NANO, "name": "GET /"})
    body, headers = orjson.dumps(sent), {"content-type": "application/json"}
    if form == "protobuf":
        body, headers = as_protobuf(sent), PROTOBUF
    if packed:
        body, headers = gzip.compress(body), headers | {"content-encoding": "gzip"}
    for _ in range(2):
        answer = client.post(TRACES, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == headers["content-type"]
        assert answer.content == (b"{}" if form == "json" else b"")
    (example,) = stored(database)
    assert (example.execution_id, example.user_request, example.execution_result) == ("eb" * 8, ASKED, "Blue.")
    assert (example.source_agent, example.source_model, example.execution_time_ms) == ("planner", "tiny-1", 1_500)
    assert example.created_at.isoformat() == "2026-01-14T19:30:47+00:00"
    assert example.revision == 1


def as_protobuf(sent: dict[str, Any]) -> bytes:
    from google.protobuf.json_format import ParseDict

    message = ParseDict(sent, ExportTraceServiceRequest())
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for each, given in zip(scope.spans, sent["resourceSpans"][0]["scopeSpans"][0]["spans"], strict=True):
                each.span_id = bytes.fromhex(given["spanId"])
                each.trace_id = bytes.fromhex(given.get("traceId", ""))
    return message.SerializeToString()


def test_what_cannot_be_stored_is_refused_alone_with_its_reason(client: TestClient, database: Database) -> None:
    bad = span(spanId="cc" * 8, attributes={"gen_ai.input.messages": None, "gen_ai.prompt": "a\0b"})
    sent = request_of(span(), bad, span(spanId=""))
    said = client.post(TRACES, json=sent).json()["partialSuccess"]
    assert said["rejectedSpans"] == "2"
    assert f"Span {'cc' * 8}: " in said["errorMessage"]
    assert "a span with its spanId" in said["errorMessage"]
    assert [each.execution_id for each in stored(database)] == ["eb" * 8]

    answer = client.post(TRACES, content=as_protobuf(request_of(bad)), headers=PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert "cc" * 8 in partial.error_message


def test_of_many_only_those_are_refused_that_cannot_be_stored(client: TestClient, database: Database) -> None:
    many = [span(spanId=f"{number:016x}") for number in range(21)]
    for number in (0, 7, 20):
        many[number]["startTimeUnixNano"] = "1"  # a year that no example is of
    deep = span(spanId="dd" * 8, attributes={"gen_ai.output.messages": "[" * 300 + "]" * 300})
    said = client.post(TRACES, json=request_of(*many, deep)).json().get("partialSuccess", {})
    kept = {each.execution_id for each in stored(database)}
    assert int(said["rejectedSpans"]) + len(kept) == 22
    assert {f"{number:016x}" for number in range(21)} - kept == {f"{number:016x}" for number in (0, 7, 20)}


def test_who_asked_and_that_it_failed_are_kept(client: TestClient, database: Database) -> None:
    asked = span(attributes={"gen_ai.agent.name": "writer", "gen_ai.output.messages": None}, status={"code": 2})
    assert client.post(f"{TRACES}?workspace=public", json=request_of(asked)).json() == {}
    (example,) = stored(database)
    assert (example.source_agent, example.success, example.execution_result) == ("writer", False, None)


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"{", {}, 400, "The body is not JSON"),
        (b"[]", {}, 400, "a list of resourceSpans"),
        (b'{"resourceSpans": 1}', {}, 400, "a list of resourceSpans"),
        (b"\xff\xff\xff", PROTOBUF, 400, "not an ExportTraceServiceRequest"),
        (b"{}", {"content-encoding": "gzip"}, 400, "not packed by gzip"),
        (b"{}", {"content-encoding": "br"}, 400, "plain or packed by gzip"),
        (gzip.compress(b"{}")[:-4], {"content-encoding": "gzip"}, 400, "ends too early"),
        (gzip.compress(bytes(MOST_BYTES + 1)), {"content-encoding": "gzip"}, 400, "unpacks to more than 32 MiB"),
        (b"{}", {"content-type": "text/plain"}, 415, "has to be JSON"),
    ],
    ids=["half", "list", "no list", "no message", "not packed", "another packing", "cut", "bomb", "text"],
)
def test_a_body_that_is_something_else_is_told(
    client: TestClient, database: Database, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = client.post(TRACES, content=body, headers={"content-type": "application/json"} | headers)
    assert (answer.status_code, answer.json()["success"]) == (status, False)
    assert words in answer.json()["message"]
    assert stored(database) == []


def test_only_traces_take_protocol_buffers(client: TestClient) -> None:
    answer = client.post("/api/orchestrator/training/data", content=b"\x0a\x00", headers=PROTOBUF)
    assert answer.status_code == 415
