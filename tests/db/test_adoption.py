"""A database of the original system moves in by itself, and loses nothing."""

import datetime as dt
import random
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from core import audit
from core.datasets import versions
from core.datasets.splits import request_group
from core.db import Database, migrations
from core.errors import MigrationRefused
from core.examples import store, tagging
from core.examples.filters import EVERYTHING, Filter
from core.examples.importing import capture
from core.orchestrator.agents import SHAPE
from core.orchestrator.material import context
from core.orchestrator.planners import builtin
from core.orchestrator.plans import Request
from tests.examples.test_other_writers import write

UUIDS = ("6f1c1f0e-0c5c-4a53-9b1a-000000000001", "6f1c1f0e-0c5c-4a53-9b1a-000000000002")
ORIGINAL = """
CREATE TABLE orchestrator_training_data (
    id serial PRIMARY KEY,
    execution_id varchar(255) NOT NULL UNIQUE,
    user_request text NOT NULL,
    intent varchar(100),
    business_state jsonb DEFAULT '{}'::jsonb,
    execution_plan text,
    execution_result text,
    quality_score numeric(3,2) NOT NULL DEFAULT 0.5,
    success boolean NOT NULL DEFAULT false,
    tags text[] DEFAULT ARRAY[]::text[],
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    source_agent varchar(100),
    source_model varchar(100),
    execution_time_ms integer
);
CREATE INDEX idx_orchestrator_training_data_tags ON orchestrator_training_data USING gin (tags);
CREATE TABLE training_datasets (
    id serial PRIMARY KEY, name varchar(255) NOT NULL, description text, version integer NOT NULL DEFAULT 1,
    filters jsonb DEFAULT '{}'::jsonb, example_count integer NOT NULL DEFAULT 0, avg_quality numeric(3,2),
    quality_distribution jsonb DEFAULT '{}'::jsonb, file_path varchar(500), file_size_bytes bigint,
    file_format varchar(50) DEFAULT 'jsonl', used_for_fine_tuning boolean DEFAULT false,
    fine_tune_job_id varchar(255), created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
    created_by varchar(100), UNIQUE (name, version)
);
INSERT INTO orchestrator_training_data (execution_id, user_request, quality_score, success, tags, created_at) VALUES
    ('a', 'first', 0.63, true, '{}', '2026-01-14 19:30:47.498481-05'),
    ('b', 'second', 7.50, false, '{test,by hand}', NULL),
    ('c', 'third', 1.00, true, NULL, '2026-01-15');
INSERT INTO training_datasets (name, file_path) VALUES ('old', '/exports/old.jsonl');
"""


def test_a_database_of_the_original_system_moves_in(empty_database: Database) -> None:
    with empty_database.begin() as connection:
        connection.exec_driver_sql(ORIGINAL)
    migrations.migrate(empty_database)

    first, second, third = (store.get(empty_database, n) for n in (1, 2, 3))
    assert first.created_at == dt.datetime(2026, 1, 15, 0, 30, 47, 498481, tzinfo=dt.UTC)
    assert (first.quality_score, first.source_score, first.intent) == (0.63, None, "")
    assert (second.quality_score, second.source_score) == (None, 7.5)
    assert second.tags == ["BY_HAND", "TEST"]
    assert (third.quality_score, third.tags) == (1.0, [])
    shape, line = audit.entries(empty_database)
    assert line.after["examples"] == 3
    assert (shape.after["score_scale"], shape.after["scores_changed"]) == (1, 1)
    with empty_database.connect() as connection:
        assert connection.execute(text("SELECT name, status FROM training_datasets")).all() == [("old", "legacy")]


def test_an_adopted_database_works_like_any_other(empty_database: Database) -> None:
    with empty_database.begin() as connection:
        connection.exec_driver_sql(ORIGINAL)
    migrations.migrate(empty_database)
    change = tagging.add_tags(empty_database, EVERYTHING, ["PRODUCTION"], actor="ada", reason="")
    assert change.count == 3
    store.edit(empty_database, 1, {"execution_result": "new"}, expected_revision=1, actor="ada", reason="")
    assert len(store.history(empty_database, 1)) == 1


def test_what_version_15_took_for_white_space_is_computed_anew(empty_database: Database, tmp_path: Path) -> None:
    for file in sorted(migrations.FOLDER.glob("000[123]_*.sql")):
        shutil.copy(file, tmp_path)
    migrations.migrate(empty_database, tmp_path)
    with empty_database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO orchestrator_training_data (execution_id, user_request, execution_plan)"
                " VALUES ('a', 'Save five vivid waves', 'void'), ('b', 'v', 'vv')"
            )
        )
    migrations.migrate(empty_database)
    one, other = (store.get(empty_database, example_id) for example_id in (1, 2))
    assert str(one.request_key) == request_group("save  five\vvivid waves")
    assert (one.revision, one.has_plan, one.is_trainable) == (1, True, True)
    assert (other.has_plan, other.is_trainable, store.history(empty_database, 2)) == (True, True, [])
    assert store.count(empty_database, Filter(trainable=True)) == 2


def adopted(database: Database, statements: str) -> None:
    with database.dedicated() as connection:
        connection.execute(statements.encode())
    migrations.migrate(database)


def plan_something(database: Database) -> context.Context:
    """What the planner asks the taken-over tables for."""
    request = Request(text="Write a post about our spring offer on the blog")
    known = context.gather(database, request, as_of=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    builtin.plan(request, known, SHAPE)
    return known


#: Each column of the original's three written tables and of two it reads: the types it may have, and a value.
TYPES: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "orchestrator_training_data": {
        "execution_id": (("varchar(99) UNIQUE NOT NULL", "'a'"), ("uuid PRIMARY KEY", f"'{UUIDS[0]}'"), ("text", "NULL")),  # noqa: E501
        "intent": (("varchar(100)", "'email'"), ("text NOT NULL DEFAULT 'x'", "'email'"), ("text", "NULL")),
        "business_state": (("jsonb", "NULL"), ("json", """'{"a": 1}'"""), ("text", """'{"a": 1}'"""), ("text", "''")),
        "execution_plan": (("text", "'do it'"), ("jsonb", "'[1]'"), ("text[]", "'{a,b}'")),
        "execution_result": (("text NOT NULL", "'done well'"), ("json", """'{"a": 1}'""")),
        "quality_score": (("numeric(3,2)", "0.5"), ("text", "'0.5'"), ("real NOT NULL DEFAULT 0.5", "0.5")),
        "success": (("boolean DEFAULT false", "true"), ("integer", "1"), ("text", "'yes'"), ("numeric", "1.0")),
        "tags": (
            ("text[] DEFAULT '{}'", "'{test}'"), ("jsonb DEFAULT '[]'", """'["test"]'"""), ("text", "'test'"),
            ("varchar(20)[]", "'{test}'"), ("text", """'["test"]'"""), ("text", "'{test}'"),
        ),
        "created_at": (
            ("timestamp DEFAULT now()", "'2026-01-14 19:30:00'"), ("text", "'2026-01-14T19:30:00Z'"),
            ("bigint", "1768419000"), ("double precision", "1768419000000"), ("timestamptz", "'2026-01-14 19:30:00Z'"),
        ),
        "updated_at": (("timestamptz DEFAULT now()", "NULL"), ("text", "''"), ("date", "'2026-01-14'")),
        "source_agent": (("varchar(100)", "NULL"), ("text", "'writer'")),
        "source_model": (("varchar(100)", "'m'"),),
        "execution_time_ms": (("integer", "7"), ("double precision", "7.4"), ("text", "'7'"), ("interval", "'7 ms'")),
        "customer": (("varchar(20) NOT NULL DEFAULT ''", "'acme'"),),
    },
    "training_datasets": {
        "version": (("integer DEFAULT 1", "NULL"), ("text", "'1'"), ("smallint", "1")),
        "filters": (("jsonb", "'{}'"), ("text", "'{}'")),
        "example_count": (("integer", "NULL"), ("numeric", "3")),
        "avg_quality": (("numeric(3,2)", "0.9"),),
        "file_path": (("varchar(500)", "'/exports/a.jsonl'"),),
        "used_for_fine_tuning": (("boolean DEFAULT false", "true"), ("smallint", "1")),
        "created_at": (("timestamp", "now()"), ("text", "'2026-01-14'")),
    },
    "fine_tuning_jobs": {
        "job_id": (("varchar(255) UNIQUE", "NULL"), ("uuid UNIQUE", f"'{UUIDS[1]}'")),
        "status": (("varchar(50)", "'completed'"), ("text NOT NULL", "'running'")),
        "target_model": (("varchar(100)", "NULL"), ("text NOT NULL", "'mistral'")),
        "training_config": (("jsonb", "NULL"), ("text", "'{}'")),
        "estimated_cost": (("numeric(10,2)", "1.25"), ("double precision", "1.25"), ("text", "'1.25'")),
        "duration_seconds": (("integer", "9"), ("interval", "'9 s'"), ("numeric", "8.9")),
    },
    "orchestrator_published_posts": {
        "post_id": (("varchar(255) UNIQUE", "'b-1'"),),
        "title": (("text", "'Spring'"),),
        "topic": (("varchar(255)", "'spring offer'"),),
        "platform": (("varchar(50)", "'blog'"),),
        "views": (("integer", "310"), ("text", "'310'"), ("numeric", "310")),
        "published_at": (("timestamp", "'2026-01-14'"), ("text", "'2026-01-14'"), ("date", "'2026-01-14'")),
        "created_at": (("timestamp", "'2026-01-14'"), ("text", "'2026-01-14'")),
    },
    "financial_metrics": {
        "metric_type": (("varchar(100)", "'revenue'"),),
        "metric_value": (("numeric", "12000"), ("text", "'12000'"), ("money", "'12000'"), ("integer", "12000")),
        "period_start": (("date", "'2026-03-01'"), ("text", "'2026-03-01'"), ("timestamp", "'2026-03-01'")),
    },
}  # fmt: skip
#: Types an id may have, and the default that its rows are numbered by.
IDS = (
    "serial PRIMARY KEY", "bigserial PRIMARY KEY", "smallserial", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "uuid DEFAULT gen_random_uuid() PRIMARY KEY", "text DEFAULT gen_random_uuid()::text PRIMARY KEY",
    "numeric DEFAULT 1", None,
)  # fmt: skip
_ALWAYS = {"orchestrator_training_data": {"user_request": "'Write a post'"}, "training_datasets": {"name": "'first'"}}


@pytest.mark.parametrize("seed", range(30))
def test_any_subset_of_columns_and_types_moves_in(empty_database: Database, seed: int) -> None:
    draw = random.Random(seed)
    statements = []
    for table, columns in TYPES.items():
        if table != "orchestrator_training_data" and draw.random() < 0.2:
            continue
        chosen = {name: draw.choice(types) for name, types in columns.items() if draw.random() < 0.7}
        given = {**_ALWAYS.get(table, {}), **{name: value for name, (_, value) in chosen.items()}}
        made = {
            **dict.fromkeys(_ALWAYS.get(table, {}), "text NOT NULL"),
            **{name: kind for name, (kind, _) in chosen.items()},
        }
        number = draw.choice(IDS)
        if number and "PRIMARY KEY" in made.get("execution_id", ""):
            number = number.replace("PRIMARY KEY", "NOT NULL UNIQUE")
        parts = [f"id {number}"] if number else []
        parts += [f"{name} {kind}" for name, kind in made.items()]
        statements.append(f"CREATE TABLE {table} ({', '.join(parts)});")
        if given:
            statements.append(f"INSERT INTO {table} ({', '.join(given)}) VALUES ({', '.join(given.values())});")
    told = "\n".join(statements)
    adopted(empty_database, told)

    found = store.get(empty_database, 1)
    training = statements[0]
    assert found.user_request == "Write a post"
    assert found.execution_id, told
    for name, value in (
        ("quality_score", 0.5),
        ("success", True),
        ("tags", ["TEST"]),
        ("execution_time_ms", 7),
        ("created_at", dt.datetime(2026, 1, 14, 19, 30, tzinfo=dt.UTC)),
    ):
        assert getattr(found, name) == value if f" {name} " in training else True, (name, told)
    plan_something(empty_database)
    assert tagging.add_tags(empty_database, EVERYTHING, ["SEEN"], actor="ada", reason="").count == 1
    capture.save(empty_database, {"execution_id": "new", "user_request": "Another"}, actor="ada")
    versions.versions(empty_database)
    with empty_database.dedicated() as connection:
        connection.execute("INSERT INTO orchestrator_training_data (user_request, execution_id) VALUES ('x', 'theirs')")
    assert migrations.migrate(empty_database) == []


def test_uuid_ids_are_kept_and_jobs_follow_their_datasets(empty_database: Database) -> None:
    adopted(
        empty_database,
        f"""
        CREATE TABLE training_datasets (id uuid PRIMARY KEY, name text NOT NULL);
        CREATE TABLE fine_tuning_jobs (id varchar(10) PRIMARY KEY, dataset_id uuid REFERENCES training_datasets (id));
        CREATE TABLE other (dataset uuid REFERENCES training_datasets (id));
        INSERT INTO training_datasets VALUES ('{UUIDS[0]}', 'a'), ('{UUIDS[1]}', 'b');
        INSERT INTO fine_tuning_jobs VALUES ('j1', '{UUIDS[1]}'), ('j2', NULL);
        INSERT INTO other VALUES ('{UUIDS[0]}');
        """,
    )
    with empty_database.connect() as connection:
        assert connection.execute(text("SELECT id, source_id::text FROM training_datasets ORDER BY id")).all() == [
            (1, UUIDS[0]),
            (2, UUIDS[1]),
        ]
        assert connection.execute(text("SELECT id, source_id, dataset_id FROM fine_tuning_jobs ORDER BY id")).all() == [
            (1, "j1", 2),
            (2, "j2", None),
        ]


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([0.2, 1, 0, None], [0.2, 1, 0, None]),
        ([8, 1, 0, 10], [0.8, 0.1, 0, 1]),
        ([80, 10, 1, 0], [0.8, 0.1, 0.01, 0]),
        ([0.2, 0.3, 7.5], [0.2, 0.3, None]),
        ([8.5, 7, 9, 0.5, 0], [0.85, 0.7, 0.9, None, 0]),
        ([-1, 101, 0.5], [None, None, 0.5]),
    ],
)
def test_scores_are_on_one_scale_or_unknown(
    empty_database: Database, scores: list[float | None], wanted: list[float | None]
) -> None:
    values = ", ".join(f"('{n}', 'x', {'NULL' if score is None else score})" for n, score in enumerate(scores))
    adopted(
        empty_database,
        "CREATE TABLE orchestrator_training_data (id serial, execution_id text, user_request text, quality_score real);"
        f"INSERT INTO orchestrator_training_data (execution_id, user_request, quality_score) VALUES {values}",
    )
    with empty_database.connect() as connection:
        rows = connection.execute(
            text("SELECT quality_score, source_score FROM orchestrator_training_data ORDER BY id")
        ).all()
    assert [row.quality_score for row in rows] == pytest.approx(wanted)
    for row, was in zip(rows, scores, strict=True):
        assert was is None or was in (row.source_score, row.quality_score)


def test_a_trigger_of_theirs_does_not_touch_the_rows_and_works_afterwards(empty_database: Database) -> None:
    adopted(
        empty_database,
        ORIGINAL
        + """
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.updated_at := '2030-01-01'; RETURN NEW; END $$;
        CREATE TRIGGER touch BEFORE UPDATE ON orchestrator_training_data FOR EACH ROW EXECUTE FUNCTION touch();
        """,
    )
    assert store.get(empty_database, 1).updated_at.year < 2030
    tagging.add_tags(empty_database, EVERYTHING, ["SEEN"], actor="ada", reason="")
    assert store.get(empty_database, 1).updated_at.year == 2030


_REFUSED = [
    ("orchestrator_training_data", "user_request", "CREATE TABLE {t} (id serial, execution_id text)"),
    ("orchestrator_training_data", "tags", "CREATE TABLE {t} (user_request text, tags bytea)"),
    (
        "orchestrator_training_data",
        "business_state",
        "CREATE TABLE {t} (user_request text, business_state text); INSERT INTO {t} VALUES ('x', 'not json')",
    ),
    (
        "orchestrator_training_data",
        "quality_score",
        "CREATE TABLE {t} (user_request text, quality_score text); INSERT INTO {t} VALUES ('x', 'good')",
    ),
    (
        "orchestrator_training_data",
        "created_at",
        "CREATE TABLE {t} (user_request text, created_at text); INSERT INTO {t} VALUES ('x', '03/04/2026')",
    ),
    (
        "orchestrator_training_data",
        "execution_id",
        "CREATE TABLE {t} (user_request text, execution_id text); INSERT INTO {t} VALUES ('x', 'a'), ('y', 'a')",
    ),
    ("orchestrator_training_data", "customer", "CREATE TABLE {t} (user_request text, customer integer NOT NULL)"),
    ("orchestrator_training_data", "context", "CREATE TABLE {t} (user_request text, context text)"),
    ("orchestrator_training_data", "source_id", "CREATE TABLE {t} (id uuid, source_id text, user_request text)"),
    ("orchestrator_training_data", "id", "CREATE TABLE {t} (id bytea, user_request text)"),
    (
        "orchestrator_training_data",
        "intent",
        "CREATE TABLE {t} (user_request text, intent varchar(9)); CREATE VIEW seen AS SELECT intent FROM {t}",
    ),
    ("orchestrator_training_data", "", "CREATE VIEW {t} AS SELECT 'x' AS user_request"),
    ("training_datasets", "name", "CREATE TABLE {t} (id serial)"),
    ("training_datasets", "version", "CREATE TABLE {t} (name text, version text); INSERT INTO {t} VALUES ('x', 'v1')"),
    (
        "orchestrator_published_posts",
        "engagement",
        "CREATE TABLE {t} (engagement numeric); INSERT INTO {t} VALUES (0.05)",
    ),
    ("fine_tuning_jobs", "provider", "CREATE TABLE {t} (provider text)"),
]


@pytest.mark.parametrize(("table", "column", "statements"), _REFUSED, ids=[f"{each[0]}.{each[1]}" for each in _REFUSED])
def test_what_does_not_fit_is_named_and_everything_stays(
    empty_database: Database, table: str, column: str, statements: str
) -> None:
    made = "" if table == "orchestrator_training_data" else ORIGINAL.partition("CREATE TABLE training_datasets")[0]
    with empty_database.dedicated() as connection:
        connection.execute((made + statements.format(t=table)).encode())
    before = everything(empty_database)
    with pytest.raises(MigrationRefused) as refused:
        migrations.migrate(empty_database)
    told = str(refused.value)
    assert table in told
    assert column in told
    assert "Nothing was changed" in told
    assert "\n" not in told
    assert everything(empty_database) == before


def test_a_table_of_the_same_name_as_one_of_ours_is_named(empty_database: Database) -> None:
    with empty_database.dedicated() as connection:
        connection.execute((ORIGINAL + "CREATE TABLE models (n integer)").encode())
    before = everything(empty_database)
    with pytest.raises(MigrationRefused, match=r'"models" already exists.*Nothing was changed'):
        migrations.migrate(empty_database)
    assert everything(empty_database) == before


def everything(database: Database) -> list[object]:
    """The catalogue of the schema, and every row."""
    with database.dedicated() as connection:
        catalogue = connection.execute(
            "SELECT c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
            " pg_get_expr(d.adbin, d.adrelid), a.attidentity::text FROM pg_class c"
            " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
            " WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, a.attnum"
        ).fetchall()
        others = connection.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            " UNION ALL SELECT proname, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2"
        ).fetchall()
        tables = sorted({row[0] for row in catalogue if row[1] == "r"})
        rows = [connection.execute(f"TABLE {table}".encode()).fetchall() for table in tables]
    return [catalogue, others, rows]


def test_its_writer_goes_on_writing(empty_database: Database) -> None:
    adopted(
        empty_database,
        """
        CREATE TABLE orchestrator_training_data (
            id uuid DEFAULT gen_random_uuid() PRIMARY KEY, execution_id varchar(255) UNIQUE NOT NULL,
            user_request text NOT NULL, intent varchar(100), business_state jsonb, execution_plan text,
            execution_result text, quality_score numeric(3,2), success boolean DEFAULT false,
            tags text[] DEFAULT '{}', created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
        INSERT INTO orchestrator_training_data (execution_id, user_request, quality_score)
        VALUES ('a', 'One', 8), ('b', 'Two', 6.5);
        """,
    )
    for plan, score in (("[1]", 8.5), ("[2]", 9)):
        write(empty_database, plan=plan, score=score, tags=["production"])
    with empty_database.connect() as connection:
        (example_id,) = connection.scalars(text("SELECT id FROM orchestrator_training_data WHERE intent = 'email'"))
    found = store.get(empty_database, example_id)
    assert (found.quality_score, found.source_score, found.tags, found.revision) == (0.9, 9, ["PRODUCTION"], 2)
    assert [each.execution_plan for each in store.history(empty_database, example_id)] == ["[1]"]
    plan_something(empty_database)
