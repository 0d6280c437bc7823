"""Examples without a result get it from history: previewed, confirmed, undone in one act."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from core import audit
from core.db import Database
from core.db.tables import examples, historical_tasks, published_posts
from core.errors import Conflict, ImportRefused
from core.examples import importing, store
from core.history import backfill

ID = "{:08x}-0000-4000-8000-000000000000"


def plant(db: Database, *, held: list[dict[str, Any]], posts: list[dict[str, Any]], tasks: list[Any] = ()) -> None:  # pyright: ignore[reportArgumentType]
    with db.begin() as connection:
        for number, values in enumerate(held):
            whole = {"user_request": f"Write {number}", "execution_result": "success", "quality_score": 0.7} | values
            connection.execute(insert(examples).values(whole))
        for number, values in enumerate(posts):
            connection.execute(
                insert(published_posts).values({"post_id": f"post-{number}", "content": "Text"} | values)
            )
        for number, values in enumerate(tasks):
            connection.execute(
                insert(historical_tasks).values({"task_id": f"task-{number}", "content": "Text"} | values)
            )


def results(db: Database) -> list[str | None]:
    with db.connect() as connection:
        return list(
            connection.execute(text("SELECT execution_result FROM orchestrator_training_data ORDER BY id")).scalars()
        )


def test_a_result_comes_from_the_slug_the_id_or_a_task_and_goes_again(database: Database) -> None:
    plant(
        database,
        held=[
            {"execution_id": ID.format(1)},
            {"execution_id": ID.format(2), "execution_result": None},
            {"execution_id": ID.format(3), "quality_score": None},
            {"execution_id": ID.format(4), "execution_result": "A real result"},
            {"execution_id": "task-1", "execution_plan": "A plan"},
        ],
        posts=[
            {"slug": "oak-00000001", "content": "By slug", "status": "published", "title": "Oak"},
            {"execution_id": ID.format(2), "content": "By id"},
            {"slug": "elm-00000004", "content": "Never taken"},
            {"slug": "ash-000000ff", "content": "Of nobody"},
        ],
        tasks=[{"execution_id": ID.format(3), "content": "By task"}, {"task_id": "task-1", "content": "By key"}],
    )
    before = results(database)
    plan = backfill.preview(database)
    assert (plan.without_result, plan.filled, plan.by_execution_id, plan.by_slug) == (4, 4, 3, 1)
    assert plan.trainable == 3, "the one with a plan teaches already"
    assert plan.statuses == {"": 3, "published": 1}
    first = plan.matches[0]
    assert (first.source, first.key, first.title, first.how, first.characters) == ("posts", "post-0", "Oak", "slug", 7)
    assert results(database) == before
    done = backfill.run(database, expected=plan.digest, actor="ada", reason="from the blog")
    assert (done.filled, done.trainable) == (4, 3)
    assert results(database) == ["By slug", "By id", "By task", "A real result", "By key"]
    assert all(store.get(database, number).is_trainable for number in (1, 2, 3, 4, 5))
    assert [each.reason for each in store.history(database, 1)] == ["from the blog"]
    assert backfill.run(database, actor="ada").backfill_id is None
    undone = backfill.undo(database, done.backfill_id or 0, actor="bob")
    assert (undone.restored, undone.left) == (4, 0)
    assert results(database) == before
    with pytest.raises(Conflict, match="undone already by bob"):
        backfill.undo(database, done.backfill_id or 0, actor="bob")
    with pytest.raises(ImportRefused, match="no backfill 9"):
        backfill.undo(database, 9, actor="bob")
    assert [each.action for each in audit.entries(database, subject="history")] == ["undo backfill", "backfill"]
    assert [each.filled for each in backfill.backfills(database)] == [4]


def test_what_is_not_unique_or_contradicts_itself_is_left_and_counted(database: Database) -> None:
    plant(
        database,
        held=[
            {"execution_id": ID.format(1)},
            {"execution_id": ID.format(1).replace("4000", "4001")},
            {"execution_id": ID.format(2)},
            {"execution_id": ID.format(3)},
            {"execution_id": ID.format(4)},
        ],
        posts=[
            {"slug": "oak-00000001"},
            {"slug": "elm-00000002", "content": "One"},
            {"slug": "ash-00000002", "content": "Other"},
            {"execution_id": ID.format(3), "content": "One"},
            {"slug": "fir-00000004", "content": "Same"},
            {"slug": "yew-00000004", "content": "Same"},
        ],
        tasks=[{"execution_id": ID.format(3), "content": "Other"}],
    )
    plan = backfill.preview(database)
    assert (plan.ambiguous, plan.contradicted, plan.filled) == (3, 1, 1)
    backfill.run(database, actor="ada")
    assert results(database) == ["success", "success", "success", "success", "Same"]


def test_a_plan_that_is_not_true_any_more_is_refused(database: Database) -> None:
    plant(database, held=[{"execution_id": ID.format(1)}], posts=[{"slug": "oak-00000001"}])
    plan = backfill.preview(database)
    plant(database, held=[], posts=[{"post_id": "new", "slug": "elm-00000001", "content": "Another"}])
    with pytest.raises(Conflict, match="changed since the preview"):
        backfill.run(database, expected=plan.digest, actor="ada")
    assert results(database) == ["success"]


def test_an_example_that_was_edited_since_keeps_its_edit(database: Database) -> None:
    plant(database, held=[{"execution_id": ID.format(1)}], posts=[{"slug": "oak-00000001"}])
    done = backfill.run(database, actor="ada")
    store.edit(database, 1, {"execution_result": "Better"}, expected_revision=2, actor="eva", reason="typo")
    assert backfill.undo(database, done.backfill_id or 0, actor="ada").left == 1
    assert results(database) == ["Better"]


def test_importing_the_executions_again_leaves_the_result_alone(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "executions.csv"
    head = "execution_id,user_request,execution_plan,execution_result,quality_score,success,source_agent\n"
    path.write_text(f"{head}{ID.format(1)},Write,,success,0.63,t,router\n")
    importing.run(database, path, actor="ada")
    plant(database, held=[], posts=[{"slug": "oak-00000001"}])
    done = backfill.run(database, actor="ada")
    path.write_text(f"{head}{ID.format(1)},Write,,success,0.71,t,router\n")
    importing.run(database, path, actor="ada")
    assert (store.get(database, 1).quality_score, results(database)) == (0.71, ["Text"])
    backfill.undo(database, done.backfill_id or 0, actor="ada")
    assert results(database) == ["success"]
    path.write_text(f"{head}{ID.format(1)},Write,,A long answer,0.71,t,router\n")
    importing.run(database, path, actor="ada")
    assert results(database) == ["A long answer"]


_STARTS = st.sampled_from(["00000001", "00000002"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    held=st.lists(st.tuples(_STARTS, st.booleans()), max_size=4),
    posts=st.lists(st.tuples(_STARTS, st.sampled_from(["One", "Other", "done"])), max_size=4),
)
def test_what_is_filled_by_slugs_agrees_with_plain_python(
    database: Database, held: list[tuple[str, bool]], posts: list[tuple[str, str]]
) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_training_data SET withdrawn_at = now()"))
        connection.execute(text("DELETE FROM orchestrator_published_posts"))
        last = connection.execute(text("SELECT coalesce(max(id), 0) FROM orchestrator_training_data")).scalar_one()
    plant(
        database,
        held=[
            {"execution_id": f"{start}-{last + number}", "execution_result": "Whole" if is_whole else "success"}
            for number, (start, is_whole) in enumerate(held)
        ],
        posts=[{"slug": f"oak-{start}", "content": content} for start, content in posts],
    )
    wanted = 0
    for start, is_whole in held:
        said = {content for other, content in posts if other == start and content != "done"}
        wanted += not is_whole and len(said) == 1 and [other for other, _ in held].count(start) == 1
    assert backfill.preview(database).filled == wanted
