"""What the fields of an example's content can hold, and whether two contents are the same."""

from typing import Any

import orjson

from core.db.tables import CONTENT
from core.errors import InvalidExample


def validated(field: str, value: Any) -> Any:
    """Return the value, which the field can hold. Raises `InvalidExample` naming the field."""
    from core.examples.importing.converting.values import (
        PARSERS,
        Unfit,  # not above: the importers load libraries of their own
    )

    if field not in CONTENT:
        raise InvalidExample(f"{field!r} is not content that can be edited; choose from {', '.join(CONTENT)}.")
    if field == "user_request" and not str(value or "").strip():
        raise InvalidExample("The request cannot be empty: there would be nothing to answer.")
    is_text = isinstance(value, str) or (value is None and field in ("execution_plan", "execution_result"))
    if field in ("business_state", "context"):
        if not isinstance(value, dict) and not (field == "context" and value is None):
            raise InvalidExample(f'{field} must be a JSON object, for example {{"topic": "launch"}}.')
    elif not is_text:
        raise InvalidExample(f"{field} must be text.")
    try:
        PARSERS[field](value)  # the limits of an import are those of an edit
    except Unfit as error:
        raise InvalidExample(f"{field} is not {error}.") from None
    return value


def differ(one: Any, other: Any) -> bool:
    """Whether two contents differ as text or JSON. To Python, 1, 1.0 and true are equal; to a model they are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) != orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
    return one != other
