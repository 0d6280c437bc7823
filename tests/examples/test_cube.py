"""The cube is exact or not used: against plain Python, after changes, and while it is built."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from core.db import Database
from core.db.tables import cube as sums
from core.db.tables import cube_version, example_changes
from core.examples import cube, statistics, store, tagging
from core.examples.filters import EVERYTHING, VERDICTS, Filter
from tests.examples.rows import START, insert, matches, rows
from tests.examples.test_filters import SHARED, emptied

twentieths = st.none() | st.integers(0, 20).map(lambda k: k / 20)
months = st.none() | st.integers(1, 4).map(lambda month: dt.datetime(2026, month, 1, tzinfo=dt.UTC))


@st.composite
def aligned(draw: st.DrawFn) -> Filter:
    """Filters whose bounds are the cube's own."""
    low, high = draw(st.tuples(twentieths, twentieths))
    start, end = draw(st.tuples(months, months))
    if low is not None and high is not None and low > high:
        low, high = high, low
    if start is not None and end is not None and start > end:
        start, end = end, start
    return Filter(
        quality_min=low,
        quality_max=high,
        unscored=draw(st.none() | st.sampled_from(("keep", "hide", "only"))),
        created_from=start,
        created_to=end,
        intents=draw(st.lists(st.sampled_from(("content", "finance", "")), max_size=2)),
        success=draw(st.none() | st.booleans()),
        verdicts=draw(st.lists(st.sampled_from(tuple(VERDICTS)), max_size=3)),
        include_tags=draw(st.just([]) | st.just(["X_1"])),
        exclude_tags=draw(st.just([]) | st.just(["EXCLUDE", "DEVELOPMENT"])),
        source_agents=draw(st.just([]) | st.just(["content"])),
        source_models=draw(st.just([]) | st.just(["", "base"])),
        trainable=draw(st.booleans()),
    )


edges = st.integers(0, 20).map(lambda k: k / 20)
spread = st.integers(0, 3).map(lambda month: START + dt.timedelta(days=31 * month))
wide_rows = st.tuples(rows, st.none() | edges | st.floats(0, 1), spread).map(
    lambda drawn: {**drawn[0], "quality_score": drawn[1], "created_at": drawn[2]}
)


@SHARED
@given(values=st.lists(wide_rows, max_size=30), chosen=aligned())
def test_the_cube_answers_like_plain_python_and_like_a_scan(
    database: Database, values: list[dict[str, Any]], chosen: Filter
) -> None:
    emptied(database)
    whole = insert(database, values)
    now = START + dt.timedelta(days=100)
    scanned = statistics.overview(database, chosen, now=now), store.count(database, chosen), store.choices(database)
    with database.connect() as connection:
        assert cube.usable(connection, chosen) is None, "a cube of other rows must not be used"
    assert cube.refresh(database)
    with database.connect() as connection:
        assert cube.usable(connection, chosen) is not None
    summed = statistics.overview(database, chosen, now=now), store.count(database, chosen), store.choices(database)

    assert summed[1] == sum(matches(chosen, row) for row in whole)
    assert summed[1:] == scanned[1:]
    assert _rounded(summed[0]) == _rounded(scanned[0])


def _rounded(value: Any) -> Any:
    """The same without the last bits of its sums: the same floats, added in another order."""
    if dataclasses.is_dataclass(value):
        return [_rounded(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return round(value, 9) if isinstance(value, float) else value


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(words="launch"),
        Filter(ids=(1, 2)),
        Filter(ids=()),
        Filter(quality_min=0.51),
        Filter(quality_max=0.999),
        Filter(created_from=dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
        Filter(created_to=dt.datetime(2026, 1, 1, 0, 0, 1, tzinfo=dt.UTC)),
    ],
    ids=str,
)
def test_what_the_cube_cannot_tell_it_does_not_answer(chosen: Filter) -> None:
    assert cube.condition(chosen) is None


def test_every_twentieth_is_an_edge() -> None:
    assert [cube.condition(Filter(quality_min=float(f"{k / 20:.2f}"))) is None for k in range(21)] == [False] * 21


def test_a_change_makes_the_cube_old_and_a_refresh_new(database: Database) -> None:
    insert(database, [{"user_request": "x", "execution_result": "It is about lamps.", "tags": []}] * 3)
    cube.refresh(database)
    tagging.add_tags(database, Filter(ids=(1,)), ["X_1"], actor="test", reason="test")
    with database.connect() as connection:
        assert not cube.is_fresh(connection)
    assert store.count(database, Filter(include_tags=("X_1",))) == 1
    cube.refresh(database)
    with database.connect() as connection:
        assert cube.is_fresh(connection)
        assert connection.execute(select(sums.c.number).where(sums.c.tags.contains(["X_1"]))).scalar_one() == 1


def test_a_change_that_commits_during_the_build_is_not_taken_for_seen(database: Database) -> None:
    insert(database, [{"user_request": "x", "tags": []}])
    with database.begin() as late:
        late.execute(text("UPDATE orchestrator_training_data SET intent = 'late', revision = 2"))
        cube.refresh(database)
        with database.connect() as connection:
            assert cube.is_fresh(connection)
    with database.connect() as connection:
        assert not cube.is_fresh(connection)
    assert store.choices(database).intents == ["late"]


def test_two_builds_at_once_do_it_once(database: Database) -> None:
    insert(database, [{"user_request": "x", "tags": []}])
    with database.begin() as connection:
        key = f"whetstone {database.schema} cube"
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
        assert not cube.refresh(database)
    assert cube.refresh(database)


def test_it_is_built_only_where_it_is_worth_it_and_when_the_examples_rest(database: Database) -> None:
    insert(database, [{"user_request": "x", "tags": []}] * 10)
    assert not cube.refresh_if_due(database), "ten rows are read as fast as a cube"
    with database.begin() as connection:
        connection.execute(text("UPDATE pg_class SET reltuples = 1e6 WHERE relname = 'orchestrator_training_data'"))
    assert not cube.refresh_if_due(database), "they changed a moment ago"
    with database.begin() as connection:
        connection.execute(example_changes.update().values(at=text("now() - interval '3 s'")))
    assert cube.refresh_if_due(database)
    assert not cube.refresh_if_due(database), "it is fresh"


def test_a_build_that_took_long_is_not_repeated_at_once(database: Database) -> None:
    insert(database, [{"user_request": "x", "tags": []}])
    cube.refresh(database)
    insert_more = {"user_request": "y", "execution_id": "more", "id": 99, "tags": []}
    with database.begin() as connection:
        connection.execute(text("UPDATE pg_class SET reltuples = 1e6 WHERE relname = 'orchestrator_training_data'"))
        connection.execute(store.examples.insert(), insert_more)
        connection.execute(example_changes.update().values(at=text("now() - interval '3 s'")))
        connection.execute(cube_version.update().values(took=dt.timedelta(minutes=1)))
    assert not cube.refresh_if_due(database)
    assert store.count(database, EVERYTHING) == 2


def test_a_late_change_that_also_takes_an_old_mark_out_gives_another_version(database: Database) -> None:
    """Two changes overlap; the one that commits last has the lower id, and removes a mark that is an hour old."""
    insert(database, [{"user_request": "x", "tags": []}] * 2)
    with database.begin() as connection:
        connection.execute(example_changes.update().values(at=text("now() - interval '2 hours'")))
    with database.begin() as late:
        late.execute(text("UPDATE orchestrator_training_data SET success = true WHERE id = 1"))
        with database.begin() as early:
            early.execute(text("UPDATE orchestrator_training_data SET success = true WHERE id = 2"))
        seen = store.version(database)
    assert store.version(database) != seen
