"""The rows of a file in a temporary table: checked, scaled, and compared with what is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection

from core.errors import ImportRefused
from core.examples.importing import scale as scales
from core.examples.importing.models import ERRORS_SHOWN, ImportOptions, Outcome, Progress, RowError, Scale
from core.examples.importing.readers import Rows
from core.examples.importing.shapes import MADE, Converter
from core.examples.importing.sources import Source
from core.examples.importing.values import INDEXABLE_LIMIT, PARSERS

#: Columns of the staging table that are not text.
_TYPES = {"quality_score": "float8", "success": "bool", "execution_time_ms": "int8"}
_COLUMNS = {"row": "int8"} | {field: _TYPES.get(field, "text") for field in PARSERS}
_COPY = f"COPY staged ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT binary)".encode()
_REPORT_EVERY = 2_000


@dataclass
class Errors:
    """Failing rows: the first of them, and how many there are."""

    first: list[RowError] = field(default_factory=list)
    total: int = 0

    def add(self, error: RowError) -> None:
        self.total += 1
        if len(self.first) < ERRORS_SHOWN:
            self.first.append(error)

    def refuse(self) -> None:
        if self.total:
            raise min(self.first).refusal(self.total)


@dataclass
class Staged:
    """What is known of the file once all its rows are in the temporary table."""

    format: str
    shape: str
    rows: int
    scores: scales.Scores
    errors: Errors
    sha256: bytes
    #: What the rows hold that becomes no field, and how many rows have a value there.
    unused: Mapping[str, int] = field(default_factory=dict)
    #: Whether "success" and the like are answers.
    is_literal: bool = False


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection underneath, in the same transaction; it knows COPY."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def execute(raw: psycopg.Connection[Any], statement: str, parameters: Any = None) -> psycopg.Cursor[Any]:
    """Run SQL that is composed of our own constants; values are parameters."""
    return raw.execute(statement.encode(), parameters)


def stage(
    raw: psycopg.Connection[Any],
    source: Source,
    options: ImportOptions,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Staged:
    """Read the whole file into the temporary table `staged`; rows that cannot be read are errors, not rows."""
    rows = Rows(source, format=options.format, formulas=options.formulas)
    converter = Converter(rows.columns, options, more_may_come=rows.format in ("json", "jsonl"))
    _create(raw, is_literal=converter.is_literal)
    errors, scores, count = Errors(), scales.Scores(), 0
    score_at = list(PARSERS).index("quality_score")
    with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for number, row in rows:
            count += 1
            if count % _REPORT_EVERY == 0:
                _report(source, count, progress, cancelled)
            record = row if isinstance(row, RowError) else converter.record(number, row)
            if isinstance(record, RowError):
                errors.add(record)
                continue
            if record[score_at] is not None:
                scores.add(record[score_at])
            copy.write_row((number, *record))
    _report(source, count, progress, cancelled)
    return Staged(
        rows.format,
        converter.shape.name,
        count,
        scores,
        errors,
        source.sha256.digest(),
        dict(converter.unused),
        is_literal=converter.is_literal,
    )


def stage_record(raw: psycopg.Connection[Any], record: Mapping[str, Any], options: ImportOptions) -> Staged:
    """One record at hand instead of a file. Raises `ImportRefused` naming the field that cannot be stored."""
    values = Converter(list(record), options).record(1, dict(record))
    if isinstance(values, RowError):
        raise values.refusal(1)
    _create(raw, is_literal=False)
    places = ", ".join(f"%s::{kind}" for kind in _COLUMNS.values())
    execute(raw, f"INSERT INTO staged ({', '.join(_COLUMNS)}) VALUES ({places})", (1, *values))
    return Staged("record", "execution", 1, scales.Scores(), Errors(), b"")


def _create(raw: psycopg.Connection[Any], *, is_literal: bool) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    columns += f", is_literal bool DEFAULT {is_literal}"
    execute(raw, f"CREATE TEMP TABLE staged ({columns}) ON COMMIT DROP")


def _report(source: Source, rows: int, progress: Progress | None, cancelled: Callable[[], bool] | None) -> None:
    if cancelled and cancelled():
        raise ImportRefused(f"The import was cancelled after {rows:,} rows; nothing was changed.")
    if progress:
        progress(source.done, source.size, rows)


#: The record as its source gives it, on the common scale. Tags are left out, because an import never touches those of
#: an example that is there; updated_at too, because a touch is not a change. Binary and epoch: no setting changes them.
_RECORD = """md5(ROW({r}.user_request, {r}.intent, {state}, {context}, nullif({r}.execution_plan, ''),
    nullif({r}.execution_result, ''), float8send({score}), {r}.success, extract(epoch FROM {created_at}),
    {r}.source_agent, {r}.source_model, {r}.execution_time_ms)::text)::uuid"""
_CURRENT = _RECORD.format(
    r="t",
    state="t.business_state",
    context="nullif(t.context, 'null')",
    score="t.quality_score",
    created_at="t.created_at",
)


def compare(raw: psycopg.Connection[Any], staged: Staged, scale: Scale) -> int:
    """Decide for every staged row what it would do, in the temporary table `decided`.

    Adds the errors that only show in the whole file, and returns how many rows repeat an earlier one.
    """
    _drop_too_high(raw, staged, scales.highest(scale))
    _drop_unindexable(raw, staged)
    digest = _RECORD.format(
        r="s",
        state="coalesce(s.business_state, '{}')::jsonb",
        context="s.context::jsonb",
        score=scales.divided(scale, "s.quality_score"),
        created_at="s.created_at::timestamptz",
    )
    execute(raw, "ANALYZE staged (execution_id)")
    execute(
        raw,
        f"""
        CREATE TEMP TABLE decided ON COMMIT DROP AS
        SELECT s.row, s.execution_id, s.digest, t.id AS example_id,
               CASE WHEN t.id IS NULL THEN 'new'
                    WHEN t.withdrawn_at IS NOT NULL THEN 'returned'
                    WHEN s.digest = t.source_digest THEN 'same'
                    WHEN s.digest = {_CURRENT} THEN 'same'
                    ELSE 'changed' END AS outcome
        FROM (SELECT s.row, s.execution_id, {digest} AS digest FROM staged s) s
        LEFT JOIN orchestrator_training_data t USING (execution_id)""",
    )
    if staged.rows > 1:
        execute(raw, "ANALYZE decided (row, execution_id, example_id, outcome)")
    return _collapse_repeats(raw, staged)


def _drop_too_high(raw: psycopg.Connection[Any], staged: Staged, highest: int) -> None:
    """Scores that do not fit the scale."""
    query = "SELECT row, quality_score FROM staged WHERE quality_score > %s ORDER BY row"
    failing = execute(raw, query, (highest,)).fetchall()
    for row, score in failing:
        staged.errors.add(RowError(row, "quality_score", repr(score), f"at most {highest} on the chosen scale"))
    _drop(raw, "staged", [row for row, _ in failing])


def _drop_unindexable(raw: psycopg.Connection[Any], staged: Staged) -> None:
    """Requests that are too rich in different words for the full-text index. Only long ones have to be tried."""
    query = "SELECT row FROM staged WHERE length(user_request) > %s ORDER BY row"
    for (row,) in execute(raw, query, (INDEXABLE_LIMIT,)).fetchall():
        try:
            with raw.transaction():
                execute(raw, "SELECT to_tsvector('simple', user_request) FROM staged WHERE row = %s", (row,))
        except psycopg.errors.ProgramLimitExceeded:
            staged.errors.add(RowError(row, "user_request", "a very long text", "a text with fewer different words"))
            _drop(raw, "staged", [row])


def _drop(raw: psycopg.Connection[Any], table: str, rows: list[int]) -> None:
    if rows:
        execute(raw, f"DELETE FROM {table} WHERE row = ANY(%s)", (rows,))


def _collapse_repeats(raw: psycopg.Connection[Any], staged: Staged) -> int:
    """Equal repeats become one row; rows that contradict each other under one id are errors."""
    found = execute(
        raw,
        """
        SELECT row, execution_id, first_row, digest = first_digest FROM (
            SELECT row, execution_id, digest,
                   first_value(row) OVER same AS first_row, first_value(digest) OVER same AS first_digest
            FROM decided
            WHERE execution_id IN (SELECT execution_id FROM decided GROUP BY execution_id HAVING count(*) > 1)
            WINDOW same AS (PARTITION BY execution_id ORDER BY row)
        ) AS repeated
        WHERE row <> first_row ORDER BY row""",
    ).fetchall()
    for row, execution_id, first_row, is_equal in found:
        if not is_equal:
            expected = f"an id of its own: row {first_row} has the same one with other content"
            if execution_id.startswith(MADE):  # the file has no ids, so this one means nothing to anybody
                expected = (
                    f"consistent: row {first_row} has the same request and answer with another score, intent, model "
                    "or other field; keep one of the two, or give each row an execution_id"
                )
            staged.errors.add(RowError(row, "execution_id", repr(execution_id), expected))
    _drop(raw, "decided", [row for row, *_ in found])
    return sum(is_equal for *_, is_equal in found)


def counts(raw: psycopg.Connection[Any]) -> dict[Outcome, int]:
    """How many rows do what."""
    result: dict[Outcome, int] = {"new": 0, "returned": 0, "changed": 0, "same": 0}
    result.update(execute(raw, "SELECT outcome, count(*) FROM decided GROUP BY outcome").fetchall())
    return result
