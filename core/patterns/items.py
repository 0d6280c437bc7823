"""The items of many examples, as rows of bits: a bit an example."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv
from sqlalchemy import ColumnElement, and_, func, literal, literal_column, or_, select
from sqlalchemy.dialects import postgresql

from core.db import Database
from core.db.tables import examples
from core.examples.filters import Filter, where
from core.patterns.fields import FIELDS, Field, Item, parsed

#: Between the values of a field that may have several. Nobody writes this character, and a value that holds it is cut.
_BETWEEN = "\x1f"
#: Tags that say how an example did, or whether it counts: they would "explain" the outcome by itself.
TELLING_TAGS = ("LOW_QUALITY", "MANUAL_APPROVED", "REJECTED", "CANCELLED", "EXCLUDE", "TEST", "DEVELOPMENT")
#: A field's values beyond the commonest so many are left out: they are names rather than kinds.
MOST_VALUES = 100
#: Longer values are texts, and no kinds.
LONGEST_VALUE = 120

Bits = NDArray[np.uint64]


@dataclass(frozen=True)
class Basket:
    """The items of `n` examples, as bits, and how the examples did. Rows are in the order of `ids`."""

    ids: NDArray[np.int64]
    items: tuple[Item, ...]
    #: A row an item, a bit an example, in words of 64; unused bits are 0.
    bits: Bits
    #: 0.0 to 1.0; NaN: not scored.
    quality: NDArray[np.float64]
    #: 1, 0, or -1: unknown.
    success: NDArray[np.int8]

    @property
    def n(self) -> int:
        return len(self.ids)


def read(db: Database, chosen: Filter) -> Basket:
    """Return the examples of the filter of which score or success is known."""
    known = or_(examples.c.quality_score.is_not(None), examples.c.success.is_not(None))
    columns = [examples.c.id, examples.c.quality_score, examples.c.success]
    fields = [_as_text(field).label(f"f{place}") for place, field in enumerate(FIELDS)]
    query = (
        select(*columns, *fields)
        .select_from(examples.join(parsed(), literal(True)))
        .where(and_(where(chosen), known))
        .order_by(examples.c.id)
    )
    compiled = query.compile(dialect=postgresql.psycopg.dialect(), compile_kwargs={"render_postcompile": True})
    statement = f"COPY ({compiled}) TO STDOUT (FORMAT csv, HEADER)".encode()
    with db.copying() as connection, connection.cursor() as cursor, cursor.copy(statement, compiled.params) as copy:
        table = csv.read_csv(
            pa.PythonFile(_Blocks(iter(copy)), mode="r"),
            convert_options=csv.ConvertOptions(
                column_types={"id": pa.int64(), "quality_score": pa.float64(), "success": pa.string()}
                | {f"f{place}": pa.dictionary(pa.int32(), pa.string()) for place in range(len(FIELDS))},
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
            parse_options=csv.ParseOptions(newlines_in_values=True),
        )
    return _basket(table)


def _as_text(field: Field) -> ColumnElement[Any]:
    value = literal_column(f"({field.sql})")
    return func.array_to_string(value, _BETWEEN) if field.many else value


class _Blocks:
    """What COPY gives, block by block, as a file to read from."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        self._blocks, self._rest, self.closed = blocks, b"", False

    def read(self, size: int = -1) -> bytes:
        pieces, length = [self._rest], len(self._rest)
        while length < size or size < 0:
            block = next(self._blocks, None)
            if block is None:
                break
            pieces.append(bytes(block))
            length += len(pieces[-1])
        whole = b"".join(pieces)
        given = whole if size < 0 else whole[:size]
        self._rest = whole[len(given) :]
        return given

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _basket(table: pa.Table) -> Basket:
    success = {"t": 1, "f": 0}
    found: list[Item] = []
    rows: list[Bits] = []
    for place, field in enumerate(FIELDS):
        column = table.column(f"f{place}").combine_chunks()
        for value, holds in _values(column, many=field.many):
            if field.name == "tag" and value in TELLING_TAGS:
                continue
            found.append(Item(field.name, value))
            rows.append(packed(holds))
    return Basket(
        ids=table.column("id").to_numpy(),
        items=tuple(found),
        bits=np.vstack(rows) if rows else np.zeros((0, _words(table.num_rows)), np.uint64),
        quality=table.column("quality_score").to_numpy(zero_copy_only=False).astype(np.float64),
        success=np.array([success.get(value, -1) for value in table.column("success").to_pylist()], np.int8),
    )


def _values(column: Any, *, many: bool) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each of the commonest values, and which rows have it."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], pa.string()).dictionary_encode()
    written = column.dictionary.to_pylist()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    uses = np.bincount(codes + 1, minlength=len(written) + 1)[1:]
    holders: dict[str, list[int]] = {}
    for code, value in enumerate(written):
        for each in value.split(_BETWEEN) if many else (value,):
            if each and len(each) <= LONGEST_VALUE:
                holders.setdefault(each, []).append(code)
    commonest = sorted(holders, key=lambda value: (-int(uses[holders[value]].sum()), value))[:MOST_VALUES]
    for value in commonest:
        its = np.zeros(len(written) + 1, np.bool_)
        its[holders[value]] = True
        yield value, its[codes]  # the code -1 is the last place, which is False


def packed(holds: NDArray[np.bool_]) -> Bits:
    """Truth values as bits in words of 64."""
    room = np.zeros(_words(len(holds)) * 8, np.uint8)
    small = np.packbits(holds, bitorder="little")
    room[: len(small)] = small
    return room.view(np.uint64)


def _words(rows: int) -> int:
    return (rows + 63) // 64


def unpacked(bits: Bits, rows: int) -> NDArray[np.bool_]:
    """Return the truth values of `rows` examples."""
    return np.unpackbits(bits.view(np.uint8), count=rows, bitorder="little").astype(np.bool_)
