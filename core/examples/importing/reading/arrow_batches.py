"""How much memory the batches of an Arrow stream take once they are unpacked, read before any of them is.

A batch is read and unpacked as a whole, and some kilobytes may unpack to gigabytes. The size of its body stands in
front of it, and the size of each buffer of a packed body in front of the buffer:
https://arrow.apache.org/docs/format/Columnar.html (Encapsulated message format, Compression)
https://github.com/apache/arrow/blob/main/format/Message.fbs (Message, RecordBatch, DictionaryBatch)
"""

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any

from core.errors import ImportRefused

#: Bytes that a batch may take, unpacked, together with all dictionaries before it.
BATCH_LIMIT = 256 << 20
#: A schema with what pandas and others write beside it.
_HEAD_LIMIT = 64 << 20
#: How an Arrow file (Feather) begins; what follows is the same stream.
FILE_MAGIC = b"ARROW1\0\0"
_CONTINUES = b"\xff\xff\xff\xff"
_DICTIONARY, _BATCH = 2, 3
_BLOCK = 1 << 20


class Checked(io.RawIOBase):
    """An Arrow stream that is passed on as it is, and refused before a batch that would take too much."""

    def __init__(self, read: Callable[[int], bytes | None]) -> None:
        self._source = read
        self._pieces = self._messages()
        self._waiting = memoryview(b"")
        #: Bytes of each dictionary, and of all of them with the batch that was read last.
        self._dictionaries: dict[int, int] = {}
        self.unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not self._waiting:
            self._waiting = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._waiting))
        buffer[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """As much as is asked for: whoever reads Arrow takes fewer bytes for the end."""
        if size is None or size < 0:
            return self.readall()
        parts: list[bytes] = []
        while size and (part := super().read(min(size, _BLOCK))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _messages(self) -> Iterator[bytes]:
        first = self._exactly(4)
        if first == FILE_MAGIC[:4]:
            self._exactly(len(FILE_MAGIC) - 4)
            first = self._exactly(4)
        while first:
            length = first
            if first == _CONTINUES:
                length = self._exactly(4)
                yield first
            yield length
            size = int.from_bytes(length, "little")
            if not size:
                return  # the end of the stream; a file has its summary behind it
            if size > _HEAD_LIMIT:
                raise ValueError("the head of a message is too long")
            head = self._exactly(size)
            yield head
            yield from self._body(head)
            first = self._exactly(4)

    def _body(self, head: bytes) -> Iterator[bytes]:
        try:
            message = _Table.root(head)
            kind, length, batch = message.byte(1), message.long(3), message.table(2)
            dictionary = batch if kind == _DICTIONARY else None
            batch = dictionary.table(1) if dictionary else batch if kind == _BATCH else None
            self._count(dictionary, length)
            if batch is None or batch.table(3) is None:
                while length > 0 and (block := self._exactly(min(length, _BLOCK))):
                    length -= len(block)
                    yield block
                return
            body = self._exactly(length)
            self._count(dictionary, sum(_unpacked(body, *buffer) for buffer in batch.buffers(2)))
        except struct.error:
            raise ValueError("the head of a message cannot be understood") from None
        yield body

    def _count(self, dictionary: "_Table | None", size: int) -> None:
        if dictionary:
            number, adds = dictionary.long(0), dictionary.byte(2)
            self._dictionaries[number] = size + (self._dictionaries.get(number, 0) if adds else 0)
            size = 0
        self.unpacked = size + sum(self._dictionaries.values())
        if self.unpacked > BATCH_LIMIT:
            raise ImportRefused(
                f"The Arrow file unpacks to {self.unpacked / (1 << 20):,.0f} MiB at once, and "
                f"{BATCH_LIMIT >> 20} MiB are allowed for a batch of rows with its dictionaries; write it again with "
                "fewer rows in a batch (in pyarrow: write_table(table, max_chunksize=1000)), or as JSONL. "
                "Nothing was changed.",
                expected=f"batches of at most {BATCH_LIMIT >> 20} MiB",
            )

    def _exactly(self, size: int) -> bytes:
        """So many bytes, or what is left of the file."""
        parts: list[bytes] = []
        while size and (part := self._source(min(size, _BLOCK))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _unpacked(body: bytes, start: int, length: int) -> int:
    """Return the bytes of one buffer: packed ones begin with their size, and -1 says that this one is not packed."""
    if length < 8:
        return 0
    (size,) = struct.unpack_from("<q", body, start)
    return length if size < 0 else size


class _Table:
    """Just enough of FlatBuffers: fields of a table by their numbers."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data, self._start = data, start

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, struct.unpack_from("<I", data)[0])

    def byte(self, field: int) -> int:
        return self._value("<B", field)

    def long(self, field: int) -> int:
        return max(0, self._value("<q", field))

    def table(self, field: int) -> "_Table | None":
        place = self._place(field)
        return _Table(self._data, place + struct.unpack_from("<I", self._data, place)[0]) if place else None

    def buffers(self, field: int) -> Iterator[tuple[int, int]]:
        """Yield a vector of pairs: where each buffer begins in the body, and how long it is."""
        place = self._place(field)
        if place:
            place += struct.unpack_from("<I", self._data, place)[0]
            (count,) = struct.unpack_from("<I", self._data, place)
            for number in range(count):
                yield struct.unpack_from("<qq", self._data, place + 4 + 16 * number)

    def _value(self, form: str, field: int) -> Any:
        place = self._place(field)
        return struct.unpack_from(form, self._data, place)[0] if place else 0

    def _place(self, field: int) -> int:
        """Where a field stands; 0 where the table does not have it."""
        names = self._start - struct.unpack_from("<i", self._data, self._start)[0]
        size, slot = struct.unpack_from("<H", self._data, names)[0], 4 + 2 * field
        offset = struct.unpack_from("<H", self._data, names + slot)[0] if slot < size else 0
        return self._start + offset if offset else 0
