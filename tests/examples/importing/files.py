"""Small files to import, and what the database holds afterwards."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select, text

from core.db import Database
from core.db.tables import examples
from core.examples import importing
from core.examples.importing import ImportOptions, ImportResult

Row = Mapping[str, Any]

EXECUTION: dict[str, Any] = {
    "execution_id": "run-1",
    "user_request": "Plan the launch",
    "intent": "planning",
    "business_state": '{"tone": "warm"}',
    "execution_plan": '[{"agent": "content"}]',
    "execution_result": "Three posts were planned.",
    "quality_score": "0.8",
    "success": "t",
    "tags": "{PRODUCTION}",
    "created_at": "2026-01-14 19:30:47.498481-05",
    "updated_at": "2026-01-14 19:30:47.498481-05",
    "source_agent": "planner",
    "source_model": "base",
    "execution_time_ms": "1200",
}


def execution(number: int = 1, **changes: Any) -> dict[str, Any]:
    return EXECUTION | {"execution_id": f"run-{number}"} | changes


def as_csv(rows: Sequence[Row], delimiter: str = ",") -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def as_jsonl(rows: Sequence[Row]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def as_parquet(rows: Sequence[Row]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), buffer)
    return buffer.getvalue()


def written(folder: Path, name: str, content: bytes | Sequence[Row]) -> Path:
    """A file of these bytes, or of these rows in the format that its name says."""
    if not isinstance(content, bytes):
        to_bytes = {".csv": as_csv, ".jsonl": as_jsonl, ".json": orjson.dumps, ".parquet": as_parquet}
        content = to_bytes[Path(name).suffix](content)
    assert isinstance(content, bytes)
    path = folder / name
    path.write_bytes(content)
    return path


def imported(db: Database, path: Path, **options: Any) -> ImportResult:
    return importing.run(db, path, ImportOptions(**options), actor="ana")


def stored(db: Database) -> list[dict[str, Any]]:
    """All examples that are not withdrawn, in the order of their ids."""
    query = select(examples).where(examples.c.withdrawn_at.is_(None)).order_by(examples.c.id)
    with db.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def only(db: Database) -> dict[str, Any]:
    """The one example there is."""
    (row,) = stored(db)
    return row


def fingerprint(db: Database) -> tuple[Any, ...]:
    """Changes when anything that an import may write changes."""
    tables = ("orchestrator_training_data", "example_revisions", "imports", "import_changes", "audit_log")
    with db.connect() as connection:
        return tuple(
            tuple(
                connection.execute(
                    text(f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {name} t")
                ).one()
            )
            for name in (*tables, "example_changes")
        )
