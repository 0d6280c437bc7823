"""A command waits until all that it waits for have completed, whatever happens at the same time."""

import threading
from typing import Any
from uuid import uuid4

import pytest

from core.commands import claims, store
from core.db import Database
from tests.commands.conftest import ask, claim, command, completed, enqueue, run


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
