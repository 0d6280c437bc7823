"""One value of a file into the form in which it is staged. Plain functions: they run a million times an import.

Moments, JSON and tags are staged as text that is known to cast; PostgreSQL casts faster than Python converts.
"""

import ast
import datetime as dt
import re
import uuid
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.converting.moments import moment
from core.examples.importing.converting.scale import NO_NUMBER as _NO_NUMBER
from core.examples.importing.converting.scale import score
from core.examples.importing.models import DEPTH_LIMIT, FIELD_LIMIT, Unfit
from core.examples.tags import FORM, folded

#: PostgreSQL's full-text index holds at most 1 MiB for one text; a request this short always fits.
INDEXABLE_LIMIT = 1 << 17


def text(value: Any) -> str | None:
    """Text as it is; numbers, lists and objects as JSON; nothing for nothing."""
    if isinstance(value, str):
        return _sound(value) or None
    if isinstance(value, bytes):
        return _sound(_decoded(value)) if value else None
    return None if value is None or value != value else _json_text(value)


def _decoded(value: bytes) -> str:
    """Columnar files may keep text as bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Unfit("a text; it holds bytes that are no UTF-8") from None


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
    """Return what was asked, which has to be there. Raises `Unfit`."""
    if not isinstance(value, str) and isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        value = _number_text(value)
    if isinstance(value, bytes):
        value = _decoded(value)
    if not isinstance(value, str) or not value or value.isspace():
        raise Unfit("a text; it is what was asked, and required")
    return _sound(value)


def name(limit: int) -> Callable[[Any], str]:
    """Text of at most `limit` characters; nothing is ''."""

    def short(value: Any) -> str:
        if isinstance(value, str):
            if len(value) > limit:
                raise Unfit(f"at most {limit} characters")
            return value if value.isascii() and "\0" not in value else _sound(value)
        if value is None or value != value:
            return ""
        if isinstance(value, int | float | Decimal):
            value = str(value).lower() if isinstance(value, bool) else _number_text(value)
        if not isinstance(value, str):
            raise Unfit("a text")
        return value

    return short


def key(value: Any) -> str | None:
    """Return an execution id; nothing where one has to be made."""
    if isinstance(value, str):
        return _key(value) or None
    if isinstance(value, bool):
        raise Unfit("a text")
    if isinstance(value, uuid.UUID):
        value = str(value)
    if isinstance(value, bytes):
        value = _decoded(value)
    return _key(value) or None


def _number_text(value: float | Decimal) -> str:
    """Return a number as a person writes it: a table with gaps makes 1.0 of 1."""
    return str(int(value)) if abs(value) < 2**63 and value == int(value) else str(value)


_key = name(255)


def json_object(value: Any) -> str | None:
    """Return a JSON object or list, in canonical text."""
    if isinstance(value, str):
        if not value.strip():
            return None
        if len(value) > FIELD_LIMIT:
            raise Unfit(f"at most {FIELD_LIMIT:,} characters (1 MiB)")
        try:
            value = exact_json.loads(value)
        except orjson.JSONDecodeError as error:
            raise Unfit(_TOO_DEEP if too_deep(error) else f"a JSON object ({error.msg})") from None
    if value is None or value != value:
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
    """Return what Parquet knows and JSON does not."""
    if isinstance(value, Decimal):
        return exact_json.whole(str(int(value))) if value == int(value) else exact_json.fraction(value)
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


#: What is said of an outcome, and what it means.
TRUTHS = {"success": True, "failed": False, "unknown": None}
_TRUTH: dict[str, bool | None] = {
    **dict.fromkeys(
        ("t", "true", "1", "1.0", "yes", "y", "success", "succeeded", "successful", "passed", "pass"), True
    ),
    **dict.fromkeys(("f", "false", "0", "0.0", "no", "n", "failed", "failure", "fail", "error"), False),
    **dict.fromkeys(("", "nan", "none", "null", "n/a", "na", "unknown"), None),
}


def truth(value: Any) -> bool | None:
    """Return whether it succeeded; None where nothing says so. Raises `Unfit`."""
    if isinstance(value, str) and value in _TRUTH:
        return _TRUTH[value]  # as most are written
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        said = value.strip().lower() if isinstance(value, str) else f"{value:g}"
        if said in _TRUTH:
            return _TRUTH[said]
    raise Unfit("t, f, true, false, 1, 0, yes, no, success or failed")


#: Digits with a comma: 1234,56 has a decimal comma, 1,234.5 and 1,234,567 have groups; 1,234 may be either.
_DECIMAL_COMMA = re.compile(r"(\d+),(\d{1,2}|\d{4,})|(\d{1,3}(?:\.\d{3})+),(\d+)")
_GROUPED = re.compile(r"\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})")
_MILLISECONDS = "a number of milliseconds"


def duration_ms(value: Any) -> int | None:
    """Milliseconds, rounded to whole ones."""
    if value is None or value == "" or value != value:
        return None
    try:
        if isinstance(value, str) and value.isdecimal() and len(value) < 19:
            return int(value)
        if isinstance(value, bool | list | dict):
            raise ValueError
        if isinstance(value, dt.timedelta):
            value = value / dt.timedelta(milliseconds=1)
        if isinstance(value, str):
            value = _plain_number(value)
            if value is None:
                return None
        number = Decimal(value)
        if not number.is_finite() or not 0 <= number < 2**63:
            raise ValueError
        number = int(number.to_integral_value(ROUND_HALF_UP))
        if number >= 2**63:
            raise ValueError
        return number
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        raise Unfit(_MILLISECONDS) from None


def _plain_number(said: str) -> str | None:
    """Return a number without groups and with a decimal point; None where the text says that there is none."""
    said = said.strip().removesuffix("ms").rstrip()
    if said.lower() in _NO_NUMBER:
        return None
    if comma := _DECIMAL_COMMA.fullmatch(said):
        return f"{comma[1] or comma[3].replace('.', '')}.{comma[2] or comma[4]}"
    if _GROUPED.fullmatch(said):
        return said.replace(",", "")
    if "_" in said:
        raise ValueError
    return said


_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}]*?))\s*(,|$)', re.DOTALL)


#: Tags as a text gives them, and what became of those that are stored otherwise than written.
TagsRead = tuple[str | None, tuple[tuple[str, str], ...]]


@lru_cache(maxsize=1024)
def _tags_of_text(value: str) -> TagsRead:
    stripped = value.strip()
    if stripped.startswith("["):
        try:
            return _tag_array(_listed(stripped))
        except (orjson.JSONDecodeError, ValueError, SyntaxError, RecursionError, MemoryError):
            raise Unfit(_TAGS) from None
    if stripped.startswith("{") and stripped.endswith("}"):
        return _tag_array(_items(stripped[1:-1]))
    if "," not in stripped and (sign := next((sign for sign in ";|\n" if sign in stripped), "")):
        return _tag_array([item for item in stripped.split(sign) if item.strip()])
    words = stripped.split()
    if len(words) > 1 and all(word.startswith("#") for word in words):
        return _tag_array(words)
    return _tag_array(_items(stripped))


def _listed(text: str) -> Any:
    """Return a list as JSON, or as Python writes it."""
    try:
        return exact_json.loads(text)
    except orjson.JSONDecodeError:
        return ast.literal_eval(text)


def _items(listed: str) -> list[str]:
    """Return the elements of a PostgreSQL array or of a list with commas, quoted or not."""
    items, position = [], 0
    while position < len(listed):
        found = _ITEM.match(listed, position)
        if not found or found.end() == position:
            raise Unfit(_TAGS)
        quoted, plain, _ = found.groups()
        items.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain)
        position = found.end()
    return [item for item in items if item]


_TAGS = "tags: names of 1 to 64 letters, digits and _, with commas between, such as {A,B}"
_NO_TAG_SIGN = re.compile("[^A-Z0-9_]")


def folded_tag(written: str) -> str:
    """Return a tag as people write it in the form in which tags are stored; the database folds those of others
    likewise.
    """
    # Only ASCII: upper() would make STRASSE of straße, a word that nobody wrote.
    upper = "".join(sign.upper() if sign.isascii() else sign for sign in written.strip().lstrip("#"))
    tag = _NO_TAG_SIGN.sub("_", upper)
    if not FORM.fullmatch(tag) or (tag != upper and not tag.strip("_")):
        raise Unfit(_TAGS)
    return tag


def _tag_array(values: Any) -> TagsRead:
    """Upper-case tags, sorted and without repeats, as PostgreSQL writes an array; they never need quotes."""
    if not isinstance(values, list | tuple):
        raise Unfit(_TAGS)
    names = {}
    for item in values:
        if item is None:
            continue
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise Unfit(_TAGS)
        if str(item).strip():
            names[str(item)] = folded_tag(str(item))
    became = tuple((written.strip(), tag) for written, tag in names.items() if folded(written) != tag)
    return ("{" + ",".join(sorted(set(names.values()))) + "}" if names else None), became


def read_tags(value: Any) -> TagsRead:
    """Return the tags of a value as an array, and what became of those that are stored otherwise than written."""
    if value is None or value == "" or value == "{}" or value != value:
        return None, ()
    return _tags_of_text(value) if isinstance(value, str) and len(value) < 10_000 else _tag_array(value)


def tags(value: Any) -> str | None:
    """Return the tags of a value as an array of PostgreSQL."""
    return read_tags(value)[0]


def context(value: Any) -> str | None:
    """Return what the model saw before the request: a JSON object, or a text or several, which become its passage."""
    if isinstance(value, str) and value.strip() and not value.lstrip().startswith("{"):
        try:
            return json_object(value)
        except Unfit:
            return _json_text({"passage": _sound(value)})
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        value = {"passage": "\n\n".join(value)}  # what a search found
    return json_object(value)


#: How each field is read, in the order of the staging table.
PARSERS: dict[str, Callable[[Any], Any]] = {
    "execution_id": key,
    "user_request": request,
    "intent": name(200),
    "business_state": json_object,
    "context": context,
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
