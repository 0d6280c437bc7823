"""How much memory a Parquet file takes once it is unpacked, read from the headers of its pages.

The file's summary says how large a group of rows is, but readers unpack one page at a time, and a page of a few
kilobytes may unpack to two gigabytes. How much each does stands only in front of it, as a Thrift struct in the compact
protocol:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (PageHeader).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

_DICTIONARY_PAGE = 2
_DEEPEST = 16


@dataclass(frozen=True)
class Unpacked:
    """What the pages of one column take at most, in bytes."""

    column: str
    #: Of any page; no value is larger than the page that holds it.
    page: int
    #: Of a dictionary, whose values any row repeats.
    dictionary: int


def largest(path: Path, metadata: pq.FileMetaData) -> list[Unpacked]:
    """Return the largest pages of each column over all groups of rows.

    Raises `ValueError` where headers cannot be read.
    """
    found: dict[int, Unpacked] = {}
    with path.open("rb") as file:
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group)
            for number in range(rows.num_columns):
                column = rows.column(number)
                page, dictionary = _largest(file, column)
                before = found.get(number, Unpacked(column.path_in_schema, 0, 0))
                found[number] = Unpacked(before.column, max(before.page, page), max(before.dictionary, dictionary))
    return list(found.values())


def _largest(file: BinaryIO, column: pq.ColumnChunkMetaData) -> tuple[int, int]:
    starts = [column.data_page_offset]
    if column.has_dictionary_page and column.dictionary_page_offset:
        starts.append(column.dictionary_page_offset)
    page = dictionary = 0
    for kind, unpacked in _headers(file, min(starts), column.total_compressed_size):
        page = max(page, unpacked)
        if kind == _DICTIONARY_PAGE:
            dictionary = max(dictionary, unpacked)
    return page, dictionary


def _headers(file: BinaryIO, start: int, length: int) -> Iterator[tuple[int, int]]:
    """Kind and unpacked size of each page."""
    end = start + length
    while start < end:
        file.seek(start)
        first = _Compact(file).numbers(3)
        kind, unpacked, packed = (first.get(number, -1) for number in (1, 2, 3))
        if unpacked < 0 or packed < 0:
            raise ValueError("a page has no size")
        yield kind, unpacked
        start = file.tell() + packed


class _Compact:
    """Just enough of Thrift's compact protocol: the first numbers of a struct, and the place where it ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def numbers(self, highest: int) -> dict[int, int]:
        """Return the integer fields up to the number `highest`; the rest is passed over."""
        found: dict[int, int] = {}
        for field, kind in self._fields():
            if kind in (4, 5, 6) and field <= highest:
                found[field] = self._number()
            else:
                self._pass_over(kind, 0)
        return found

    def _fields(self) -> Iterator[tuple[int, int]]:
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            yield field, head & 15

    def _pass_over(self, kind: int, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("the header of a page is nested too deep")
        if kind == 3:
            self._byte()
        elif kind in (4, 5, 6):
            self._varint()
        elif kind == 7:
            self._skip(8)
        elif kind == 8:
            self._skip(self._varint())
        elif kind in (9, 10):
            self._pass_over_list(depth)
        elif kind == 12:
            for _, inner in self._fields():
                self._pass_over(inner, depth + 1)
        elif kind not in (1, 2):  # a boolean is its kind; no header has a map
            raise ValueError("the header of a page cannot be understood")

    def _pass_over_list(self, depth: int) -> None:
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        for _ in range(count):
            if head & 15 in (1, 2):
                self._byte()
            else:
                self._pass_over(head & 15, depth + 1)

    def _number(self) -> int:
        zigzag = self._varint()
        return (zigzag >> 1) ^ -(zigzag & 1)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("the header of a page holds a number without an end")

    def _skip(self, count: int) -> None:
        if count > 1 << 30:
            raise ValueError("the header of a page is too long")
        self._file.seek(count, 1)

    def _byte(self) -> int:
        byte = self._file.read(1)
        if not byte:
            raise ValueError("the file ends within the header of a page")
        return byte[0]
