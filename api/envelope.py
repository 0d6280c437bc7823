"""The one form of every JSON answer: success, data, error (a word for programs), message (a sentence for people)."""

from typing import Any

from starlette.responses import JSONResponse

from core import errors

#: What a program may rely on: the status of each kind of error.
STATUS: dict[type[errors.WhetstoneError], int] = {
    errors.UnknownExample: 404,
    errors.UnknownDataset: 404,
    errors.UnknownExecution: 404,
    errors.UnknownPattern: 404,
    errors.WorkspaceRefused: 404,
    errors.Conflict: 409,
    errors.DatabaseUnavailable: 503,
    errors.MigrationRefused: 503,
    errors.TookTooLong: 503,
    errors.ConfigurationError: 500,
}


def answer(data: Any, *, message: str = "", status: int = 200) -> JSONResponse:
    return JSONResponse({"success": status < 400, "data": data, "error": None, "message": message}, status)


def refused(status: int, message: str, *, error: str = "BadRequest", data: Any = None) -> JSONResponse:
    return JSONResponse({"success": False, "data": data, "error": error, "message": message}, status)


def of_error(error: errors.WhetstoneError) -> JSONResponse:
    """Errors a caller can mend are 400 unless `STATUS` says better."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    return refused(status, str(error), error=type(error).__name__)
