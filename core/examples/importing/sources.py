"""A file on its way in: counted, hashed, and its format found out by what is in it."""

import codecs
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import orjson

from core import shortages
from core.errors import ImportRefused
from core.examples.importing.models import Format

#: One row of a text file may be this many bytes; beyond it no line break is to be expected any more.
ROW_LIMIT = 16 << 20
HEAD_BYTES = 1 << 18
BOM = codecs.BOM_UTF8

#: Keys under which a JSON document may hold its list of rows.
LISTS = ("data", "examples", "rows")

_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_NO_FILES = (
    (stat.S_ISDIR, "a folder", "import the files in it one by one"),
    (stat.S_ISFIFO, "a pipe", "write what comes out of it to a file, and import that"),
    (stat.S_ISSOCK, "a socket", "import a file"),
    (stat.S_ISCHR, "a device", "import a file"),
    (stat.S_ISBLK, "a device", "import a file"),
)
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; save the sheet as CSV (UTF-8), or unpack the archive",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard; unpack it first",
    b"\xfd7zXZ": "compressed with xz; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF document",
}


class Source(io.RawIOBase):
    """An open file that counts and hashes what is read from it."""

    def __init__(self, path: Path) -> None:
        self._file = io.FileIO(path, opener=_without_waiting)
        self.path = path
        self._state = self._now()
        self.size = self._state[0]
        self.done = 0
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        count = self._file.readinto(buffer) or 0
        self.sha256.update(buffer[:count])
        self.done += count
        return count

    def _now(self) -> tuple[int, int]:
        stat = os.fstat(self._file.fileno())
        return stat.st_size, stat.st_mtime_ns

    def refuse_changed(self) -> None:
        """At the end: a file that another program writes to meanwhile was read half old and half new, or cut."""
        now = self._now()
        if now != self._state:
            how = "became shorter" if now[0] < self.size else "grew" if now[0] > self.size else "was changed"
            raise ImportRefused(
                f"The file {self.path.name!r} {how} while it was read ({self.size:,} bytes before, {now[0]:,} now); "
                "import it again when the program that writes it is done. Nothing was changed."
            )

    def close(self) -> None:
        self._file.close()
        super().close()


BinaryStream: TypeAlias = "io.BufferedReader[Source]"


@dataclass
class Place:
    """Where reading has got to, for error messages."""

    row: int = 0
    line: int = 0
    offset: int = field(default=0)
    #: Bytes of the row so far, which may go over many lines.
    held: int = 0

    def __str__(self) -> str:
        return f"row {self.row}" + (f" (line {self.line})" if self.line else "")


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The file as a source. Raises `ImportRefused` if it cannot be opened or holds nothing."""
    try:
        _refuse_no_file(path)
        source = Source(path)
    except FileNotFoundError:
        raise ImportRefused(f"There is no file {path.name!r} to import.") from None
    except (OSError, ValueError) as error:
        if shortages.kind(error) is not None:
            raise
        raise ImportRefused(
            f"The file {path.name!r} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from None
    with source:
        if source.size == 0:
            raise ImportRefused(f"The file {path.name!r} is empty: it holds 0 bytes.")
        yield source


def _without_waiting(path: str, flags: int) -> int:
    """A pipe that took the place of the file a moment ago would have the import wait for its other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_no_file(path: Path) -> None:
    """What has a name and no content that can be read from beginning to end."""
    mode = path.stat().st_mode
    for is_kind, what, then in _NO_FILES:
        if is_kind(mode):
            raise ImportRefused(f"{path.name!r} is {what}, not a file; {then}.")


def detected(path: Path) -> Format:
    """The format of a file by its content first, by the ending of its name second."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return "parquet"
    _refuse_foreign(path, head)
    ending = _ENDINGS.get(path.suffix.lower())
    text = head.removeprefix(BOM).lstrip()
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return _one_or_many(text, ending)
    if ending in ("json", "jsonl"):
        return ending
    if not text:
        raise ImportRefused(f"The file {path.name!r} holds nothing but white space.")
    return "csv"


def _refuse_foreign(path: Path, head: bytes) -> None:
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise ImportRefused(f"The file {path.name!r} is {what}.")
    pairs = head[: len(head) & ~1][:2000]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (
        len(pairs) >= 4 and (not any(pairs[::2]) or not any(pairs[1::2])) and any(pairs)
    ):
        raise ImportRefused(f"The file {path.name!r} is encoded as UTF-16 (from byte 0, row 1); save it as UTF-8.")


def _one_or_many(text: bytes, ending: Format | None) -> Format:
    """Whether a file that begins with { is one JSON document or one object a line."""
    first, _, rest = text.partition(b"\n")
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        if ending in ("json", "jsonl"):
            return ending
        return "jsonl" if rest.lstrip(b" \t").startswith(b'{"') else "json"
    holds_rows = isinstance(value, dict) and any(isinstance(value.get(key), list) for key in LISTS)
    return "json" if holds_rows and not rest.strip() else "jsonl"


def lines(source: BinaryStream, place: Place) -> Iterator[bytes]:
    """Lines as bytes, each with its line break. Refuses NUL bytes and lines without an end."""
    while line := source.readline(ROW_LIMIT):
        place.line += 1
        if place.line == 1:
            place.offset = len(line) - len(line.removeprefix(BOM))
            line = line.removeprefix(BOM)
        if b"\0" in line:
            raise ImportRefused(
                f"Row {place.row + 1} (line {place.line}) holds a NUL byte at byte {place.offset + line.index(0):,} "
                "of the file; text files have none. Was it cut or is it not text?",
                row=place.row + 1,
            )
        place.held += len(line)
        if place.held >= ROW_LIMIT:
            without = " without a line break" if place.held == len(line) else "; perhaps a quoted field is never closed"
            raise ImportRefused(
                f"Row {place.row + 1} (line {place.line}) is longer than {ROW_LIMIT >> 20} MiB{without}.",
                row=place.row + 1,
            )
        yield line
        place.offset += len(line)


def text_lines(source: BinaryStream, place: Place) -> Iterator[str]:
    """Lines as text. Refuses what is not UTF-8."""
    for line in lines(source, place):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise not_utf8(place, line, error) from None
        yield text


def not_utf8(place: Place, line: bytes, error: UnicodeDecodeError) -> ImportRefused:
    """The refusal of a line that is not UTF-8, with the byte and where in the file it stands."""
    wrong = line[error.start : error.start + 1]
    around = re.sub(rb"[^ -~]", b"?", line[max(0, error.start - 20) : error.start]).decode()
    return ImportRefused(
        f"Row {place.row + 1} (line {place.line}) is not UTF-8: byte 0x{wrong.hex()} at byte "
        f"{place.offset + error.start:,} of the file, after {around!r}. Save the file as UTF-8.",
        row=place.row + 1,
        value=repr(wrong),
        expected="UTF-8",
    )


def encoding_problem(path: Path) -> str:
    """What about the bytes of a text file is wrong, or "": for parsers that say it less well."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if b"\0" in block:
                return f"a NUL byte at byte {offset + block.index(0):,} of the file"
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return f"not UTF-8 at byte {offset - waiting + error.start:,} of the file"
            offset += len(block)
    return ""
