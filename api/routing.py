"""What routes share: exact JSON, Idempotency-Key, workspace, actor and pages."""

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import psycopg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.access import caller_of, permit
from api.envelope import refused
from api.workspaces import chosen_workspace
from core import idempotency
from core.db import PUBLIC, Database
from core.errors import Conflict, WhetstoneError
from core.examples.importing import exact_json
from core.runtime.process import RUNNING

#: Marks a POST that changes nothing, or nothing more when it comes again, so that it takes no Idempotency-Key.
READS: dict[str, Any] = {"x-changes-nothing": True}
REPEATABLE: dict[str, Any] = {"x-repeatable": True}
MOST = 10_000
_LONGEST_KEY = 200
#: Errors of which it is certain that nothing was done. When a connection breaks, a commit may have gone through.
_NOTHING_DONE = (WhetstoneError, RequestValidationError, HTTPException, DataError, psycopg.DataError)


async def actor(request: Request) -> str:
    """Who asks. Everything that writes takes this as an argument."""
    return caller_of(request).actor


async def workspace(
    workspace: Annotated[
        str, Query(max_length=63, description="The workspace; `public` is the company's own.")
    ] = "public",
) -> Database:
    """In a thread only where the database may be asked: every thread costs a request more than it needs."""
    if workspace == PUBLIC and RUNNING.is_open:
        return RUNNING.database()
    return await run_in_threadpool(chosen_workspace, workspace)


Actor = Annotated[str, Depends(actor)]
Workspace = Annotated[Database, Depends(workspace)]


@dataclass(frozen=True)
class Paging:
    """Which part of a list. `after` costs the same at any depth; `offset` goes to 10,000."""

    after: str | None
    limit: int
    offset: int


async def paging(
    after: Annotated[str | None, Query(max_length=400, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many.")] = 50,
    offset: Annotated[int, Query(ge=0, le=MOST, description="So many are passed over.")] = 0,
) -> Paging:
    """Return which page of a list is asked for."""
    return Paging(after, limit, offset)


Page = Annotated[Paging, Depends(paging)]


def from_first(rows: list[Any], paging: Paging, key: Callable[[Any], str]) -> dict[str, Any]:
    """Return a page of a list that is whole at hand. Raises `Conflict` where the row to go on from is gone."""
    start = 0
    if paging.after is not None:
        found = [number for number, row in enumerate(rows) if key(row) == paging.after]
        if not found:
            raise Conflict(f"{paging.after!r} is not in this list any more; start again at the first page.")
        start = found[0] + 1
    start += paging.offset
    part = rows[start : start + paging.limit]
    return {"rows": part, "next": key(part[-1]) if part and len(rows) > start + len(part) else None}


def takes_key(method: str, operation: Mapping[str, Any]) -> bool:
    """Whether an operation takes an Idempotency-Key, by what its description says of it."""
    return method.upper() == "POST" and not ({*READS, *REPEATABLE} & operation.keys())


class JsonRequest(Request):
    """Reads numbers as they stand there: none loses digits, and none is infinite."""

    async def json(self) -> Any:
        body = await self.body()
        value = exact_json.loads(body)
        try:
            orjson.dumps(value)
        except TypeError as error:  # half of a surrogate pair, or nested deeper than can be stored
            raise orjson.JSONDecodeError(str(error), "", 0) from None
        return value


class Route(APIRoute):
    """A route whose POST may carry an Idempotency-Key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            request = JsonRequest(request.scope, request.receive)
            key = (
                request.headers.get("idempotency-key") if takes_key(request.method, self.openapi_extra or {}) else None
            )
            return await handle(request) if key is None else await _once(request, key, handle)

        return handled


async def _once(request: Request, key: str, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    """Do what was asked, unless it was done before under this key; then its answer comes again."""
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        return refused(400, f"An Idempotency-Key is 1 to {_LONGEST_KEY} visible ASCII characters.")
    await permit(request)  # before a key is taken, and before the answer to somebody else's request is found under it
    who = caller_of(request).actor
    db = await run_in_threadpool(chosen_workspace, request.query_params.get("workspace", "public"))
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    known = await run_in_threadpool(idempotency.begin, db, key, hashlib.sha256(asked).digest(), actor=who)
    if known is not None:
        headers = {"Idempotency-Replayed": "true"}
        return Response(known.body, known.status, headers, media_type="application/json")
    try:
        response = await handle(request)
    except _NOTHING_DONE:
        await run_in_threadpool(idempotency.forget, db, key, actor=who)
        raise
    except Exception:
        with suppress(
            WhetstoneError, SQLAlchemyError
        ):  # the database may be away; then the key is broken off by its age
            await run_in_threadpool(idempotency.break_off, db, key, actor=who)
        raise
    body = getattr(response, "body", None)
    if body is None:  # a download: nothing is changed by it
        await run_in_threadpool(idempotency.forget, db, key, actor=who)
        return response
    answer = idempotency.KeptAnswer(response.status_code, bytes(body))
    await run_in_threadpool(idempotency.answered, db, key, answer, actor=who)
    return response


def new_router(prefix: str, tag: str) -> APIRouter:
    """Make a router of one subject, whose routes read JSON exactly."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route)
