"""A command is one worker's at a time, and only that worker can say how it ended."""

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest

from core.commands import claims, store
from core.commands.filters import CommandFilter
from core.commands.models import NewCommand
from core.db import Database
from core.errors import UnknownCommand
from tests.commands.conftest import (
    ask,
    claim,
    command,
    completed,
    enqueue,
    failed,
    happened,
    let_lease_end,
    let_pause_end,
    run,
    status,
)


def test_higher_priority_first_then_first_in_first_out(database: Database) -> None:
    ids = [enqueue(database, priority=priority) for priority in (0, 5, -1, 5, 0)]
    order = [claim(database).command.id for _ in ids]
    assert order == [ids[1], ids[3], ids[0], ids[4], ids[2]]
    assert claims.claim(database, worker="w", agents=None) == []


def test_many_at_once_come_in_the_same_order(database: Database) -> None:
    ids = [enqueue(database, priority=priority) for priority in (0, 5, -1, 5)]
    claimed = [each.command.id for each in claims.claim(database, worker="w", agents=None, limit=3)]
    assert claimed == [ids[1], ids[3], ids[0]]


def test_a_worker_gets_only_what_its_agents_do(database: Database) -> None:
    enqueue(database, agent="outside")
    mine = enqueue(database, agent="clerk")
    assert [each.command.id for each in claims.claim(database, worker="w", agents=["clerk"], limit=9)] == [mine]
    assert claims.claim(database, worker="w", agents=[], limit=9) == []


def test_what_is_not_due_waits(database: Database) -> None:
    later = enqueue(database, not_before=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert claims.claim(database, worker="w", agents=None) == []
    let_pause_end(database, later)
    assert claim(database).command.id == later


def test_a_claim_says_whose_it_is(database: Database) -> None:
    command_id = enqueue(database)
    claimed = claim(database, "w7", lease_s=60)
    stored = command(database, command_id)
    assert claimed.command == stored
    assert (stored.status, stored.attempt, stored.worker, stored.outcome) == ("running", 1, "w7", "running")
    assert stored.lease_until is not None
    assert stored.lease_until > dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    (attempt,) = store.attempts(database, command_id)
    assert (attempt.attempt, attempt.worker, attempt.outcome, attempt.finished_at) == (1, "w7", "running", None)


def test_a_heartbeat_moves_the_lease_and_carries_requests(database: Database) -> None:
    command_id = enqueue(database)
    token = claim(database, lease_s=1).token
    assert claims.heartbeat(database, command_id, token, lease_s=60) == "go"
    lease = command(database, command_id).lease_until
    assert lease is not None
    assert lease > dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    ask(database, "pause", command_id)
    assert claims.heartbeat(database, command_id, token) == "pause"
    ask(database, "resume", command_id)
    assert claims.heartbeat(database, command_id, token) == "go"
    ask(database, "cancel", command_id)
    assert claims.heartbeat(database, command_id, token) == "cancel"
    assert claims.heartbeat(database, command_id, uuid4()) is None
    assert claims.heartbeat(database, 99, token) is None


def test_a_completed_command_keeps_its_result(database: Database) -> None:
    command_id = enqueue(database)
    token = claim(database).token
    assert claims.complete(database, command_id, token, {"text": "Grüße 🙂"}) == "completed"
    stored = command(database, command_id)
    assert (stored.status, stored.result, stored.error) == ("completed", {"text": "Grüße 🙂"}, None)
    assert (stored.lease_until, stored.finished_at is not None) == (None, True)
    assert [attempt.outcome for attempt in store.attempts(database, command_id)] == ["completed"]
    assert happened(database, command_id) == ["enqueued", "claimed", "completed"]


def test_asking_twice_because_the_answer_was_lost_is_no_stale_result(database: Database) -> None:
    command_id = enqueue(database)
    token = claim(database).token
    follow = [NewCommand("clerk", "next")]
    assert claims.complete(database, command_id, token, {"n": 1}, then=follow) == "completed"
    assert claims.complete(database, command_id, token, {"n": 2}, then=follow) == "completed"
    assert command(database, command_id).result == {"n": 1}
    assert store.count(database, CommandFilter()) == 2
    assert "stale_result" not in happened(database, command_id)
    other = enqueue(database, priority=9)
    token = claim(database).token
    assert claims.fail(database, other, token, "no") == "pending"
    assert claims.fail(database, other, token, "no") == "pending"
    assert "stale_result" not in happened(database, other)


def test_a_late_result_is_refused_and_noted(database: Database) -> None:
    command_id = enqueue(database)
    old = claim(database, "frozen").token
    let_lease_end(database, command_id)
    assert claims.reap(database) == [command_id]
    let_pause_end(database, command_id)
    new = claim(database, "second").token
    ran = []
    late = claims.complete(
        database, command_id, old, {"by": "frozen"}, then=[NewCommand("clerk", "next")], within=ran.append
    )
    assert late is None
    assert claims.fail(database, command_id, old, "late") is None
    assert claims.hand_back(database, command_id, old) is False
    assert claims.heartbeat(database, command_id, old) is None
    assert claims.complete(database, command_id, new, {"by": "second"}) == "completed"
    assert claims.complete(database, command_id, old, {"by": "frozen"}) is None
    assert command(database, command_id).result == {"by": "second"}
    assert (ran, store.count(database, CommandFilter())) == ([], 1)
    stale = [event for event in store.events(database, command_id) if event.event == "stale_result"]
    assert [(event.attempt, event.worker) for event in stale] == [(1, "frozen")] * 3
    assert stale[0].detail == 'completed: {"by":"frozen"}'


def test_a_result_for_a_removed_command_is_noted_too(database: Database) -> None:
    assert claims.complete(database, 99, uuid4(), {"x": 1}) is None
    assert [(event.event, event.worker) for event in store.events(database, 99)] == [("stale_result", None)]


def test_retries_with_doubling_pauses_then_failed_with_every_attempt_kept(database: Database) -> None:
    command_id = enqueue(database)
    for number, pause in enumerate([2, 4, 8], start=1):
        token = claim(database, f"w{number}").token
        before = dt.datetime.now(dt.UTC)
        assert claims.fail(database, command_id, token, f"error {number}") == "pending"
        delay = (command(database, command_id).not_before - before).total_seconds()
        assert pause - 0.5 < delay < pause + 10
        let_pause_end(database, command_id)
    assert claims.fail(database, command_id, claim(database, "w4").token, "error 4") == "failed"
    stored = command(database, command_id)
    assert (stored.status, stored.attempt, stored.error) == ("failed", 4, "error 4")
    assert [(a.attempt, a.worker, a.outcome, a.error) for a in store.attempts(database, command_id)] == [
        (number, f"w{number}", "failed", f"error {number}") for number in range(1, 5)
    ]
    assert happened(database, command_id)[-4:] == ["claimed", "attempt_failed", "claimed", "failed"]


def test_without_retry_it_fails_at_once(database: Database) -> None:
    command_id = failed(database)
    assert (command(database, command_id).attempt, status(database, command_id)) == (1, "failed")


@pytest.mark.parametrize(("verb", "ends"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_running_command_that_is_asked_to_stop_stops_when_handed_back(
    database: Database, verb: str, ends: str
) -> None:
    command_id = enqueue(database)
    token = claim(database).token
    ask(database, verb, command_id)
    assert status(database, command_id) == "running"
    assert claims.hand_back(database, command_id, token)
    stored = command(database, command_id)
    assert (stored.status, stored.outcome, stored.stop_requested) == (ends, ends, None)
    assert (stored.finished_at is not None) == (ends == "cancelled")
    assert [attempt.outcome for attempt in store.attempts(database, command_id)] == [ends]


@pytest.mark.parametrize(("verb", "ends"), [("pause", "paused"), ("cancel", "cancelled")])
@pytest.mark.parametrize("how", ["fail", "reap"])
def test_a_request_to_stop_holds_when_the_attempt_fails_or_is_lost(
    database: Database, verb: str, ends: str, how: str
) -> None:
    command_id = enqueue(database)
    token = claim(database).token
    ask(database, verb, command_id)
    if how == "fail":
        assert claims.fail(database, command_id, token, "no") == ends
    else:
        let_lease_end(database, command_id)
        claims.reap(database)
    assert status(database, command_id) == ends


def test_a_request_to_stop_that_comes_too_late_changes_nothing(database: Database) -> None:
    command_id = enqueue(database)
    token = claim(database).token
    ask(database, "cancel", command_id)
    assert claims.complete(database, command_id, token, {}) == "completed"
    assert command(database, command_id).stop_requested is None


def test_what_is_handed_back_does_not_count(database: Database) -> None:
    command_id = enqueue(database, max_attempts=1)
    for _ in range(3):
        assert claims.hand_back(database, command_id, claim(database).token)
        assert status(database, command_id) == "pending"
    assert claims.fail(database, command_id, claim(database).token, "no") == "failed"
    outcomes = [attempt.outcome for attempt in store.attempts(database, command_id)]
    assert outcomes == ["handed_back", "handed_back", "handed_back", "failed"]


def test_the_reaper_takes_only_what_is_overdue(database: Database) -> None:
    overdue, fine = enqueue(database), enqueue(database)
    claims.claim(database, worker="gone", agents=None, limit=2)
    let_lease_end(database, overdue)
    assert claims.reap(database, grace_s=10**8) == [], "the server has not run for so long"
    assert claims.reap(database) == [overdue]
    assert (status(database, overdue), status(database, fine)) == ("pending", "running")
    assert "The worker gone was not heard of since" in (command(database, overdue).error or "")
    assert [attempt.outcome for attempt in store.attempts(database, overdue)] == ["lost"]


def test_a_command_that_kills_its_workers_fails_in_the_end(database: Database) -> None:
    command_id = enqueue(database)
    for _ in range(4):
        let_pause_end(database, command_id)
        claim(database)
        let_lease_end(database, command_id)
        claims.reap(database)
    assert (status(database, command_id), command(database, command_id).attempt) == ("failed", 4)


def test_what_follows_comes_with_the_finish_or_not_at_all(database: Database) -> None:
    command_id = enqueue(database)
    token = claim(database).token
    follow = NewCommand("clerk", "poll", dedupe_key="poll:2")
    with pytest.raises(UnknownCommand):
        claims.complete(database, command_id, token, {}, then=[follow, NewCommand("clerk", "x", waits_for=(99,))])
    assert (status(database, command_id), store.count(database, CommandFilter())) == ("running", 1)

    def refuse(_connection: Any) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        claims.complete(database, command_id, token, {}, then=[follow], within=refuse)
    assert (status(database, command_id), store.count(database, CommandFilter())) == ("running", 1)
    ran = []
    assert claims.complete(
        database, command_id, token, {}, then=[follow, follow], within=lambda connection: ran.append(connection)
    )
    made = store.page(database, CommandFilter(statuses=("pending",))).rows
    assert [(row.action, command(database, row.id).created_by) for row in made] == [("poll", "w1")]
    assert len(ran) == 1


# What the database refuses whoever asks


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE commands SET status = 'pending', finished_at = NULL",
        "UPDATE command_events SET detail = ''",
        "DELETE FROM command_events",
        "TRUNCATE command_events",
        "UPDATE commands SET stop_requested = 'pause'",
        "UPDATE commands SET attempt = max_attempts + 1",
        "UPDATE commands SET waits = 1",
    ],
)
def test_the_database_refuses(database: Database, statement: str) -> None:
    completed(database)
    with pytest.raises(Exception, match=r"refused|violates check constraint"):
        run(database, statement)
