"""OpenAI's own description of its API, against which everything that is sent to it is held."""

import email
import json
import os
import re
from email.policy import HTTP
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.tuning.loopback import Seen

_BESIDE = Path(__file__).parents[4] / "shared" / "data" / "openai_openapi.json"
#: Of these nothing else is sent than what they name, which the description does not demand.
_CLOSED = re.compile(r"FineTun|CreateFineTuningJobRequest|CreateFileRequest")


@cache
def description() -> dict[str, Any]:
    """The description in one dialect: leftovers of OpenAPI 3.0 are put as JSON Schema has them now."""
    path = Path(os.environ.get("WHETSTONE_TEST_OPENAPI") or _BESIDE)
    if not path.is_file():
        pytest.skip("OpenAI's description of its API is not here; name its file by WHETSTONE_TEST_OPENAPI")
    found = json.loads(path.read_text(encoding="utf-8"))
    for name, schema in found["components"]["schemas"].items():
        found["components"]["schemas"][name] = _normal(schema, is_closed=bool(_CLOSED.search(name)))
    found["paths"] = _normal(found["paths"], is_closed=False)
    return found


def _normal(node: Any, *, is_closed: bool) -> Any:
    if isinstance(node, list):
        return [_normal(each, is_closed=is_closed) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _normal(value, is_closed=is_closed) for name, value in node.items() if name != "nullable"}
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(bound), bool) and made.pop(bound):
            made[bound] = made.pop(limit)
    if is_closed and isinstance(made.get("properties"), dict) and "type" in made:
        made.setdefault("additionalProperties", False)
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What the value lacks to fit a schema of the description."""
    validator = Draft202012Validator({**schema, "components": description()["components"]})
    return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(value)]


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def refusals(seen: Seen, root: str = "/v1") -> list[str]:
    """What OpenAI's description has against a request: path, query, and body."""
    operation = _operation(seen, root)
    if operation is None:
        return [f"{seen} is no request of this API"]
    return [f"{seen} {fault}" for fault in [*_query_faults(operation, seen), *_body_faults(operation, seen)]]


def _operation(seen: Seen, root: str) -> dict[str, Any] | None:
    path = seen.path.removeprefix(root)
    for template, methods in description()["paths"].items():
        pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and seen.method.lower() in methods:
            return methods[seen.method.lower()]
    return None


def _query_faults(operation: dict[str, Any], seen: Seen) -> list[str]:
    known = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
    given: dict[str, Any] = {}
    for name, value in seen.query.items():
        outer, _, inner = name.partition("[")  # deepObject: metadata[key]=value
        if inner:
            given.setdefault(outer, {})[inner.removesuffix("]")] = value
        else:
            given[outer] = int(value) if value.isdigit() else value
    unknown = [f"?{name} is unknown" for name in given if name not in known]
    return unknown + [
        f"?{name} {fault}" for name in given if name in known for fault in faults(known[name]["schema"], given[name])
    ]


def _body_faults(operation: dict[str, Any], seen: Seen) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    kind = seen.headers.get("content-type", "").partition(";")[0]
    if not seen.body:
        return ["has no body"] if content else []
    if kind not in content:
        return [f"has a body of {kind!r}"]
    return faults(content[kind]["schema"], parts(seen) if kind == "multipart/form-data" else seen.json)


def parts(seen: Seen) -> dict[str, str]:
    """The fields of a form."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + seen.body, policy=HTTP)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True).decode()
        for part in message.iter_parts()
    }
