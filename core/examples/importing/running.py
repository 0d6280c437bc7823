"""Look at a file, preview its import, import it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import psycopg

from core import audit, shortages
from core.db import Database
from core.db.tables import imports
from core.errors import ImportRefused
from core.examples.importing import staging
from core.examples.importing.converting import columns
from core.examples.importing.converting import converter as converting
from core.examples.importing.converting import scale as scales
from core.examples.importing.converting.values import PARSERS
from core.examples.importing.merging import merge, relearn
from core.examples.importing.models import (
    FIELDS,
    ImportOptions,
    ImportResult,
    Inspection,
    Preview,
    Progress,
    RowError,
    Scale,
)
from core.examples.importing.reading import archives
from core.examples.importing.reading.files import Paths, files, name_of, unread
from core.examples.importing.reading.readers import Rows
from core.examples.importing.reading.sources import opened

_SHOWN_ROWS = 20
_SAMPLE = 100
#: Whether a row holds something to learn; what is not brief does.
_TEACHES = """(NOT is_brief OR teaches(execution_plan, is_literal) OR teaches(execution_result, is_literal)
               OR answers_with_a_call(context::jsonb))"""
DEFAULTS = ImportOptions()


def inspect(path: Paths, options: ImportOptions = DEFAULTS) -> Inspection:
    """Return what the first rows are, of several files those of the first, and what they would become with `options`.

    Reads no further than it needs to.
    """
    converting.checked_options(options)
    with (
        archives.unpacked(files(path), only_first=True) as paths,
        opened(paths[0], options.encoding) as source,
    ):
        rows = Rows(source, format=options.format, formulas=options.formulas)
    shape = columns.recognised(rows.columns)
    mapping = columns.suggested(shape, rows.columns, options)
    first = rows.ahead[:_SHOWN_ROWS]
    converted = list(_converted(rows, options, mapping, first))
    return Inspection(
        format=rows.format,
        shape=shape.name,
        columns=rows.columns,
        rows=tuple(row for _, row in first if not isinstance(row, RowError)),
        mapping=mapping,
        knows_request="user_request" in mapping or shape.converted is not None,
        fields=FIELDS,
        records=tuple(record for record in converted if not isinstance(record, RowError)),
        errors=tuple(record for record in converted if isinstance(record, RowError)),
    )


def _converted(
    rows: Rows, options: ImportOptions, mapping: Mapping[str, str], first: list[Any]
) -> Iterator[Mapping[str, Any] | RowError]:
    """Yield the first rows as records; none while nothing says what the request is."""
    try:
        converter = converting.Converter(rows.columns, options)
    except ImportRefused:
        if "user_request" not in mapping:
            return
        converter = converting.Converter(rows.columns, options.model_copy(update={"mapping": dict(mapping)}))
    for number, row in first:
        record = row if isinstance(row, RowError) else converter.record(number, row)
        if record is None:
            continue
        yield record if isinstance(record, RowError) else dict(zip(PARSERS, record, strict=False))


def preview(
    db: Database, path: Paths, options: ImportOptions = DEFAULTS, *, progress: Progress | None = None
) -> Preview:
    """Return what importing the whole file would do. Reads every row the way the import does, and writes nothing."""
    with _refusing(), archives.unpacked(files(path)) as paths, db.connect() as connection:  # never committed
        raw = staging.driver(connection)
        staged = staging.stage(raw, paths, options, progress=progress)
        finding = scales.found(staged.scores, options.quality_scale)
        scale_used: Scale | None = None
        with suppress(ImportRefused):  # the preview is where it is chosen
            scale_used = scales.chosen(finding, options.quality_scale)
        shown: Scale = scale_used or "mixed"
        duplicates = staging.compare(raw, staged, shown, overwrite=options.overwrite)
        counts = staging.counts(raw)
        nothing_to_learn, placeholders = _teaching(raw)
        return Preview(
            format=staged.format,  # pyright: ignore[reportArgumentType]
            shape=staged.shape,
            rows=staged.rows,
            new=counts["new"] + counts["returned"],
            changed=counts["changed"],
            same=counts["same"],
            duplicates=duplicates,
            errors=tuple(sorted(staged.errors.first)),
            failing=staged.errors.total,
            scale=finding,
            scale_used=scale_used,
            nothing_to_learn=nothing_to_learn,
            placeholders=placeholders,
            learns_placeholders=staged.is_literal,
            sample=_sample(raw, shown, options),
            unused={**staged.unused, **unread(path)},
            aside=staged.aside,
            kept=staging.kept(raw),
            tags_became=staged.tags_became,
            outcome_words=staged.outcome_words,
        )


def _teaching(raw: psycopg.Connection[Any]) -> tuple[int, int]:
    """Rows with nothing to learn; and those whose plan or result says only that something was done, or is an answer of
    one word, as one takes it.
    """
    row = staging.execute(
        raw,
        f"""
        SELECT count(*) FILTER (WHERE NOT {_TEACHES}),
               count(*) FILTER (WHERE teaches(execution_plan, true) AND NOT teaches(execution_plan)
                                   OR teaches(execution_result, true) AND NOT teaches(execution_result))
        FROM staged JOIN decided USING (row)
        WHERE is_brief""",
    ).fetchone()
    return row or (0, 0)


def _sample(raw: psycopg.Connection[Any], scale: Scale, options: ImportOptions) -> tuple[Mapping[str, Any], ...]:
    """Return the first rows as they would be stored, with what would become of each and whether it teaches."""
    cursor = staging.execute(
        raw,
        f"""
        SELECT s.row, d.outcome, s.execution_id, s.user_request, s.intent,
               coalesce(s.business_state, '{{}}')::jsonb AS business_state, s.context::jsonb AS context,
               s.execution_plan, s.execution_result, {scales.divided(scale, "s")} AS quality_score,
               s.quality_score AS source_score, s.success, coalesce(s.tags::text[], '{{}}') || %s::text[] AS tags,
               s.created_at::timestamptz AS created_at, s.source_agent, s.source_model, s.execution_time_ms,
               {_TEACHES} AS is_trainable
        FROM (SELECT row, outcome FROM decided ORDER BY row LIMIT {_SAMPLE}) d JOIN staged s USING (row)
        ORDER BY s.row""",
        (list(options.tags),),
    )
    names = [column.name for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in islice(cursor, _SAMPLE))


def run(
    db: Database,
    path: Paths,
    options: ImportOptions = DEFAULTS,
    *,
    actor: str,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ImportResult:
    """Import a file, several or a folder in one transaction: all of it, or nothing and `ImportRefused`.

    The same file again changes nothing, and then records no import.
    """
    given = files(path)
    name = name_of(path, given)
    with _refusing(), archives.unpacked(given) as paths, db.begin() as connection:
        raw = staging.driver(connection)
        staged = staging.stage(raw, paths, options, progress=progress, cancelled=cancelled)
        if not options.skip_invalid:
            _refuse(staged)
        scale = scales.chosen(scales.found(staged.scores), options.quality_scale)
        # Two imports at once would both take the same rows for new. Readers, and single writers, are not held up.
        staging.execute(raw, "LOCK TABLE imports IN SHARE ROW EXCLUSIVE MODE")
        duplicates = staging.compare(raw, staged, scale, overwrite=options.overwrite)
        if not options.skip_invalid:
            staged.errors.refuse(remedy=True)
        counts = staging.counts(raw)
        new, changed = counts["new"] + counts["returned"], counts["changed"]
        kept, (nothing_to_learn, placeholders) = staging.kept(raw), _teaching(raw)
        relearned = relearn(raw) if options.placeholders != "auto" else 0
        if relearned:
            after = {"file": name, "learns_placeholders": staged.is_literal}
            audit.record(connection, actor=actor, action="import", subject="example", after=after, row_count=relearned)
        import_id = None
        if new + changed:
            told = {**options.model_dump(mode="json", exclude_defaults=True), "scale": scale, "shape": staged.shape}
            import_id = connection.execute(
                imports.insert()
                .values(
                    actor=actor,
                    file_name=name,
                    file_sha256=staged.sha256,
                    format=staged.format,
                    options=told,
                    new_count=new,
                    changed_count=changed,
                    same_count=counts["same"],
                )
                .returning(imports.c.id)
            ).scalar_one()
            audit.acting(connection, actor=actor, reason=f"import {import_id}: {name}")
            merge(raw, import_id, counts, options, scale)
            audit.record(
                connection,
                actor=actor,
                action="import",
                subject="import",
                subject_id=import_id,
                after={"file": name, "new": new, "changed": changed, "same": counts["same"], **told},
                row_count=new + changed,
            )
    return ImportResult(
        import_id=import_id,
        format=staged.format,  # pyright: ignore[reportArgumentType]
        shape=staged.shape,
        rows=staged.rows,
        new=new,
        changed=changed,
        same=counts["same"],
        duplicates=duplicates,
        skipped=staged.errors.total,
        errors=tuple(sorted(staged.errors.first)),
        scale_used=scale,
        placeholders=placeholders,
        learns_placeholders=staged.is_literal,
        relearned=relearned,
        unused={**staged.unused, **unread(path)},
        aside=staged.aside,
        kept=kept,
        tags_became=staged.tags_became,
        nothing_to_learn=nothing_to_learn,
    )


def _refuse(staged: staging.Staged) -> None:
    """Refuse the file if rows fail, and name at once all words that need a meaning."""
    try:
        staged.errors.refuse(remedy=True)
    except ImportRefused as refusal:
        if len(staged.outcome_words) > 1:
            words = ", ".join(columns.quoted(word) for word in staged.outcome_words)
            refusal.args = (f"{refusal} Words without a meaning: {words}.",)
        raise


@contextmanager
def _refusing() -> Iterator[None]:
    """Make what the file system or PostgreSQL refuses about a file a refusal of the file; a lost server is none."""
    try:
        yield
    except OSError as error:
        if shortages.kind(error) is not None:
            raise  # that is not the file's fault
        raise ImportRefused(f"The file cannot be read to its end: {error}. Nothing was changed.") from None
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
        raise ImportRefused(f"PostgreSQL cannot store a value of the file: {error}. Nothing was changed.") from None
