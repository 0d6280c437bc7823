"""A command is one worker's at a time, and only that worker can say how it ended."""

import datetime as dt
import threading
from typing import Any
from uuid import uuid4

import pytest

from core import audit
from core.commands import claims, store, verbs
from core.commands.filters import CommandFilter
from core.commands.models import NewCommand
from core.database import Database
from core.errors import UnknownCommand
from tests.commands.conftest import (
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


def ask(database: Database, verb: str, command_id: int) -> None:
    change = getattr(verbs, verb)(database, CommandFilter(ids=(command_id,)), actor="ada", reason="test")
    assert change.changed == (command_id,)


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


# Dependencies


def test_it_starts_when_all_that_it_waits_for_have_completed(database: Database) -> None:
    top = enqueue(database)
    left, right = enqueue(database, waits_for=(top,)), enqueue(database, waits_for=(top,))
    bottom = enqueue(database, waits_for=(left, right))
    assert claim(database).command.id == top
    assert claims.claim(database, worker="w", agents=None) == []
    claims.complete(database, top, command(database, top).token or uuid4(), {})
    both = claims.claim(database, worker="w", agents=None, limit=9)
    assert [each.command.id for each in both] == [left, right]
    claims.complete(database, left, both[0].token, {})
    assert (command(database, bottom).waits, claims.claim(database, worker="w", agents=None)) == (1, [])
    claims.complete(database, right, both[1].token, {})
    assert claim(database).command.id == bottom


def test_it_does_not_wait_for_what_has_completed(database: Database) -> None:
    done = completed(database)
    waiting = enqueue(database, waits_for=(done,))
    assert (command(database, waiting).waits, store.waits_for(database, waiting)) == (0, [done])


@pytest.mark.parametrize("ends", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_holds_its_dependants_until_it_is_retried(database: Database, ends: str) -> None:
    first = enqueue(database)
    waiting = enqueue(database, waits_for=(first,))
    if ends == "failed":
        claims.fail(database, first, claim(database).token, "no", retry=False)
    else:
        ask(database, "cancel", first)
    assert claims.claim(database, worker="w", agents=None) == []
    ask(database, "retry", first)
    claims.complete(database, first, claim(database).token, {})
    assert claim(database).command.id == waiting


def test_commands_that_complete_at_once_let_all_their_dependants_go(database: Database) -> None:
    """Twelve threads complete the top row of a complete graph: no count is lost, and nobody deadlocks."""
    top = [enqueue(database) for _ in range(12)]
    below = [enqueue(database, waits_for=tuple(top)) for _ in range(20)]
    held = claims.claim(database, worker="w", agents=None, limit=12)
    gate = threading.Barrier(len(held))
    answers: list[Any] = []

    def finish(number: int) -> None:
        gate.wait()
        answers.append(claims.complete(database, held[number].command.id, held[number].token, {}))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(len(held))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["completed"] * 12
    assert {command(database, each).waits for each in below} == {0}


def test_enqueueing_while_what_it_waits_for_completes_loses_nothing(database: Database) -> None:
    """Whichever comes first, the dependant is claimable when both are done."""
    for _ in range(30):
        first = enqueue(database)
        token = claim(database).token
        made: list[int] = []
        threads = [
            threading.Thread(target=lambda f=first, m=made: m.append(enqueue(database, waits_for=(f,)))),
            threading.Thread(target=lambda f=first, t=token: claims.complete(database, f, t, {})),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert claim(database).command.id == made[0]


def test_two_claim_at_once_and_each_gets_its_own(database: Database) -> None:
    ids = [enqueue(database) for _ in range(60)]
    got: list[int] = []

    def work(name: str) -> None:
        while batch := claims.claim(database, worker=name, agents=None, limit=3):
            got.extend(each.command.id for each in batch)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ids
    assert {each for (each,) in run(database, "SELECT attempt FROM commands")} == {1}


# Retention


def age(database: Database, command_id: int, days: int) -> None:
    run(
        database,
        "UPDATE commands SET finished_at = finished_at - make_interval(days => %s) WHERE id = %s",
        days,
        command_id,
    )


def test_what_finished_long_ago_is_removed_and_stays_on_record(database: Database) -> None:
    old, young, pending = completed(database), failed(database), enqueue(database)
    age(database, old, 8)
    age(database, young, 6)
    assert claims.retain(database, 7) == 1
    assert claims.retain(database, 7) == 0
    assert [row.id for row in store.page(database, CommandFilter(), sort="oldest").rows] == [young, pending]
    assert store.attempts(database, old) == []
    last = store.events(database, old)[-1]
    assert (last.event, last.actor) == ("deleted", "retention")
    (line,) = audit.entries(database, subject="commands")
    assert (line.actor, line.action, line.row_count) == ("retention", "remove", 1)
    assert line.reason == "finished more than 7 days ago"


def test_what_others_wait_for_is_kept_until_they_can_go_too(database: Database) -> None:
    first = enqueue(database)
    second = enqueue(database, waits_for=(first,))
    third = enqueue(database, waits_for=(second,))
    claims.fail(database, first, claim(database).token, "no", retry=False)
    ask(database, "cancel", second)
    for each in (first, second):
        age(database, each, 8)
    assert claims.retain(database, 7) == 0
    ask(database, "cancel", third)
    age(database, third, 8)
    assert claims.retain(database, 7) == 3


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
