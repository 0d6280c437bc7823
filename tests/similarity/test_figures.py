"""What a past work brought, as it was known at a moment: nothing of later, by meaning and by words alike."""

import datetime as dt

import pytest
from sqlalchemy import text

from core.db import Database
from core.examples import store as examples
from core.orchestrator import executions
from core.similarity import Ask, EncoderModel, Hit, encode_all, find, register
from tests.similarity.planting import NOON, example, model, plant, post, task

DAY = dt.timedelta(days=1)
METHODS = ("meaning", "words")


def hits(db: Database, method: str, *, as_of: dt.datetime | None = None, leave_out: str = "") -> dict[str, Hit]:
    """What is found for “paint” by name."""
    its: EncoderModel | None = model() if method == "meaning" else None
    if its:
        register(db, its)
        encode_all(db, its)
    with db.connect() as connection:
        found = find(connection, Ask("paint", as_of=as_of, leave_out=leave_out), models=lambda: its)
    assert found.method == method
    return {hit.key: hit for hit in found.hits}


@pytest.mark.parametrize("method", METHODS)
def test_a_task_has_figures_once_it_is_done(database: Database, method: str) -> None:
    figures = {"quality_score": 0.5, "completion_rate": 0.9, "engagement_score": 0.25}
    plant(database, "task", [task(1, "paint", topic="wood", completed_at=NOON + 2 * DAY, **figures)])
    plant(database, "task", [task(2, "paint", quality_score=0.5)])
    before, after, now = (hits(database, method, as_of=moment) for moment in (NOON + DAY, NOON + 3 * DAY, None))
    assert (before["task-1"].quality, before["task-1"].completion, before["task-1"].engagement) == (None, None, None)
    assert (after["task-1"].quality, after["task-1"].completion, after["task-1"].engagement) == (0.5, 0.9, 0.25)
    # Of one that nobody has ended, it is not known when the figure came.
    assert (after["task-2"].quality, now["task-2"].quality) == (None, 0.5)
    assert (now["task-1"].kind, now["task-1"].topic, now["task-1"].at) == ("task", "wood", NOON)
    assert hits(database, method, as_of=NOON) == {}


@pytest.mark.parametrize("method", METHODS)
def test_a_task_of_which_only_the_end_is_known_is_known_from_then_on(database: Database, method: str) -> None:
    plant(database, "task", [task(1, "paint", created_at=None, completed_at=NOON + 2 * DAY)])
    assert hits(database, method, as_of=NOON + DAY) == {}
    assert hits(database, method, as_of=NOON + 3 * DAY)["task-1"].at == NOON + 2 * DAY


@pytest.mark.parametrize("method", METHODS)
def test_a_post_has_the_counts_of_its_last_measurement(database: Database, method: str) -> None:
    plant(database, "post", [post(1, "paint", platform="forum", views=900), post(2, "paint", views=70, engagement=7)])
    with database.begin() as connection:
        for day, platform, views in ((1, "forum", 100), (3, "forum", 300), (3, "blog", 999)):
            connection.execute(
                text(
                    "INSERT INTO social_post_analytics (post_id, platform, views, clicks, shares, likes, comments,"
                    " tracked_at) VALUES ('post-1', :platform, :views, 1, 2, 3, 4, :at)"
                ),
                {"platform": platform, "views": views, "at": NOON + day * DAY},
            )
    seen = [hits(database, method, as_of=NOON + number * DAY)["post-1"] for number in (0.5, 2, 9)]
    assert [(hit.views, hit.engagement) for hit in seen] == [(None, None), (100, 10), (300, 10)]
    assert hits(database, method)["post-1"].views == 300
    assert (hits(database, method)["post-2"].views, hits(database, method)["post-2"].engagement) == (70, 7)


@pytest.mark.parametrize("method", METHODS)
def test_an_example_has_the_score_of_that_moment(database: Database, method: str) -> None:
    plant(database, "example", [example(1, "paint", quality_score=0.25, success=False, intent="draft")])
    before = hits(database, method, as_of=NOON + DAY)["run-1"]
    assert (before.quality, before.success, before.intent, before.counts) == (0.25, False, "draft", True)
    with database.connect() as connection:
        (which,) = connection.execute(text("SELECT id FROM orchestrator_training_data")).scalars()
    examples.set_score(database, which, score=0.9, success=True, actor="ada", reason="read it")
    assert hits(database, method, as_of=NOON + DAY)["run-1"].quality == 0.25
    now = hits(database, method)["run-1"]
    assert (now.quality, now.success) == (0.9, True)
    later = hits(database, method, as_of=dt.datetime.now(dt.UTC) + DAY)["run-1"]
    assert (later.quality, later.success) == (0.9, True)


@pytest.mark.parametrize("method", METHODS)
def test_an_execution_that_had_not_ended_has_no_score_yet(database: Database, method: str) -> None:
    plant(database, "example", [example(1, "paint", quality_score=0.25, success=True)])
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO executions (execution_id, request, status, created_by, created_at, finished_at)"
                " VALUES ('run-1', 'paint', 'completed', 'ada', :begin, :end)"
            ),
            {"begin": NOON, "end": NOON + 2 * DAY},
        )
    assert hits(database, method, as_of=NOON + DAY)["run-1"].quality is None
    assert hits(database, method, as_of=NOON + 3 * DAY)["run-1"].quality == 0.25
    executions.override_score(database, "run-1", score=0.75, success=True, actor="ada", reason="read it")
    seen = [hits(database, method, as_of=moment) for moment in (NOON + DAY, NOON + 3 * DAY, None)]
    assert [each["run-1"].quality for each in seen] == [None, 0.25, 0.75]


@pytest.mark.parametrize("method", METHODS)
def test_an_execution_is_left_out_with_its_task_and_its_post(database: Database, method: str) -> None:
    own = "0a1b2c3d-4e5f-6789-abcd-ef0123456789"
    plant(database, "example", [example(1, "paint", execution_id=own), example(2, "paint")])
    plant(database, "task", [task(1, "paint", metadata=f'{{"execution_id": "{own}"}}'), task(2, "paint")])
    plant(database, "task", [task(3, "paint", task_id=own)])
    plant(database, "post", [post(1, "paint", post_id="how-to-paint-0a1b2c3d"), post(2, "paint")])
    assert set(hits(database, method, leave_out=own)) == {"run-2", "task-2", "post-2"}
    everything = {own, "run-2", "task-1", "task-2", "how-to-paint-0a1b2c3d", "post-2"}
    assert set(hits(database, method)) == everything
    # Less than eight characters say nothing of the end of an address.
    assert set(hits(database, method, leave_out="0a1b2c3")) == everything
