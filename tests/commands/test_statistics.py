"""What the page shows of the queue."""

import pytest

from core.commands import claims, presence, rules, statistics, verbs
from core.commands.filters import CommandFilter
from core.db import Database
from core.settings import Settings
from tests.commands.conftest import claim, completed, enqueue, failed, run


def test_counts_of_an_empty_queue_are_zero_and_not_missing(database: Database) -> None:
    counts = statistics.counts(database)
    assert (counts.total, counts.oldest_pending_s, counts.waiting, counts.later) == (0, None, 0, 0)
    assert counts.by_status == dict.fromkeys(("pending", "running", "completed", "failed", "paused", "cancelled"), 0)


def test_counts(database: Database) -> None:
    completed(database)
    failed(database)
    first = enqueue(database)
    claim(database)
    due, later = enqueue(database), enqueue(database)
    enqueue(database, waits_for=(first,))
    run(database, "UPDATE commands SET not_before = now() + interval '1 hour' WHERE id = %s", later)
    run(
        database,
        "UPDATE commands SET created_at = now() - interval '90 s', not_before = now() - interval '90 s' WHERE id = %s",
        due,
    )
    counts = statistics.counts(database)
    assert counts.total == 6
    assert {status: number for status, number in counts.by_status.items() if number} == {
        "pending": 3,
        "running": 1,
        "completed": 1,
        "failed": 1,
    }
    assert (counts.waiting, counts.later) == (1, 1)
    assert counts.oldest_pending_s is not None
    assert 90 <= counts.oldest_pending_s < 190


def test_the_last_day_by_the_hour(database: Database) -> None:
    done, broken, opened = completed(database), failed(database), enqueue(database)
    long_ago = completed(database, priority=1)
    for command_id, began, ended in ((done, 5, 3), (broken, 3, 3), (long_ago, 40, 30)):
        run(
            database,
            "UPDATE commands SET created_at = date_trunc('hour', now()) - make_interval(hours => %s), "
            "finished_at = date_trunc('hour', now()) - make_interval(hours => %s) WHERE id = %s",
            began,
            ended,
            command_id,
        )
    run(database, "UPDATE commands SET created_at = date_trunc('hour', now()) - interval '4 h' WHERE id = %s", opened)
    hours = statistics.last_day(database)
    assert len(hours) == 24
    assert [hour.at for hour in hours] == sorted(hour.at for hour in hours)
    last = [(hour.enqueued, hour.completed, hour.failed, hour.cancelled, hour.open) for hour in hours[-7:]]
    assert last == [
        (0, 0, 0, 0, 0),
        (1, 0, 0, 0, 1),
        (1, 0, 0, 0, 2),
        (1, 1, 1, 0, 1),
        (0, 0, 0, 0, 1),
        (0, 0, 0, 0, 1),
        (0, 0, 0, 0, 1),
    ]
    assert sum(hour.completed for hour in hours) == 1


def test_waiting_and_running_times_by_the_hour(database: Database) -> None:
    for number in range(20):
        completed(database, priority=number)
    run(
        database,
        "UPDATE command_attempts SET started_at = date_trunc('hour', now()), "
        "ready_at = date_trunc('hour', now()) - make_interval(secs => command_id), "
        "finished_at = date_trunc('hour', now()) + make_interval(secs => 2 * command_id)",
    )
    hours = statistics.waiting(database)
    assert len(hours) == 24
    assert (hours[0].attempts, hours[0].wait_p50_s, hours[0].run_p95_s) == (0, None, None)
    last = hours[-1]
    assert (last.attempts, last.wait_p50_s, last.wait_p95_s) == (20, 10.5, pytest.approx(19.05))
    assert (last.run_p50_s, last.run_p95_s) == (21.0, pytest.approx(38.1))


def test_the_wait_begins_when_a_command_could_be_claimed(database: Database) -> None:
    """Not when it was made: what waited for another command, for its time, or was paused did not wait for a worker."""
    first = enqueue(database)
    second = enqueue(database, waits_for=(first,))
    held = claim(database)
    run(database, "UPDATE commands SET created_at = now() - interval '1 h', not_before = now() - interval '1 h'")
    claims.complete(database, first, held.token, {})
    assert claim(database).command.id == second
    ((waited,),) = run(
        database, "SELECT extract(epoch FROM started_at - ready_at) FROM command_attempts WHERE command_id = %s", second
    )
    assert waited < 60


def test_workers_that_live_come_first(database: Database) -> None:
    for name in ("stopped", "silent", "alive"):
        presence.seen(database, name, threads=2, agents=["clerk"], running=1)
    presence.stopped(database, "stopped")
    run(database, "UPDATE workers SET seen_at = now() - interval '5 minutes' WHERE name = 'silent'")
    found = [(worker.name, worker.is_alive, worker.running) for worker in statistics.workers(database)]
    assert found == [("alive", True, 1), ("stopped", False, 0), ("silent", False, 1)]


def test_the_rules_in_words_are_those_in_force(database: Database) -> None:
    words = " ".join(rules.describe_rules(Settings(WHETSTONE_KEEP_DAYS=3)))  # type: ignore[call-arg]
    for part in ("3 times, after 2, 4, 8 seconds", "for 30 s,", "removed after 3 days", "first in, first out"):
        assert part in words
    assert "after 1 day;" in " ".join(rules.describe_rules(Settings(WHETSTONE_KEEP_DAYS=1)))  # type: ignore[call-arg]


def test_a_bulk_verb_is_seen_in_the_counts(database: Database) -> None:
    for _ in range(3):
        enqueue(database)
    verbs.pause(database, CommandFilter(), actor="ada", reason="")
    assert statistics.counts(database).by_status["paused"] == 3
