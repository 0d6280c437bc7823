"""Import history: preview it, or run it in one transaction."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
from sqlalchemy import Connection

from core import audit, shortages
from core.db import Database
from core.db.tables import history_imports as table
from core.errors import ImportRefused
from core.examples.importing.models import Progress, RowError, ScaleFinding
from core.examples.importing.staging import driver, execute
from core.history import comparison, staging
from core.history.columns import Options
from core.history.shapes import Shape, Source
from core.history.supplies import Supply

_SHOWN = 20
DEFAULTS = Options()


@dataclass(frozen=True)
class Contradiction:
    """A field in which a row says something else than what is stored under its key."""

    row: int
    field: str
    stored: str | None
    given: str | None

    def __str__(self) -> str:
        return (
            f"Row {self.row}, field {self.field}: {_short(self.stored)} stands there, and {_short(self.given)} comes."
        )


def _short(value: str | None) -> str:
    return "nothing" if value is None else repr(value if len(value) <= 40 else value[:40] + "…")


@dataclass(frozen=True)
class Preview:
    """What an import would do. Nothing was written."""

    source: Source
    format: str
    rows: int
    new: int
    changed: int
    same: int
    #: Rows that repeat an earlier one.
    duplicates: int
    errors: tuple[RowError, ...]
    failing: int
    #: The column of each field.
    mapping: Mapping[str, str]
    #: Columns that become no field, each with the number of rows that have a value there.
    unused: Mapping[str, int]
    scales: Mapping[str, ScaleFinding]
    #: The scale of each field that would be used; empty: one has to be chosen first, and `undecided` says which.
    scales_used: Mapping[str, str]
    undecided: str
    question: comparison.ScaleQuestion | None
    #: Rows of each status, "" for none.
    statuses: Mapping[str, int]
    #: Where the first changed rows differ from what is there.
    contradictions: tuple[Contradiction, ...]
    sample: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Imported:
    """What an import did. `import_id` is None if there was nothing to do."""

    import_id: int | None
    source: Source
    format: str
    rows: int
    new: int
    changed: int
    same: int
    duplicates: int
    skipped: int
    errors: tuple[RowError, ...]
    unused: Mapping[str, int]
    scales_used: Mapping[str, str]
    statuses: Mapping[str, int]
    contradictions: tuple[Contradiction, ...]


def preview(db: Database, supply: Supply, options: Options = DEFAULTS, *, progress: Progress | None = None) -> Preview:
    """Return what importing all of it would do. Reads every row the way the import does, and writes nothing."""
    with _refusing(), db.connect() as connection:  # never committed
        raw = driver(connection)
        staged = staging.stage(raw, supply, options, progress=progress)
        undecided, question, used = "", None, {name: options.scales.get(name, "mixed") for name in staged.scores}
        try:
            used = comparison.chosen_scales(staged, options)
        except comparison.ScaleUndecided as refusal:  # the preview is where it is chosen
            undecided, question = str(refusal), refusal.question
        duplicates = comparison.compare(raw, staged, used)
        counts = comparison.counts(raw)
        return Preview(
            source=staged.shape.source,
            format=staged.format,
            rows=staged.rows,
            new=counts["new"],
            changed=counts["changed"],
            same=counts["same"],
            duplicates=duplicates,
            errors=tuple(sorted(staged.errors.first)),
            failing=staged.errors.total,
            mapping={name: column for name, column in staged.mapping.items() if name in staged.shape.fields},
            unused=dict(staged.unused),
            scales=comparison.findings(staged),
            scales_used={} if undecided else used,
            undecided=undecided,
            question=question,
            statuses=dict(staged.words),
            contradictions=_contradictions(raw, staged, used),
            sample=_sample(raw, staged.shape, used),
        )


def _contradictions(
    raw: psycopg.Connection[Any], staged: staging.Staged, used: Mapping[str, str]
) -> tuple[Contradiction, ...]:
    return tuple(Contradiction(*each) for each in comparison.contradictions(raw, staged, used, _SHOWN))


def _sample(raw: psycopg.Connection[Any], shape: Shape, used: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    values = ", ".join(f"{comparison.value(shape, name, used)} AS {name}" for name in shape.fields)
    cursor = execute(raw, f"SELECT s.row, {values} FROM staged s JOIN decided d USING (row) ORDER BY s.row LIMIT 5")
    names = [column.name for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in islice(cursor, 5))


def run(
    db: Database,
    supply: Supply,
    options: Options = DEFAULTS,
    *,
    actor: str,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Imported:
    """Import all of it in one transaction, or nothing and `ImportRefused`. The same again changes nothing."""
    with _refusing(), db.begin() as connection:
        raw = driver(connection)
        staged = staging.stage(raw, supply, options, progress=progress, cancelled=cancelled)
        if not options.skip_invalid:
            staged.errors.refuse(remedy=True)
        used = comparison.chosen_scales(staged, options)
        # Two imports at once would both take the same rows for new. Readers are not held up.
        execute(raw, "LOCK TABLE history_imports IN SHARE ROW EXCLUSIVE MODE")
        duplicates = comparison.compare(raw, staged, used)
        if not options.skip_invalid:
            staged.errors.refuse(remedy=True)
        counts = comparison.counts(raw)
        contradictions = _contradictions(raw, staged, used)
        import_id = None
        if counts["new"] + counts["changed"]:
            import_id = _noted(connection, supply, staged, options, used, counts, actor)
            _merge(raw, staged.shape, used, import_id)
    return Imported(
        import_id=import_id,
        source=staged.shape.source,
        format=staged.format,
        rows=staged.rows,
        new=counts["new"],
        changed=counts["changed"],
        same=counts["same"],
        duplicates=duplicates,
        skipped=staged.errors.total,
        errors=tuple(sorted(staged.errors.first)),
        unused=dict(staged.unused),
        scales_used=used,
        statuses=dict(staged.words),
        contradictions=contradictions,
    )


def _noted(
    connection: Connection,
    supply: Supply,
    staged: staging.Staged,
    options: Options,
    used: Mapping[str, str],
    counts: Mapping[str, int],
    actor: str,
) -> int:
    told = {**options.model_dump(mode="json", exclude_defaults=True), "scales": dict(used)}
    import_id = connection.execute(
        table.insert()
        .values(
            actor=actor,
            source=staged.shape.source,
            name=supply.name,
            sha256=staged.sha256,
            format=staged.format,
            options=told,
            new_count=counts["new"],
            changed_count=counts["changed"],
            same_count=counts["same"],
        )
        .returning(table.c.id)
    ).scalar_one()
    audit.record(
        connection,
        actor=actor,
        action="import",
        subject="history",
        subject_id=import_id,
        after={"source": staged.shape.source, "name": supply.name, **counts, **told},
        row_count=counts["new"] + counts["changed"],
    )
    return import_id


def _merge(raw: psycopg.Connection[Any], shape: Shape, used: Mapping[str, str], import_id: int) -> None:
    """Write what was decided, in four statements whatever the number of rows."""
    columns = ", ".join(shape.fields)
    values = {name: comparison.value(shape, name, used) for name in shape.fields}
    if shape.moment:
        values[shape.moment] = f"coalesce({values[shape.moment]}, now())"
    execute(
        raw,
        f"""
        WITH made AS (
            INSERT INTO {shape.table} AS t ({columns})
            SELECT {", ".join(values.values())} FROM staged s JOIN decided d USING (row)
            WHERE d.outcome = 'new' ORDER BY s.row
            RETURNING t.id, {comparison.digest(shape, "t")} AS digest
        )
        INSERT INTO history_import_rows (import_id, row_id, digest) SELECT %s, id, digest FROM made""",
        (import_id,),
    )
    execute(
        raw,
        f"""
        INSERT INTO history_import_rows (import_id, row_id, before, digest)
        SELECT %s, t.id, {comparison.kept(shape, "t")}, md5('')::uuid
        FROM decided d JOIN {shape.table} t ON t.id = d.target
        WHERE d.outcome = 'changed' FOR UPDATE OF t""",
        (import_id,),
    )
    changes = ", ".join(f"{name} = {comparison.target(shape, name, used)}" for name in shape.fields)
    execute(
        raw,
        f"""
        UPDATE {shape.table} t SET {changes} FROM staged s JOIN decided d USING (row)
        WHERE d.outcome = 'changed' AND t.id = d.target""",
    )
    execute(
        raw,
        f"""
        UPDATE history_import_rows r SET digest = {comparison.digest(shape, "t")}
        FROM decided d JOIN {shape.table} t ON t.id = d.target
        WHERE d.outcome = 'changed' AND r.import_id = %s AND r.row_id = t.id""",
        (import_id,),
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """Make what the file system or PostgreSQL refuses about a value a refusal of the import; a lost server is none."""
    try:
        yield
    except OSError as error:
        if shortages.kind(error) is not None:
            raise
        raise ImportRefused(f"It cannot be read to its end: {error}. Nothing was changed.") from None
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, psycopg.IntegrityError) as error:
        said = getattr(error.diag, "message_primary", None) or str(error)
        raise ImportRefused(f"PostgreSQL cannot store a row: {said}. Nothing was changed.") from None
