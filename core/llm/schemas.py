"""JSON Schemas as providers take them, and answers as they come.

Each provider takes a subset of its own, and answers 400 to the rest. What is left out here (lengths, ranges, patterns)
is checked when the answer is there.
"""

import re
from typing import Any

import orjson

#: What every provider understands.
_KEPT = {"type", "title", "description", "enum", "const", "required", "$ref"}
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}

_FENCE = re.compile(r"\A```[a-z]*\n(.*?)\n?```\Z", re.DOTALL)
#: Some local models think aloud before they answer.
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


def plain(schema: dict[str, Any], *, closed: bool = False) -> dict[str, Any]:
    """Return the shape of a schema without its limits.

    `closed`: an object never has other properties than those named.
    """
    if not isinstance(schema, dict):  # `true`, which allows anything
        return {}
    kept: dict[str, Any] = {key: value for key, value in schema.items() if key in _KEPT}
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        kept["anyOf"] = [plain(each, closed=closed) for each in choices]
    if "items" in schema:
        kept["items"] = plain(schema["items"], closed=closed)
    for key in ("properties", "$defs"):
        if key in schema:
            kept[key] = {name: plain(each, closed=closed) for name, each in schema[key].items()}
    if "object" in kept.get("type", ()) and (closed or "properties" in schema):
        kept.setdefault("properties", {})
        kept["additionalProperties"] = False
    # A choice of values says its type too, which some providers insist on.
    values = kept.get("enum", [kept["const"]] if "const" in kept else [])
    kinds = list(dict.fromkeys(_TYPES.get(type(value), "object") for value in values))
    return kept if "type" in kept or not kinds else {"type": kinds[0] if len(kinds) == 1 else kinds, **kept}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema for OpenAI's strict mode: every property is required, and null stands for
    one that is left out.
    """
    return _all_required(plain(schema, closed=True))


def _all_required(schema: dict[str, Any]) -> dict[str, Any]:
    changed = dict(schema)
    if "anyOf" in schema:
        changed["anyOf"] = [_all_required(each) for each in schema["anyOf"]]
    if "items" in schema:
        changed["items"] = _all_required(schema["items"])
    if "$defs" in schema:
        changed["$defs"] = {name: _all_required(each) for name, each in schema["$defs"].items()}
    if "properties" in schema:
        required = schema.get("required", [])
        changed["properties"] = {
            name: _all_required(each) if name in required else {"anyOf": [_all_required(each), {"type": "null"}]}
            for name, each in schema["properties"].items()
        }
        changed["required"] = list(schema["properties"])
    return changed


def without_const(schema: Any) -> Any:
    """Return the schema for Gemini, which knows a single allowed value only as a choice of one."""
    if isinstance(schema, list):
        return [without_const(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: without_const(value) for key, value in schema.items() if key != "const"}
    return {**changed, "enum": [schema["const"]]} if "const" in schema else changed


def burden(schema: Any) -> tuple[int, int]:
    """How many properties may be left out, and how many are of several types: what Anthropic limits."""
    if isinstance(schema, list):
        parts = [burden(each) for each in schema]
        return sum(part[0] for part in parts), sum(part[1] for part in parts)
    if not isinstance(schema, dict):
        return 0, 0
    properties = schema.get("properties", {})
    optional = len(set(properties) - set(schema.get("required", []))) if isinstance(properties, dict) else 0
    several = 1 if "anyOf" in schema or isinstance(schema.get("type"), list) else 0
    below = burden(list(schema.values()))
    return optional + below[0], several + below[1]


def cleaned(text: str) -> str:
    """Return the text without thoughts, and without what no database can keep."""
    text = _THOUGHTS.sub("", text).replace("\0", "")
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def json_in(text: str) -> Any:
    """Return the JSON value of an answer, with or without a code fence around it. Raises `orjson.JSONDecodeError`."""
    fenced = _FENCE.match(text)
    return orjson.loads(fenced[1] if fenced else text)


def fitted(data: Any, schema: dict[str, Any]) -> tuple[Any, str]:
    """Return the answer without nulls where they only stand for absence, and what does not fit the
    schema, if anything.
    """
    import jsonschema  # here, because it takes a tenth of a second and only answers to a schema need it

    validator = jsonschema.Draft202012Validator(schema)
    lean = _without_nulls(data, schema)
    wrong = [f"{error.json_path} fails {error.validator!r}" for error in validator.iter_errors(lean)]
    return lean, "; ".join(wrong[:3]) + "." if wrong else ""


def _without_nulls(data: Any, schema: dict[str, Any]) -> Any:
    """Return the value without the properties that are null and need not be there."""
    if "anyOf" in schema or "oneOf" in schema:
        return _of_the_fitting(data, schema.get("anyOf") or schema["oneOf"])
    if isinstance(data, list) and "items" in schema:
        return [_without_nulls(each, schema["items"]) for each in data]
    if not isinstance(data, dict):
        return data
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    return {
        name: _without_nulls(value, properties.get(name, {}))
        for name, value in data.items()
        if value is not None or name in required
    }


def _of_the_fitting(data: Any, choices: list[dict[str, Any]]) -> Any:
    import jsonschema

    leaner = [(_without_nulls(data, each), each) for each in choices]
    return next((lean for lean, each in leaner if jsonschema.Draft202012Validator(each).is_valid(lean)), data)
