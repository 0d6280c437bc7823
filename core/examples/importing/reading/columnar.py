"""Rows of Parquet files, and of Arrow files as Hugging Face datasets saves them, a batch at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core import shortages
from core.errors import ImportRefused
from core.examples.importing.models import RowError
from core.examples.importing.reading import arrow_batches, parquet_pages
from core.examples.importing.reading.sources import Source

#: Bytes that the current pages of all columns may take, unpacked. Writers make pages of 1 MB, or of some 1,000 rows.
PAGES_LIMIT = 128 << 20
#: A value that is repeated takes next to nothing in the file and its whole size in every row: so many bytes at once,
#: and so many rows.
_BATCH_BYTES = 64 << 20
_BATCH = 100
#: Types of Arrow whose values may be repeated like that.
_REPEATING = ("dictionary", "run_end_encoded", "view")
#: Everything pyarrow raises for a broken file; some of it is Python's own.
_BROKEN = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, NotImplementedError)


@dataclass
class _Count:
    row: int = 0


@contextmanager
def _refusing(kind: str, expected: str) -> Iterator[_Count]:
    """Make of what pyarrow raises for a broken file a sentence with the row that reading had come to."""
    count = _Count()
    try:
        yield count
    except _BROKEN as error:
        if isinstance(error, OSError) and shortages.kind(error) is not None:
            raise
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise ImportRefused(
            f"The {kind} file cannot be read at row {count.row + 1}: {said}.", row=count.row + 1, expected=expected
        ) from None


def parquet(source: Source) -> Iterator[tuple[int, Mapping[str, Any] | RowError]]:
    """One mapping a row."""
    with _refusing("Parquet", "Parquet") as count, pq.ParquetFile(source.path, pre_buffer=False) as file:
        _refuse_repeated(file.schema_arrow.names)
        total = max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(batch_size=_batch_size(source, file.metadata)):
            for row in batch.to_pylist():
                count.row += 1
                # Parquet is not read from beginning to end; rows tell how far reading has come.
                source.done = source.size * count.row // total
                yield count.row, row
    with source.path.open("rb") as content:
        while block := content.read(1 << 20):
            source.sha256.update(block)


def arrow(source: Source) -> Iterator[tuple[int, Mapping[str, Any] | RowError]]:
    """One mapping a row, of a stream or of a file (Feather)."""
    checked = arrow_batches.Checked(source.read)
    with (
        _refusing("Arrow", "an Arrow stream") as count,
        pa.PythonFile(checked, mode="r") as file,
        pa.ipc.open_stream(file) as stream,
    ):
        _refuse_repeated(stream.schema.names)
        repeats = any(how in str(field.type) for field in stream.schema for how in _REPEATING)
        for batch in stream:
            batch.validate(full=True)  # else offsets of a broken file lead anywhere in memory
            # A value that stands once in the batch may be in many of its rows, and each row has its own copy.
            size = max(1, min(_BATCH, _BATCH_BYTES // max(checked.unpacked, 1))) if repeats else _BATCH
            for start in range(0, batch.num_rows, size):
                for row in batch.slice(start, size).to_pylist():
                    count.row += 1
                    yield count.row, row
    while source.read(1 << 20):  # of a file its summary is left
        pass


def _batch_size(source: Source, metadata: pq.FileMetaData) -> int:
    """How many rows can be unpacked at once. Refuses a file of which not even one page of each column can be."""
    found = parquet_pages.largest(source.path, metadata)
    if sum(each.page for each in found) > PAGES_LIMIT:
        most = max(found, key=lambda each: each.page)
        raise ImportRefused(
            f"The Parquet file unpacks to {most.page / (1 << 20):,.0f} MiB at once in its column {most.column!r}, and "
            f"{PAGES_LIMIT >> 20} MiB are allowed for all columns together; write it again with fewer rows in a group "
            "(in pyarrow: row_group_size=100), or as JSONL. Nothing was changed.",
            field=most.column,
            expected=f"pages of at most {PAGES_LIMIT >> 20} MiB",
        )
    repeated = sum(each.dictionary for each in found)
    return max(1, min(_BATCH, _BATCH_BYTES // max(repeated, 1)))


def _refuse_repeated(names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ImportRefused(f"The file names the column {name!r} {count} times; name each column once.", field=name)
