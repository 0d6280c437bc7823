"""Rows of an Arrow file, as Hugging Face datasets saves them, a batch at a time."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from core.errors import ImportRefused
from core.examples.importing.models import RowError
from core.examples.importing.sources import Source

#: Few rows at once: a batch of the file is on disk, but its rows as Python has them are in memory.
_BATCH = 100


def rows(source: Source) -> Iterator[tuple[int, Mapping[str, Any] | RowError]]:
    """One mapping a row."""
    number = 0
    try:
        with pa.PythonFile(source, mode="r") as file:
            for batch in pa.ipc.open_stream(file):
                for start in range(0, batch.num_rows, _BATCH):
                    for row in batch.slice(start, _BATCH).to_pylist():
                        number += 1
                        yield number, row
    except (pa.ArrowException, OSError, ValueError, TypeError, NotImplementedError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise ImportRefused(
            f"The Arrow file cannot be read at row {number + 1}: {said}.", row=number + 1, expected="an Arrow stream"
        ) from None
