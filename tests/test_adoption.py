"""A database of the original system moves in by itself, and loses nothing."""

import datetime as dt
import shutil
from pathlib import Path

from sqlalchemy import text

from core import audit, migrations
from core.database import Database
from core.datasets.splits import request_group
from core.examples import store, tagging
from core.examples.filters import EVERYTHING, Filter

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
    assert (second.quality_score, second.source_score) == (0.75, 7.5)
    assert second.tags == ["BY_HAND", "TEST"]
    assert (third.quality_score, third.tags) == (1.0, [])
    (line,) = audit.entries(empty_database)
    assert line.after == {"examples": 3, "scores_brought_to_0_1": 1}
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
