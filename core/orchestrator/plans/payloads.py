"""Whether a payload fits its schema, in sentences for the person or the model that wrote it."""

from collections.abc import Iterator, Mapping
from typing import Any

#: Values nested deeper than this are refused: they are no payload, and every reader of them would recurse.
DEPTH_LIMIT = 40
_SHOWN = 60

_SENTENCES = {
    "type": "It must be of the type {limit}.",
    "enum": "It is {value}; it must be one of {limit}.",
    "const": "It is {value}; it must be {limit}.",
    "minLength": "It is too short: at least {limit} characters.",
    "maxLength": "It is too long: at most {limit} characters.",
    "minimum": "It is {value}; it must be at least {limit}.",
    "maximum": "It is {value}; it must be at most {limit}.",
    "exclusiveMinimum": "It is {value}; it must be above {limit}.",
    "exclusiveMaximum": "It is {value}; it must be below {limit}.",
    "minItems": "It has too few entries: at least {limit}.",
    "maxItems": "It has too many entries: at most {limit}.",
    "uniqueItems": "It names something twice.",
    "pattern": "It does not have the form {limit}.",
}


def problems(payload: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each field of `payload` that does not fit `schema`, as `payload.name`, and what is wrong with it."""
    import jsonschema  # here: with its own needs it costs a tenth of a second, and most of core never checks a plan

    errors = jsonschema.Draft202012Validator(schema).iter_errors(payload)
    # Each missing field is an error of its own, and each of them names all that are required.
    yield from dict.fromkeys(found for error in errors for found in _found(error))


def _found(error: Any) -> Iterator[tuple[str, str]]:
    path = ".".join(("payload", *map(str, error.absolute_path)))
    if error.validator == "required":
        yield from (
            (f"{path}.{name}", "It is missing.") for name in error.validator_value if name not in error.instance
        )
    elif error.validator == "additionalProperties":
        known = list(error.schema.get("properties", ()))
        for name in error.instance:
            if name not in known:
                yield path, f"There is no field {shown(name)} here; there are {', '.join(known) or 'none'}."
    else:
        yield path, _sentence(error)


def _sentence(error: Any) -> str:
    limit = error.validator_value
    words = " or ".join(map(str, limit)) if isinstance(limit, list) else str(limit)
    return _SENTENCES.get(error.validator, "It does not fit its schema.").format(
        limit=words, value=shown(error.instance)
    )


def shown(value: Any) -> str:
    """Return a value of unknown origin, short enough for a sentence and with its control characters spelled out."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def can_be_stored(value: Any, depth: int = 0) -> bool:
    """Whether PostgreSQL can keep the value as jsonb: it has no NUL in a text, and is not nested without end."""
    if isinstance(value, str):
        return "\0" not in value
    if depth > DEPTH_LIMIT:
        return not isinstance(value, dict | list)
    if isinstance(value, dict):
        return all("\0" not in key and can_be_stored(each, depth + 1) for key, each in value.items())
    return not isinstance(value, list) or all(can_be_stored(each, depth + 1) for each in value)
