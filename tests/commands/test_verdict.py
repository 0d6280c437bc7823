"""The sentence that says whether work flows, and why what failed has failed."""

import pytest

from core.commands import verdict
from core.commands.models import STATUSES, Status
from core.commands.statistics import Counts
from core.commands.verdict import Cause
from core.db import Database
from tests.commands.conftest import completed, failed, run


def counts(oldest: float | None = None, **numbers: int) -> Counts:
    by: dict[Status, int] = {status: numbers.get(status, 0) for status in STATUSES}
    return Counts(sum(by.values()), by, oldest, 0, 0)


@pytest.mark.parametrize(
    ("numbers", "alive", "flow", "sentence"),
    [
        (counts(12.4, pending=4, running=3), 2, "flowing", "Flowing: 3 running, oldest waits 12 s"),
        (counts(running=3), 2, "flowing", "Flowing: 3 running, nothing waits"),
        (counts(3.0, pending=1), 1, "flowing", "Flowing: oldest waits 3 s"),
        (counts(7_300.0, pending=9, running=1), 1, "slow", "Slow: 1 running, oldest waits 2 h"),
        (counts(20.0, pending=14), 0, "stuck", "Stuck: 14 pending and no worker is alive"),
        (counts(completed=7), 0, "idle", "Idle: nothing waits or runs"),
        (counts(pending=2), 1, "idle", "Idle: 2 scheduled or waiting for others"),
    ],
)
def test_the_sentence_says_what_a_person_would(numbers: Counts, alive: int, flow: str, sentence: str) -> None:
    found = verdict.verdict(numbers, alive=alive)
    assert (found.flow, found.sentence) == (flow, sentence)


def test_failed_commands_are_grouped_by_cause_whatever_the_numbers_in_it(database: Database) -> None:
    ids = [failed(database) for _ in range(5)]
    completed(database)
    for number, command_id in enumerate(ids[:3]):
        said = f"No answer within {number + 10} s."
        run(database, f"UPDATE commands SET error = '{said}' WHERE id = {command_id}")

    first, second = verdict.causes(database)

    assert first == Cause("No answer within 12 s.", 3, tuple(reversed(ids[:3])))
    assert (second.count, second.ids) == (2, (ids[4], ids[3]))
    assert verdict.causes(database, limit=1) == [first]
    assert verdict.failures(5, [first, second]) == "5 failed, 3 for the same reason"


@pytest.mark.parametrize(
    ("failed_", "groups", "sentence"),
    [(0, [], ""), (1, [1], "1 failed"), (4, [4], "4 failed, all for the same reason"), (2, [1, 1], "2 failed")],
)
def test_how_many_failed_for_one_reason_is_said(failed_: int, groups: list[int], sentence: str) -> None:
    assert verdict.failures(failed_, [Cause("", number, ()) for number in groups]) == sentence
