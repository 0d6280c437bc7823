"""Spans of an agent that OpenTelemetry traces already: its calls of models become examples, without any code for it.

The protocol is OTLP over HTTP, so answers have its form and not that of the other routes.
"""

import base64
import zlib
from typing import Annotated, Any, cast

import orjson
from fastapi import Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.envelope import refused
from api.guard import MOST_BYTES, TRACES, is_protobuf
from api.routing import REPEATABLE, Actor, Workspace, new_router
from api.shapes import JsonObject
from core.examples.importing import exact_json, spans

router = new_router("", "traces")

#: As many reasons are told of what was refused; the count is of all.
_TOLD = 3
_IDS = ("traceId", "spanId", "parentSpanId")


class Spans(BaseModel):
    """An `ExportTraceServiceRequest` as JSON."""

    resourceSpans: list[JsonObject] = Field(description="Spans by resource, as OTLP has them.")  # noqa: N815


class Refused(BaseModel):
    """Spans that call a model and cannot be stored."""

    rejectedSpans: str = Field(description="How many, as text, which is how OTLP writes 64 bits.")  # noqa: N815
    errorMessage: str = Field(description="The first reasons.")  # noqa: N815


class Taken(BaseModel):
    """An `ExportTraceServiceResponse` as JSON: `{}` where nothing was refused."""

    model_config = ConfigDict(extra="forbid")

    partialSuccess: Refused | None = None  # noqa: N815


class _Unreadable(Exception):
    """A body that is not what its headers say, in a sentence."""


_SENT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Spans.model_json_schema()},
            "application/x-protobuf": {"schema": {"type": "string", "format": "binary", "title": "Protocol Buffers"}},
        },
    }
}


@router.post(TRACES, response_model=Taken, openapi_extra=REPEATABLE | _SENT)
async def receive_spans(
    request: Request,
    db: Workspace,
    actor: Actor,
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
    content_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Take the spans that an OTLP exporter sends, as JSON or Protocol Buffers, plain or packed by gzip.

    Each call of a model becomes an example under the id of its span; other spans are passed over. What is sent again
    changes nothing.
    """
    try:
        body = _unpacked(await request.body(), content_encoding)
        sent = _from_protobuf(body) if is_protobuf(content_type) else _from_json(body)
    except _Unreadable as error:
        return refused(400, str(error))
    rejected = await run_in_threadpool(spans.receive, db, sent, actor=actor)
    told = " ".join(rejected[:_TOLD])
    if is_protobuf(content_type):
        return Response(_to_protobuf(len(rejected), told), media_type="application/x-protobuf")
    answer = {"partialSuccess": {"rejectedSpans": str(len(rejected)), "errorMessage": told}} if told else {}
    return Response(orjson.dumps(answer), media_type="application/json")


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() != "gzip":
        raise _Unreadable("The body may be plain or packed by gzip, and nothing else.")
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise _Unreadable("The body is not packed by gzip, although its Content-Encoding says so.") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise _Unreadable(f"The body ends too early, or unpacks to more than {MOST_BYTES >> 20} MiB.")
    return plain


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        sent = exact_json.loads(body)
        orjson.dumps(sent)  # half of a surrogate pair, or nested deeper than can be stored
    except (orjson.JSONDecodeError, TypeError) as error:
        raise _Unreadable(f"The body is not JSON: {error}.") from None
    request = cast(dict[str, Any], sent) if isinstance(sent, dict) else {"resourceSpans": None}
    if not isinstance(request.get("resourceSpans", []), list):
        raise _Unreadable("The body is no request of OTLP: an object with a list of resourceSpans.")
    return request


def _from_protobuf(body: bytes) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        sent: dict[str, Any] = MessageToDict(ExportTraceServiceRequest.FromString(body))
    except (DecodeError, ValueError) as error:
        raise _Unreadable("The body is not an ExportTraceServiceRequest of OTLP.") from error
    for resource in sent.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                # OTLP writes ids as hexadecimal in its JSON, where Protocol Buffers write bytes as base64.
                span |= {name: base64.b64decode(span[name]).hex() for name in _IDS if name in span}
    return sent


def _to_protobuf(rejected: int, why: str) -> bytes:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTracePartialSuccess,
        ExportTraceServiceResponse,
    )

    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=why) if rejected else None
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()
