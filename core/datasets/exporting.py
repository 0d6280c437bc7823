"""Exporting: the records of a frozen version as a stream of bytes, the same bytes every time."""

import re
from collections.abc import Iterator
from typing import Any, Literal

import orjson
import psycopg
from psycopg.abc import Buffer
from sqlalchemy import func, select

from core.datasets.pairs import lines_sql
from core.datasets.recipes import Recipe
from core.datasets.rendering import CANONICAL, FEATURES, IN_ORDER, NOT_CARRIED, Format, frozen_content, line_sql, run
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion, frozen
from core.db import Database
from core.db.tables import members, pairs
from core.errors import DatasetRefused

Part = Literal["train", "validation", "test", "all"]
PARTS: tuple[Part, ...] = (*NAMES, "all")

#: Bytes given at once; one small piece per record would cost more than making it.
CHUNK = 1 << 20
#: Records of one row group of a Parquet file: what is held in memory.
ROW_GROUP = 10_000


def export(db: Database, dataset: str | int | DatasetVersion, split: Part, format: Format) -> Iterator[bytes]:  # noqa: A002
    """Return the records of one split, or all, in order. Nothing is read before the first piece is asked for.

    Raises `DatasetRefused` for a version that is not frozen, at once, and for content that is missing, on the way.
    """
    version = frozen(db, dataset)
    if format == "parquet":
        return _parquet(db, version, split)
    return _lines(db, version, split, format)


def first_lines(db: Database, dataset: str | int | DatasetVersion, split: SplitName, limit: int = 3) -> list[str]:
    """Return the first records of a split as lines of the canonical format, without those whose content is missing."""
    version = frozen(db, dataset)
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    content = frozen_content(version.id, f"split = {NAMES.index(split)} ORDER BY position LIMIT {limit:d}")
    line = line_sql(version.choice.recipe, CANONICAL, version.rendered_by)
    with db.reading() as connection:
        run(connection, IN_ORDER)
        rows = run(connection, f"SELECT {line} FROM ({content}) AS c ORDER BY position")
    return [line for (line,) in rows if line is not None]


def row_count(
    db: Database,
    dataset: str | int | DatasetVersion,
    split: Part,
    format: Format = CANONICAL,  # noqa: A002
) -> int:
    """How many records an export of this split holds, or pairs, for the format made of them."""
    version = frozen(db, dataset)
    counted = pairs if format == "dpo" else members
    query = select(func.count()).select_from(counted).where(counted.c.dataset_id == version.id)
    if split != "all":
        query = query.where(counted.c.split == NAMES.index(split))
    with db.connect() as connection:
        return connection.execute(query).scalar_one() - version.not_carried(format, split)


def left_out(version: DatasetVersion, split: Part, format: Format) -> str:  # noqa: A002
    """Return what an export of this split leaves out, and why, in a sentence; "" where it holds every record."""
    count = version.not_carried(format, split)
    if not count:
        return ""
    held = [name for bit, name in FEATURES.items() if NOT_CARRIED.get(format, 0) & bit]
    return (
        f"{count:,} record{'s' if count != 1 else ''} {'are' if count != 1 else 'is'} left out: {format} cannot carry "
        f"{' or '.join(held)}. The formats openai, chatml and parquet carry all."
    )


def file_name(version: DatasetVersion, split: Part, format: Format) -> str:  # noqa: A002
    """Return a name for the file, safe on every file system."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", version.name).strip("-")
    ending = "parquet" if format == "parquet" else "json.jsonl" if format == "alpaca" else "jsonl"
    return f"{stem or 'dataset'}-v{version.version}-{split}-{format}.{ending}"


def _lines(db: Database, version: DatasetVersion, split: Part, format: Format) -> Iterator[bytes]:  # noqa: A002
    """JSON holds no raw control character, so with these as quote and delimiter CSV leaves it as it is; the text
    format of COPY would double every backslash.
    """
    if format == "dpo":
        lines = lines_sql(version.id, _recipe(version), _condition(split), version.rendered_by)
    else:
        line = line_sql(_recipe(version), format, version.rendered_by)
        lines = _carried(version, split, line) if version.not_carried(format) else _query(version, split, line)
    query = f"COPY ({lines}) TO STDOUT"
    with db.copying() as connection:
        connection.execute(IN_ORDER.encode())
        with (
            connection.cursor() as cursor,
            cursor.copy(f"{query} (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')".encode()) as copy,
        ):
            yield from _in_chunks(version, copy)


def _in_chunks(version: DatasetVersion, copy: psycopg.Copy) -> Iterator[bytes]:
    pieces: list[Buffer] = []
    size = 0
    for piece in copy:
        if len(piece) <= 1:  # NULL: the line break alone
            raise missing_content(version)
        pieces.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces.clear()
            size = 0
    if pieces:
        yield b"".join(pieces)


class _Sink:
    """What a Parquet writer writes into, and what has come together there is taken out of."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _parquet(db: Database, version: DatasetVersion, split: Part) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(version.rendered_by)
    sink = _Sink()
    with parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for group in _row_groups(db, version, split):
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROW_GROUP)
            yield sink.taken()
    yield sink.taken()


def _schema(renderer: int) -> Any:
    import pyarrow as pa

    text = pa.string()
    message = [("role", text), ("content", text)]
    first = [("execution_id", text), ("split", text), ("system", text)]
    last = [("prompt", text), ("completion", text)]
    if renderer > 1:
        function = pa.struct([("name", text), ("arguments", text)])
        call = pa.struct([("id", text), ("type", text), ("function", function)])
        message += [("tool_calls", pa.list_(call)), ("tool_call_id", text), ("weight", pa.int8())]
        last = [("tools", text), ("parallel_tool_calls", pa.bool_()), *last]
    return pa.schema([*first, ("messages", pa.list_(pa.struct(message))), *last])


def _row_groups(db: Database, version: DatasetVersion, split: Part) -> Iterator[list[dict[str, Any]]]:
    line = line_sql(_recipe(version), CANONICAL, version.rendered_by)
    with db.copying() as connection:
        connection.execute(IN_ORDER.encode())
        with connection.cursor(name="export") as cursor:
            cursor.execute(_query(version, split, f"execution_id, split, {line}").encode())
            while rows := cursor.fetchmany(ROW_GROUP):
                yield [_row(version, *row) for row in rows]


def _row(version: DatasetVersion, execution_id: str, split: int, line: str | None) -> dict[str, Any]:
    if line is None:
        raise missing_content(version)
    record = orjson.loads(line)
    messages = record["messages"]
    name: SplitName = NAMES[split]
    return {
        "execution_id": execution_id,
        "split": name,
        "system": messages[0]["content"] if messages[0]["role"] == "system" else None,
        "messages": messages,
        # As text: every tool has a schema of its own, and a column has one.
        "tools": orjson.dumps(record["tools"]).decode() if "tools" in record else None,
        "parallel_tool_calls": record.get("parallel_tool_calls"),
        "prompt": next(each["content"] for each in reversed(messages) if each["role"] == "user"),
        "completion": messages[-1]["content"],
    }


def _query(version: DatasetVersion, split: Part, columns: str) -> str:
    return f"SELECT {columns} FROM ({frozen_content(version.id, _condition(split))}) AS c ORDER BY position"


def _carried(version: DatasetVersion, split: Part, line: str) -> str:
    """Return the lines that the format can carry; of content that is missing the line stays NULL, which is an error."""
    lines = _query(version, split, f"user_request, {line} AS line")
    # OFFSET 0: each line is made once, and in order.
    return f"SELECT line FROM ({lines} OFFSET 0) AS made WHERE line IS NOT NULL OR user_request IS NULL"


def _condition(split: Part) -> str:
    return "true" if split == "all" else f"split = {NAMES.index(split)}"


def _recipe(version: DatasetVersion) -> Recipe:
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    return version.choice.recipe


def missing_content(version: DatasetVersion) -> DatasetRefused:
    """Return the refusal of a version of which a frozen record is not there any more."""
    return DatasetRefused(
        f"{version.label} cannot be exported: the content of a record is missing. "
        f"Run `python -m core verify {version.label}` to see which."
    )
