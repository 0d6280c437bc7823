"""Examples of a filter as a file of executions, under their original columns. Importing it changes nothing."""

from collections.abc import Iterator
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Label, Text, case, func, literal, literal_column, select
from sqlalchemy.dialects import postgresql

from core.db import Database
from core.db.tables import examples
from core.examples.filters import Filter, where

#: The original columns in their order, and the context, which the original system did not keep.
COLUMNS = (
    "id",
    "execution_id",
    "user_request",
    "intent",
    "business_state",
    "execution_plan",
    "execution_result",
    "quality_score",
    "success",
    "tags",
    "created_at",
    "updated_at",
    "source_agent",
    "source_model",
    "execution_time_ms",
    "context",
)


#: How a CSV cell begins that a spreadsheet would run as a formula, or that would be read back as one made harmless.
#: Such a cell gets a ' in front; reading a file with exactly our header takes it away again.
FORMULA = r"[' \t\r\n\f\v]*[=+@-]"
#: Bytes given at once; one small piece a row would cost more than making it.
CHUNK = 1 << 20


def export(db: Database, chosen: Filter, format: Literal["jsonl", "csv"] = "jsonl") -> Iterator[bytes]:  # noqa: A002
    """Yield the examples in the order of their ids, in blocks of bytes as PostgreSQL makes them: memory stays flat."""
    columns = [_harmless(examples.c[name]) if format == "csv" else examples.c[name] for name in COLUMNS]
    query = select(*columns).where(where(chosen)).order_by(examples.c.id)
    if format == "csv":
        form = "(FORMAT csv, HEADER)"
    else:
        row = query.subquery("row")
        query = select(func.row_to_json(literal_column("row"))).select_from(row)
        # CSV without a quote that could occur: JSON escapes control characters. Text COPY would double backslashes.
        form = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
    with db.copying() as raw, raw.cursor() as cursor:
        # SQL with psycopg's placeholders; COPY takes them because psycopg binds them itself.
        dialect = postgresql.psycopg.dialect()
        compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        statement, parameters = str(compiled), compiled.params
        with cursor.copy(f"COPY ({statement}) TO STDOUT {form}".encode(), parameters) as copy:
            pieces, size = [], 0
            for piece in copy:
                pieces.append(piece)
                size += len(piece)
                if size >= CHUNK:
                    yield b"".join(pieces)
                    pieces, size = [], 0
            if pieces:
                yield b"".join(pieces)


def _harmless(column: Column[Any]) -> Column[Any] | Label[Any]:
    if not isinstance(column.type, Text):
        return column  # numbers, JSON and arrays begin with signs of their own
    runs: ColumnElement[bool] = column.op("~")(f"^{FORMULA}")
    return case((runs, literal("'") + column), else_=column).label(column.name)
