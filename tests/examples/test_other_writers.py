"""Programs that know nothing of Whetstone go on writing to its tables."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from core import audit
from core.datasets import versions
from core.db import Database
from core.examples import store, tagging
from core.examples.filters import EVERYTHING

#: As the original system's service writes: what it knows of is written anew, nothing counts a revision.
UPSERT = """
INSERT INTO orchestrator_training_data (execution_id, user_request, intent, business_state, execution_plan,
                                        execution_result, quality_score, success, tags)
VALUES (%(id)s, 'Draft a mail', 'email', %(state)s, %(plan)s, 'Dear dealer', %(score)s, true, %(tags)s)
ON CONFLICT (execution_id) DO UPDATE SET
    business_state = EXCLUDED.business_state, execution_plan = EXCLUDED.execution_plan,
    execution_result = EXCLUDED.execution_result, quality_score = EXCLUDED.quality_score,
    success = EXCLUDED.success, tags = EXCLUDED.tags, updated_at = now()
"""


def write(database: Database, **values: Any) -> None:
    given = {"id": "exec-9", "state": '{"mrr": 1}', "plan": "[1]", "score": 0.8, "tags": ["PRODUCTION"]} | values
    run(database, UPSERT, given)


def run(database: Database, statement: str, given: dict[str, Any] | None = None) -> None:
    with database.copying() as connection:
        connection.execute(statement.encode(), given)


def test_an_upsert_keeps_what_was_there(database: Database) -> None:
    write(database)
    write(database)
    assert store.get(database, 1).revision == 1
    write(database, plan="[2]")
    write(database, plan="[3]")
    found = store.get(database, 1)
    assert (found.execution_plan, found.revision) == ("[3]", 3)
    assert [(each.revision, each.execution_plan) for each in store.history(database, 1)] == [(2, "[2]"), (1, "[1]")]


def test_several_changes_in_one_transaction_are_several_revisions(database: Database) -> None:
    write(database)
    change = "UPDATE orchestrator_training_data SET execution_plan = execution_plan || '!', intent = 'new'"
    run(database, f"{change}; {change}")
    found = store.get(database, 1)
    assert (found.execution_plan, found.revision) == ("[1]!!", 3)
    assert [each.execution_plan for each in store.history(database, 1)] == ["[1]!", "[1]"]


def test_whetstone_edits_what_another_program_wrote(database: Database) -> None:
    write(database)
    write(database, plan="[2]")
    store.edit(database, 1, {"execution_plan": "[3]"}, expected_revision=2, actor="ada", reason="better")
    assert [each.execution_plan for each in store.history(database, 1)] == ["[2]", "[1]"]


def test_a_revision_is_never_passed_over(database: Database) -> None:
    write(database)
    with pytest.raises(psycopg.errors.RaiseException, match="followed by the next one, not by 7"):
        run(database, "UPDATE orchestrator_training_data SET revision = 7")


def test_tags_are_folded_with_a_line_in_the_audit_log(database: Database) -> None:
    write(database, tags=["production", "by hand"])
    assert store.get(database, 1).tags == ["BY_HAND", "PRODUCTION"]
    run(database, "UPDATE orchestrator_training_data SET tags = array_append(tags, 'development')")
    assert store.get(database, 1).tags == ["BY_HAND", "DEVELOPMENT", "PRODUCTION"]
    second, first = audit.entries(database)
    assert (first.action, first.subject, first.subject_id) == ("bring to form", "example", "1")
    assert first.before["tags"] == ["production", "by hand"]
    assert second.after["tags"] == ["BY_HAND", "DEVELOPMENT", "PRODUCTION"]


def test_an_approval_in_lower_case_counts(database: Database) -> None:
    write(database)
    run(database, "UPDATE orchestrator_training_data SET judgement = 'needed', quality_score = NULL, success = NULL")
    assert not store.get(database, 1).is_trainable
    run(database, "UPDATE orchestrator_training_data SET tags = '{manual_approved}'")
    assert store.get(database, 1).is_trainable


@pytest.mark.parametrize("score", [8.5, 85, -1, 101, float("inf"), float("-inf")])
def test_a_score_on_an_unknown_scale_is_kept_and_unknown(database: Database, score: float) -> None:
    write(database, score=score)
    found = store.get(database, 1)
    assert (found.quality_score, found.source_score) == (None, score)
    run(database, f"UPDATE orchestrator_training_data SET quality_score = '{score}'")
    assert store.get(database, 1).quality_score is None
    assert len(audit.entries(database)) == 2


def test_a_score_on_the_scale_of_the_table_is_divided(database: Database) -> None:
    run(database, "INSERT INTO workspace_settings VALUES ('original_score_scale', '10', 'migration')")
    for score, found in ((8.5, 0.85), (10, 1.0), (11, None), (0.5, 0.5), (0, 0)):
        write(database, score=score)
        assert store.get(database, 1).quality_score == found


def test_what_is_no_number_is_no_score(database: Database) -> None:
    write(database, score=float("nan"))
    assert (store.get(database, 1).quality_score, audit.entries(database)) == (None, [])


def test_columns_may_be_empty(database: Database) -> None:
    write(database, state=None, tags=None, score=None)
    write(database, state=None, tags=None, score=None)
    run(
        database,
        "INSERT INTO orchestrator_training_data (execution_id, user_request, intent, created_at, source_agent)"
        " VALUES ('x', 'x', NULL, NULL, NULL);"
        "INSERT INTO training_datasets (name, version, example_count) VALUES ('x', NULL, NULL);"
        "INSERT INTO fine_tuning_jobs (job_id, status, target_model) VALUES (NULL, NULL, NULL)",
    )
    found = store.get(database, 1)
    assert (found.business_state, found.tags) == ({}, [])
    with database.connect() as connection:
        row = connection.execute(text("SELECT intent, source_agent FROM orchestrator_training_data WHERE id > 1")).one()
    assert tuple(row) == ("", "")


def test_a_dataset_of_another_program_is_not_built(database: Database) -> None:
    run(database, "INSERT INTO training_datasets (name, file_path) VALUES ('theirs', '/exports/1.jsonl')")
    (version,) = versions.versions(database)
    assert version.status == "legacy"


def test_a_role_that_may_write_its_own_table_alone_goes_on_writing(database: Database) -> None:
    role = f"writer_{database.url.rpartition('/')[2].partition('?')[0]}"
    run(database, f"CREATE ROLE {role}; GRANT SELECT, INSERT, UPDATE ON orchestrator_training_data TO {role}")
    try:
        with database.copying() as connection:
            connection.execute(f"SET ROLE {role}".encode())
            for plan in ("[1]", "[2]"):
                given = {"id": "exec-9", "state": "{}", "plan": plan, "score": 8.5, "tags": ["production"]}
                connection.execute(UPSERT.encode(), given)
            connection.execute("UPDATE orchestrator_training_data SET user_request = 'Something else'")
            # As of work carried out here, of which a tag decides whether it teaches.
            connection.execute("UPDATE orchestrator_training_data SET judgement = 'needed', quality_score = NULL")
            connection.execute("UPDATE orchestrator_training_data SET tags = '{manual_approved}'")
    finally:
        run(database, f"DROP OWNED BY {role}; DROP ROLE {role}")
    found = store.get(database, 1)
    assert (found.revision, found.tags, found.source_score) == (3, ["MANUAL_APPROVED"], 8.5)
    assert found.is_trainable


def test_a_bulk_tag_of_whetstone_leaves_no_line_of_its_own(database: Database) -> None:
    write(database)
    tagging.add_tags(database, EVERYTHING, ["seen"], actor="ada", reason="")
    assert [line.action for line in audit.entries(database)] == ["add tags"]
    with database.connect() as connection:
        assert connection.execute(text("SELECT tags FROM orchestrator_training_data")).scalars().all() == [
            ["PRODUCTION", "SEEN"]
        ]
