"""Bring the tables of an original system into the shape that the first migrations expect, before these run.

The original system's documents name nine tables, and databases made from them differ: columns are missing, ids are
uuid, numbers and moments are text. What converts without a guess is converted; anything else is refused with a sentence
that names the table and the column. All of it runs in the caller's transaction, so that a refusal changes nothing.

The shape is read from the first migration itself, which is run in the schema for temporary tables and rolled back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from core import tables
from core.adoption_types import FUNCTIONS, KEEPS_DEFAULT, converting, family
from core.errors import MigrationRefused

EXAMPLES, DATASETS, JOBS = "orchestrator_training_data", "training_datasets", "fine_tuning_jobs"
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


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it. `type` is as SQL writes it, `base` the name of the type below a domain."""

    name: str
    type: str
    base: str
    kind: str
    needed: bool
    default: str | None
    identity: str
    generated: bool


@dataclass
class Moving:
    """What is being done to a database, for the audit log, and what is left to do after the migrations."""

    connection: psycopg.Connection[Any]
    schema: str
    changes: list[str] = field(default_factory=list)
    #: Triggers of the owner's, off while rows are rewritten: table, name, and how they were on.
    triggers: list[tuple[str, str, str]] = field(default_factory=list)
    scale: int = 1
    rescaled: int = 0

    def run(self, statement: str, *names: str) -> psycopg.Cursor[Any]:
        """Run SQL with `{}` for each name; it is ours, and names are quoted."""
        quoted = [sql.Identifier(name) for name in names]
        return self.connection.execute(sql.SQL(statement).format(*quoted))  # pyright: ignore[reportArgumentType]

    def one(self, statement: str, *names: str) -> Any:
        row = self.run(statement, *names).fetchone()
        return None if row is None else row[0]


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
        with _naming(table):
            _refuse_misfits(moving, table, shape[table])
            _switch_triggers_off(moving, table)
    renumbered = [table for table in there if _number(moving, table)]
    if JOBS in there:
        _link_jobs(moving, DATASETS in renumbered)
    for table in there:
        columns = _columns(connection, schema, table)
        for wanted in shape[table].values():
            with _naming(table, wanted.name):
                if wanted.name == "id":
                    continue
                if wanted.name not in columns:
                    _add(moving, table, wanted, columns)
                else:
                    _convert(moving, table, columns[wanted.name], wanted)
        if table in _UNIQUE:
            _make_unique(moving, table, _UNIQUE[table])
    if EXAMPLES in there:
        with _naming(EXAMPLES, "quality_score"):
            _bring_scores_to_scale(moving)
    return moving


def finish(moving: Moving) -> None:
    """What can only be done once the migrations ran."""
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


def refusal(table: str, column: str, what: str) -> MigrationRefused:
    """The one sentence about what cannot be taken over."""
    where = f"The column {column} of the table {table}" if column else f"The table {table}"
    return MigrationRefused(f"{where} cannot be taken over: {what.rstrip('.')}. Nothing was changed.")


@contextmanager
def _naming(table: str, column: str = "") -> Iterator[None]:
    """PostgreSQL's own complaint becomes a sentence with table and column."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error as error:
        told = error.diag.message_primary or str(error).splitlines()[0]
        detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
        raise refusal(table, column, f"{told}{detail}") from error


def _existing(connection: psycopg.Connection[Any], schema: str) -> list[str]:
    names = [*_WRITTEN, *dict.fromkeys(table for table, _ in _VALUES), "web_analytics", "financial_metrics"]
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relname = ANY (%s)"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f')",
        [sql.Identifier(schema).as_string(connection), list(dict.fromkeys(names))],
    )
    present = {name for (name,) in rows}
    return [name for name in dict.fromkeys(names) if name in present]


_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, t.typname),
       coalesce(b.typtype, t.typtype)::text, a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated <> ''
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


def _columns(connection: psycopg.Connection[Any], schema: str, table: str) -> dict[str, Column]:
    name = sql.Identifier(schema, table).as_string(connection)
    return {row[0]: Column(*row) for row in connection.execute(_COLUMNS, [name])}


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
            shape[table] = _columns(connection, schema, table)
        raise psycopg.Rollback(scratch)
    return shape


def _refuse_misfits(moving: Moving, table: str, shape: dict[str, Column]) -> None:
    """What no conversion can help."""
    kind = moving.connection.execute(
        "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)",
        [sql.Identifier(moving.schema, table).as_string(moving.connection)],
    ).fetchone()
    if kind not in (("r",), ("p",)):
        raise refusal(table, "", "it is a view or a foreign table; make a table of it")
    columns = _columns(moving.connection, moving.schema, table)
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
        [sql.Identifier(moving.schema, table).as_string(moving.connection)],
    ).fetchone()
    if view:
        raise refusal(table, view[0], f"the view {view[1]} reads it; drop the view, and make it again afterwards")


def _switch_triggers_off(moving: Moving, table: str) -> None:
    """Else a trigger that keeps `updated_at` would write this moment into every row."""
    rows = moving.connection.execute(
        "SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal"
        " AND tgenabled <> 'D'",
        [sql.Identifier(moving.schema, table).as_string(moving.connection)],
    ).fetchall()
    for name, state in rows:
        moving.run("ALTER TABLE {} DISABLE TRIGGER {}", table, name)
        moving.triggers.append((table, name, state))


def _number(moving: Moving, table: str) -> bool:
    """Make `id` a bigint that counts by itself; whether the rows got new numbers and their ids went to `source_id`."""
    columns = _columns(moving.connection, moving.schema, table)
    column = columns.get("id")
    with _naming(table, "id"):
        renamed = False
        if column is not None and family(column.base, column.kind) not in ("int", "number"):
            if family(column.base, column.kind) not in ("text", "uuid"):
                raise refusal(table, "id", f"ids of the type {column.type} cannot be numbered; uuid and text can")
            if "source_id" in columns:
                raise refusal(table, "source_id", "the ids are kept under this name; rename it")
            moving.run("ALTER TABLE {} RENAME COLUMN id TO source_id", table)
            if family(column.base, column.kind) == "text":
                moving.run("ALTER TABLE {} ALTER COLUMN source_id TYPE text", table)
            if column.default is None:
                cast = "" if column.base == "uuid" else "::text"
                moving.run(f"ALTER TABLE {{}} ALTER COLUMN source_id SET DEFAULT gen_random_uuid(){cast}", table)
            moving.changes.append(f"{table}.id: {column.type} ids are kept in source_id, and rows are numbered")
            column, renamed = None, True
        if column is None:
            moving.run("ALTER TABLE {} ADD COLUMN id bigint GENERATED BY DEFAULT AS IDENTITY", table)
            if not renamed:
                moving.changes.append(f"{table}.id: added")
        else:
            _count_on(moving, table, column)
        if not _is_unique(moving, table, ("id",)):
            has_key = moving.connection.execute(
                "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(%s) AND contype = 'p')",
                [sql.Identifier(moving.schema, table).as_string(moving.connection)],
            ).fetchone()
            how = "UNIQUE" if has_key == (True,) else "PRIMARY KEY"
            moving.run(f"ALTER TABLE {{}} ADD {how} (id)", table)
        return renamed


def _count_on(moving: Moving, table: str, column: Column) -> None:
    """A numeric id becomes bigint, with a sequence that is as large and begins after the highest id."""
    if column.base != "int8":
        if family(column.base, column.kind) == "number":
            moving.run("ALTER TABLE {} ALTER COLUMN id DROP DEFAULT", table)
            moving.run("ALTER TABLE {} ALTER COLUMN id TYPE bigint USING pg_temp.whole(id::numeric)", table)
        else:
            moving.run("ALTER TABLE {} ALTER COLUMN id TYPE bigint", table)
    sequence = "pg_get_serial_sequence(%s, 'id')"
    name = [sql.Identifier(moving.schema, table).as_string(moving.connection)]
    row = moving.connection.execute(f"SELECT {sequence}".encode(), name).fetchone()
    owned = row is not None and row[0] is not None
    kept = column.default is not None and family(column.base, column.kind) == "int"
    if column.identity == "a":
        moving.run("ALTER TABLE {} ALTER COLUMN id SET GENERATED BY DEFAULT", table)
    elif not column.identity and not kept:
        moving.run("ALTER TABLE {} ALTER COLUMN id SET NOT NULL", table)
        moving.run("ALTER TABLE {} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY", table)
        owned = True
    if owned:
        row = moving.connection.execute(f"SELECT {sequence}".encode(), name).fetchone()
        its_name = str(row[0]) if row else ""
        if not column.identity and kept:
            moving.connection.execute(f"ALTER SEQUENCE {its_name} AS bigint".encode())
        highest = moving.one("SELECT max(id) FROM {}", table)
        last, called = moving.connection.execute(
            f"SELECT last_value, is_called FROM {its_name}".encode()
        ).fetchone() or (0, True)
        # Only where rows came in past the sequence: moving it back would give a number twice.
        if highest is not None and (highest > last or (highest == last and not called)):
            moving.connection.execute("SELECT setval(%s::regclass, %s)", [its_name, highest])


def _link_jobs(moving: Moving, renumbered: bool) -> None:
    """A job's `dataset_id` follows its dataset's new number; what it was is kept in `source_dataset_id`."""
    column = _columns(moving.connection, moving.schema, JOBS).get("dataset_id")
    if column is None or (not renumbered and family(column.base, column.kind) != "uuid"):
        return
    with _naming(JOBS, "dataset_id"):
        moving.run("ALTER TABLE {} RENAME COLUMN dataset_id TO source_dataset_id", JOBS)
        moving.run("ALTER TABLE {} ALTER COLUMN source_dataset_id DROP NOT NULL", JOBS)
        moving.run("ALTER TABLE {} ADD COLUMN dataset_id bigint", JOBS)
        if renumbered:
            moving.run(
                "UPDATE {} AS j SET dataset_id = d.id FROM {} AS d WHERE d.source_id::text = j.source_dataset_id::text",
                JOBS, DATASETS,
            )  # fmt: skip
    moving.changes.append(f"{JOBS}.dataset_id: kept in source_dataset_id; it follows the new numbers of datasets")


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
    """A default as it may stand in a statement with places for names."""
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
            table, column.name, *([column.name] * using.count("%")),
        )  # fmt: skip
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
            [sql.Identifier(moving.schema, table).as_string(moving.connection), column.name],
        ).fetchone()
        if in_key != (True,):
            moving.run("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table, column.name)
    if wanted.needed and not column.needed:
        value = _quoted(_VALUES.get((table, column.name)) or wanted.default)
        filled = moving.run(f"UPDATE {{}} SET {{}} = {value} WHERE {{}} IS NULL", table, column.name, column.name)
        if filled.rowcount:
            moving.changes.append(f"{table}.{column.name}: filled in {filled.rowcount} rows")
        moving.run("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table, column.name)


def _is_unique(moving: Moving, table: str, columns: tuple[str, ...]) -> bool:
    row = moving.connection.execute(
        "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid"
        " AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND ("
        "SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a"
        " WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) = %s)",
        [sql.Identifier(moving.schema, table).as_string(moving.connection), sorted(columns)],
    ).fetchone()
    return row == (True,)


def _make_unique(moving: Moving, table: str, columns: tuple[str, ...]) -> None:
    if not _is_unique(moving, table, columns):
        with _naming(table, columns[0]):
            moving.run(f"ALTER TABLE {{}} ADD UNIQUE ({', '.join(columns)})", table)


def _bring_scores_to_scale(moving: Moving) -> None:
    """One scale for the whole column: nobody gives 0.7 on a scale of 10 or 100, and a 7 means nothing beside many 0.7.

    What does not lie on the scale that most scores are on is left unknown. What was there is kept in `source_score`.
    """
    total, above, fractions, hundred = moving.run(
        "SELECT count(quality_score), count(*) FILTER (WHERE quality_score > 1 AND quality_score <= 100),"
        " count(*) FILTER (WHERE quality_score > 0 AND quality_score < 1),"
        " count(*) FILTER (WHERE quality_score > 10 AND quality_score <= 100) FROM {}",
        EXAMPLES,
    ).fetchone() or (0, 0, 0, 0)
    if not total:
        return
    moving.run("UPDATE {} SET quality_score = NULL WHERE quality_score = 'NaN'", EXAMPLES)
    if above > fractions:
        moving.scale = 100 if hundred else 10
    # With fractions among scores on a larger scale, nobody knows on which one those are.
    least = 1 if moving.scale != 1 and fractions else 0
    kept = f"quality_score BETWEEN {least} AND {moving.scale}"
    if least:
        kept = f"({kept} AND quality_score > 1 OR quality_score = 0)"
    moved = moving.run(
        "CREATE TEMP TABLE moving_scores ON COMMIT DROP AS SELECT id, quality_score FROM {}"
        f" WHERE NOT ({kept} AND {moving.scale} = 1) AND quality_score IS NOT NULL",
        EXAMPLES,
    )
    moving.rescaled = max(moved.rowcount, 0)
    if moving.rescaled:
        moving.run("ANALYZE moving_scores")
        moving.run(
            f"UPDATE {{}} SET quality_score = CASE WHEN {kept} THEN quality_score / {moving.scale} END"
            f" WHERE NOT ({kept} AND {moving.scale} = 1) AND quality_score IS NOT NULL",
            EXAMPLES,
        )
        moving.changes.append(f"{EXAMPLES}.quality_score: read as 0 to {moving.scale}; {moving.rescaled} rows changed")
