"""Dates and times in the ways in which tools and people write them; never guessed where two readings fit."""

import datetime as dt
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from core.examples.importing.models import Unfit

#: Which of two numbers is the day, where both may be: in the file at hand, or not known.
Order = Literal["auto", "day-first", "month-first"]

EXPECTED = "a date and time such as 2026-01-14 19:30:47-05, in the years 1990 to 2100"
_FIRST, _END = dt.datetime(1990, 1, 1, tzinfo=dt.UTC), dt.datetime(2101, 1, 1, tzinfo=dt.UTC)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Day 0 of Excel. It counts 1900-02-29, which never was; all days since 1990 are right.
_EXCEL = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)
#: What a number counts, and since when. In the years from 1990 to 2100 their ranges do not overlap.
_COUNTED = (
    (_EPOCH, dt.timedelta(seconds=1)),
    (_EPOCH, dt.timedelta(milliseconds=1)),
    (_EPOCH, dt.timedelta(microseconds=1)),
    (_EPOCH, dt.timedelta(microseconds=1) / 1000),
    (_EXCEL, dt.timedelta(days=1)),
)

#: 1.768419047E9 is a second; of 1.76842E+12, as Excel shows it, the last digits are gone.
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?|\d\.\d{9,}[eE]\+?\d+")
#: Java writes the name of the zone behind its difference.
_NAMED_ZONE = re.compile(r"(?<=[\dzZ])\[[\w/+-]+\]$")
_COMPACT = re.compile(r"((?:19|20|21)\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?")
_SECOND = r"(?::(?P<second>\d\d)(?:[.,](?P<part>\d+))?)?"
_TIME = rf"(?:[T ,]+(?P<hour>\d{{1,2}}):(?P<minute>\d\d){_SECOND}\s*(?P<half>[ap]\.?m\.?)?)?"
_ZONE = r"\s*(?P<zone>[A-Z]{1,3}|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?)?(?:\s*\([^()]*\))?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_YEAR}(?P<sign>[-/.])(?P<month>\d{{1,2}})(?P=sign){_DAY}{_TIME}{_ZONE}",
        rf"(?P<one>\d{{1,2}})(?P<sign>[-/.])(?P<two>\d{{1,2}})(?P=sign){_YEAR}{_TIME}{_ZONE}",
        rf"{_WEEKDAY}{_DAY}[\s-]+{_MONTH},?[\s-]+{_YEAR}{_TIME}{_ZONE}",
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}{_TIME}{_ZONE}",
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}{_TIME}{_ZONE}\s+{_YEAR}",
    )
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
#: Names of zones that RFC 2822 fixes; others, such as CST in Asia, mean more than one.
_ZONES = {"Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6} | {
    "PST": -8,
    "PDT": -7,
}


class EitherOrder(Unfit):
    """The date may be read day first or month first, and nothing says which."""


def moment(value: Any, order: Order = "auto") -> str | None:
    """Return a date and time in UTC; without a zone it is taken as UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _of_text(value, order)
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"$date", "$numberLong"}:  # MongoDB
        return moment(next(iter(value.values())), order)
    try:
        if isinstance(value, dt.datetime):
            return _staged(value)
        if isinstance(value, dt.date):
            return _staged(dt.datetime.combine(value, dt.time()))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return None if math.isnan(value) else _counted(value)
    except (ValueError, OverflowError):
        pass
    raise Unfit(EXPECTED)


@lru_cache(maxsize=1024)
def _of_text(value: str, order: Order) -> str | None:
    said = _NAMED_ZONE.sub("", value.strip())
    if not said or said in ("NaT", "nan", "NaN", "<NA>", "None", "null", "NULL"):
        return None
    try:
        if said[4:5] != "-" and _NUMBER.fullmatch(said):
            return _of_digits(said)
        return _staged(_iso(said) or _written(said, order))
    except (ValueError, OverflowError):
        raise Unfit(EXPECTED) from None


def _iso(said: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(said)
    except ValueError:
        return None


def _of_digits(said: str) -> str:
    """Return a number of seconds, or of days; or a date without signs, such as 20260114193047."""
    if compact := _COMPACT.fullmatch(said):
        year, month, day, hour, minute, second = (int(part) for part in compact.groups(default="0"))
        return _staged(dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC))
    return _counted(float(said.replace(",", ".")))


def _counted(number: float) -> str:
    for start, unit in _COUNTED:
        # Nanoseconds have no unit of their own.
        seconds = number / 1e9 if not unit else number * unit.total_seconds()
        if (_FIRST - start).total_seconds() <= seconds < (_END - start).total_seconds():
            return (start + dt.timedelta(seconds=round(seconds, 6))).isoformat()
    raise ValueError


def _written(said: str, order: Order) -> dt.datetime:
    found = next((match for form in _FORMS if (match := form.fullmatch(said))), None)
    if found is None:
        raise ValueError
    parts = found.groupdict()
    month, day = _month_and_day(parts, order)
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    microsecond = int(((parts["part"] or "") + "000000")[:6])
    return dt.datetime(
        int(parts["year"]),
        month,
        day,
        hour,
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        microsecond,
        tzinfo=_zone(parts["zone"]),
    )


def _month_and_day(parts: dict[str, str], order: Order) -> tuple[int, int]:
    if parts.get("name"):
        return _MONTHS.index(parts["name"].lower()) + 1, int(parts["day"])
    if parts.get("month"):
        return int(parts["month"]), int(parts["day"])
    one, two = int(parts["one"]), int(parts["two"])
    if one > 12 or parts["sign"] == "." or one == two:
        return two, one
    if two > 12:
        return one, two
    if order == "auto":
        raise EitherOrder("a date that can be read in one way only; say which comes first: day-first or month-first")
    return (two, one) if order == "day-first" else (one, two)


def _zone(said: str | None) -> dt.timezone:
    if not said:
        return dt.UTC
    if said.upper() in _ZONES:
        return dt.timezone(dt.timedelta(hours=_ZONES[said.upper()]))
    signed = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)?", said, re.IGNORECASE)
    if signed is None:
        raise ValueError
    minutes = int(signed[2]) * 60 + int(signed[3] or 0)
    return dt.timezone(dt.timedelta(minutes=-minutes if signed[1] == "-" else minutes))


def _staged(moment: dt.datetime) -> str:
    if moment.tzinfo is dt.UTC:
        in_utc = moment
    else:
        in_utc = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    if not _FIRST.year <= in_utc.year < _END.year:
        raise ValueError
    return in_utc.isoformat()


@dataclass
class Orders:
    """What the dates of a file say about which number is the day."""

    day_first: int = 0
    month_first: int = 0
    either: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, values: Iterable[Any]) -> None:
        for value in values:
            found = _FORMS[1].fullmatch(value.strip()) if isinstance(value, str) else None
            if not found or found["sign"] == ".":
                continue
            one, two = int(found["one"]), int(found["two"])
            self.day_first += one > 12
            self.month_first += two > 12
            if one <= 12 and two <= 12 and one != two:
                self.either += 1
                if len(self.examples) < 3 and value not in self.examples:
                    self.examples.append(value)

    def decided(self) -> Order:
        """Return the order, where the file itself shows it."""
        if self.day_first and not self.month_first:
            return "day-first"
        return "month-first" if self.month_first and not self.day_first else "auto"
