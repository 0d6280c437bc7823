"""Rows of one JSON document, read event by event, so that neither the file nor a hostile row fills the memory."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import ijson

from core.errors import ImportRefused
from core.examples.importing import exact_json
from core.examples.importing.models import DEPTH_LIMIT, RowError
from core.examples.importing.reading.sources import BOM, LISTS, ROW_LIMIT, BinaryStream, Source, encoding_problem
from core.text import shortened

Row = tuple[int, Mapping[str, Any] | RowError]
Event = tuple[str, Any]


class _Bounded:
    """Gives the parser its bytes, and stops it when one row goes on for too long: it would keep all of it."""

    def __init__(self, source: BinaryStream) -> None:
        self._read = exact_json.WithoutConstants(source.read).read
        self._since_row = 0
        self.row = 0
        if source.peek(3).startswith(BOM):
            source.read(3)

    def read(self, size: int = -1) -> bytes:
        block = self._read(size)
        self._since_row += len(block)
        if self._since_row > ROW_LIMIT:
            raise ImportRefused(
                f"Row {self.row + 1} is longer than {ROW_LIMIT >> 20} MiB; a field may have 1 MiB.", row=self.row + 1
            )
        return block

    def row_read(self) -> None:
        self.row += 1
        self._since_row = 0


def rows(source: BinaryStream, file: Source, beside: Counter[str]) -> Iterator[Row]:
    """Rows of a list of objects, or of an object with such a list under data, examples or rows.

    The objects of other lists of that object are counted in `beside`.
    """
    bounded = _Bounded(source)
    try:
        yield from _rows(bounded, beside)
    except (ijson.JSONError, ValueError) as error:  # ValueError: a number of more than 4,300 digits
        problem = encoding_problem(file) or _plainly(_first_words(error))
        raise ImportRefused(
            f"The JSON cannot be read at row {bounded.row + 1}: {problem}."
            + (" Is the file cut?" if "EOF" in problem or "early" in problem else ""),
            row=bounded.row + 1,
            expected="JSON",
        ) from None


def _rows(bounded: _Bounded, beside: Counter[str]) -> Iterator[Row]:
    # 1 is the smallest buffer ijson takes; 64 KiB keeps what a refused row can cost small.
    # Fractions as decimals: a float would be refused, or lose digits, where it is too large.
    events = map(_exact, ijson.basic_parse(bounded, buf_size=1 << 16))  # pyright: ignore[reportArgumentType]
    _enter_list(events, beside)
    for event, value in events:
        if event == "end_array":
            break
        builder = _Builder(bounded.row + 1)
        row = builder.built(event, value, events)
        bounded.row_read()
        yield bounded.row, row
    _passed_over(events, beside)  # the rest has to be JSON too, or the file is cut


def _exact(event: Event) -> Event:
    kind, value = event
    if kind != "number":
        return event
    return kind, exact_json.fraction(value) if isinstance(value, Decimal) else exact_json.whole(value)


def _enter_list(events: Iterator[Event], beside: Counter[str]) -> None:
    """Read up to the beginning of the list of rows."""
    event, _ = next(events)
    if event == "start_array":
        return
    found = _passed_over(events, beside, up_to=LISTS) if event == "start_map" else []
    if found is not None:
        raise ImportRefused(
            f"The JSON holds no list of rows: expected [...] or an object with {', '.join(LISTS)}; "
            f"found {shortened(', '.join(found)) if found else 'a single value'}.",
            expected="a list of objects",
        )


def _passed_over(events: Iterator[Event], beside: Counter[str], up_to: Sequence[str] = ()) -> list[str] | None:
    """Pass over the parts of an object, and count the objects of its lists; what describes the columns is none.

    Return the names of the parts; None at the beginning of a list with one of the names `up_to`.
    """
    found: list[str] = []
    depth, is_list = 1, False
    for event, value in events:
        if depth == 1 and event == "map_key":
            found.append(value)
        elif depth == 1 and event == "start_array":
            if found[-1] in up_to:
                return None
            is_list = found[-1] != "features"
        elif depth == 2 and event == "start_map" and is_list:
            beside[f"{found[-1]}, a list beside the rows"] += 1
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        is_list &= depth > 1
    return found


class _Builder:
    """Builds one row from its events; after the first problem it only reads on to the row's end."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._error: RowError | None = None
        self._field = "row"

    def built(self, event: str, value: Any, events: Iterator[Event]) -> Mapping[str, Any] | RowError:
        if event != "start_map":
            self._fail(shortened(value) if event != "start_array" else "a list", "a JSON object")
            if event != "start_array":
                return self._error  # pyright: ignore[reportReturnType]
        top: dict[str, Any] = {}
        stack: list[Any] = [top if event == "start_map" else []]
        keys: list[str] = [""]
        depth = 1
        for kind, item in events:
            if kind in ("end_map", "end_array"):
                depth -= 1
                if not depth:
                    break
                if depth < len(stack):
                    stack.pop()
                    keys.pop()
            elif kind == "map_key":
                if depth == len(stack):
                    self._key(stack, keys, item)
            else:
                is_open = kind in ("start_map", "start_array")
                depth += is_open
                if depth - is_open == len(stack):
                    self._put(
                        stack, keys, {} if kind == "start_map" else [] if kind == "start_array" else item, is_open
                    )
        return self._error or top

    def _key(self, stack: list[Any], keys: list[str], key: str) -> None:
        if len(stack) == 1:
            self._field = key
            if key in stack[0]:
                self._fail(repr(key), "an object with each key once")
        keys[-1] = key

    def _put(self, stack: list[Any], keys: list[str], value: Any, is_open: bool) -> None:
        if isinstance(stack[-1], dict):
            stack[-1][keys[-1]] = value
        else:
            stack[-1].append(value)
        if is_open and len(stack) >= DEPTH_LIMIT:
            self._fail(f"more than {DEPTH_LIMIT} levels", f"JSON nested at most {DEPTH_LIMIT} levels deep")
        elif is_open:
            stack.append(value)
            keys.append("")

    def _fail(self, value: str, expected: str) -> None:
        if self._error is None:
            self._error = RowError(self._number, self._field, value, expected)


def repeated_key(line: str) -> str | None:
    """Return the first key that the outermost object of a JSON text names twice."""
    last: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal last
        last = pairs  # the outermost object is closed last
        return dict(pairs)

    try:
        json.loads(line, object_pairs_hook=keep)
    except RecursionError:
        return None  # nested so deep that the checks of its fields refuse it
    seen: set[str] = set()
    for key, _ in last:
        if key in seen:
            return key
        seen.add(key)
    return None


#: What the parser means where people wonder.
_PLAINLY = {
    "trailing garbage": "something follows the end of the document; several objects belong into a list, or each on a "
    "line of its own (JSONL)",
    "unallowed token": "a comma, bracket or value stands where none may, such as a comma after the last row",
}


def _plainly(said: str) -> str:
    return next((words for part, words in _PLAINLY.items() if part in said), said)


def _first_words(error: Exception) -> str:
    """Return what the parser says, without its drawing of where; it gives bytes where the file is not UTF-8."""
    said = error.args[0] if error.args else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.strip().split("\n")[0].rstrip(". ") or "it ends too early"
