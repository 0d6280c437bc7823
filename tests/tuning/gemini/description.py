"""Google's own description of its API, as it comes with its client for Python: requests and answers are held to it."""

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.tuning.loopback import Seen

#: A number of 64 bits is described as a string, and taken as a number too.
_WHOLE = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^-?\d+$"}]}
_TYPES = {"string", "boolean", "number", "integer", "object", "array"}


@cache
def document() -> dict[str, Any]:
    spec = find_spec("googleapiclient")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "discovery_cache" / "documents" / "aiplatform.v1.json"
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def _schemas() -> dict[str, Any]:
    return {name: _schema(each) for name, each in document()["schemas"].items()}


def _schema(node: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a node. No object has other fields than it names."""
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    if node.get("format") == "int64":
        return _WHOLE
    made: dict[str, Any] = {"type": node["type"]} if node.get("type") in _TYPES else {}
    if "enum" in node:
        made["enum"] = node["enum"]
    if "items" in node:
        made["items"] = _schema(node["items"])
    if node.get("type") == "object":
        more = node.get("additionalProperties")
        made["properties"] = {name: _schema(each) for name, each in node.get("properties", {}).items()}
        made["additionalProperties"] = _schema(more) if more else False
    return made


def faults(name: str, value: Any) -> list[str]:
    """What the value lacks to be a `GoogleCloudAiplatformV1…`, or another schema by its full name."""
    full = name if name in document()["schemas"] else f"GoogleCloudAiplatformV1{name}"
    validator = Draft202012Validator({"$ref": f"#/$defs/{full}", "$defs": _schemas()})
    return [f"{name} {each.json_path}: {each.message}" for each in validator.iter_errors(value)]


def refusals(seen: Seen) -> list[str]:
    """What Google's description has against a request: path, query, and body."""
    for method in _methods(document()["resources"]):
        # `v1/{+name}:cancel` with the form of a name among the parameters.
        pattern = _pattern(method)
        if method["httpMethod"] == seen.method and re.fullmatch(pattern, seen.path.removeprefix("/")):
            known = {name for name, each in method["parameters"].items() if each["location"] == "query"}
            unknown = [f"{seen}: ?{name} is unknown" for name in seen.query if name not in known]
            return unknown + _body_faults(method, seen)
    return [f"{seen} is no request of this API"]


def _body_faults(method: dict[str, Any], seen: Seen) -> list[str]:
    if "request" not in method:
        return [f"{seen} has a body"] if seen.body else []
    return [f"{seen}: {fault}" for fault in faults(method["request"]["$ref"], seen.json if seen.body else {})]


def _pattern(method: dict[str, Any]) -> str:
    pattern = re.escape(method["path"])
    for name, each in method["parameters"].items():
        form = each.get("pattern", "^.*$").removeprefix("^").removesuffix("$")
        pattern = pattern.replace(re.escape(f"{{+{name}}}"), form).replace(re.escape(f"{{{name}}}"), form)
    return pattern


def _methods(resources: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for resource in resources.values():
        found += [*resource.get("methods", {}).values(), *_methods(resource.get("resources", {}))]
    return found
