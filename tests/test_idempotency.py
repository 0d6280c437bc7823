"""The same request twice is one request."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core import idempotency
from core.db import Database
from core.errors import Conflict
from core.idempotency import KeptAnswer
from tests.commands.conftest import run


def test_the_answer_is_kept_for_the_same_request_of_the_same_person(database: Database) -> None:
    assert idempotency.begin(database, "key", b"one", actor="ada") is None
    with pytest.raises(Conflict, match="is being worked on"):
        idempotency.begin(database, "key", b"one", actor="ada")
    idempotency.answered(database, "key", KeptAnswer(201, b"{}"), actor="ada")
    assert idempotency.begin(database, "key", b"one", actor="ada") == KeptAnswer(201, b"{}")
    assert idempotency.begin(database, "key", b"one", actor="bob") is None
    with pytest.raises(Conflict, match="another request"):
        idempotency.begin(database, "key", b"two", actor="ada")


def test_a_refused_request_gives_its_key_back(database: Database) -> None:
    idempotency.begin(database, "key", b"one", actor="ada")
    idempotency.forget(database, "key", actor="ada")
    assert idempotency.begin(database, "key", b"two", actor="ada") is None


def test_a_request_that_was_broken_off_is_not_done_twice_and_keys_end_after_a_day(database: Database) -> None:
    idempotency.begin(database, "key", b"one", actor="ada")
    run(database, "UPDATE idempotency_keys SET at = now() - interval '11 minutes'")
    with pytest.raises(Conflict, match="is not known"):
        idempotency.begin(database, "key", b"one", actor="ada")
    run(database, "UPDATE idempotency_keys SET at = now() - interval '25 hours'")
    assert idempotency.begin(database, "key", b"two", actor="ada") is None


def test_of_several_at_once_one_is_done(database: Database) -> None:
    def begun(_: int) -> bool:
        try:
            return idempotency.begin(database, "key", b"one", actor="ada") is None
        except Conflict:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(begun, range(6))) == 1


def test_one_that_may_have_been_done_is_not_done_again(database: Database) -> None:
    idempotency.begin(database, "key", b"one", actor="ada")
    idempotency.break_off(database, "key", actor="ada")
    with pytest.raises(Conflict, match="is not known"):
        idempotency.begin(database, "key", b"one", actor="ada")
