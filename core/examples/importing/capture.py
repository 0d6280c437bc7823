"""Executions become examples as they happen: the same execution again changes nothing."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection

from core import audit
from core.db import Database
from core.errors import ImportRefused, InvalidExample
from core.examples.importing import staging
from core.examples.importing.merging import insert, lock_examples, update
from core.examples.importing.models import ImportOptions

_OPTIONS = ImportOptions(quality_scale="1")
_REASON = "captured execution"


@dataclass(frozen=True)
class Saved:
    """The example an execution became. `same`: it was there already, and nothing was written."""

    id: int
    outcome: Literal["new", "changed", "same"]
    execution_id: str


def save(db: Database, record: Mapping[str, Any], *, actor: str) -> Saved:
    """Save one execution under its `execution_id`, with the fields of `importing.FIELDS`.

    Compared with what this execution last said, so that an edit or a score by hand outlives a repeat. Scores are 0 to
    1. Raises `InvalidExample` naming the field that cannot be stored; then nothing was written.
    """
    with db.begin() as connection:
        return save_in(connection, record, actor=actor)


def save_in(connection: Connection, record: Mapping[str, Any], *, actor: str) -> Saved:
    """Return the same in the caller's transaction, so that an execution and its example are never at odds."""
    try:
        (saved,) = _save(connection, [_plain(record)], actor)
    except ImportRefused as refusal:
        raise InvalidExample(str(refusal)) from None
    if saved.outcome != "same":
        audit.record(
            connection,
            actor=actor,
            action="capture",
            subject="example",
            subject_id=saved.id,
            after={"outcome": saved.outcome},
            reason=_REASON,
            row_count=1,
        )
    return saved


def save_many(db: Database, records: Sequence[Mapping[str, Any]], *, actor: str) -> list[Saved]:
    """Save executions in one transaction, all or none; what each became, in the order of `records`.

    Of several records of one execution the last counts: an agent tells of one again when more is known. Raises
    `InvalidExample` naming row and field; then nothing was written.
    """
    last = {record["execution_id"]: _plain(record) for record in records}
    with db.begin() as connection:
        try:
            saved = _save(connection, list(last.values()), actor)
        except ImportRefused as refusal:
            raise InvalidExample(str(refusal)) from None
        written = Counter(each.outcome for each in saved if each.outcome != "same")
        if written:
            audit.record(
                connection,
                actor=actor,
                action="capture",
                subject="examples",
                after=dict(written),
                reason=_REASON,
                row_count=written.total(),
            )
    became = dict(zip(last, saved, strict=True))
    return [became[record["execution_id"]] for record in records]


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in record.items()}


def _save(connection: Connection, records: Sequence[Mapping[str, Any]], actor: str) -> list[Saved]:
    raw = staging.driver(connection)
    staged = staging.stage_records(raw, records, _OPTIONS)
    # Two captures of one execution at once would both take it for new. In one order, so that batches never deadlock.
    staging.execute(
        raw,
        "SELECT pg_advisory_xact_lock(hashtextextended(execution_id, 1))"
        " FROM (SELECT execution_id FROM staged ORDER BY execution_id OFFSET 0) AS s",
    )
    staging.compare(raw, staged, "1")
    staged.errors.refuse()
    counts = staging.counts(raw)
    _write(connection, raw, new=counts["new"], changed=counts["changed"] + counts["returned"], actor=actor)
    rows = staging.execute(
        raw,
        "SELECT t.id, CASE d.outcome WHEN 'returned' THEN 'changed' ELSE d.outcome END, t.execution_id"
        " FROM staged s JOIN decided d USING (execution_id) JOIN orchestrator_training_data t USING (execution_id)"
        " ORDER BY s.row",
    ).fetchall()
    # The caller's transaction may save another record.
    staging.execute(raw, "DROP TABLE staged, decided")
    return [Saved(*row) for row in rows]


def _write(connection: Connection, raw: psycopg.Connection[Any], *, new: int, changed: int, actor: str) -> None:
    if new:
        insert(raw, None, _OPTIONS, "1")
    if changed:
        audit.acting(connection, actor=actor, reason=_REASON)
        lock_examples(raw, "id IN (SELECT example_id FROM decided WHERE outcome IN ('changed', 'returned'))")
        # One that only comes back, after its import was undone, keeps what people did to it.
        differs = "d.outcome IN ('changed', 'returned') AND d.digest IS DISTINCT FROM t.source_digest"
        update(raw, "1", differs, overwrite=True)
        # It is no longer that import's: undoing that again must not hide what was captured.
        staging.execute(
            raw,
            "UPDATE orchestrator_training_data t SET withdrawn_at = NULL, import_id = NULL FROM decided d "
            "WHERE t.id = d.example_id AND t.withdrawn_at IS NOT NULL",
        )
