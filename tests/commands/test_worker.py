"""A worker takes what it may, writes down every end, and stops when told."""

import threading
import time
from typing import Any

import pytest
from pydantic import SecretStr

from core.commands import claims, statistics, store, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext, LeaseLost, Outcome, Stopped, by_action
from core.commands.models import NewCommand
from core.commands.worker import Worker
from core.db import Database
from core.errors import CommandRefused, ConfigurationError, WhetstoneError
from core.settings import Settings
from tests.commands.conftest import Employer, claim, command, enqueue, happened, let_lease_end, run, status, until


def echo(work: CommandContext) -> dict[str, Any]:
    return {"said": work.command.payload.get("say", "nothing")}


def test_it_does_what_is_there_and_what_comes(database: Database, hire: Employer) -> None:
    before = enqueue(database, payload={"say": "early"})
    worker = hire({"clerk": echo}, poll_s=600.0)
    until(lambda: status(database, before) == "completed")
    after = enqueue(database, payload={"say": "late"})
    until(
        lambda: status(database, after) == "completed", "it hears of a new command and does not wait for its next look"
    )
    assert command(database, after).result == {"said": "late"}
    until(lambda: worker.snapshot().busy == 0)
    assert (worker.snapshot().completed, worker.snapshot().running) == (2, True)


def test_it_leaves_the_commands_of_other_agents_alone(database: Database, hire: Employer) -> None:
    outside, mine, unchosen = enqueue(database, agent="outside"), enqueue(database), enqueue(database, agent="writer")
    hire({"clerk": echo, "writer": echo}, agents=["clerk"])
    until(lambda: status(database, mine) == "completed")
    assert (status(database, outside), status(database, unchosen)) == ("pending", "pending")
    with pytest.raises(ConfigurationError, match="no agent 'painter' here; there are: clerk"):
        Worker(database, {"clerk": echo}, agents=["painter"])


def boom(_work: CommandContext) -> dict[str, Any]:
    raise RuntimeError("the paper is jammed")


def test_an_error_is_retried_and_then_kept_with_every_attempt(database: Database, hire: Employer) -> None:
    command_id = enqueue(database)
    worker = hire({"clerk": boom}, poll_s=0.05)
    until(lambda: status(database, command_id) == "failed")
    attempts = store.attempts(database, command_id)
    assert [(a.attempt, a.outcome, a.error) for a in attempts] == [
        (number, "failed", "RuntimeError: the paper is jammed") for number in range(1, 5)
    ]
    assert {a.worker for a in attempts} == {worker.name}


class OutOfInk(WhetstoneError):
    pass


def raising(error: BaseException) -> Any:
    def handler(_work: CommandContext) -> dict[str, Any]:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "says", "attempts"),
    [
        (CommandRefused("The printer cannot sing."), "The printer cannot sing.", 1),
        (OutOfInk("The printer is out of ink."), "The printer is out of ink.", 2),
        (KeyError("x"), "KeyError: 'x'", 2),
        (ValueError(), "ValueError", 2),
        (ValueError("nul \0 here"), "ValueError: nul  here", 2),
        (SystemExit(3), "SystemExit: 3", 2),
        (RuntimeError("cannot reach postgresql://ada:hunter2@db:5432/x"), "postgresql://ada:***@db:5432/x", 2),
        (RuntimeError("401 for Authorization: Bearer abc.def"), "RuntimeError: 401 for Authorization: Bearer ***", 2),
        (RuntimeError("bad key sk-abcdefghijklmnopqrstuv given"), "RuntimeError: bad key *** given", 2),
        (RuntimeError('{"api_key": "s3cr3t", "n": 1}'), '{"api_key": "***", "n": 1}', 2),
        (RuntimeError("the code is tr0ub4dor"), "RuntimeError: the code is ***", 2),
        (RuntimeError("x" * 9_000), "… (9,014 characters)", 2),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, BaseException) else "",
)
def test_whatever_a_handler_raises_ends_its_attempt_in_words_without_secrets(
    database: Database, hire: Employer, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str, attempts: int
) -> None:
    own = Settings(DATABASE_URL=SecretStr("tr0ub4dor"))  # type: ignore[call-arg]
    monkeypatch.setattr("core.text.get_settings", lambda: own)
    command_id = enqueue(database, max_attempts=2)
    hire({"clerk": raising(error)}, poll_s=0.05)
    until(lambda: status(database, command_id) == "failed")
    stored = command(database, command_id)
    assert says in (stored.error or "")
    assert (stored.attempt, len(stored.error or "") < 4_100) == (attempts, True)
    next_one = enqueue(database, max_attempts=1)
    until(lambda: status(database, next_one) == "failed", "the thread lives")


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (None, "gave NoneType where a result was due"),
        ({"x": object()}, "not JSON serializable"),
        ({"x": "\0"}, "NUL|u0000"),
    ],
)
def test_a_result_that_cannot_be_stored_fails_in_words(
    database: Database, hire: Employer, result: Any, says: str
) -> None:
    command_id = enqueue(database, max_attempts=1)
    hire({"clerk": lambda _work: result})
    until(lambda: status(database, command_id) == "failed")
    assert any(part in (command(database, command_id).error or "") for part in says.split("|"))


def test_an_unknown_action_fails_at_once_and_names_those_there_are(database: Database, hire: Employer) -> None:
    command_id, known = enqueue(database, action="sing"), enqueue(database, action="echo")
    hire({"clerk": by_action("clerk", {"echo": echo, "print": boom})})
    until(lambda: status(database, command_id) == "failed" and status(database, known) == "completed")
    assert command(database, command_id).error == "The agent clerk has no action 'sing'; it has echo, print."
    assert command(database, command_id).attempt == 1


def test_what_follows_and_what_is_written_within_come_with_the_finish(database: Database, hire: Employer) -> None:
    def within(connection: Any) -> None:
        store.enqueue_in(connection, NewCommand("outside", "within"), actor="within")

    def handler(work: CommandContext) -> Outcome:
        if work.command.action == "next":
            raise CommandRefused("end")
        return Outcome({"n": 1}, then=[NewCommand("clerk", "next")], within=within)

    command_id = enqueue(database)
    hire({"clerk": handler})
    until(lambda: store.count(database, CommandFilter(statuses=("failed",))) == 1)
    assert status(database, command_id) == "completed"
    rows = store.page(database, CommandFilter(), sort="oldest").rows
    assert [row.action for row in rows] == ["file", "next", "within"]


def test_what_is_refused_within_fails_the_attempt(database: Database, hire: Employer) -> None:
    def within(_connection: Any) -> None:
        raise CommandRefused("The execution was cancelled meanwhile.")

    command_id = enqueue(database)
    hire({"clerk": lambda _work: Outcome({}, then=[NewCommand("clerk", "next")], within=within)})
    until(lambda: status(database, command_id) == "failed")
    assert command(database, command_id).error == "The execution was cancelled meanwhile."
    assert store.count(database, CommandFilter()) == 1


# Steps


def test_steps_that_are_done_are_not_done_again(database: Database, hire: Employer) -> None:
    done: list[str] = []

    def handler(work: CommandContext) -> dict[str, Any]:
        first = work.step("first", lambda: done.append(work.key("first")) or {"id": 7, "none": None})
        nothing = work.step("nothing", lambda: done.append("nothing"))
        if work.command.attempt == 1:
            raise RuntimeError("after two steps")
        return {"first": first, "nothing": nothing}

    command_id = enqueue(database)
    hire({"clerk": handler}, poll_s=0.05)
    until(lambda: status(database, command_id) == "completed")
    assert done == [f"commands/{command_id}/first", "nothing"]
    assert command(database, command_id).result == {"first": {"id": 7, "none": None}, "nothing": None}
    assert [(step.step, step.output) for step in store.steps(database, command_id)] == [
        ("first", {"id": 7, "none": None}),
        ("nothing", None),
    ]


def test_a_step_of_a_lost_command_is_not_kept(database: Database) -> None:
    command_id = enqueue(database)
    work = CommandContext(database, claim(database))
    let_lease_end(database, command_id)
    claims.reap(database)
    with pytest.raises(LeaseLost):
        work.step("late", lambda: 1)
    assert store.steps(database, command_id) == []


# Requests to stop


def patient(work: CommandContext) -> dict[str, Any]:
    """Runs until it is asked to stop."""
    while True:
        work.check()
        time.sleep(0.02)


@pytest.mark.parametrize(("verb", "ends"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_running_command_stops_when_asked(database: Database, hire: Employer, verb: str, ends: str) -> None:
    command_id = enqueue(database)
    hire({"clerk": patient}, lease_s=1.0)
    until(lambda: status(database, command_id) == "running")
    getattr(verbs, verb)(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    until(lambda: status(database, command_id) == ends)
    assert [attempt.outcome for attempt in store.attempts(database, command_id)] == [ends]


def test_a_handlers_own_except_does_not_hold_a_request_up(database: Database, hire: Employer) -> None:
    def careless(work: CommandContext) -> dict[str, Any]:
        while True:
            try:
                work.check()
                time.sleep(0.02)
            except Exception:  # noqa: BLE001 that is the point
                pass

    command_id = enqueue(database)
    hire({"clerk": careless}, lease_s=1.0)
    until(lambda: status(database, command_id) == "running")
    verbs.cancel(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    until(lambda: status(database, command_id) == "cancelled")


def test_a_command_that_was_taken_away_stops_at_its_next_check(database: Database, hire: Employer) -> None:
    command_id = enqueue(database)
    worker = hire({"clerk": patient}, lease_s=2.0)
    until(lambda: status(database, command_id) == "running")
    run(database, "UPDATE commands SET token = gen_random_uuid(), worker = 'another' WHERE id = %s", command_id)
    until(lambda: worker.snapshot().lost == 1)
    assert (status(database, command_id), command(database, command_id).worker) == ("running", "another")


def test_work_that_takes_longer_than_the_lease_is_kept_by_heartbeats(database: Database, hire: Employer) -> None:
    def slow(_work: CommandContext) -> dict[str, Any]:
        time.sleep(1.5)
        return {}

    command_id = enqueue(database)
    hire({"clerk": slow}, lease_s=0.5)
    hire({"other": echo}, lease_s=0.5)
    until(lambda: status(database, command_id) == "completed")
    assert command(database, command_id).attempt == 1


# The end of a worker


def test_a_stopped_worker_hands_back_what_asks_and_finishes_what_does_not(database: Database, hire: Employer) -> None:
    def brief(_work: CommandContext) -> dict[str, Any]:
        time.sleep(0.5)
        return {}

    asks, ends = enqueue(database, agent="patient"), enqueue(database, agent="brief")
    waits = enqueue(database, agent="brief")
    worker = hire({"patient": patient, "brief": brief})
    until(lambda: status(database, asks) == status(database, ends) == "running")
    assert worker.stop(10.0)
    assert (status(database, asks), status(database, ends), status(database, waits)) == (
        "pending",
        "completed",
        "pending",
    )
    assert [attempt.outcome for attempt in store.attempts(database, asks)] == ["handed_back"]
    (state,) = statistics.workers(database)
    assert (state.name, state.is_alive, state.stopped_at is not None) == (worker.name, False, True)
    assert worker.stop()
    worker.start()
    until(lambda: status(database, waits) == "completed", "it can be started again")


def test_what_does_not_end_in_time_is_handed_back_and_refused_when_it_comes(database: Database, hire: Employer) -> None:
    gate = threading.Event()

    def deaf(_work: CommandContext) -> dict[str, Any]:
        gate.wait(60)
        return {"by": "deaf"}

    command_id = enqueue(database)
    worker = hire({"clerk": deaf})
    until(lambda: status(database, command_id) == "running")
    assert not worker.stop(0.1)
    assert status(database, command_id) == "pending"
    gate.set()
    until(lambda: "stale_result" in happened(database, command_id))
    assert (status(database, command_id), command(database, command_id).result) == ("pending", None)


def test_stopped_and_lost_pass_an_except_exception() -> None:
    assert not issubclass(Stopped, Exception)
    assert not issubclass(LeaseLost, Exception)
