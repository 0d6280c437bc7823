"""The description of the API for programs: what FastAPI knows of the routes, with an example for every operation."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.access import NEEDS
from api.envelope import Refusal
from api.routing import takes_key
from core.access import Role

_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token that `python -m core token create` made. `x-role` of an operation is the role it needs; on "
    "one's own machine no token is needed unless WHETSTONE_API_TOKENS is `required`.",
}
#: Recorded from real answers with WHETSTONE_RECORD=1 by tests/api/test_description.py.
_EXAMPLES = Path(__file__).parent / "examples.json"
METHODS = ("get", "post", "put", "patch", "delete")
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "title": "Idempotency-Key"},
    "description": "The same request with the same key is done once, and answered the same again, for a day.",
}
_REFUSALS = {
    "400": "What was asked for is wrong; the message says what.",
    "401": "A token is needed, or this one is unknown, expired or revoked.",
    "403": "The role of the token is not enough; the message names the one that is.",
    "404": "It is not there.",
    "409": "Somebody else was faster, or it was done already.",
    "422": "A parameter or a field of the body has the wrong form; the message names it.",
    "429": "More requests than a minute may have; `Retry-After` says after how many seconds to go on.",
    "503": "The database does not answer.",
}


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Return the recorded examples of all operations."""
    return json.loads(_EXAMPLES.read_text(encoding="utf-8"))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and operation, in the order of the paths."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def described(api: FastAPI) -> dict[str, Any]:
    """Return the document at /api/openapi.json."""
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=api.routes,
            servers=[{"url": "/api"}],
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Refusal"] = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["securitySchemes"] = {"token": _TOKEN}
        for method, path, operation in operations(document):
            name = f"{method.upper()} {path}"
            _secure(operation, NEEDS[name])
            _complete(method, operation, examples().get(name, {}))
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        api.openapi_schema = document
    return api.openapi_schema


def _secure(operation: dict[str, Any], needed: Role | None) -> None:
    """Say what is needed. Where no token is required, whoever sends none may do everything."""
    operation["x-role"] = needed
    operation["security"] = [] if needed is None else [{"token": []}, {}]


def _complete(method: str, operation: dict[str, Any], example: dict[str, Any]) -> None:
    if takes_key(method, operation):
        operation.setdefault("parameters", []).append(_KEY_HEADER)
    responses = operation["responses"]
    for status, why in _REFUSALS.items():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        responses[status] = {"description": why, "content": content}
    if "body" in example:
        operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
    if "query" in example:
        operation["x-example-query"] = example["query"]
    if "answer" in example:
        good = next(status for status in responses if status < "400")
        for content in responses[good].setdefault("content", {}).values():
            content["example"] = example["answer"]
