"""Core values as typed models of answers, so that the description of the API says what each of them holds."""

import dataclasses
import types
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, JsonValue, WithJsonSchema, create_model

_ANY_JSON = {
    "title": "Any JSON",
    "description": "Any JSON value.",
    "anyOf": [{"type": kind} for kind in ("string", "number", "boolean", "null")]
    + [{"type": "array", "items": True}, {"type": "object", "additionalProperties": True}],
}

#: JSON whose form is not ours to say.
AnyJson = Annotated[JsonValue, WithJsonSchema(_ANY_JSON)]
JsonObject = Annotated[
    dict[str, JsonValue],
    WithJsonSchema(
        {
            "title": "JSON object",
            "type": "object",
            "additionalProperties": True,
            "description": "A JSON object of any content.",
        }
    ),
]
_OUR_CONFIG = ConfigDict(from_attributes=True)


def shown(kind: type, *, name: str = "", without: Collection[str] = (), also: Mapping[str, Any] | None = None) -> Any:
    """Return a model with the fields of the dataclass `kind`, less some, and with some of its properties."""
    hints = get_type_hints(kind)
    fields: dict[str, Any] = {
        each.name: (_typed(hints[each.name]), ...) for each in dataclasses.fields(kind) if each.name not in without
    }
    fields |= {each: (_typed(of), ...) for each, of in (also or {}).items()}
    return create_model(name or kind.__name__, __config__=_OUR_CONFIG, __doc__=kind.__doc__, **fields)


@cache
def _nested(kind: type) -> Any:
    return shown(kind)


def page_of(row: Any) -> Any:
    """Return a page of such rows."""
    fields: dict[str, Any] = {"rows": (list[row], ...), "next": (str | None, ...)}
    doc = "Rows in order, and the `after` of the page behind them; null on the last page."
    return create_model(f"{row.__name__}Page", __config__=_OUR_CONFIG, __doc__=doc, **fields)


def _typed(annotation: Any) -> Any:
    if annotation is Any:
        return AnyJson
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _nested(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return Union[tuple(_typed(each) for each in arguments)]  # noqa: UP007 (as many as there are)
    if origin in (dict, Mapping):
        return JsonObject if arguments[1] is Any else dict[arguments[0], _typed(arguments[1])]
    if origin in (list, Sequence) or (origin is tuple and arguments[-1] is Ellipsis):
        return list[_typed(arguments[0])]
    if origin is tuple:
        return tuple[tuple(_typed(each) for each in arguments)]
    return annotation


class Strict(BaseModel):
    """Base of everything that is sent to us: a field that is not ours is refused, since it is a mistake."""

    model_config = ConfigDict(extra="forbid")
