"""History makes the next plan another one: it names the rows that it rests on, and knows nothing of later than the
request."""

import datetime as dt
from pathlib import Path

from sqlalchemy import text, update

from core import history
from core.db import Database
from core.db.tables import executions as executions_table
from core.history import Files
from core.orchestrator import brief, queries
from core.orchestrator.material.context import Context, gather
from core.orchestrator.plans import Request
from core.orchestrator.records import Execution
from tests.orchestrator.driving import submitted

WORDS = "Announce the oak tool shelves in a short post"
NOW = dt.datetime.now(dt.UTC)
_TASKS = """task_id,title,topic,status,quality_score,created_at,completed_at
t-1,Announce the oak tool shelves,tool shelves,published,0.82,2026-01-02 09:00,2026-01-03 09:00
t-2,Count the paper clips,office,published,0.40,2026-01-02 09:00,2026-01-03 09:00
"""
_POSTS = """post_id,title,content,topic,platform,status,views,engagement,published_at
p-1,The oak tool shelves,They hold more than you think.,tool shelves,forum,published,1200,90,2026-01-05 10:00
p-2,Nothing like it,Quarterly letter to nobody.,office,blog,published,300,3,2026-01-06 10:00
"""
_FIGURES = "metric,value,month,currency,recorded_at\nrevenue,1200.50,2026-01,USD,2026-02-01 08:00\n"


def bring_in(db: Database, folder: Path, *contents: str) -> None:
    for number, content in enumerate(contents):
        path = folder / f"history-{number}.csv"
        path.write_text(content, encoding="utf-8")
        history.run_import(db, Files(path), actor="ada")


def reasons(execution: Execution) -> str:
    assert execution.plan is not None
    return " ".join(step.reason for step in execution.plan.steps)


def test_the_plan_differs_once_history_is_loaded_and_names_its_rows(database: Database, tmp_path: Path) -> None:
    before = submitted(database, WORDS)
    bring_in(database, tmp_path, _TASKS, _POSTS, _FIGURES)
    after = submitted(database, WORDS)

    def social(execution: Execution) -> dict[str, object]:
        assert execution.plan is not None
        return dict(next(step for step in execution.plan.steps if step.action == "social_variants").payload)

    assert social(before)["platforms"] == ["social media"]
    assert social(after) == {"topic": "tool shelves", "platforms": ["blog", "forum"], "format": "post"}
    said = reasons(after)
    assert "task t-1 “Announce the oak tool shelves” (quality 0.82)" in said
    assert "post p-1 “The oak tool shelves” (1,200 views)" in said
    assert "“Count the paper clips”" not in said
    assert "t-1" not in reasons(before)

    found, earlier = brief.brief(database, after), brief.brief(database, before)
    assert found is not None
    assert earlier is not None
    assert any("task t-1" in reason and "post p-1" in reason for reason in found.reasons)
    assert any(reason.startswith("Topic “tool shelves”: 1 post") for reason in found.reasons)
    assert earlier.facts == ()


def test_the_context_is_stored_with_the_rows_it_rests_on_and_stays_as_it_was(
    database: Database, tmp_path: Path
) -> None:
    before = submitted(database, WORDS)
    bring_in(database, tmp_path, _TASKS, _POSTS, _FIGURES)
    after = submitted(database, WORDS)
    assert after.context is not None
    known = Context.of_json(after.context)
    assert known.as_of == after.created_at
    with database.connect() as connection:
        task = connection.execute(
            text("SELECT id FROM orchestrator_historical_tasks WHERE task_id = 't-1'")
        ).scalar_one()
        post = connection.execute(
            text("SELECT id FROM orchestrator_published_posts WHERE post_id = 'p-1'")
        ).scalar_one()
    assert {(item.kind, item.id, item.key) for item in known.past.items} == {
        ("task", task, "t-1"),
        ("post", post, "p-1"),
    }
    assert known.figures.note == "Latest figures (January 2026): revenue $1,200."
    assert queries.get(database, before.execution_id).context == before.context
    assert Context.of_json(before.context or {}).past.n == 0


def test_nothing_of_an_executions_future_is_known(database: Database, tmp_path: Path) -> None:
    bring_in(database, tmp_path, _TASKS, _POSTS, _FIGURES)
    asked = Request(WORDS)
    begun = gather(database, asked, as_of=dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC))
    # The task is there and not done yet: its quality is not known, and its topic counts nothing.
    assert [(item.key, item.quality) for item in begun.past.items] == [("t-1", None)]
    assert begun.past.note.endswith("“Announce the oak tool shelves” (nothing was measured).")
    assert (begun.topic.n, begun.platforms.n, begun.figures.n) == (0, 0, 0)
    done = gather(database, asked, as_of=dt.datetime(2026, 1, 4, tzinfo=dt.UTC))
    assert [(item.key, item.quality) for item in done.past.items] == [("t-1", 0.82)]
    assert (done.topic.name, done.platforms.n, done.figures.n) == ("tool shelves", 0, 0)
    later = gather(database, asked, as_of=dt.datetime(2026, 1, 31, tzinfo=dt.UTC))
    assert (later.topic.n, later.platforms.n, later.figures.n) == (1, 2, 0)
    assert gather(database, asked, as_of=NOW).figures.n == 1


def test_a_request_leaves_out_the_task_and_the_post_that_came_of_it(database: Database, tmp_path: Path) -> None:
    own = "0f0f0f0f-1111-4222-8333-444444444444"
    bring_in(
        database,
        tmp_path,
        f"task_id,title,created_at\n{own},Announce the oak tool shelves,2026-01-02\n",
        "post_id,title,content,published_at\noak-tool-shelves-0f0f0f0f,The oak tool shelves,x,2026-01-03\n",
    )
    assert gather(database, Request(WORDS), as_of=NOW).past.n == 2
    assert gather(database, Request(WORDS), as_of=NOW, leave_out=own).past.n == 0


def test_a_context_that_was_stored_without_tasks_and_posts_is_read(database: Database) -> None:
    execution = submitted(database, WORDS)
    former = {
        "as_of": "2026-11-24T00:00:00+00:00",
        "similar": {"n": 0, "note": "No similar past work was found.", "ids": [], "items": [], "compared": ""},
        "topic": {"n": 7, "note": "Topic “labels”: 7 posts.", "name": "labels", "views": 9.5, "views_ratio": 1.1,
                  "engagement_rate": 0.1, "tasks": 2, "task_quality": 0.5, "all_posts": 9},
        "platforms": {"n": 4, "note": "blog 3 views.", "asked": ["blog"],
                      "items": [{"name": "blog", "n": 4, "views": 3.0, "engagement_rate": None}]},
        "figures": {"n": 0, "note": "None.", "items": []},
        "patterns": {"n": 0, "note": "None.", "items": [], "is_tried": False, "withheld": False},
    }  # fmt: skip
    with database.begin() as connection:
        chosen = executions_table.c.execution_id == execution.execution_id
        connection.execute(update(executions_table).where(chosen).values(context=former))
    known = Context.of_json(queries.get(database, execution.execution_id).context or {})
    assert (known.topic.name, known.topic.views_ratio, known.topic.effectiveness) == ("labels", 1.1, None)
    assert (known.platforms.items[0].views, known.past.n, known.business.n) == (3.0, 0, 0)
    assert brief.brief(database, queries.get(database, execution.execution_id)) is not None
