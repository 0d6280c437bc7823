"""Commands are enqueued once, found again, and listed page by page."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands import claims, store, verbs
from core.commands.filters import CommandFilter, describe, from_query, parse, to_query
from core.commands.models import STATUSES, NewCommand
from core.commands.store import SORTS, STATUS_ORDER
from core.db import Database
from core.errors import InvalidCommand, InvalidFilter, UnknownCommand
from tests.commands.conftest import claim, command, completed, enqueue, failed, happened, run


def test_a_command_is_stored_as_asked(database: Database) -> None:
    moment = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    first = enqueue(database)
    asked = {
        "agent": "writer",
        "action": "draft",
        "payload": {"topic": "Ärger 🙂", "depth": [1, {"x": None}]},
        "priority": 5,
        "dedupe_key": "once",
        "not_before": moment,
        "max_attempts": 2,
        "run": "run-1",
        "step": "s1",
    }
    stored = command(database, enqueue(database, **asked, waits_for=(first, first)))
    assert {name: getattr(stored, name) for name in asked} == asked
    assert (stored.status, stored.waits, stored.attempt, stored.created_by) == ("pending", 1, 0, "ada")
    assert store.waits_for(database, stored.id) == [first]
    assert store.by_run(database, "run-1") == [stored]
    assert happened(database, stored.id) == ["enqueued"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"agent": ""}, "needs an agent"),
        ({"action": ""}, "needs an agent"),
        ({"payload": {"x": object()}}, "not JSON"),
        ({"payload": {"x": "a\0b"}}, "NUL"),
        ({"payload": {1: "number"}}, "not JSON"),
        ({"run": "a\0b"}, "NUL"),
        ({"priority": 2**31}, "priority"),
        ({"max_attempts": 0}, "max_attempts"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(database: Database, values: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidCommand, match=says):
        enqueue(database, **values)
    assert store.count(database, CommandFilter()) == 0


def test_it_cannot_wait_for_what_is_not_there(database: Database) -> None:
    with pytest.raises(UnknownCommand, match="no command 99 to wait for"):
        enqueue(database, waits_for=(99,))
    with pytest.raises(UnknownCommand, match="no command 99"):
        store.get(database, 99)


def test_one_open_command_a_dedupe_key(database: Database) -> None:
    first = enqueue(database, dedupe_key="daily")
    assert enqueue(database, dedupe_key="daily") == first
    held = claim(database)
    assert enqueue(database, dedupe_key="daily") == first
    claims.complete(database, first, held.token, {})
    second = enqueue(database, dedupe_key="daily")
    assert second != first
    verbs.pause(database, CommandFilter(ids=(second,)), actor="ada", reason="")
    assert enqueue(database, dedupe_key="daily") == second


def test_enqueue_belongs_to_the_callers_transaction(database: Database) -> None:
    with database.connect() as connection:
        store.enqueue_in(connection, NewCommand("clerk", "file"), actor="ada")
        connection.rollback()
    assert store.count(database, CommandFilter()) == 0


def seeded(database: Database) -> dict[str, list[int]]:
    """Some commands of every status, by status."""
    made = {"completed": [completed(database) for _ in range(2)], "failed": [failed(database) for _ in range(3)]}
    made["cancelled"] = [enqueue(database, run="run-1")]
    verbs.cancel(database, CommandFilter(ids=tuple(made["cancelled"])), actor="ada", reason="")
    made["running"] = [enqueue(database)]
    claim(database)
    made["paused"] = [enqueue(database, agent="writer") for _ in range(2)]
    verbs.pause(database, CommandFilter(ids=tuple(made["paused"])), actor="ada", reason="")
    made["pending"] = [enqueue(database) for _ in range(4)]
    return made


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
def test_pages_show_every_command_once_in_order(database: Database, limit: int) -> None:
    made = seeded(database)
    everything = sorted(each for ids in made.values() for each in ids)
    expected = {
        "oldest": everything,
        "newest": everything[::-1],
        "status": [each for status in STATUS_ORDER for each in sorted(made[status], reverse=True)],
    }
    for sort in SORTS:
        seen, after = [], None
        while True:
            page = store.page(database, CommandFilter(), sort=sort, after=after, limit=limit)
            seen += [row.id for row in page.rows]
            after = page.next
            if after is None:
                break
        assert seen == expected[sort]


def test_a_row_shows_what_a_table_needs(database: Database) -> None:
    done, broken = completed(database, run="r", step="s"), failed(database)
    rows = {row.id: row for row in store.page(database, CommandFilter()).rows}
    assert (rows[done].preview, rows[done].run, rows[done].step, rows[done].attempt) == ('{"pages": 3}', "r", "s", 1)
    assert rows[broken].preview == "out of ink"
    assert rows[done].duration_s is not None
    enqueue(database)
    held = claim(database).command
    row = store.page(database, CommandFilter(statuses=("running",))).rows[0]
    assert (row.id, row.finished_at) == (held.id, None)
    assert row.duration_s is not None


@pytest.mark.parametrize("mark", ["x", "1", "-1@pending", "1@nowhere", f"{2**63}@pending", ""])
def test_a_mark_that_is_none_is_refused(database: Database, mark: str) -> None:
    with pytest.raises(InvalidFilter, match="not the mark of a page"):
        store.page(database, CommandFilter(), sort="status", after=mark)


def test_filters_choose(database: Database) -> None:
    made = seeded(database)
    for status in STATUSES:
        assert store.count(database, CommandFilter(statuses=(status,))) == len(made[status])
    assert store.count(database, CommandFilter(agents=("writer",))) == 2
    assert store.count(database, CommandFilter(run="run-1")) == 1
    assert store.count(database, CommandFilter(ids=())) == 0
    assert store.agents(database) == ["clerk", "writer"]


filters = st.builds(
    CommandFilter,
    statuses=st.lists(st.sampled_from(STATUSES)).map(tuple),
    agents=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)).map(tuple),
    run=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    ids=st.none() | st.lists(st.integers(1, 2**62)).map(tuple),
)


@given(filters)
def test_a_filter_survives_json_and_an_address(chosen: CommandFilter) -> None:
    assert parse(chosen.to_json()) == chosen
    assert from_query(to_query(chosen)) == chosen


def test_a_filter_says_what_is_wrong_and_what_it_is() -> None:
    with pytest.raises(InvalidFilter, match="'status': there is no such field"):
        parse({"status": "failed"})
    with pytest.raises(InvalidFilter, match="statuses"):
        parse('{"statuses": ["done"]}')
    with pytest.raises(InvalidFilter, match="not JSON"):
        parse("{")
    with pytest.raises(InvalidFilter, match="NUL"):
        parse({"run": "\0"})
    assert describe(CommandFilter()) == "all commands"
    chosen = CommandFilter(statuses=("failed", "cancelled"), agents=("clerk",), run="r", ids=(1, 2))
    assert describe(chosen) == "cancelled or failed, agent clerk, of the execution r, 2 chosen by hand"


def test_the_hot_queries_are_served_by_their_indexes(database: Database) -> None:
    run(
        database,
        "INSERT INTO commands (agent, action, created_by, status, finished_at) "
        "SELECT 'clerk', 'file', 'ada', 'completed', now() FROM generate_series(1, 5000)",
    )
    enqueue(database)
    run(database, "ANALYZE commands")
    for condition, index in (
        (
            "status = 'pending' AND waits = 0 AND not_before <= now() ORDER BY priority DESC, id LIMIT 1",
            "commands_claim",
        ),
        ("status = 'running' AND lease_until < now()", "commands_lease"),
        ("status = 'pending' ORDER BY id DESC LIMIT 50", "commands_"),
        ("run = 'r'", "commands_run"),
    ):
        plan = "\n".join(row[0] for row in run(database, f"EXPLAIN SELECT * FROM commands WHERE {condition}"))
        assert f"using {index}" in plan, plan
