"""What every request under /api passes first: an id, who sends it, a limit of its body, no page of another site."""

import re
import uuid
from collections.abc import Callable
from time import perf_counter
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import HEALTH, METRICS, Admission, admit, route_path
from api.envelope import refused
from api.rates import Rates
from core.settings import get_settings

#: A thousand captured executions of 32 KiB; a field alone may hold 1 MiB.
MOST_BYTES = 32 << 20
#: The one address that also takes a body which is no JSON.
TRACES = "/v1/traces"
_READS = frozenset(("GET", "HEAD", "OPTIONS"))
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

#: Told of each answer: method, the route's path, status, seconds.
Seen = Callable[[str, str, int, float], None]


def _unseen(_method: str, _route: str, _status: int, _seconds: float) -> None:
    """Where nothing is measured."""


class Guard:
    """Plain ASGI, so that downloads stream through it. `seen` is told of every answer, for the metrics."""

    def __init__(
        self, app: ASGIApp, seen: Seen = _unseen, most_bytes: int = MOST_BYTES, rates: Rates | None = None
    ) -> None:
        self._app, self._seen, self._most_bytes = app, seen, most_bytes
        self._rates = rates or Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, began, status = Headers(scope=scope), perf_counter(), 500
        request_id = _request_id(headers.get("x-request-id", ""))

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._pass(scope, headers, receive, tell)
            except ClientDisconnect:
                status = 499  # nobody is there to be answered
            finally:
                self._seen(scope["method"], _route(scope), status, perf_counter() - began)

    async def _pass(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        admission = await admit(scope)
        if (refusal := self._too_many(scope, admission) or admission.refusal) is not None:
            await refusal(scope, receive, send)
            return
        if scope["method"] in _READS:
            await self._app(scope, receive, send)
            return
        if (why := foreign(scope.get("scheme", "http"), headers)) is not None:
            await refused(403, why)(scope, receive, send)
            return
        body = await self._read(headers, receive)
        if body is None:
            limit = f"{self._most_bytes >> 20:,} MiB" if self._most_bytes >> 20 else f"{self._most_bytes:,} bytes"
            why = f"The body is larger than {limit}; send it in several requests."
            await refused(413, why)(scope, receive, send)
            return
        kind = headers.get("content-type", "")
        if body and not (is_json(kind) or (is_protobuf(kind) and scope["path"].endswith(TRACES))):
            await refused(415, "The body has to be JSON, with the header Content-Type: application/json.")(
                scope, receive, send
            )
            return
        await self._app(scope, _replay(body, receive), send)

    def _too_many(self, scope: Scope, admission: Admission) -> JSONResponse | None:
        """Return the 429 to who has sent too many requests: by token, or by address for who has none that is good."""
        if route_path(scope) in (HEALTH, METRICS):
            return None
        caller, per_minute = admission.caller, get_settings().requests_per_minute
        address, _port = scope.get("client") or ("", 0)
        who = f"address {address}" if caller is None or caller.token_id is None else f"token {caller.token_id}"
        wait_s = self._rates.take(who, per_minute=per_minute)
        if not wait_s:
            return None
        answer = refused(429, f"These are more than {per_minute:,} requests a minute; go on in {wait_s:,} s.")
        answer.headers["Retry-After"] = str(wait_s)
        return answer

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the whole body; None where it is too large, which a header may say before a byte of it is read."""
        said = headers.get("content-length", "")
        if said.isascii() and said.isdecimal() and (len(said) > 15 or int(said) > self._most_bytes):
            return None
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            size += len(message.get("body", b""))
            if size > self._most_bytes:
                return None
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def replayed() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def foreign(scheme: str, headers: Headers) -> str | None:
    """Why a write is refused that a page of another site sent; None for one of our own, and for programs.

    A browser names the page's origin with every write; programs name none.
    """
    origin = headers.get("origin")
    if origin is not None and origin != f"{scheme}://{headers.get('host', '')}":
        # Behind a proxy with TLS the scheme differs, and the host alone tells.
        try:
            there = urlsplit(origin).netloc
        except ValueError:
            there = ""
        if not there or there != headers.get("host", ""):
            return "A page of another site may not change anything here."
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "A page of another site may not change anything here."
    return None


def is_json(content_type: str) -> bool:
    """Tell whether a body of this content type is JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def is_protobuf(content_type: str) -> bool:
    """Tell whether a body of this content type is a message of Protocol Buffers."""
    return content_type.partition(";")[0].strip().lower() == "application/x-protobuf"


def _request_id(given: str) -> str:
    return given if _ID.fullmatch(given) else str(uuid.uuid4())


def _route(scope: Scope) -> str:
    """Return the path as it was declared, so that there are as many of them as routes and not as
    there are addresses.
    """
    return getattr(scope.get("route"), "path", "") or "(no route)"
