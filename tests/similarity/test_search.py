"""What is found, in which order and with which figures, against a plain Python oracle; by meaning and by words."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.db import Database
from core.errors import SimilarityRefused
from core.similarity import KINDS, Ask, EncoderModel, Found, encode_all, find, register
from core.similarity import search as searching
from tests.similarity.planting import NOON, encoded, example, model, plant, post, task, vector

DAY = dt.timedelta(days=1)
WORDS = ("oak", "elm", "shelf", "paint", "saw", "blog", "price")
TOPICS = ("", "wood", "news")
moments = st.sampled_from([None, *(NOON + number * DAY for number in range(4))])
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


@dataclass(frozen=True)
class Row:
    kind: str
    id: int
    key: str
    said: str
    at: dt.datetime | None
    topic: str
    platform: str
    hidden: bool


rows = st.builds(
    dict,
    kind=st.sampled_from(KINDS),
    said=texts,
    at=moments,
    topic=st.sampled_from(TOPICS),
    platform=st.sampled_from(("", "forum")),
    hidden=st.booleans(),
)
asks = st.builds(
    Ask,
    text=texts,
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, unique=True).map(tuple),
    topic=st.sampled_from(TOPICS),
    platform=st.sampled_from(("", "", "forum")),
    since=moments,
    as_of=moments,
    leave_out=st.sampled_from(("", "key-1", "key-2")),
    limit=st.integers(1, 8),
    clearly=st.booleans(),
)


def write(db: Database, given: list[dict[str, Any]]) -> list[Row]:
    """The rows in their tables, in place of what is there; hidden ones as each kind can be hidden."""
    with db.begin() as connection:
        connection.execute(text("DELETE FROM orchestrator_historical_tasks"))
        connection.execute(text("DELETE FROM orchestrator_published_posts"))
        connection.execute(
            text("UPDATE orchestrator_training_data SET withdrawn_at = now() WHERE withdrawn_at IS NULL")
        )
        taken = connection.execute(text("SELECT coalesce(max(id), 0) FROM orchestrator_training_data")).scalar_one()
    found = []
    for number, each in enumerate(given, start=taken + 1):
        key = f"key-{number - taken}"
        row = Row(**{**each, "id": number, "key": key})
        if row.kind == "example":
            row = Row(**{**row.__dict__, "at": row.at or NOON, "key": f"{key}-{number}"})
            state = {"topic": row.topic} | ({"platform": row.platform} if row.platform else {})
            tags = ["EXCLUDE"] if row.hidden else []
            plant(db, "example", [example(0, row.said, id=row.id, execution_id=row.key, created_at=row.at, tags=tags)])
            with db.begin() as connection:
                connection.execute(
                    text("UPDATE orchestrator_training_data SET business_state = :state, revision = 2 WHERE id = :id"),
                    {"state": _json(state), "id": row.id},
                )
        elif row.kind == "task":
            row = Row(**{**row.__dict__, "platform": "", "hidden": False})
            plant(db, "task", [task(0, row.said, id=row.id, task_id=key, topic=row.topic or None, created_at=row.at)])
        else:
            row = Row(**{**row.__dict__, "hidden": False})
            dates = {"published_at": row.at, "created_at": None}
            more = {"topic": row.topic or None, "platform": row.platform or None}
            plant(db, "post", [post(0, row.said, id=row.id, post_id=key, **more, **dates)])
        found.append(row)
    return found


def _json(value: object) -> str:
    import orjson

    return orjson.dumps(value).decode()


def expected(there: list[Row], ask: Ask) -> list[tuple[str, str, float]]:
    """What has to be found, in plain Python."""
    query, kept = vector(ask.text), []
    for row in there:
        cosine = sum(a * b for a, b in zip(query, vector(row.said), strict=True))
        norms = sum(a * a for a in query) ** 0.5 * sum(a * a for a in vector(row.said)) ** 0.5
        is_dated = row.at is not None
        if (
            row.kind in ask.kinds
            and not row.hidden
            and cosine / norms >= (searching.CLEAR_COSINE if ask.clearly else searching.LEAST_COSINE)
            and (not ask.topic or row.topic == ask.topic)
            and (not ask.platform or row.platform == ask.platform)
            and (ask.as_of is None or (is_dated and row.at < ask.as_of))
            and (ask.since is None or (is_dated and row.at >= ask.since))
            and (not ask.leave_out or row.key != ask.leave_out)
        ):
            kept.append((cosine / norms, row))
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    kept.sort(key=lambda pair: (-pair[0], -(pair[1].at or oldest).timestamp(), KINDS.index(pair[1].kind), -pair[1].id))
    return [(row.kind, row.key, round(cosine, 3)) for cosine, row in kept[: ask.limit]]


def ask_for(db: Database, ask: Ask, its: EncoderModel | None) -> Found:
    with db.connect() as connection:
        return find(connection, ask, models=lambda: its)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(given_rows=st.lists(rows, max_size=12), wanted=st.lists(asks, min_size=1, max_size=6))
def test_hits_are_those_of_the_oracle(database: Database, given_rows: list[dict[str, Any]], wanted: list[Ask]) -> None:
    its = model()
    there = write(database, given_rows)
    encoded(database, its)
    for ask in wanted:
        found = ask_for(database, ask, its)
        assert found.method == "meaning"
        assert [(hit.kind, hit.key, hit.similarity) for hit in found.hits] == expected(there, ask)
        assert [hit.at for hit in found.hits] == [
            next(row.at for row in there if (row.kind, row.key) == (hit.kind, hit.key)) for hit in found.hits
        ]


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(given_rows=st.lists(rows, max_size=10), ask=asks)
def test_by_words_the_same_is_left_out(database: Database, given_rows: list[dict[str, Any]], ask: Ask) -> None:
    """Without statistics every word weighs the same, so the similarity is the share of the words."""
    there = write(database, given_rows)
    found = ask_for(database, ask, None)
    assert found.method == "words"
    query = set(ask.text.split())
    shares = {(row.kind, row.key): len(query & set(row.said.split())) / len(query) for row in there}
    everything = Ask(ask.text, limit=50)
    allowed = {
        (row.kind, row.key)
        for row in there
        if shares[row.kind, row.key] >= (0.3 if ask.clearly else 0.1)
        and any(one[:2] == (row.kind, row.key) for one in _chosen(there, Ask(**{**ask.__dict__, "limit": 50})))
    }
    got = ask_for(database, Ask(**{**ask.__dict__, "limit": 50}), None).hits
    assert {(hit.kind, hit.key) for hit in got} == allowed
    assert all(abs(hit.similarity - shares[hit.kind, hit.key]) < 0.002 for hit in got)
    assert [hit.similarity for hit in got] == sorted((hit.similarity for hit in got), reverse=True)
    assert found.hits == got[: ask.limit]
    assert len(ask_for(database, everything, None).hits) >= len(got)


def _chosen(there: list[Row], ask: Ask) -> list[tuple[str, str, float]]:
    """The rows that the filters of the ask allow, whatever they say."""
    same = [Row(**{**row.__dict__, "said": ask.text}) for row in there]
    return expected(same, ask)


def test_without_a_model_words_are_compared_and_that_is_said(database: Database) -> None:
    plant(database, "task", [task(1, "paint the shelf")])
    for its, says in (
        (None, "No model is installed that compares meaning; `python -m core similarity install`"),
        (model(), "No vectors have been made yet"),
    ):
        found = ask_for(database, Ask("shelf"), its)
        assert (found.method, [hit.key for hit in found.hits]) == ("words", ["task-1"])
        assert found.note.startswith(f"Compared by words. {says}")
    register(database, model())
    assert "still being made: 1 row waits" in ask_for(database, Ask("shelf"), model()).note
    encode_all(database, model())
    assert "are of exact@1, and here exact@2 is installed" in ask_for(database, Ask("shelf"), model("exact@2")).note
    assert ask_for(database, Ask("shelf"), model()).note == "Compared by meaning (exact@1) with 1 past work."

    def broken() -> None:
        raise SimilarityRefused("The weights are cut short.")

    with database.connect() as connection:
        assert find(connection, Ask("shelf"), models=broken).note == "Compared by words. The weights are cut short."


def test_what_is_not_encoded_yet_is_told(database: Database) -> None:
    its = model()
    plant(database, "task", [task(1, "paint"), task(2, "saw")])
    encoded(database, its)
    plant(database, "task", [task(3, "paint")])
    found = ask_for(database, Ask("paint"), its)
    assert [hit.key for hit in found.hits if hit.similarity == 1] == ["task-1"]
    assert found.note.endswith("with 2 past works. 1 new or changed one is not encoded yet.")


def test_a_text_without_words_finds_nothing_and_says_why(database: Database) -> None:
    plant(database, "task", [task(1, "paint")])
    encoded(database, model())
    for its in (None, model()):
        found = ask_for(database, Ask(" \n"), its)
        assert (found.hits, found.note) == ((), "Compared by words. The text has no word to look for in past work.")


def test_changes_are_seen_at_once_without_a_vector_of_the_old_text(database: Database) -> None:
    its = model()
    plant(database, "post", [post(1, "paint"), post(2, "paint")])
    encoded(database, its)
    assert len(ask_for(database, Ask("paint"), its).hits) == 2
    with database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_published_posts SET title = 'price' WHERE id = 1"))
        connection.execute(text("UPDATE orchestrator_published_posts SET published_at = NULL WHERE id = 2"))
    assert [hit.key for hit in ask_for(database, Ask("paint"), its).hits] == ["post-2"]
    assert ask_for(database, Ask("paint", as_of=NOON + DAY), its).hits == ()
    encode_all(database, its)
    assert {hit.key for hit in ask_for(database, Ask("price"), its).hits if hit.similarity == 1} == {"post-1"}


def test_hidden_rows_make_room_for_further_ones(database: Database) -> None:
    its = model()
    plant(database, "example", [example(1, "paint", created_at=NOON - DAY)])
    plant(database, "example", [example(number, "paint", tags=["TEST"]) for number in range(2, 70)])
    encoded(database, its)
    assert [hit.key for hit in ask_for(database, Ask("paint", limit=2), its).hits] == ["run-1"]


def test_workspaces_and_a_table_made_anew_are_told_apart(database: Database) -> None:
    from core.db import workspaces

    its = model()
    for round_, title in enumerate(("paint", "saw")):
        other = workspaces.create(database, "other")
        plant(other, "task", [task(1, title)])
        encoded(other, its)
        assert [hit.text for hit in ask_for(other, Ask(title), its).hits if hit.similarity == 1] == [title], round_
        assert ask_for(database, Ask(title), its).hits == ()
        workspaces.drop(database, "other")


def test_many_are_read_in_pieces_and_compared_as_numpy_does(database: Database, monkeypatch: Any) -> None:
    """Rows come to the matrix in pieces, and it grows; here with vectors that are no round numbers."""
    monkeypatch.setattr("core.similarity.matrix._FETCHED", 300)
    draw = np.random.default_rng(5)
    made = draw.normal(size=(2_500, 32)).astype(np.float32)
    made = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("<f2")
    its = model()
    register(database, its)
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO orchestrator_historical_tasks (task_id, title) SELECT n, n FROM generate_series(1, 2500) n"
            )
        )
        connection.execute(text("DELETE FROM similarity_due"))
        connection.execute(
            text(
                "INSERT INTO similarity_vectors (kind, row_id, model, content, vector)"
                " VALUES ('task', :id, 'exact@1', gen_random_uuid(), :vector)"
            ),
            [{"id": number + 1, "vector": each.tobytes()} for number, each in enumerate(made)],
        )
    query = np.array(vector("oak"), np.float32)
    cosines = made.astype(np.float32) @ query
    best = [int(place) + 1 for place in np.argsort(-cosines)[:10] if cosines[place] >= 0.25]
    found = ask_for(database, Ask("oak"), its)
    assert len(best) > 3
    assert [hit.id for hit in found.hits] == best
    assert "with 2,500 past works" in found.note


def test_each_search_is_planned_for_its_own_words(database: Database) -> None:
    """The plan for any words at all goes through every row."""
    plant(database, "post", [post(number, f"Oak shelf {number}") for number in range(3)])
    with database.connect() as connection:
        for number in range(15):
            find(connection, Ask(f"oak shelf {number}", kinds=("post",)), models=lambda: None)
        planned = text(
            "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE '%tsvector_to_array%'"
        )
        custom, generic = connection.execute(planned).one()
    assert custom > 5
    assert generic == 0
