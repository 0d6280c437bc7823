"""Values of history that examples do not have: counts, amounts, days, durations, lists, words of a status.

Everything else is read by `core.examples.importing.converting.values`. Plain functions: they run a million times an
import.
"""

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.converting.moments import Order, moment
from core.examples.importing.converting.scale import NO_NUMBER
from core.examples.importing.converting.values import json_object, name, text
from core.examples.importing.models import Unfit

_GROUPED = re.compile(r"\d{1,3}(?:[,. '\u00a0\u202f]\d{3})+")
_SUFFIXED = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM])")
_SUFFIXES = {"k": 1_000, "m": 1_000_000}
_COUNT = "a whole number of 0 or more, such as 1200"


def count(value: Any) -> int | None:
    """Return a whole number; 1,200 and 1.200 and 1.2K are 1200, because a count has no fractions."""
    if _is_nothing(value):
        return None
    if isinstance(value, str):
        said = value.strip()
        if said.isdecimal() and len(said) < 19:
            return int(said)
        if _GROUPED.fullmatch(said):
            said = re.sub(r"\D", "", said)
        elif suffixed := _SUFFIXED.fullmatch(said):
            said = str(Decimal(suffixed[1]) * _SUFFIXES[suffixed[2].lower()])
        value = said
    number = _decimal(value, _COUNT)
    if number < 0 or number != number.to_integral_value() or number >= 2**63:
        raise Unfit(_COUNT)
    return int(number)


_AMOUNT = "an amount such as 1234.56; groups of thousands only where the decimals show which sign is which"
_SIGNS = "$€£¥ \u00a0\u202f"
_LARGEST = Decimal(10) ** 14


def amount(value: Any) -> str | None:
    """Return a number of the business, rounded to the four places that are stored.

    1,234 may be either, and is refused.
    """
    if _is_nothing(value):
        return None
    if isinstance(value, str):
        value = _plain_amount(value)
    number = _decimal(value, _AMOUNT)
    if abs(number) >= _LARGEST:
        raise Unfit("an amount below 100,000,000,000,000")
    return str(number.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _plain_amount(value: str) -> str:
    said = value.strip()
    is_negative = said.startswith("(") and said.endswith(")")  # as accountants write it
    said = said.strip("()").strip(_SIGNS)
    percent = said.endswith("%")
    said = re.sub(f"[{_SIGNS}']", "", said.removesuffix("%"))
    comma, point = said.count(","), said.count(".")
    if comma and point:
        decimal = max(",.", key=said.rfind)
        if said.count(decimal) > 1:
            raise Unfit(_AMOUNT)
        said = said.replace("." if decimal == "," else ",", "").replace(",", ".")
    elif comma > 1 or point > 1:
        said = said.replace(",", "").replace(".", "")
    elif comma:
        if re.fullmatch(r"[-+]?\d{1,3},\d{3}", said):
            raise Unfit(_AMOUNT)
        said = said.replace(",", ".")
    said = f"-{said}" if is_negative else said
    return str(_decimal(said, _AMOUNT) / 100) if percent else said


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in NO_NUMBER
    return value is None or value != value


def _decimal(value: Any, expected: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Unfit(expected)
    try:
        # repr and not the binary fraction: 0.1 is 0.1.
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError):
        raise Unfit(expected) from None
    if not number.is_finite() or (isinstance(value, str) and "_" in value):
        raise Unfit(expected)
    return number


_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d\d)(?:\.\d+)?")
_SECONDS = "a number of seconds, or minutes and seconds such as 1:23"


def seconds(value: Any) -> int | None:
    """Return a duration in seconds, rounded to whole ones."""
    if _is_nothing(value):
        return None
    if isinstance(value, dt.timedelta):
        value = value.total_seconds()
    if isinstance(value, str):
        if clock := _CLOCK.fullmatch(value.strip()):
            hours, minutes, rest = (int(part or 0) for part in clock.groups())
            return hours * 3600 + minutes * 60 + rest
        value = value.strip().removesuffix("s").rstrip()
    number = _decimal(value, _SECONDS).to_integral_value(ROUND_HALF_UP)
    if not 0 <= number < 2**63:
        raise Unfit(_SECONDS)
    return int(number)


_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_NAMED_MONTH = re.compile(r"[A-Za-z]{3,9}\.?,?\s+\d{4}")
_DAY = "a day such as 2026-01-14, or a month such as 2026-01 for its first day, in the years 1990 to 2100"


def day(value: Any, order: Order = "auto") -> str | None:
    """Return a day as YYYY-MM-DD; a month is its first day. Of a moment with a zone, the day in UTC."""
    if isinstance(value, str):
        said = value.strip()
        if month := _MONTH.fullmatch(said):
            value = f"{month[1]}-{int(month[2]):02}-01"
        elif _NAMED_MONTH.fullmatch(said):
            value = f"1 {said}"
    try:
        found = moment(value, order)
    except Unfit as error:
        if type(error) is Unfit:
            raise Unfit(_DAY) from None
        raise
    return found[:10] if found else None


_LIST = "a list such as a, b or a JSON list"


def words(value: Any) -> str | None:
    """Return a list of texts, as JSON. A list that was broken into its letters is put together again."""
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, str):
        value = _listed(value.strip())
    if not isinstance(value, list | tuple):
        raise Unfit(_LIST)
    if any(isinstance(each, dict | list | bool) for each in value):
        raise Unfit(_LIST)
    return text([str(each).strip() for each in value if each is not None and str(each).strip()])


def _listed(said: str) -> Any:
    said = _mended(said)
    if said.startswith("["):
        try:
            return exact_json.loads(said)
        except orjson.JSONDecodeError:
            raise Unfit(_LIST) from None
    if said.startswith("{") and said.endswith("}"):
        said = said[1:-1]
    sign = next((sign for sign in (",", ";", "|", "\n") if sign in said), ",")
    return [part.strip().strip('"') for part in said.split(sign)]


def _mended(said: str) -> str:
    """Mend `[,",a,",,, ,",b,",]` to `["a", "b"]`: a program took the text of a list for a list, and
    joined its letters.
    """
    inner = said[1:-1] if said[:1] == "{" and said[-1:] == "}" else said
    if len(inner) > 2 and len(inner) % 2 and set(inner[1::2]) == {","} and inner[0] == "[" and inner[-1] == "]":
        return inner[::2]
    return said


def status(value: Any) -> str | None:
    """Return the word of a state in lower case with _ for blanks, so that Published and published are one."""
    said = name(100)(value).strip()
    return re.sub(r"[\s-]+", "_", said.lower()) or None


def label(value: Any) -> str | None:
    """Return a short text without blanks around it; none is unknown."""
    return name(500)(value).strip() or None


def identifier(value: Any) -> str | None:
    """Return a key of another system; numbers and UUIDs as text."""
    if isinstance(value, bool):
        raise Unfit("a text")
    return name(255)(value if isinstance(value, int | float | str | None) else str(value)).strip() or None


def currency(value: Any) -> str | None:
    """Three letters, such as USD."""
    said = (label(value) or "").upper()
    said = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}.get(said, said)
    if said and not re.fullmatch("[A-Z]{3}", said):
        raise Unfit("a currency of three letters such as USD")
    return said or None


def details(value: Any) -> str | None:
    """Return a JSON object."""
    found = json_object(value)
    if found and not found.startswith("{"):
        raise Unfit("a JSON object")
    return found
