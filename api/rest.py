"""The REST application under /api: routes, and one envelope for whatever goes wrong."""

from functools import cache
from typing import Any

import psycopg
import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse

from api import docs, openapi
from api.access import permit
from api.envelope import of_database, of_error, phrase, refused
from api.guard import Guard
from api.routes import (
    commands,
    datasets,
    executions,
    exports,
    health,
    orchestrator,
    patterns,
    similar,
    traces,
    training,
    tuning,
)
from api.routes.metrics import Metrics
from core import shortages
from core.errors import DatabaseUnavailable, WhetstoneError

log = structlog.get_logger()


def application() -> FastAPI:
    """Make the REST application, with all its routes."""
    # FastAPI's own pages of documentation fetch their scripts from a public host; ours is in `docs`.
    api = FastAPI(
        title="Whetstone",
        version=health.VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_url=None,
        dependencies=[Depends(permit)],
        description="Examples, datasets, fine-tuning, the queue and the orchestrator; the calls that the pages make.",
    )
    subjects = (
        health, exports, commands, executions, training, datasets, tuning, orchestrator, patterns, similar, traces,
    )  # fmt: skip
    for each in subjects:
        api.include_router(each.router)
    metrics = Metrics()
    api.include_router(metrics.router)
    api.openapi = lambda: openapi.described(api)
    page = cache(lambda: docs.page(api.openapi()))
    api.add_api_route("/openapi.json", lambda: JSONResponse(api.openapi()), include_in_schema=False)
    api.add_api_route("/docs", lambda: HTMLResponse(page()), include_in_schema=False)
    api.add_middleware(Guard, seen=metrics.seen)
    handlers: dict[type[Exception], Any] = {
        WhetstoneError: _known,
        OperationalError: _database,
        psycopg.OperationalError: _database,  # streams go past SQLAlchemy
        DataError: _refused_value,
        psycopg.DataError: _refused_value,
        RequestValidationError: _parameters,
        HTTPException: _http,
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
    return api


async def _known(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WhetstoneError)
    return of_error(error)


async def _database(_request: Request, error: Exception) -> JSONResponse:
    return of_database(error)


async def _refused_value(_request: Request, _error: Exception) -> JSONResponse:
    return refused(400, "A parameter holds a value that the database cannot take; look at its numbers and its text.")


async def _parameters(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return refused(422, f"The body is not JSON: {first.get('ctx', {}).get('error', 'it cannot be read')}.")
    place, *path = (str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    if place == "body":
        path = [part for part in path if part not in ("one", "many")]  # which of two forms, as `OneOrMany` tells them
        return refused(422, f"Field {'.'.join(path)!r} of the body: {said}." if path else f"The body: {said}.")
    return refused(422, f"Parameter {'.'.join(path)!r}: {said}.")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = refused(error.status_code, phrase(error.status_code))
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    short = shortages.sentence(error)
    if short is not None:
        log.error("a shortage", path=request.url.path, reason=short)
        return of_error(DatabaseUnavailable(short))
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return refused(500, "Something went wrong here; the log of the server says what.", error="InternalError")
