"""Vectors are made of what is there, of what comes and of what changes; once each, and in nobody's way."""

import threading
import time

import numpy as np
import pytest
from sqlalchemy import text

from core.db import Database
from core.errors import Conflict, SimilarityRefused
from core.similarity import Encoding, encode_all, register, status
from core.similarity.vectors import encode_some
from tests.similarity.planting import NOON, Exact, encoded, example, model, plant, post, task, vector


def stored(db: Database) -> dict[tuple[str, int], list[float]]:
    with db.connect() as connection:
        rows = connection.execute(text("SELECT kind, row_id, vector FROM similarity_vectors")).all()
    return {(row.kind, row.row_id): np.frombuffer(row.vector, "<f2").tolist() for row in rows}


def change(db: Database, statement: str) -> None:
    with db.begin() as connection:
        connection.execute(text(statement))


def test_what_is_there_and_what_comes_gets_its_vector_once(database: Database) -> None:
    plant(database, "example", [example(1, "tool shelves"), example(2, " ")])
    its = model()
    assert (status(database).model, status(database).waiting) == ("", 0)
    assert encoded(database, its) == 2
    plant(database, "task", [task(1, "paint", description="the wall")])
    plant(database, "post", [post(1, "oak", content="elm " * 2_000)])
    assert status(database).waiting == 2
    assert encode_all(database, its) == 2
    # Only the beginning of a long text; of nothing, nothing.
    assert its.encoder.encoded == ["tool shelves", "paint\nthe wall", ("oak\n" + "elm " * 2_000)[:2_000]]  # type: ignore[attr-defined]
    assert stored(database) == {
        ("example", 1): vector("tool shelves"),
        ("task", 1): vector("paint the wall"),
        ("post", 1): vector("oak elm"),
    }
    assert (status(database).encoded, status(database).waiting, encode_all(database, its)) == (3, 0, 0)


def test_an_edit_is_encoded_anew_and_its_old_vector_is_gone_at_once(database: Database) -> None:
    plant(database, "example", [example(1, "tool shelves"), example(2, "oak tables")])
    plant(database, "task", [task(1, "paint")])
    its = model()
    encoded(database, its)
    change(database, "UPDATE orchestrator_training_data SET user_request = 'oak chairs', revision = 2 WHERE id = 1")
    change(database, "UPDATE orchestrator_historical_tasks SET description = 'the wall'")
    assert stored(database) == {("example", 2): vector("oak tables")}
    assert encode_all(database, its) == 2
    assert stored(database)[("example", 1)] == vector("oak chairs")
    assert stored(database)[("task", 1)] == vector("paint the wall")


def test_another_date_topic_or_platform_is_noted_without_encoding_again(database: Database) -> None:
    plant(database, "post", [post(1, "oak tables", topic="oak")])
    its = model()
    encoded(database, its)
    change(database, "UPDATE orchestrator_published_posts SET topic = 'beech', platform = 'forum', views = 3")
    assert encode_all(database, its) == 1
    assert its.encoder.encoded == ["oak tables"]  # type: ignore[attr-defined]
    with database.connect() as connection:
        row = connection.execute(text("SELECT topic, platform, known_at FROM similarity_vectors")).one()
    assert tuple(row) == ("beech", "forum", NOON)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orchestrator_training_data SET tags = '{PRODUCTION}', quality_score = 0.5",
        "UPDATE orchestrator_training_data SET business_state = '{\"cash\": 1}'",
        "UPDATE orchestrator_published_posts SET views = views + 1, engagement = 2",
        "UPDATE orchestrator_historical_tasks SET quality_score = 0.5",
    ],
)
def test_what_is_not_compared_makes_nothing_due(database: Database, statement: str) -> None:
    plant(database, "example", [example(1, "tool shelves")])
    plant(database, "task", [task(1, "paint")])
    plant(database, "post", [post(1, "oak tables")])
    encoded(database, model())
    change(database, statement)
    assert status(database).waiting == 0


def test_a_row_that_is_gone_takes_its_vector_with_it(database: Database) -> None:
    plant(database, "task", [task(1, "paint"), task(2, "saw")])
    its = model()
    encoded(database, its)
    change(database, "UPDATE orchestrator_historical_tasks SET title = 'drill' WHERE id = 1")
    change(database, "DELETE FROM orchestrator_historical_tasks WHERE id = 1")
    assert (list(stored(database)), status(database).waiting) == ([("task", 2)], 0)


def test_another_model_makes_them_anew_only_when_somebody_says_so(database: Database) -> None:
    plant(database, "task", [task(1, "paint")])
    encoded(database, model())
    other = model("exact@2")
    assert not register(database, other)
    with pytest.raises(SimilarityRefused, match=r"not of exact@2"):
        encode_some(database, other)
    assert register(database, other, switch=True)
    assert (status(database).model, status(database).encoded, status(database).waiting) == ("exact@2", 0, 1)
    assert encode_all(database, other) == 1
    assert other.encoder.encoded == ["paint"]  # type: ignore[attr-defined]


def test_who_begins_does_not_wait_for_a_long_writer(database: Database) -> None:
    with database.begin() as page:
        page.execute(text("INSERT INTO orchestrator_historical_tasks (task_id, title) VALUES ('a', 'paint')"))
        with pytest.raises(Conflict, match="Somebody writes"):
            register(database, model())
    assert status(database).model == ""
    assert encoded(database, model()) == 1


def test_a_run_that_is_ended_is_taken_up_where_it_was(database: Database) -> None:
    plant(database, "task", [task(number, f"paint {number}") for number in range(10)])
    its = model()
    register(database, its)

    class Ended(Exception):
        pass

    def end(done: int, waiting: int) -> None:
        assert done + waiting == 10
        if done >= 6:
            raise Ended

    with pytest.raises(Ended):
        encode_all(database, its, end, batch=3)
    assert (status(database).encoded, status(database).waiting) == (6, 4)
    assert encode_all(database, its, batch=3) == 4
    assert len(its.encoder.encoded) == 10  # type: ignore[attr-defined]


def test_a_row_that_changes_while_it_is_encoded_stays_due(database: Database) -> None:
    plant(database, "task", [task(1, "paint"), task(2, "saw")])
    its = model()
    register(database, its)

    class Meanwhile(Exact):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            if "paint" in texts:
                change(database, "UPDATE orchestrator_historical_tasks SET title = 'drill' WHERE id = 1")
            return super().encode(texts)

    object.__setattr__(its, "encoder", Meanwhile())
    assert encode_some(database, its) == 1
    assert stored(database) == {("task", 2): vector("saw")}
    assert encode_all(database, its) == 1
    assert stored(database)[("task", 1)] == vector("drill")


def test_a_row_in_somebodys_hand_is_passed_over_and_nobody_waits(database: Database) -> None:
    plant(database, "task", [task(1, "paint"), task(2, "saw")])
    its = model()
    register(database, its)
    with database.begin() as page:
        page.execute(text("UPDATE orchestrator_historical_tasks SET title = 'drill' WHERE id = 1"))
        assert encode_all(database, its) == 1
        assert encode_all(database, its) == 0
    assert encode_all(database, its) == 1
    assert stored(database) == {("task", 1): vector("drill"), ("task", 2): vector("saw")}


def test_one_encodes_at_a_time(database: Database) -> None:
    plant(database, "task", [task(1, "paint")])
    its = model()
    register(database, its)
    others: list[int] = []
    encode_all(database, its, lambda _done, _waiting: others.append(encode_all(database, its)))
    assert others == [0, 0]
    assert status(database).encoded == 1


def test_the_thread_encodes_what_arrives_in_every_workspace_and_ends(database: Database) -> None:
    its = model()
    thread = Encoding(database, pause_s=0.02, models=lambda: its)
    thread.start()
    try:
        for title in ("paint", "saw"):
            plant(database, "task", [task(len(title), title)])
            until = time.monotonic() + 20
            while its.encoder.encoded[-1:] != [title]:  # type: ignore[attr-defined]
                assert time.monotonic() < until
                threading.Event().wait(0.02)
    finally:
        assert thread.stop()
    assert len(stored(database)) == 2
    plant(database, "task", [task(9, "late")])
    assert status(database).waiting == 1


def test_the_thread_does_nothing_without_a_model(database: Database) -> None:
    plant(database, "task", [task(1, "paint")])
    looked = threading.Event()

    def none() -> None:
        looked.set()

    thread = Encoding(database, pause_s=0.02, models=none)
    thread.start()
    assert looked.wait(20)
    assert thread.stop()
    assert status(database) == type(status(database))("", 0, 0)
