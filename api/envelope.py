"""The one form of every JSON answer: success, data, error (a word for programs), message (a sentence for people)."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from core import errors, shortages

log = structlog.get_logger()

#: What a program may rely on: the status of each kind of error.
STATUS: dict[type[errors.WhetstoneError], int] = {
    errors.UnknownExample: 404,
    errors.UnknownDataset: 404,
    errors.UnknownExecution: 404,
    errors.UnknownPattern: 404,
    errors.UnknownCommand: 404,
    errors.UnknownJob: 404,
    errors.UnknownModel: 404,
    errors.WorkspaceRefused: 404,
    errors.NotIdentified: 401,
    errors.NotAllowed: 403,
    errors.Conflict: 409,
    errors.DatabaseUnavailable: 503,
    errors.MigrationRefused: 503,
    errors.TookTooLong: 503,
    errors.ConfigurationError: 500,
}

#: The word for errors that are nobody's in particular.
WORDS = {
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "BodyTooLarge",
    415: "NotJson",
    429: "TooManyRequests",
    500: "InternalError",
}

T = TypeVar("T")


class Envelope(BaseModel, Generic[T]):
    """Every answer: `data` is what was asked for, `message` a sentence for people."""

    model_config = ConfigDict(from_attributes=True)

    success: Literal[True] = True
    data: T
    error: None = None
    message: str = ""


class Refusal(BaseModel):
    """Every answer to what cannot be done. `error` is a word that programs may rely on."""

    success: Literal[False] = False
    data: None = None
    error: str = Field(examples=["UnknownExample"])
    message: str = Field(examples=["There is no example 7."])


@dataclass(frozen=True)
class Answer:
    """What a route returns; it is checked against the envelope that the route declares."""

    data: Any
    message: str = ""
    success: bool = True
    error: None = None


def enveloped(data: Any) -> Any:
    """Return the envelope around this type, for `response_model`."""
    return Envelope[data]


def answer(data: Any, *, message: str = "", status: int = 200) -> JSONResponse:
    """Return the answer of a request in the envelope."""
    return JSONResponse({"success": status < 400, "data": data, "error": None, "message": message}, status)


def refused(status: int, message: str, *, error: str = "", data: Any = None) -> JSONResponse:
    """Return the refusal of a request in the envelope; `error`: its name, where the status does not say it."""
    word = error or WORDS.get(status, "BadRequest")
    return JSONResponse({"success": False, "data": data, "error": word, "message": message}, status)


def of_error(error: errors.WhetstoneError) -> JSONResponse:
    """Errors a caller can mend are 400 unless `STATUS` says better."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    answer = refused(status, str(error), error=type(error).__name__)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Whetstone"'
    return answer


def of_database(error: Exception) -> JSONResponse:
    """Return the refusal for a database that does not answer, and log why."""
    log.error("the database did not answer", reason=(str(error) or type(error).__name__).splitlines()[0])
    short = shortages.sentence(error)
    return of_error(
        errors.DatabaseUnavailable(short or "The database does not answer at the moment; try again shortly.")
    )


def phrase(status: int) -> str:
    """Return a sentence for a status that nobody said anything about."""
    return {
        404: "There is nothing at this address; /api/docs lists what there is.",
        405: "This address does not take this method; /api/docs lists what it takes.",
    }.get(status, f"{HTTPStatus(status).phrase}.")
