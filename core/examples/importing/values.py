"""One value of a file into the form in which it is staged. Plain functions: they run a million times an import.

Moments, JSON and tags are staged as text that is known to cast; PostgreSQL casts faster than Python converts.
"""

import datetime as dt
import math
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from core.examples.importing.models import DEPTH_LIMIT, FIELD_LIMIT
from core.examples.tags import FORM, folded

#: PostgreSQL's full-text index holds at most 1 MiB for one text; a request this short always fits.
INDEXABLE_LIMIT = 1 << 17


class Unfit(Exception):
    """A value does not fit its field. Its message says what was expected; the row is told by whoever reads it."""


def text(value: Any) -> str | None:
    """Text as it is; numbers, lists and objects as JSON; nothing for nothing."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return _json_text(value)
    return _sound(value)


def _sound(value: str) -> str:
    if len(value) > FIELD_LIMIT:
        raise Unfit(f"at most {FIELD_LIMIT:,} characters (1 MiB)")
    if "\0" in value:
        raise Unfit("text without NUL characters")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unfit("text that UTF-8 can hold; half of a surrogate pair is missing") from None
    return value


def request(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unfit("a text; it is what was asked, and required")
    return _sound(value)


def name(limit: int) -> Callable[[Any], str]:
    """Text of at most `limit` characters; nothing is ''."""

    def short(value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Unfit("a text")
        if len(value) > limit:
            raise Unfit(f"at most {limit} characters")
        return _sound(value)

    return short


def key(value: Any) -> str | None:
    """An execution id; nothing where one has to be made."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return name(255)(value) or None


def json_object(value: Any) -> str | None:
    """A JSON object or list, in canonical text."""
    if isinstance(value, str):
        if not value.strip():
            return None
        if len(value) > FIELD_LIMIT:
            raise Unfit(f"at most {FIELD_LIMIT:,} characters (1 MiB)")
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise Unfit(_TOO_DEEP if too_deep(error) else f"a JSON object ({error.msg})") from None
    if value is None:
        return None
    if not isinstance(value, dict | list):
        raise Unfit("a JSON object")
    return _json_text(value)


def too_deep(error: orjson.JSONDecodeError) -> bool:
    """Whether the parser gave up because of nesting; its versions say it differently."""
    return "recursion" in error.msg or "depth" in error.msg


_TOO_DEEP = f"JSON nested at most {DEPTH_LIMIT} levels deep"


def _json_text(value: Any) -> str:
    """Compact JSON that PostgreSQL takes as it is."""
    if isinstance(value, dict | list) and _depth(value) > DEPTH_LIMIT:
        raise Unfit(_TOO_DEEP)
    try:
        dumped = orjson.dumps(value, default=_plain)
    except (TypeError, ValueError) as error:
        raise Unfit(f"JSON that can be stored ({error})") from None
    if len(dumped) > FIELD_LIMIT:
        raise Unfit(f"at most {FIELD_LIMIT:,} characters (1 MiB)")
    # A NUL is written \u0000; the same six characters may also be a doubled backslash before them.
    if b"\\u0000" in dumped and re.search(rb"(?<!\\)(?:\\\\)*\\u0000", dumped):
        raise Unfit("text without NUL characters")
    return dumped.decode()


def _plain(value: Any) -> Any:
    """What Parquet knows and JSON does not."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="strict")
    if isinstance(value, tuple):
        return list(value)
    return str(value)


def _depth(value: Any) -> int:
    """How deep lists and objects are nested; stops counting just beyond the limit."""
    depth, level = 0, [value]
    while level and depth <= DEPTH_LIMIT:
        depth += 1
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
    return depth


def score(value: Any) -> float | None:
    """A score as the file has it, on whatever scale."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise Unfit("a number from 0 to 100")
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        raise Unfit("a number from 0 to 100") from None
    if not 0 <= number <= 100 or math.isnan(number):
        raise Unfit("a number from 0 to 100")
    return abs(number)  # -0.0 is 0.0


_TRUTH = {"t": True, "true": True, "1": True, "yes": True, "y": True} | {
    "f": False,
    "false": False,
    "0": False,
    "no": False,
    "n": False,
}


def truth(value: Any) -> bool | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        known = _TRUTH.get(value.strip().lower() if isinstance(value, str) else f"{value:g}")
        if known is not None:
            return known
        if isinstance(value, str) and not value.strip():
            return None
    raise Unfit("t, f, true, false, 1, 0, yes or no")


@lru_cache(maxsize=1024)
def _moment(value: str) -> str:
    try:
        return _staged(dt.datetime.fromisoformat(value.strip()))
    except (ValueError, OverflowError):
        raise Unfit("a date and time such as 2026-01-14 19:30:47-05") from None


def _staged(moment: dt.datetime) -> str:
    return (moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)).isoformat()


def moment(value: Any) -> str | None:
    """A date and time in UTC; without a zone it is taken as UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _moment(value)
    if isinstance(value, dt.date):
        is_moment = isinstance(value, dt.datetime)
        try:
            return _staged(value if is_moment else dt.datetime.combine(value, dt.time()))
        except OverflowError:
            pass
    raise Unfit("a date and time such as 2026-01-14 19:30:47-05")


def duration_ms(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool | list | dict) or (isinstance(value, str) and "_" in value):
            raise ValueError
        # A float would round what has more than 53 bits.
        is_whole = isinstance(value, int) or (isinstance(value, str) and "." not in value)
        number = int(value) if is_whole else float(value)
        if number != int(number) or not 0 <= number < 2**63:
            raise ValueError
        return int(number)
    except (ValueError, TypeError, OverflowError):
        raise Unfit("a whole number of milliseconds") from None


_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}]*?))\s*(,|$)')


@lru_cache(maxsize=1024)
def _tags_of_text(value: str) -> str | None:
    stripped = value.strip()
    if stripped.startswith("["):
        try:
            return _tag_array(orjson.loads(stripped))
        except orjson.JSONDecodeError:
            raise Unfit(_TAGS) from None
    if stripped.startswith("{") and stripped.endswith("}"):
        stripped = stripped[1:-1]
    return _tag_array(_items(stripped))


def _items(listed: str) -> list[str]:
    """The elements of a PostgreSQL array or of a list with commas, quoted or not."""
    items, position = [], 0
    while position < len(listed):
        found = _ITEM.match(listed, position)
        if not found or found.end() == position:
            raise Unfit(_TAGS)
        quoted, plain, _ = found.groups()
        items.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain)
        position = found.end()
    return [item for item in items if item]


_TAGS = "tags such as {A,B}: names of 1 to 64 of the letters A-Z, digits and _"


def _tag_array(values: Any) -> str | None:
    """Upper-case tags, sorted and without repeats, as PostgreSQL writes an array; they never need quotes."""
    if not isinstance(values, list | tuple) or not all(isinstance(item, str) for item in values):
        raise Unfit(_TAGS)
    names = sorted({folded(item) for item in values})
    if not all(FORM.fullmatch(item) for item in names):
        raise Unfit(_TAGS)
    return "{" + ",".join(names) + "}" if names else None


def tags(value: Any) -> str | None:
    if value is None or value == "" or value == "{}":
        return None
    return _tags_of_text(value) if isinstance(value, str) and len(value) < 10_000 else _tag_array(value)


#: How each field is read, in the order of the staging table.
PARSERS: dict[str, Callable[[Any], Any]] = {
    "execution_id": key,
    "user_request": request,
    "intent": name(200),
    "business_state": json_object,
    "context": json_object,
    "execution_plan": text,
    "execution_result": text,
    "quality_score": score,
    "success": truth,
    "tags": tags,
    "created_at": moment,
    "updated_at": moment,
    "source_agent": name(200),
    "source_model": name(200),
    "execution_time_ms": duration_ms,
}
