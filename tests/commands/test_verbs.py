"""Every verb: what it changes, what it refuses and why, one audit line each."""

import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from core import audit
from core.commands import claims, store, verbs
from core.commands.filters import CommandFilter
from core.commands.models import Change
from core.db import Database
from tests.commands.conftest import claim, command, completed, enqueue, failed, happened, let_pause_end, status

Make = Callable[[Database], int]


def act(database: Database, verb: str, *ids: int) -> Change:
    return getattr(verbs, verb)(database, CommandFilter(ids=ids), actor="ada", reason="because")


def running(database: Database) -> int:
    command_id = enqueue(database)
    claim(database)
    return command_id


def pausing(database: Database) -> int:
    command_id = running(database)
    act(database, "pause", command_id)
    return command_id


def cancelling(database: Database) -> int:
    command_id = running(database)
    act(database, "cancel", command_id)
    return command_id


def paused(database: Database) -> int:
    command_id = enqueue(database)
    act(database, "pause", command_id)
    return command_id


def cancelled(database: Database) -> int:
    command_id = enqueue(database)
    act(database, "cancel", command_id)
    return command_id


STATES: dict[str, Make] = {
    "pending": enqueue,
    "running": running,
    "pausing": pausing,
    "cancelling": cancelling,
    "paused": paused,
    "completed": completed,
    "failed": failed,
    "cancelled": cancelled,
}
#: verb -> state -> the new status and request, or what the refusal says.
TABLE: dict[str, dict[str, tuple[str, str | None] | str]] = {
    "resume": {
        "pending": "it is pending",
        "running": "it is running",
        "pausing": ("running", None),
        "cancelling": "asked to stop it already",
        "paused": ("pending", None),
        "completed": "it has completed",
        "failed": "it has failed",
        "cancelled": "it is cancelled",
    },
    "pause": {
        "pending": ("paused", None),
        "running": ("running", "pause"),
        "pausing": "asked to stop it already",
        "cancelling": "asked to stop it already",
        "paused": "it is paused",
        "completed": "it has completed",
        "failed": "it has failed",
        "cancelled": "it is cancelled",
    },
    "cancel": {
        "pending": ("cancelled", None),
        "running": ("running", "cancel"),
        "pausing": ("running", "cancel"),
        "cancelling": "asked to stop it already",
        "paused": ("cancelled", None),
        "completed": "it has completed",
        "failed": "it has failed",
        "cancelled": "it is cancelled",
    },
    "retry": {
        "pending": "it is pending",
        "running": "it is running",
        "pausing": "it is running",
        "cancelling": "it is running",
        "paused": "it is paused",
        "completed": "it has completed",
        "failed": ("pending", None),
        "cancelled": ("pending", None),
    },
    "delete": {
        "pending": ("gone", None),
        "running": "it is running",
        "pausing": "it is running",
        "cancelling": "it is running",
        "paused": ("gone", None),
        "completed": ("gone", None),
        "failed": ("gone", None),
        "cancelled": ("gone", None),
    },
}
CASES = [(verb, state, ends) for verb, row in TABLE.items() for state, ends in row.items()]


@pytest.mark.parametrize(("verb", "state", "ends"), CASES, ids=[f"{verb}-{state}" for verb, state, _ in CASES])
def test_each_verb_in_each_state(database: Database, verb: str, state: str, ends: Any) -> None:
    command_id = STATES[state](database)
    before = command(database, command_id)
    change = act(database, verb, command_id)
    if isinstance(ends, str):
        assert change.changed == ()
        ((refused, sentence),) = change.refused
        assert (refused, sentence.startswith("Not "), ends in sentence) == (command_id, True, True), sentence
        assert command(database, command_id) == before
    elif ends[0] == "gone":
        assert change == Change((command_id,), ())
        assert store.count(database, CommandFilter()) == 0
    else:
        assert change == Change((command_id,), ())
        after = command(database, command_id)
        assert (after.status, after.stop_requested) == ends


def test_a_verb_leaves_one_audit_line_and_an_event_a_command(database: Database) -> None:
    ids = [enqueue(database) for _ in range(3)]
    done = completed(database, priority=1)
    change = act(database, "pause", *ids, done, 12345)
    assert change.changed == tuple(ids)
    assert change.refused == (
        (done, "Not paused: it has completed."),
        (12345, "Not paused: it does not exist any more."),
    )
    (line,) = audit.entries(database, subject="commands")
    assert (line.actor, line.action, line.reason, line.row_count) == ("ada", "pause", "because", 3)
    assert line.after == {"chosen": "5 chosen by hand", "ids": ids, "refused": 2}
    for each in ids:
        last = store.events(database, each)[-1]
        assert (last.event, last.actor, last.detail) == ("paused", "ada", "because")


def test_a_verb_takes_a_whole_filter(database: Database) -> None:
    writers = [enqueue(database, agent="writer") for _ in range(5)]
    enqueue(database)
    change = verbs.cancel(database, CommandFilter(agents=("writer",)), actor="ada", reason="")
    assert change == Change(tuple(writers), ())
    assert verbs.cancel(database, CommandFilter(ids=()), actor="ada", reason="") == Change((), ())


def test_an_id_that_the_filter_passes_over_is_not_called_gone(database: Database) -> None:
    pending, done = enqueue(database), completed(database, priority=1)
    chosen = CommandFilter(ids=(pending, done), statuses=("pending",))
    assert verbs.pause(database, chosen, actor="ada", reason="") == Change((pending,), ())


def test_a_retry_begins_a_new_round_and_keeps_the_old_one(database: Database) -> None:
    command_id = enqueue(database, max_attempts=2)
    for number in (1, 2):
        let_pause_end(database, command_id)
        claims.fail(database, command_id, claim(database).token, f"error {number}")
    act(database, "retry", command_id)
    stored = command(database, command_id)
    assert (stored.status, stored.attempt, stored.max_attempts, stored.error) == ("pending", 2, 4, None)
    assert claims.fail(database, command_id, claim(database).token, "error 3") == "pending"
    let_pause_end(database, command_id)
    assert claims.fail(database, command_id, claim(database).token, "error 4") == "failed"
    assert [(a.attempt, a.error) for a in store.attempts(database, command_id)] == [
        (number, f"error {number}") for number in range(1, 5)
    ]
    assert "retried" in happened(database, command_id)


def test_a_retry_never_makes_two_open_commands_of_one_dedupe_key(database: Database) -> None:
    old, new = (failed(database, dedupe_key="daily") for _ in range(2))
    change = act(database, "retry", old, new)
    assert change.changed == (new,)
    assert change.refused == ((old, "Not retried: another command with the same dedupe key is open or newer."),)
    assert act(database, "retry", old).changed == ()


def test_retries_and_enqueues_of_one_key_at_once_leave_one_open(database: Database) -> None:
    for number in range(15):
        old = failed(database, dedupe_key=f"key {number}", priority=number)
        threads = [
            threading.Thread(target=act, args=(database, "retry", old)),
            threading.Thread(target=enqueue, args=(database,), kwargs={"dedupe_key": f"key {number}"}),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        opened = store.page(database, CommandFilter(statuses=("pending",))).rows
        assert len(opened) == 1
        act(database, "delete", *(row.id for row in opened), old)


def test_what_others_wait_for_is_not_deleted_under_them(database: Database) -> None:
    first = enqueue(database)
    second = enqueue(database, waits_for=(first,))
    third = enqueue(database, waits_for=(second,))
    change = act(database, "delete", first, second)
    why = "Not deleted: other commands wait for it; delete those too, or retry this one."
    assert change == Change((), ((first, why), (second, why)))
    assert act(database, "delete", first, second, third) == Change((first, second, third), ())


def test_what_has_completed_can_go_although_others_waited_for_it(database: Database) -> None:
    first = enqueue(database)
    second = enqueue(database, waits_for=(first,))
    claims.complete(database, first, claim(database).token, {})
    assert act(database, "delete", first).changed == (first,)
    assert claim(database).command.id == second


def test_deleted_commands_stay_on_record(database: Database) -> None:
    command_id = failed(database)
    act(database, "delete", command_id)
    last = store.events(database, command_id)[-1]
    assert (last.event, last.actor, last.detail) == ("deleted", "ada", "clerk file, failed: because")


def test_two_bulk_verbs_at_once_do_not_deadlock(database: Database) -> None:
    ids = [enqueue(database) for _ in range(300)]
    changes: list[Change] = []
    threads = [
        threading.Thread(target=lambda v=verb: changes.append(act(database, v, *ids)))
        for verb in ("pause", "cancel", "pause", "delete")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(changes) == 4
    assert store.count(database, CommandFilter()) == 0 or len({status(database, each) for each in ids}) == 1


def test_the_export_is_one_json_array_with_attempts_and_steps(database: Database) -> None:
    assert orjson.loads(b"".join(verbs.export(database, CommandFilter()))) == []
    done = completed(database, payload={"text": 'Zeile\n"1" 🙂 \\u0041'})
    broken = failed(database)
    with database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO command_steps (command_id, step, output) VALUES (%s, 'one', '[1]')", (done,)
        )
    exported = orjson.loads(b"".join(verbs.export(database, CommandFilter())))
    assert [each["id"] for each in exported] == [done, broken]
    assert exported[0]["payload"] == {"text": 'Zeile\n"1" 🙂 \\u0041'}
    assert (exported[0]["result"], exported[0]["steps"]) == ({"pages": 3}, {"one": [1]})
    assert [attempt["error"] for attempt in exported[1]["attempts"]] == ["out of ink"]
    assert "token" not in exported[0]
    assert "token" not in exported[1]["attempts"][0]
    only = orjson.loads(b"".join(verbs.export(database, CommandFilter(statuses=("failed",)))))
    assert [each["id"] for each in only] == [broken]
