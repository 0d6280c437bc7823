"""The REST application under /api: routes, and one envelope for whatever goes wrong."""

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from api import commands, executions, exports, health, similar
from api.envelope import of_error, refused
from core import shortages
from core.errors import DatabaseUnavailable, WhetstoneError

log = structlog.get_logger()


def application() -> FastAPI:
    # No docs pages: they fetch their scripts from a public host. The description itself is at /api/openapi.json.
    api = FastAPI(title="Whetstone", docs_url=None, redoc_url=None)
    api.include_router(health.router)
    api.include_router(exports.router)
    api.include_router(commands.router)
    api.include_router(executions.router)
    api.include_router(similar.router)
    api.add_exception_handler(WhetstoneError, _known)
    api.add_exception_handler(OperationalError, _database)
    api.add_exception_handler(psycopg.OperationalError, _database)  # streams go past SQLAlchemy
    api.add_exception_handler(DataError, _refused_value)
    api.add_exception_handler(psycopg.DataError, _refused_value)
    api.add_exception_handler(RequestValidationError, _parameters)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unexpected)
    return api


async def _known(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WhetstoneError)
    return of_error(error)


async def _database(_request: Request, error: Exception) -> JSONResponse:
    log.error("the database did not answer", reason=(str(error) or type(error).__name__).splitlines()[0])
    short = shortages.sentence(error)
    return of_error(DatabaseUnavailable(short or "The database does not answer at the moment; try again shortly."))


async def _refused_value(_request: Request, _error: Exception) -> JSONResponse:
    return refused(400, "A parameter holds a value that the database cannot take; look at its numbers and its text.")


async def _parameters(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return refused(422, f"Parameter {'.'.join(str(part) for part in first['loc'][1:])!r}: {first['msg']}.")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, str(error.detail), error={404: "NotFound"}.get(error.status_code, "BadRequest"))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    short = shortages.sentence(error)
    if short is not None:
        log.error("a shortage", path=request.url.path, reason=short)
        return of_error(DatabaseUnavailable(short))
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return refused(500, "Something went wrong here; the log of the server says what.", error="InternalError")
