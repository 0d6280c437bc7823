"""Bring the tables of an original system into the shape that the first migrations expect, before these run.

The original system's documents name nine tables, and databases made from them differ: columns are missing, ids are
uuid, numbers and moments are text. What converts without a guess is converted; anything else is refused with a sentence
that names the table and the column. All of it runs in the caller's transaction, so that a refusal changes nothing.

The shape is read from the first migration itself, which is run in the schema for temporary tables and rolled back.
"""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from core.db import tables
from core.db.adoption import ids, scores
from core.db.adoption.conversions import FUNCTIONS, KEEPS_DEFAULT, converting, family
from core.db.adoption.moving import (
    DATASETS,
    EXAMPLES,
    JOBS,
    Column,
    Moving,
    columns_of,
    complaint,
    is_unique,
    naming,
    refusal,
)

__all__ = ["complaint", "finish", "found", "prepare"]

#: Tables that Whetstone writes to; the other six are only read.
_WRITTEN = {EXAMPLES: tables.examples, DATASETS: tables.datasets, JOBS: tables.tuning_jobs}
#: What an empty or missing column gets where Whetstone needs a value.
_VALUES = {
    (EXAMPLES, "execution_id"): "gen_random_uuid()::text",
    (EXAMPLES, "user_request"): "''",
    (DATASETS, "name"): "'dataset ' || id",
    (JOBS, "job_id"): "gen_random_uuid()::text",
    (JOBS, "target_model"): "''",
    ("learning_patterns", "pattern_id"): "gen_random_uuid()::text",
    ("orchestrator_historical_tasks", "task_id"): "gen_random_uuid()::text",
    ("orchestrator_published_posts", "post_id"): "gen_random_uuid()::text",
    ("social_post_analytics", "post_id"): "''",
}
#: Without these there is nothing to take over.
_NEEDED = {(EXAMPLES, "user_request"), (DATASETS, "name")}
_UNIQUE = {EXAMPLES: ("execution_id",), DATASETS: ("name", "version"), JOBS: ("job_id",)}
#: When something became known, which planning asks for: another column that says so, or the moment of moving in.
_KNOWN_SINCE = {
    ("orchestrator_published_posts", "published_at"): "created_at",
    ("orchestrator_historical_tasks", "created_at"): "completed_at",
}
#: The first migrations fill these from each other.
_FILLED_LATER = {(EXAMPLES, "created_at"), (EXAMPLES, "updated_at")}


def found(connection: psycopg.Connection[Any], schema: str) -> bool:
    """Whether tables of an original system are there."""
    return bool(_existing(connection, schema))


def prepare(connection: psycopg.Connection[Any], schema: str, first_migration: str) -> Moving:
    """Bring the tables into shape. Raises `MigrationRefused`; the caller rolls back."""
    moving = Moving(connection, schema)
    shape = _shape(connection, first_migration)
    there = [table for table in _existing(connection, schema) if table in shape]
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute(FUNCTIONS.encode())
    for table in there:
        with naming(table):
            _refuse_misfits(moving, table, shape[table])
            _switch_triggers_off(moving, table)
    renumbered = [table for table in there if ids.number(moving, table)]
    if JOBS in there:
        ids.link_jobs(moving, DATASETS in renumbered)
    for table in there:
        columns = columns_of(connection, schema, table)
        for wanted in shape[table].values():
            with naming(table, wanted.name):
                if wanted.name == "id":
                    continue
                if wanted.name not in columns:
                    _add(moving, table, wanted, columns)
                else:
                    _convert(moving, table, columns[wanted.name], wanted)
        if table in _UNIQUE:
            _make_unique(moving, table, _UNIQUE[table])
    if EXAMPLES in there:
        with naming(EXAMPLES, "quality_score"):
            scores.bring_to_scale(moving)
    return moving


def finish(moving: Moving) -> None:
    """Do what can only be done once the migrations ran."""
    if moving.rescaled:
        moving.run(
            "UPDATE {} AS e SET source_score = s.quality_score FROM moving_scores AS s WHERE s.id = e.id", EXAMPLES
        )
    if moving.scale != 1:
        moving.connection.execute(
            "INSERT INTO workspace_settings (key, value, actor) VALUES ('original_score_scale', %s, 'migration')",
            [Jsonb(moving.scale)],
        )
    for table, name, state in moving.triggers:
        how = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}.get(state, "ENABLE")
        moving.run(f"ALTER TABLE {{}} {how} TRIGGER {{}}", table, name)
    moving.connection.execute(
        "INSERT INTO audit_log (actor, action, subject, after, reason)"
        " VALUES ('migration', 'adopt', 'database', %s, 'tables of the original system were brought into shape')",
        [Jsonb({"changes": moving.changes, "score_scale": moving.scale, "scores_changed": moving.rescaled})],
    )


def _existing(connection: psycopg.Connection[Any], schema: str) -> list[str]:
    names = [*_WRITTEN, *dict.fromkeys(table for table, _ in _VALUES), "web_analytics", "financial_metrics"]
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relname = ANY (%s)"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f')",
        [sql.Identifier(schema).as_string(connection), list(dict.fromkeys(names))],
    )
    present = {name for (name,) in rows}
    return [name for name in dict.fromkeys(names) if name in present]


def _shape(connection: psycopg.Connection[Any], first_migration: str) -> dict[str, dict[str, Column]]:
    shape: dict[str, dict[str, Column]] = {}
    with connection.transaction() as scratch:
        connection.execute("SET LOCAL search_path TO pg_temp")
        connection.execute(first_migration.encode())
        rows = connection.execute(
            "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
        ).fetchall()
        for schema, table in rows:
            shape[table] = columns_of(connection, schema, table)
        raise psycopg.Rollback(scratch)
    return shape


def _refuse_misfits(moving: Moving, table: str, shape: dict[str, Column]) -> None:
    """Refuse what no conversion can help."""
    kind = moving.connection.execute(
        "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)",
        [moving.qualified(table)],
    ).fetchone()
    if kind not in (("r",), ("p",)):
        raise refusal(table, "", "it is a view or a foreign table; make a table of it")
    columns = columns_of(moving.connection, moving.schema, table)
    for column in columns.values():
        if column.name in shape and column.generated:
            raise refusal(table, column.name, "it is computed from others; make a plain column of it")
    if table not in _WRITTEN:
        return
    own = {column.name for column in _WRITTEN[table].columns} - set(shape)
    for name in columns:
        if name in own:
            raise refusal(table, name, "Whetstone has a column of its own of this name; rename it")
    for column in columns.values():
        if column.name not in shape and column.needed and column.default is None and not column.identity:
            raise refusal(
                table, column.name, "it must not be empty, and Whetstone does not know it; give it a default value"
            )
    view = moving.connection.execute(
        "SELECT a.attname, v.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " JOIN pg_class v ON v.oid = r.ev_class"
        " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = to_regclass(%s) AND v.oid <> d.refobjid"
        " ORDER BY d.refobjsubid LIMIT 1",
        [moving.qualified(table)],
    ).fetchone()
    if view:
        raise refusal(table, view[0], f"the view {view[1]} reads it; drop the view, and make it again afterwards")


def _switch_triggers_off(moving: Moving, table: str) -> None:
    """Else a trigger that keeps `updated_at` would write this moment into every row."""
    rows = moving.connection.execute(
        "SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal"
        " AND tgenabled <> 'D'",
        [moving.qualified(table)],
    ).fetchall()
    for name, state in rows:
        moving.run("ALTER TABLE {} DISABLE TRIGGER {}", table, name)
        moving.triggers.append((table, name, state))


def _add(moving: Moving, table: str, wanted: Column, columns: dict[str, Column]) -> None:
    key = (table, wanted.name)
    if key in _NEEDED:
        raise refusal(table, wanted.name, "it is not there, and without it there is nothing to take over; add it")
    default = _quoted(_VALUES.get(key) or wanted.default)
    since = _KNOWN_SINCE.get(key)
    moving.run(f"ALTER TABLE {{}} ADD COLUMN {{}} {wanted.type}", table, wanted.name)
    if since:
        default = "now()"
        value = f"coalesce({since}::timestamptz, now())" if since in columns and _is_moment(columns[since]) else "now()"
        moving.run(f"UPDATE {{}} SET {{}} = {value}", table, wanted.name)
    elif default and key not in _FILLED_LATER:
        moving.run(f"UPDATE {{}} SET {{}} = {default}", table, wanted.name)
    if default:
        moving.run(f"ALTER TABLE {{}} ALTER COLUMN {{}} SET DEFAULT {default}", table, wanted.name)
    if wanted.needed:
        moving.run("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table, wanted.name)
    moving.changes.append(f"{table}.{wanted.name}: added")


def _quoted(value: str | None) -> str:
    """Return a default as it may stand in a statement with places for names."""
    return (value or "").replace("{", "{{").replace("}", "}}")


def _is_moment(column: Column) -> bool:
    return family(column.base, column.kind) == "moment"


def _convert(moving: Moving, table: str, column: Column, wanted: Column) -> None:
    """Type, default and emptiness as Whetstone needs them."""
    # These only keep numbers as they are: a numeric of fixed places would round what was written.
    kept = wanted.base == "numeric" and family(column.base, column.kind) in ("int", "number")
    default = column.default
    if column.type != wanted.type and not kept:
        using = converting(column.name, column.base, column.kind, wanted.base)
        if using is None:
            raise refusal(table, column.name, f"the type {column.type} does not become {wanted.type} without a guess")
        if default and (family(column.base, column.kind), wanted.base) not in KEEPS_DEFAULT:
            moving.run("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT", table, column.name)
            default = None
        moving.run(
            f"ALTER TABLE {{}} ALTER COLUMN {{}} TYPE {wanted.type} USING {using.replace('%', '{}')}",
            table,
            column.name,
            *([column.name] * using.count("%")),
        )
        if family(column.base, column.kind) != "text" or wanted.base != "text":
            moving.changes.append(f"{table}.{column.name}: {column.type} became {wanted.type}")
    if default is None and wanted.default and not column.identity:
        moving.run(f"ALTER TABLE {{}} ALTER COLUMN {{}} SET DEFAULT {_quoted(wanted.default)}", table, column.name)
    if table in _WRITTEN:
        _settle_emptiness(moving, table, column, wanted)


def _settle_emptiness(moving: Moving, table: str, column: Column, wanted: Column) -> None:
    if column.needed and not wanted.needed:
        in_key = moving.connection.execute(
            "SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = ANY (i.indkey) WHERE i.indrelid = to_regclass(%s) AND i.indisprimary AND a.attname = %s)",
            [moving.qualified(table), column.name],
        ).fetchone()
        if in_key != (True,):
            moving.run("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table, column.name)
    if wanted.needed and not column.needed:
        value = _quoted(_VALUES.get((table, column.name)) or wanted.default)
        filled = moving.run(f"UPDATE {{}} SET {{}} = {value} WHERE {{}} IS NULL", table, column.name, column.name)
        if filled.rowcount:
            moving.changes.append(f"{table}.{column.name}: filled in {filled.rowcount} rows")
        moving.run("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table, column.name)


def _make_unique(moving: Moving, table: str, columns: tuple[str, ...]) -> None:
    if not is_unique(moving, table, columns):
        with naming(table, columns[0]):
            moving.run(f"ALTER TABLE {{}} ADD UNIQUE ({', '.join(columns)})", table)
