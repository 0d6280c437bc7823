"""A file on its way in: unpacked, brought to UTF-8, counted, hashed, and its format found out by what is in it."""

import codecs
import gzip
import hashlib
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

from core import shortages
from core.errors import ImportRefused
from core.examples.importing.models import Format, Undecided
from core.examples.importing.reading.arrow_batches import FILE_MAGIC

#: One row of a text file may be this many bytes; beyond it no line break is to be expected any more.
ROW_LIMIT = 16 << 20
HEAD_BYTES = 1 << 18
BOM = codecs.BOM_UTF8

#: Keys under which a JSON document may hold its list of rows.
LISTS = ("data", "examples", "rows", "resourceSpans")

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_NO_FILES = (
    (stat.S_ISDIR, "a folder", "import the files in it one by one"),
    (stat.S_ISFIFO, "a pipe", "write what comes out of it to a file, and import that"),
    (stat.S_ISSOCK, "a socket", "import a file"),
    (stat.S_ISCHR, "a device", "import a file"),
    (stat.S_ISBLK, "a device", "import a file"),
)
#: How packed files begin, and the endings of their names.
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_PACKED_ENDINGS = (".gz", ".zst", ".zstd")
#: Bytes that any packed file may hold, and how many times its own size.
_UNPACKED_LIMIT, _UNPACKED_TIMES = 1 << 30, 200
#: What unpacking raises for a file that is cut or no such file.
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, pa.ArrowException, OSError)
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; save the sheet as CSV (UTF-8), or unpack the archive",
    b"\xfd7zXZ": "compressed with xz; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF document",
}


class _Counted(io.RawIOBase):
    """The bytes of the file itself, counted and hashed as they are read."""

    def __init__(self, path: Path) -> None:
        self._file = io.FileIO(path, opener=_without_waiting)
        self._path = path
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
        # Who reads Arrow files closes what it has read.
        stat = self._path.stat() if self._file.closed else os.fstat(self._file.fileno())
        return stat.st_size, stat.st_mtime_ns

    def refuse_changed(self) -> None:
        """At the end: a file that another program writes to meanwhile was read half old and half new, or cut."""
        now = self._now()
        if now != self._state:
            how = "became shorter" if now[0] < self.size else "grew" if now[0] > self.size else "was changed"
            raise ImportRefused(
                f"The file {self._path.name!r} {how} while it was read ({self.size:,} bytes before, {now[0]:,} now); "
                "import it again when the program that writes it is done. Nothing was changed."
            )

    def close(self) -> None:
        self._file.close()
        super().close()


class Source(io.RawIOBase):
    """An open file as UTF-8, unpacked; it counts and hashes what is read of the file as it lies there."""

    def __init__(self, path: Path, encoding: str = "auto") -> None:
        self.path, self.encoding = path, encoding
        self._file = _Counted(path)
        self.size = self._file.size
        self.packed = next((how for magic, how in _PACKED.items() if _begins(path, magic)), "")
        self._reader: Any = self._file
        if self.packed == "gzip":
            self._reader = gzip.GzipFile(fileobj=self._file)  # pyright: ignore[reportArgumentType]
        elif self.packed == "zstd":
            self._reader = pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")
        self._decoder = None if encoding in ("auto", "utf-8") else codecs.getincrementaldecoder(encoding)()
        self._waiting = b""
        self.done = self._unpacked = 0

    @property
    def sha256(self) -> Any:
        return self._file.sha256

    def refuse_changed(self) -> None:
        """At the end: whether another program wrote to the file meanwhile."""
        self._file.refuse_changed()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not self.packed and self._decoder is None:
            count = self._file.readinto(buffer)
        else:
            while not self._waiting and self._more(len(buffer)):
                pass
            count = min(len(buffer), len(self._waiting))
            buffer[:count] = self._waiting[:count]
            self._waiting = self._waiting[count:]
        self.done = self._file.done
        return count

    def _more(self, size: int) -> bool:
        """Read the next block; False at the end."""
        try:
            block: bytes = self._reader.read(max(size, 1 << 16))
        except _BROKEN as error:
            if not self.packed:
                raise
            said = " ".join(str(error).split())[:100] or "it ends too early"
            raise ImportRefused(
                f"The file {self.path.name!r} is packed with {self.packed} and cannot be unpacked: {said}. Is it cut?"
            ) from None
        if self.packed:
            # Texts get 3 to 50 times smaller; what gets smaller by far more was made to fill a disk.
            self._unpacked += len(block)
            if self._unpacked > unpacked_limit(self.size):
                raise ImportRefused(
                    f"The file {self.path.name!r} unpacks to more than {_UNPACKED_TIMES} times its size "
                    f"({self._unpacked >> 20:,} MiB and more); if that is right, unpack it, and import what is in it."
                )
        if self._decoder is not None:
            try:
                self._waiting = self._decoder.decode(block, final=not block).encode()
            except UnicodeError as error:
                raise ImportRefused(
                    f"The file {self.path.name!r} is not {self.encoding} throughout: {error}. Choose another encoding.",
                    expected=self.encoding,
                ) from None
        else:
            self._waiting = block
        return bool(block)

    def close(self) -> None:
        self._file.close()
        super().close()


def unpacked_limit(size: int) -> int:
    """How many bytes a packed file of so many bytes may hold."""
    return max(_UNPACKED_LIMIT, size * _UNPACKED_TIMES)


def _begins(path: Path, magic: bytes) -> bool:
    with io.FileIO(path, opener=_without_waiting) as file:
        return file.read(len(magic)) == magic


BinaryStream: TypeAlias = "io.BufferedReader[Source]"


@dataclass
class ReadPosition:
    """Where reading has got to, for error messages."""

    row: int = 0
    line: int = 0
    offset: int = field(default=0)
    #: Bytes of the row so far, which may go over many lines.
    held: int = 0

    def __str__(self) -> str:
        return f"row {self.row}" + (f" (line {self.line})" if self.line else "")


@contextmanager
def opened(path: Path, encoding: str = "auto") -> Iterator[Source]:
    """Yield the file as a source. Raises `ImportRefused` if it cannot be opened or holds nothing."""
    try:
        # What has a name and no content that can be read from beginning to end.
        mode = path.stat().st_mode
        for is_kind, what, then in _NO_FILES:
            if is_kind(mode):
                raise ImportRefused(f"{path.name!r} is {what}, not a file; {then}.")
        source = Source(path, encoding)
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
    """Open without waiting: a pipe that took the file's place a moment ago would wait for its other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def detected(source: Source) -> Format:
    """Return the format of a file by its content first, by the ending of its name second.

    Raises `Undecided` for text that is not in UTF-8.
    """
    path = source.path
    with Source(path, source.encoding) as again:
        head = io.BufferedReader(again, HEAD_BYTES).read(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        if source.packed:
            raise ImportRefused(
                f"The file {path.name!r} is a Parquet file packed with {source.packed}; unpack it first."
            )
        return "parquet"
    ending = ENDINGS.get(ending_of(path))
    if ending == "arrow" or head.startswith(FILE_MAGIC):
        return "arrow"
    _refuse_foreign(path, head, source.encoding)
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


def ending_of(path: Path) -> str:
    """How the name ends, without what it is packed with."""
    return Path(path.stem if path.suffix.lower() in _PACKED_ENDINGS else path.name).suffix.lower()


def _refuse_foreign(path: Path, head: bytes, encoding: str) -> None:
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise ImportRefused(f"The file {path.name!r} is {what}.")
    pairs = head[: len(head) & ~1][:2000]
    is_wide = len(pairs) >= 4 and (not any(pairs[::2]) or not any(pairs[1::2])) and any(pairs)
    if encoding == "auto" and (head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or is_wide):
        has_mark = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        name = "utf-16" if has_mark else "utf-16-le" if any(pairs[::2]) else "utf-16-be"
        shown = " ".join(head[:200].decode(name, errors="replace").split())[:60]
        raise Undecided(
            f"The file {path.name!r} is not UTF-8 but looks like UTF-16. It begins {shown!r}; is this right?",
            option="encoding",
            choices={name: f"UTF-16: {shown}"},
            expected="UTF-8",
        )


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


def lines(source: BinaryStream, place: ReadPosition) -> Iterator[bytes]:
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


def text_lines(source: BinaryStream, place: ReadPosition, encoding: str = "auto") -> Iterator[str]:
    """Lines as text. Refuses what is not UTF-8."""
    for line in lines(source, place):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise not_utf8(place, line, error, encoding) from None
        yield text


def not_utf8(place: ReadPosition, line: bytes, error: UnicodeDecodeError, encoding: str = "auto") -> ImportRefused:
    """Return the refusal of a line that is not UTF-8, with the byte and where in the file it
    stands; or the question.
    """
    wrong = line[error.start : error.start + 1]
    around = re.sub(rb"[^ -~]", b"?", line[max(0, error.start - 20) : error.start]).decode()
    what = (
        f"Row {place.row + 1} (line {place.line}) is not UTF-8: byte 0x{wrong.hex()} at byte "
        f"{place.offset + error.start:,} of the file, after {around!r}."
    )
    about = {"row": place.row + 1, "value": repr(wrong), "expected": "UTF-8"}
    shown = _as_windows(line, error.start)
    if encoding != "auto" or not shown:
        return ImportRefused(f"{what} Save the file as UTF-8, or say how it is encoded: --encoding NAME.", **about)
    return Undecided(
        f"{what} As Windows-1252, which Excel writes, it says {shown!r}; is this right?",
        option="encoding",
        choices={"windows-1252": f"Windows-1252: {shown}"},
        **about,
    )


def _as_windows(text: bytes, at: int) -> str:
    """Return what stands around a byte as Windows-1252, or "" where that has no such sign."""
    try:
        return " ".join(text[max(0, at - 25) : at + 25].decode("windows-1252").split())
    except UnicodeDecodeError:
        return ""


def encoding_problem(source: Source) -> str:
    """Return what about the bytes of a text file is wrong, or "": for parsers that say it less well.

    Raises `Undecided`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, before = 0, b""
    with Source(source.path, source.encoding) as again:
        while block := again.read(1 << 20):
            if b"\0" in block:
                return f"a NUL byte at byte {offset + block.index(0):,} of the file"
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                what = f"not UTF-8 at byte {offset - waiting + error.start:,} of the file"
                at = error.start - waiting + len(before)
                shown = _as_windows(before + block, at)
                if source.encoding == "auto" and shown:
                    raise Undecided(
                        f"The JSON is {what}. As Windows-1252 it says {shown!r}; is this right?",
                        option="encoding",
                        choices={"windows-1252": f"Windows-1252: {shown}"},
                        expected="UTF-8",
                    ) from None
                return what
            offset += len(block)
            before = block[-30:]
    return ""
