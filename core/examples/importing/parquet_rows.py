"""Rows of a Parquet file, a batch at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import ImportRefused
from core.examples.importing.models import RowError
from core.examples.importing.sources import Source

#: A field of 1 MiB that is repeated takes next to nothing in the file and its whole size here: few rows at once.
_BATCH = 100
#: Everything pyarrow raises for a broken file; some of it is Python's own.
_BROKEN = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, NotImplementedError)


def rows(source: Source) -> Iterator[tuple[int, Mapping[str, Any] | RowError]]:
    """One mapping a row."""
    number = 0
    try:
        with pq.ParquetFile(source.path, pre_buffer=False) as file:
            _refuse_repeated(file.schema_arrow.names)
            total = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    # Parquet is not read from beginning to end; rows tell how far reading has come.
                    source.done = source.size * number // total
                    yield number, row
    except _BROKEN as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise ImportRefused(
            f"The Parquet file cannot be read at row {number + 1}: {said}.", row=number + 1, expected="Parquet"
        ) from None
    _hash(source)


def _refuse_repeated(names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ImportRefused(f"The file names the column {name!r} {count} times; name each column once.", field=name)


def _hash(source: Source) -> None:
    with source.path.open("rb") as file:
        while block := file.read(1 << 20):
            source.sha256.update(block)
