"""Rows of a CSV, JSON, JSONL, Parquet or Arrow file, one after the other, whatever the size of the file."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import Any

import orjson

from core.errors import ImportRefused
from core.examples.exporting import COLUMNS as EXPORTED
from core.examples.exporting import FORMULA as QUOTED
from core.examples.importing import exact_json
from core.examples.importing.converting import trees
from core.examples.importing.converting.other_tools import unfolding
from core.examples.importing.converting.values import too_deep
from core.examples.importing.models import FIELD_LIMIT, Format, RowError
from core.examples.importing.reading import columnar, json_rows
from core.examples.importing.reading.sources import (
    BOM,
    ROW_LIMIT,
    BinaryStream,
    ReadPosition,
    Source,
    detected,
    lines,
    not_utf8,
    text_lines,
)
from core.text import shortened

#: A row of the file, or why it cannot be read.
Row = tuple[int, Mapping[str, Any] | RowError]

DELIMITERS = ",;\t|"
#: The first line by which a file tells Excel its delimiter.
_SEPARATOR_HINT = re.compile(rb'"?sep=(.)"?\r?\n', re.IGNORECASE)
#: What a spreadsheet would run: =1+1, =cmd|' /C calc'!A0, @SUM(…), +cmd(…); not "=> so", "- a list" or "@name said".
_FORMULA = re.compile(r"\s*(=[^\s=>]|[+\-@][A-Za-z_][\w.]*\s*[(|!])")
_FORMULA_STARTS = frozenset("=+-@ \t\r\n")
#: What an export of ours put a ' in front of.
_QUOTED = re.compile(f"'{QUOTED}")

# The limit belongs to the whole process and is 128 KiB by default; ours are checked here, with the name of the field.
csv.field_size_limit(max(csv.field_size_limit(), ROW_LIMIT))


class Rows:
    """The rows of one file. `columns` are all of a table's, or those seen in the first rows of a JSON file."""

    #: So many rows, or bytes, are read ahead to find out what the file holds.
    AHEAD_ROWS = 200
    AHEAD_BYTES = 4 << 20

    def __init__(self, source: Source, *, format: str = "auto", formulas: str = "refuse") -> None:  # noqa: A002
        self.format: Format = detected(source) if format == "auto" else format  # pyright: ignore[reportAttributeAccessIssue]
        #: Objects of the file that are in no row, by where they stand; whole once all rows are read.
        self.beside: Counter[str] = Counter()
        self._rows = _unfolded(self._reader(source, formulas))
        self.ahead: list[Row] = []
        held = 0
        for row in islice(self._rows, self.AHEAD_ROWS):
            self.ahead.append(row)
            held += _weight(row[1])  # Parquet: a few bytes of the file may be gigabytes here
            if max(source.done, held) > self.AHEAD_BYTES:
                break
        if not self.ahead:
            raise ImportRefused(f"The file {source.path.name!r} has no rows.")
        self.columns = tuple(dict.fromkeys(key for _, row in self.ahead if isinstance(row, Mapping) for key in row))
        failing = [row for _, row in self.ahead if isinstance(row, RowError)]
        if failing and not self.columns:
            raise failing[0].refusal(len(failing))

    def __iter__(self) -> Iterator[Row]:
        return chain(self.ahead, self._rows)

    def _reader(self, source: Source, formulas: str) -> Iterator[Row]:
        if self.format == "parquet":
            return columnar.parquet(source)
        if self.format == "arrow":
            return columnar.arrow(source)
        # Kept here: a buffer that nobody holds closes its source, which is asked at the end whether it changed.
        buffered = self._buffer = io.BufferedReader(source, 1 << 20)
        if self.format == "csv":
            return csv_rows(buffered, refuse_formulas=formulas == "refuse", encoding=source.encoding)
        if self.format == "jsonl":
            return jsonl_rows(buffered, encoding=source.encoding)
        return json_rows.rows(buffered, source, self.beside)


def _weight(row: Any) -> int:
    """About how many characters a row takes; without recursion, because it may be nested deep."""
    total, waiting = 0, [row]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | bytes):
            total += len(value)
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return total


def _unfolded(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows of files that hold many records in each row are taken apart, and counted anew."""
    first = next(rows, None)
    if first is None:
        return
    _, row = first
    rows = chain((first,), rows)
    if isinstance(row, Mapping) and trees.is_message(row):
        rows = trees.gathered(rows)
        unfold = trees.of_tree
    else:
        unfold = unfolding(row) if isinstance(row, Mapping) else None
    if unfold is None:
        yield from rows
        return
    count = 0
    for number, row in rows:
        # Others may stand between them, such as metrics between traces.
        parts = tuple(unfold(row)) if isinstance(row, Mapping) and unfolding(row) is unfold else (row,)
        if not parts:
            parts = (
                RowError(
                    number, "row", f"an object of {shortened(', '.join(map(str, row)))}", "one that holds an answer"
                ),
            )
        for part in parts:
            count += 1
            yield count, part._replace(row=count) if isinstance(part, RowError) else part


def csv_rows(source: BinaryStream, *, refuse_formulas: bool = True, encoding: str = "auto") -> Iterator[Row]:
    """Rows of a table whose first row names the columns."""
    place = ReadPosition()
    head = source.peek(1 << 16)[: 1 << 18].removeprefix(BOM)
    texts = text_lines(source, place, encoding)
    hint = _SEPARATOR_HINT.match(head)
    if hint:
        next(texts)
    delimiter = hint[1].decode() if hint else _delimiter(head)
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    first = _record(reader, place)
    while first == []:
        first = _record(reader, place)  # empty lines above the header
    if first is None:
        return
    header = _header(first)
    width, is_ours = len(header), tuple(header) == EXPORTED
    while (cells := _record(reader, place)) is not None:
        if not cells:
            continue  # an empty line
        place.row += 1
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]  # delimiters at the end of the row
        if len(cells) != width:
            what = "one row with the header's number of cells"
            yield place.row, RowError(place.row, "row", f"{len(cells)} cells on line {place.line}", f"{what}, {width}")
        elif (place.held > FIELD_LIMIT or not _FORMULA_STARTS.isdisjoint([cell[:1] for cell in cells])) and (
            error := _unfit_cell(place.row, header, cells, refuse_formulas=refuse_formulas)
        ):
            yield place.row, error
        else:
            if is_ours:
                cells = [cell[1:] if cell[:1] == "'" and _QUOTED.match(cell) else cell for cell in cells]
            yield place.row, dict(zip(header, cells, strict=True))


def jsonl_rows(source: BinaryStream, *, encoding: str = "auto") -> Iterator[Row]:
    """One JSON object a line. Empty lines are passed over, but counted."""
    place = ReadPosition()
    for line in lines(source, place):
        if not line.isspace():
            yield place.line, _json_line(place, line, encoding)
        place.row, place.held = place.line, 0


def _json_line(place: ReadPosition, line: bytes, encoding: str) -> Mapping[str, Any] | RowError:
    try:
        value = exact_json.loads(line)
    except orjson.JSONDecodeError as error:
        if "not enough memory" in error.msg.lower():  # that is not the file's fault
            raise MemoryError(error.msg) from None
        try:
            text = line.decode()
        except UnicodeDecodeError as problem:
            raise not_utf8(place, line, problem, encoding) from None
        if too_deep(error):
            return RowError(place.line, "line", shortened(text.strip()), "JSON nested at most 100 levels deep")
        return RowError(place.line, "line", shortened(text.strip()), f"a whole JSON object ({error.msg})")
    if not isinstance(value, dict):
        return RowError(place.line, "line", shortened(line.decode().strip()), "a JSON object with named fields")
    # Parsers keep the last of two equal keys and say nothing. Only a line that may hold two is read again, slowly.
    if b"\\u" in line or any(line.count(b'"%b"' % key.encode()) > 1 for key in value):
        repeated = json_rows.repeated_key(line.decode())
        if repeated is not None:
            return RowError(place.line, repeated, shortened(line.decode().strip()), "an object with each key once")
    return value


def _record(reader: Any, place: ReadPosition) -> list[str] | None:
    place.held = 0
    try:
        return next(reader, None)
    except csv.Error as error:
        raise ImportRefused(
            f"Row {place.row + 1} (line {place.line}) breaks the rules of CSV: {_explained(str(error))}.",
            row=place.row + 1,
            expected="CSV",
        ) from None


def _explained(error: str) -> str:
    """Return what the csv module says, in words that help."""
    if "unexpected end of data" in error or "field larger than" in error:
        return "a quoted field is never closed; the file may be cut, or a quote inside a field is not doubled"
    if "expected after" in error:
        return "text follows a closing quote; a quote inside a quoted field has to be doubled"
    if "new-line character" in error:
        return "lines end with a lone carriage return; save the file with ordinary line ends"
    return error


def _delimiter(head: bytes) -> str:
    """Return the delimiter that cuts the first rows into the most, equally many, columns."""
    lines = head.decode(errors="replace").splitlines(keepends=True)
    sample = lines[:-1][:50] or lines[:1]
    best = max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))
    # A table may have one column. A sign that no text has keeps its commas in their cells.
    return best if _fit(sample, best)[1] > 1 else "\x1f"


def _fit(sample: list[str], delimiter: str) -> tuple[bool, int]:
    """How well a delimiter fits: whether all rows have as many columns as the first, and how many that are."""
    widths: list[int] = []
    with suppress(csv.Error):  # the reader proper says which row is broken
        widths.extend(len(cells) for cells in csv.reader(sample, delimiter=delimiter) if cells)
    width = widths[0] if widths else 0
    # The last sampled record may be cut.
    return width > 1 and all(other == width for other in widths[:-1]), width


def _header(cells: list[str]) -> list[str]:
    # Nameless columns, such as the index that pandas writes, are not used, and are counted like any other.
    names = [cell.strip() or f"(column {position})" for position, cell in enumerate(cells, 1)]
    for position, name in enumerate(names, 1):
        if len(name) > 200:
            raise ImportRefused(f"Column {position} of the header is {shortened(name)}: is the header missing?", row=0)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ImportRefused(
            f"The header names the column {name!r} {count} times; name each column once.",
            row=0,
            field=name,
            expected="each column once",
        )
    return names


def _unfit_cell(row: int, header: list[str], cells: list[str], *, refuse_formulas: bool) -> RowError | None:
    for name, cell in zip(header, cells, strict=True):
        if not cell:
            continue
        if len(cell) > FIELD_LIMIT:
            return RowError(row, name, shortened(cell), f"at most {FIELD_LIMIT:,} characters (1 MiB)")
        if refuse_formulas and cell[0] in _FORMULA_STARTS and _FORMULA.match(cell):
            return RowError(row, name, shortened(cell), "plain text: it starts like a formula that a spreadsheet runs")
    return None
