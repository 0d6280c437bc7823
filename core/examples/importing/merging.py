"""Staged rows into the examples: three statements, whatever the number of rows."""

from collections.abc import Mapping
from typing import Any

import psycopg

from core.db.tables import CONTENT
from core.errors import Conflict
from core.examples.importing import origins
from core.examples.importing.models import ImportOptions, Outcome, Scale
from core.examples.importing.staging import execute

#: What an import may change in an example that was there. Tags are never among them.
CHANGEABLE = (
    *CONTENT,
    "quality_score",
    "source_score",
    "success",
    "created_at",
    "source_agent",
    "source_model",
    "execution_time_ms",
    "source_digest",
    "source_record",
)
#: Those of an example `t`, as one JSON object: what is kept for undo, and compared to see whether somebody changed it.
SNAPSHOT = "jsonb_build_object(" + ", ".join(f"'{name}', t.{name}" for name in CHANGEABLE) + ")"


def _values(scale: Scale) -> dict[str, str]:
    """Return what a staged row `s`, decided as `d`, puts into each column of a new example."""
    values = origins.as_staged(scale)
    return values | {
        "source_score": f"CASE WHEN s.quality_score <> {values['quality_score']} THEN s.quality_score END",
        "created_at": "coalesce(s.created_at::timestamptz, s.updated_at::timestamptz, now())",
        "source_digest": "d.digest",
        "is_literal": "s.is_literal",
    }


def next_revision(values: Mapping[str, str]) -> str:
    """Return the revision of an example `t` that gets these contents: one more, if they differ from what it has."""
    old, new = ", ".join(f"t.{name}" for name in CONTENT), ", ".join(values[name] for name in CONTENT)
    return f"t.revision + (({old}) IS DISTINCT FROM ({new}))::int"


def merge(
    raw: psycopg.Connection[Any], import_id: int, counts: dict[Outcome, int], options: ImportOptions, scale: Scale
) -> None:
    """Write what was decided. A statement without rows is not run: triggers count statements as changes."""
    if counts["changed"] + counts["returned"]:
        lock_examples(raw, "id IN (SELECT example_id FROM decided WHERE outcome IN ('changed', 'returned'))")
    if counts["new"]:
        written = insert(raw, import_id, options, scale)
        expected = counts["new"]
        if written != expected:
            raise Conflict(
                f"{expected - written:,} rows of the file were saved by somebody else meanwhile; nothing was changed. "
                "Import the file again."
            )
    if counts["changed"] + counts["returned"]:
        _update(raw, import_id, scale, overwrite=options.overwrite)
    if counts["returned"]:
        _bring_back(raw, import_id, options)


def relearn(raw: psycopg.Connection[Any]) -> int:
    """Say of rows that were there already, too, whether "success" and the like are answers; returns of how many."""
    differs = "d.outcome = 'same' AND t.is_literal <> s.is_literal"
    found = "SELECT d.example_id FROM staged s JOIN decided d USING (row)"
    joined = f"{found} JOIN orchestrator_training_data t ON t.id = d.example_id WHERE {differs}"
    counted = execute(raw, f"SELECT count(*) FROM ({joined}) AS c").fetchone()
    if not counted or not counted[0]:
        return 0
    lock_examples(raw, f"id IN ({joined})")
    return execute(
        raw,
        f"""
        UPDATE orchestrator_training_data t SET is_literal = s.is_literal
        FROM staged s JOIN decided d USING (row)
        WHERE t.id = d.example_id AND {differs}""",
    ).rowcount


def lock_examples(raw: psycopg.Connection[Any], choice: str, parameters: tuple[Any, ...] = ()) -> None:
    """Lock all examples of an act before the first is changed, in the order in which every act locks them.

    So two acts at once wait for each other; each with some of what the other needs, one of them would be broken off.
    """
    locked = f"SELECT FROM orchestrator_training_data WHERE {choice} ORDER BY id FOR UPDATE"
    execute(raw, f"WITH locked AS MATERIALIZED ({locked}) SELECT count(*) FROM locked", parameters)


def insert(raw: psycopg.Connection[Any], import_id: int | None, options: ImportOptions, scale: Scale) -> int:
    """Write the new rows; returns how many."""
    values = {
        "execution_id": "s.execution_id",
        **_values(scale),
        "updated_at": "coalesce(s.updated_at::timestamptz, s.created_at::timestamptz, now())",
        "tags": _TAGS,
        "import_id": "%(import_id)s",
    }
    # In the order of the file, so that ids follow it. ON CONFLICT: somebody may have saved one of them meanwhile.
    return execute(
        raw,
        f"""
        INSERT INTO orchestrator_training_data ({", ".join(values)})
        SELECT {", ".join(values.values())}
        FROM staged s JOIN decided d USING (row)
        WHERE d.outcome = 'new'
        ORDER BY s.row
        ON CONFLICT (execution_id) DO NOTHING""",
        {"import_id": import_id, "tags": list(options.tags)},
    ).rowcount


#: The file's tags and those of the options, sorted and once each.
_TAGS = """CASE WHEN s.tags IS NULL THEN %(tags)s::text[]
    ELSE ARRAY(SELECT DISTINCT tag FROM unnest(s.tags::text[] || %(tags)s::text[]) AS tag ORDER BY tag) END"""


def _update(raw: psycopg.Connection[Any], import_id: int, scale: Scale, *, overwrite: bool) -> None:
    """Update changed rows, and of the returning ones those that come back different.

    What they were is kept for undo.
    """
    is_different = """d.outcome = 'changed'
        OR d.outcome = 'returned' AND d.digest IS DISTINCT FROM t.source_digest"""
    execute(
        raw,
        f"""
        INSERT INTO import_changes (import_id, example_id, revision_before, revision_after, before, after)
        SELECT %(import_id)s, t.id, t.revision, t.revision, {SNAPSHOT}, '{{}}'
        FROM decided d JOIN orchestrator_training_data t ON t.id = d.example_id
        WHERE {is_different}
        FOR UPDATE OF t""",
        {"import_id": import_id},
    )
    # Not by way of what was just written to import_changes: statistics of earlier imports say that it is one row.
    update(raw, scale, is_different, overwrite=overwrite)
    keep_after(raw, import_id)


def update(raw: psycopg.Connection[Any], scale: Scale, choice: str, *, overwrite: bool) -> None:
    """Give the examples `t` that `choice` names what was staged for them, field by field."""
    targets = origins.targets(scale, overwrite=overwrite)
    values = targets | {
        "source_score": origins.source_score(scale, overwrite=overwrite),
        "source_digest": "d.digest",
        "source_record": origins.source_record(scale),
        "updated_at": "now()",
        "revision": next_revision(targets),
    }
    execute(
        raw,
        f"""
        UPDATE orchestrator_training_data t SET {", ".join(f"{name} = {value}" for name, value in values.items())}
        FROM staged s JOIN decided d USING (row)
        WHERE t.id = d.example_id AND ({choice})""",
    )


def keep_after(raw: psycopg.Connection[Any], import_id: int) -> None:
    """Note how the import left its changed rows."""
    execute(
        raw,
        f"""
        UPDATE import_changes c SET revision_after = t.revision, after = {SNAPSHOT}
        FROM orchestrator_training_data t
        WHERE c.import_id = %s AND t.id = c.example_id""",
        (import_id,),
    )


def _bring_back(raw: psycopg.Connection[Any], import_id: int, options: ImportOptions) -> None:
    """Rows of an undone import that come again are this import's now; what they were tagged with stays."""
    execute(
        raw,
        """
        UPDATE orchestrator_training_data t
        SET withdrawn_at = NULL, import_id = %(import_id)s,
            tags = ARRAY(
                SELECT DISTINCT tag FROM unnest(t.tags || s.tags::text[] || %(tags)s::text[]) AS tag ORDER BY tag
            )
        FROM staged s JOIN decided d USING (row)
        WHERE d.outcome = 'returned' AND t.id = d.example_id""",
        {"import_id": import_id, "tags": list(options.tags)},
    )
