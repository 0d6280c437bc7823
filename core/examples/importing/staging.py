"""The rows of a file in a temporary table: checked, scaled, and compared with what is there."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection

from core.errors import ImportRefused
from core.examples.importing import origins
from core.examples.importing.converting import moments
from core.examples.importing.converting import scale as scales
from core.examples.importing.converting.converter import BITS, MADE, STAGED, Converter, checked_options
from core.examples.importing.converting.values import INDEXABLE_LIMIT
from core.examples.importing.models import (
    ERRORS_SHOWN,
    ImportOptions,
    Outcome,
    Progress,
    RowError,
    Scale,
    Undecided,
)
from core.examples.importing.reading import files
from core.examples.importing.reading.readers import Rows
from core.examples.importing.reading.sources import Source, opened
from core.text import shortened

#: Columns of the staging table that are not text.
_TYPES = {"quality_score": "float8", "certain_score": "float8", "success": "bool"} | {
    "execution_time_ms": "int8",
    "given": "int4",
    "is_literal": "bool",
    "is_brief": "bool",
}
_COLUMNS = {"row": "int8"} | {name: _TYPES.get(name, "text") for name in STAGED}
_EVERY_FIELD = sum(BITS.values())
_COPY = f"COPY staged ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT binary)".encode()
_REPORT_EVERY = 2_000


@dataclass
class Errors:
    """Failing rows: the first of them, and how many there are."""

    first: list[RowError] = field(default_factory=list)
    total: int = 0
    #: Of several files, before which row each begins, and its name.
    files: list[tuple[int, str]] = field(default_factory=list)

    def add(self, error: RowError) -> None:
        self.total += 1
        if len(self.first) < ERRORS_SHOWN:
            self.first.append(self._of_its_file(error))

    def _of_its_file(self, error: RowError) -> RowError:
        if len(self.files) < 2:
            return error
        before, name = next(each for each in reversed(self.files) if each[0] < error.row)
        return error._replace(row=error.row - before, field=f"{error.field} of {name}")

    def refuse(self, *, remedy: bool = False) -> None:
        if self.total:
            raise min(self.first).refusal(self.total, remedy=remedy)


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
    #: Tags that are not stored as written, and words of the outcome without a meaning, with their rows.
    tags_became: Mapping[str, str] = field(default_factory=dict)
    outcome_words: Mapping[str, int] = field(default_factory=dict)
    #: Rows that are no examples.
    aside: int = 0
    #: Whether "success" and the like are answers.
    is_literal: bool = False


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """Return the psycopg connection underneath, in the same transaction; it knows COPY."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def execute(raw: psycopg.Connection[Any], statement: str, parameters: Any = None) -> psycopg.Cursor[Any]:
    """Run SQL that is composed of our own constants; values are parameters."""
    return raw.execute(statement.encode(), parameters)


@dataclass
class _Reading:
    """What is known of the files so far, while their rows stream into the table."""

    options: ImportOptions
    progress: Progress | None
    cancelled: Callable[[], bool] | None
    size: int
    errors: Errors = field(default_factory=Errors)
    scores: scales.Scores = field(default_factory=scales.Scores)
    #: Rows, and bytes of the files that are read to their end.
    rows: int = 0
    done: int = 0
    aside: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    tags_became: dict[str, str] = field(default_factory=dict)
    outcome_words: Counter[str] = field(default_factory=Counter)
    formats: dict[str, None] = field(default_factory=dict)
    shapes: dict[str, None] = field(default_factory=dict)
    digests: list[bytes] = field(default_factory=list)
    is_literal: bool = False

    def report(self, source: Source) -> None:
        if self.cancelled and self.cancelled():
            raise ImportRefused(f"The import was cancelled after {self.rows:,} rows; nothing was changed.")
        if self.progress:
            self.progress(self.done + source.done, self.size, self.rows)

    def staged(self) -> Staged:
        whole = self.digests[0] if len(self.digests) == 1 else hashlib.sha256(b"".join(self.digests)).digest()
        return Staged(
            format=", ".join(self.formats),
            shape=", ".join(self.shapes),
            rows=self.rows,
            scores=self.scores,
            errors=self.errors,
            sha256=whole,
            unused=dict(self.unused),
            tags_became=self.tags_became,
            outcome_words=dict(self.outcome_words),
            aside=self.aside,
            is_literal=self.is_literal,
        )


def stage(
    raw: psycopg.Connection[Any],
    paths: Sequence[Path],
    options: ImportOptions,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Staged:
    """Read the files into the temporary table `staged`; rows that cannot be read are errors, not rows.

    Raises `Undecided` where dates can be read in two ways and none of them shows which.
    """
    checked_options(options)
    _create(raw)
    size = sum(map(files.size, paths))
    reading = _Reading(options, progress, cancelled, size)
    if not _copied(raw, paths, reading):
        # Only a later row may show which number is the day; such files are rare, so all of it is read once more.
        options = options.model_copy(update={"dates": order_of_dates(paths, options)})
        execute(raw, "TRUNCATE staged")
        reading = _Reading(options, progress, cancelled, size)
        _copied(raw, paths, reading)
    return reading.staged()


def _copied(raw: psycopg.Connection[Any], paths: Sequence[Path], reading: _Reading) -> bool:
    """Whether all rows of the files are in the table: False at the first date that can be read in two ways."""
    batches = files.batches(paths, reading.options)
    with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for path in paths:
            if len(paths) > 1:
                reading.errors.files.append((reading.rows, path.name))
            if path not in batches.inputs and not _read_of_several(path, batches, reading, copy):
                return False
    if batches.requests:  # they were not answered
        reading.rows += len(batches.requests)
        reading.aside += len(batches.requests)
        reading.unused["requests of a batch without an answer"] += len(batches.requests)
    return True


def _read_of_several(path: Path, batches: files.Batches, reading: _Reading, copy: psycopg.Copy) -> bool:
    """Read one of perhaps several files, and say of which one it is if it is refused."""
    try:
        return _read(path, batches, reading, copy)
    except ImportRefused as refusal:
        if reading.errors.files and path.name not in str(refusal):
            refusal.args = (f"{path.name}: {refusal}",)
        raise


def _read(path: Path, batches: files.Batches, reading: _Reading, copy: psycopg.Copy) -> bool:
    score_at = STAGED.index("quality_score")
    options, start = reading.options, reading.rows
    with opened(path, options.encoding) as source:
        rows = Rows(source, format=options.format, formulas=options.formulas)
        columns = (*rows.columns, *(("body",) if batches.inputs and "custom_id" in rows.columns else ()))
        converter = Converter(columns, options, more_may_come=rows.format in ("json", "jsonl"))
        for number, row in batches.joined(rows):
            reading.rows += 1
            if reading.rows % _REPORT_EVERY == 0:
                reading.report(source)
            record = row if isinstance(row, RowError) else converter.record(start + number, row)
            if isinstance(record, RowError):
                if converter.met_either_order:
                    return False
                reading.errors.add(record if record is not row else record._replace(row=start + number))
                continue
            if record is None:
                continue
            if record[score_at] is not None:
                reading.scores.add(record[score_at], start + number)
            copy.write_row((start + number, *record))
        reading.report(source)
        source.refuse_changed()
        reading.done += source.size
        reading.digests.append(source.sha256.digest())
    reading.formats[rows.format] = None
    reading.shapes[converter.shape.name] = None
    reading.aside += converter.aside
    reading.is_literal |= converter.is_literal
    reading.unused.update(converter.unused)
    reading.unused.update(rows.beside)
    reading.tags_became.update(converter.tags_became)
    reading.outcome_words.update(converter.outcome_words)
    return True


def order_of_dates(paths: Sequence[Path], options: ImportOptions) -> moments.Order:
    """Which number of the files' dates is the day. Raises `Undecided` with some of them where none shows it."""
    orders = moments.Orders()
    for path in paths:
        with opened(path, options.encoding) as source:
            rows = Rows(source, format=options.format, formulas=options.formulas)
            mapping = Converter(rows.columns, options, more_may_come=rows.format in ("json", "jsonl")).mapping
            columns = [mapping[field] for field in ("created_at", "updated_at") if field in mapping]
            for _, row in rows:
                if not isinstance(row, RowError):
                    orders.add(row.get(column) for column in columns)
    order = orders.decided()
    if order == "auto" and orders.examples:
        said, first = " or ".join(shortened(each) for each in orders.examples), orders.examples[0]
        raise Undecided(
            f"Dates such as {said} can be read in two ways, and the file does not show which. Which number is the day?",
            option="dates",
            choices={
                "day-first": f"The day first: {first} is {_plainly(first, 'day-first')}",
                "month-first": f"The month first: {first} is {_plainly(first, 'month-first')}",
            },
            field="created_at",
            expected="day-first or month-first",
        )
    return "day-first" if order == "auto" else order


def _plainly(value: str, order: moments.Order) -> str:
    return (moments.moment(value, order) or "")[:10]


def stage_records(raw: psycopg.Connection[Any], records: Sequence[Mapping[str, Any]], options: ImportOptions) -> Staged:
    """Return records at hand instead of a file.

    Raises `ImportRefused` naming the row and the field that cannot be stored.
    """
    _create(raw)
    errors = Errors()
    converters: dict[tuple[str, ...], Converter] = {}
    given, is_literal = STAGED.index("given"), STAGED.index("is_literal")
    with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for number, record in enumerate(records, 1):
            columns = tuple(record)
            if columns not in converters:
                converters[columns] = Converter(columns, options)
            values = converters[columns].record(number, dict(record))
            if isinstance(values, RowError):
                errors.add(values)
                continue
            assert values is not None
            values[given] = _EVERY_FIELD  # an execution says all that there is of it
            values[is_literal] = False
            copy.write_row((number, *values))
    errors.refuse()
    return Staged("record", "execution", len(records), scales.Scores(), errors, b"")


def _create(raw: psycopg.Connection[Any]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    execute(raw, f"CREATE TEMP TABLE staged ({columns}) ON COMMIT DROP")


#: The record as its source gives it, on the common scale. Tags are left out, because an import never touches those of
#: an example that is there; updated_at too, because a touch is not a change. Binary and epoch: no setting changes them.
_DIGEST = """md5(ROW({user_request}, {intent}, {business_state}, {context}, nullif({execution_plan}, ''),
    nullif({execution_result}, ''), float8send({quality_score}), {success}, extract(epoch FROM {created_at}),
    {source_agent}, {source_model}, {execution_time_ms})::text)::uuid"""


def digest(values: Mapping[str, str]) -> str:
    """Return the digest of a record whose fields are these expressions."""
    return _DIGEST.format(**{**values, "context": f"nullif({values['context']}, 'null')"})


def compare(raw: psycopg.Connection[Any], staged: Staged, scale: Scale, *, overwrite: bool = False) -> int:
    """Decide for every staged row what it would do, in the temporary table `decided`.

    Adds the errors that only show in the whole file, and returns how many rows repeat an earlier one.
    """
    _drop_unfit_scores(raw, staged, scale)
    _drop_unindexable(raw, staged)
    record = origins.as_staged(scale)
    # As the source last gave it: the same file again. Else by what it would change: a file may have fewer columns.
    is_as_given = "false" if overwrite else "s.digest = t.source_digest"
    would_be = digest(origins.targets(scale, overwrite=overwrite))
    keeps = origins.keeps(scale, overwrite=overwrite)
    execute(raw, "ANALYZE staged (execution_id)")
    execute(
        raw,
        f"""
        CREATE TEMP TABLE decided ON COMMIT DROP AS
        SELECT s.row, s.execution_id, s.digest, t.id AS example_id,
               CASE WHEN t.id IS NULL THEN 'new'
                    WHEN t.withdrawn_at IS NOT NULL THEN 'returned'
                    WHEN {is_as_given} THEN 'same'
                    WHEN {would_be} = {digest(origins.CURRENT)} THEN 'same'
                    ELSE 'changed' END AS outcome,
               t.source_record IS NOT NULL AND t.withdrawn_at IS NULL AND {keeps} AS kept
        FROM (SELECT s.*, {digest(record)} AS digest FROM staged s) s
        LEFT JOIN orchestrator_training_data t USING (execution_id)""",
    )
    if staged.rows > 1:
        execute(raw, "ANALYZE decided (row, execution_id, example_id, outcome)")
    return _collapse_repeats(raw, staged)


def _drop_unfit_scores(raw: psycopg.Connection[Any], staged: Staged, scale: Scale) -> None:
    """Scores that do not fit the scale."""
    lowest, highest = scales.bounds(scale)
    failing = execute(
        raw,
        "SELECT row, quality_score FROM staged"
        " WHERE certain_score IS NULL AND NOT quality_score BETWEEN %s AND %s ORDER BY row",
        (lowest, highest),
    ).fetchall()
    for row, score in failing:
        bound = f"at most {highest:g}" if score > highest else f"at least {lowest:g}"
        staged.errors.add(RowError(row, "quality_score", repr(score), f"{bound} on the chosen scale"))
    _drop(raw, "staged", [row for row, _ in failing])


def _drop_unindexable(raw: psycopg.Connection[Any], staged: Staged) -> None:
    """Drop requests that are too rich in different words for the full-text index. Only long ones have to be tried."""
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


def kept(raw: psycopg.Connection[Any]) -> int:
    """How many rows meet an example that keeps what a person scored or edited, whatever the file says."""
    row = execute(raw, "SELECT count(*) FROM decided WHERE kept").fetchone()
    return row[0] if row else 0


def counts(raw: psycopg.Connection[Any]) -> dict[Outcome, int]:
    """How many rows do what."""
    result: dict[Outcome, int] = {"new": 0, "returned": 0, "changed": 0, "same": 0}
    result.update(execute(raw, "SELECT outcome, count(*) FROM decided GROUP BY outcome").fetchall())
    return result
