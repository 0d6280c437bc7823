"""Executions become examples as they happen: the same execution again changes nothing."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection

from core import audit
from core.db import Database
from core.errors import ImportRefused, InvalidExample
from core.examples.importing import staging
from core.examples.importing.merging import insert, update
from core.examples.importing.models import ImportOptions

_OPTIONS = ImportOptions(quality_scale="1")
_REASON = "captured execution"


@dataclass(frozen=True)
class Saved:
    """The example an execution became. `same`: it was there already, and nothing was written."""

    id: int
    outcome: Literal["new", "changed", "same"]


def save(db: Database, record: Mapping[str, Any], *, actor: str) -> Saved:
    """Save one execution under its `execution_id`, with the fields of `importing.FIELDS`.

    Compared with what this execution last said, so that an edit or a score by hand outlives a repeat. Scores are 0 to
    1. Raises `InvalidExample` naming the field that cannot be stored; then nothing was written.
    """
    with db.begin() as connection:
        return save_in(connection, record, actor=actor)


def save_in(connection: Connection, record: Mapping[str, Any], *, actor: str) -> Saved:
    """The same in the caller's transaction, so that an execution and its example are never at odds."""
    given = {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in record.items()}
    try:
        return _save(connection, given, actor)
    except ImportRefused as refusal:
        raise InvalidExample(str(refusal)) from None


def _save(connection: Connection, record: Mapping[str, Any], actor: str) -> Saved:
    raw = staging.driver(connection)
    staged = staging.stage_record(raw, record, _OPTIONS)
    # Two captures of one execution at once would both take it for new.
    staging.execute(raw, "SELECT pg_advisory_xact_lock(hashtextextended(execution_id, 1)) FROM staged")
    staging.compare(raw, staged, "1")
    staged.errors.refuse()
    counts = staging.counts(raw)
    outcome: Literal["new", "changed", "same"] = "new" if counts["new"] else "same" if counts["same"] else "changed"
    example_id = _merge(connection, raw, outcome, actor)
    # The caller's transaction may save another record.
    staging.execute(raw, "DROP TABLE staged, decided")
    return Saved(example_id, outcome)


def _merge(
    connection: Connection, raw: psycopg.Connection[Any], outcome: Literal["new", "changed", "same"], actor: str
) -> int:
    if outcome == "new":
        insert(raw, None, _OPTIONS, "1")
    elif outcome == "changed":
        audit.acting(connection, actor=actor, reason=_REASON)
        # One that only comes back, after its import was undone, keeps what people did to it.
        update(raw, "1", "d.digest IS DISTINCT FROM t.source_digest", overwrite=True)
        # It is no longer that import's: undoing that again must not hide what was captured.
        staging.execute(
            raw,
            "UPDATE orchestrator_training_data t SET withdrawn_at = NULL, import_id = NULL FROM decided d "
            "WHERE t.id = d.example_id AND t.withdrawn_at IS NOT NULL",
        )
    row = staging.execute(
        raw, "SELECT t.id FROM orchestrator_training_data t JOIN staged s USING (execution_id)"
    ).fetchone()
    assert row
    if outcome != "same":
        audit.record(
            connection, actor=actor, action="capture", subject="example", subject_id=row[0],
            after={"outcome": outcome}, reason=_REASON, row_count=1,
        )  # fmt: skip
    return row[0]
