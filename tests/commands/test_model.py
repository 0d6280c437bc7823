"""The queue against a plain Python model of it: any order of claims, ends, verbs and lost leases gives the same."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core.commands import claims, store, verbs
from core.commands.filters import CommandFilter
from core.commands.models import NewCommand
from core.db import Database
from tests.commands.conftest import run

# No sum of turns of the clock comes near any of these times: a slow machine's own seconds decide nothing.
LEASE_S = 10_000
_BACKOFF_S = 3_000
_LATER_S = 2_000
_TURNS_S = (1_130, 2_290, LEASE_S + 300)


@dataclass
class Model:
    """One command as it should be. Times are seconds of a clock that only the test turns."""

    id: int
    priority: int
    waits_for: set[int]
    key: str | None
    status: str = "pending"
    due: float = 0.0
    attempt: int = 0
    round_of: int = 2  # attempts a round
    tried: int = 0  # in this round
    token: UUID | None = None
    lease_until: float = 0.0
    asked: str | None = None
    outcomes: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status in ("pending", "running", "paused")

    def end(self, outcome: str, status: str) -> None:
        self.outcomes[-1] = outcome
        self.status, self.asked, self.token = status, None, None

    def end_badly(self, outcome: str, now: float, *, retry: bool = True) -> None:
        last = not retry or self.tried >= self.round_of
        status = "cancelled" if self.asked == "cancel" else "failed" if last else "paused" if self.asked else "pending"
        self.due = now + _BACKOFF_S * 2 ** (self.tried - 1)
        self.end(outcome, status)


#: Some of the commands there are, by their place in the order of ids.
SOME = st.sets(st.integers(0, 7), min_size=1, max_size=4)
#: What can happen, and with what: methods of the machine.
ACTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "enqueue": {
        "priority": st.integers(-1, 1),
        "waits": st.sets(st.integers(0, 5), max_size=2),
        "key": st.sampled_from([None, None, "a", "b"]),
        "later": st.sampled_from([0, 0, _LATER_S]),
    },
    "claim": {"limit": st.integers(1, 3)},
    "say": {
        "ago": st.integers(0, 5),
        "how": st.sampled_from(["complete", "fail", "fail", "refuse", "hand_back", "beat"]),
    },
    "people": {
        "verb": st.sampled_from(["retry", "pause", "resume", "cancel", "delete", "retry"]),
        "numbers": SOME,
    },
    "time_passes": {"seconds": st.sampled_from(_TURNS_S), "reaps": st.booleans()},
}


class QueueMachine(RuleBasedStateMachine):
    """Times are kept by shifting every time in the database back when the clock goes on.

    One rule that chooses an act: of several, hypothesis leaves most out of an example, and then little happens in it.
    """

    database: Database

    def __init__(self) -> None:
        super().__init__()
        run(self.database, "TRUNCATE commands RESTART IDENTITY CASCADE")
        self.now = 0.0
        self.model: dict[int, Model] = {}
        #: Every token that was ever given out, also those that are worth nothing now.
        self.tokens: list[tuple[int, UUID]] = []

    @rule(act=st.sampled_from([*ACTS, "claim", "say", "say", "time_passes"]), data=st.data())
    def something_happens(self, act: str, data: st.DataObject) -> None:
        getattr(self, act)(**{name: data.draw(values, name) for name, values in ACTS[act].items()})

    # What is asked for

    @initialize(number=st.integers(2, 4), limit=st.integers(1, 3))
    def some_to_begin_with(self, number: int, limit: int) -> None:
        for _ in range(number):
            self.enqueue(0, set(), None, 0)
        self.claim(limit)

    def enqueue(self, priority: int, waits: set[int], key: str | None, later: int) -> None:
        there = sorted(self.model)
        wanted = {there[number] for number in waits if number < len(there)}
        new = NewCommand("clerk", "file", priority=priority, dedupe_key=key, max_attempts=2, waits_for=tuple(wanted))
        made = store.enqueue(self.database, new, actor="ada")
        same = [each.id for each in self.model.values() if key and each.key == key and each.is_open]
        if same:
            assert [made] == same
            return
        assert made not in self.model
        self.model[made] = Model(made, priority, wanted, key, due=self.now)
        if later:
            self.model[made].due += later
            run(
                self.database,
                "UPDATE commands SET not_before = not_before + make_interval(secs => %s) WHERE id = %s",
                later,
                made,
            )

    def claimable(self) -> list[Model]:
        ready = [
            each
            for each in self.model.values()
            if each.status == "pending" and each.due <= self.now and not self.uncompleted(each)
        ]
        return sorted(ready, key=lambda each: (-each.priority, each.id))

    def uncompleted(self, command: Model) -> set[int]:
        return {key for key in command.waits_for if key in self.model and self.model[key].status != "completed"}

    def claim(self, limit: int) -> None:
        got = claims.claim(self.database, worker="w", agents=["clerk"], limit=limit, lease_s=LEASE_S)
        expected = self.claimable()[:limit]
        assert [each.command.id for each in got] == [each.id for each in expected]
        for claimed, each in zip(got, expected, strict=True):
            each.status, each.token, each.lease_until = "running", claimed.token, self.now + LEASE_S
            each.attempt += 1
            each.tried += 1
            each.outcomes.append("running")
        self.tokens += [(each.command.id, each.token) for each in got]

    # What workers say, with tokens old and new

    def say(self, ago: int, how: str) -> None:
        if not self.tokens:
            return
        claimed = self.tokens[-1 - ago % len(self.tokens)]
        if how in ("fail", "refuse"):
            self.fail(claimed, retry=how == "fail")
        else:
            getattr(self, how)(claimed)

    def owner(self, command_id: int, token: UUID) -> Model | None:
        command = self.model.get(command_id)
        return command if command and command.status == "running" and command.token == token else None

    def beat(self, claimed: tuple[int, UUID]) -> None:
        answer = claims.heartbeat(self.database, *claimed, lease_s=LEASE_S)
        owner = self.owner(*claimed)
        assert answer == (None if owner is None else owner.asked or "go")
        if owner:
            owner.lease_until = self.now + LEASE_S

    def complete(self, claimed: tuple[int, UUID]) -> None:
        owner = self.owner(*claimed)
        before = self.stale_of(claimed[0])
        status = claims.complete(self.database, *claimed, {"n": 1})
        if owner:
            assert status == "completed"
            owner.end("completed", "completed")
            for each in self.model.values():
                if owner.id in each.waits_for and not self.uncompleted(each):
                    each.due = max(each.due, self.now)
        else:
            self.was_said_again_or_refused(claimed[0], status, before, {"completed"})

    def fail(self, claimed: tuple[int, UUID], *, retry: bool) -> None:
        owner = self.owner(*claimed)
        before = self.stale_of(claimed[0])
        status = claims.fail(self.database, *claimed, "no", retry=retry, backoff_s=_BACKOFF_S)
        if owner:
            owner.end_badly("failed", self.now, retry=retry)
            assert status == owner.status
        else:
            self.was_said_again_or_refused(claimed[0], status, before, {"failed", "pending", "paused", "cancelled"})

    def stale_of(self, command_id: int) -> int:
        return sum(event.event == "stale_result" for event in store.events(self.database, command_id))

    def was_said_again_or_refused(self, command_id: int, status: str | None, before: int, ends: set[str]) -> None:
        """Nothing changes (the invariants see to that); a refusal is noted, a repetition is answered."""
        noted = self.stale_of(command_id) - before
        assert (status is None) == (noted == 1)
        if status is not None:
            assert status in ends
            assert status == self.model[command_id].status

    def hand_back(self, claimed: tuple[int, UUID]) -> None:
        owner = self.owner(*claimed)
        assert claims.hand_back(self.database, *claimed) == (owner is not None)
        if owner:
            owner.tried -= 1
            owner.due = self.now
            asked = {"pause": "paused", "cancel": "cancelled"}.get(owner.asked or "")
            owner.end(asked or "handed_back", asked or "pending")

    def time_passes(self, seconds: int, reaps: bool) -> None:
        self.clock(seconds)
        if reaps:
            self.reap()

    def reap(self) -> None:
        expected = [each for each in self.model.values() if each.status == "running" and each.lease_until < self.now]
        assert claims.reap(self.database, backoff_s=_BACKOFF_S) == [each.id for each in expected]
        for each in expected:
            each.end_badly("lost", self.now)

    def clock(self, seconds: int) -> None:
        """Everything in the database becomes older by so many seconds."""
        self.now += seconds
        run(
            self.database,
            "UPDATE commands SET not_before = not_before - make_interval(secs => %s), "
            "lease_until = lease_until - make_interval(secs => %s), "
            "finished_at = finished_at - make_interval(secs => %s)",
            seconds,
            seconds,
            seconds,
        )

    # What people do, to some of the commands

    def people(self, verb: str, numbers: set[int]) -> None:
        getattr(self, verb)(numbers)

    def act(self, verb: str, numbers: set[int]) -> tuple[set[int], list[Model]]:
        there = sorted(self.model)
        chosen = [self.model[there[number]] for number in sorted(numbers) if number < len(there)]
        ids = tuple(each.id for each in chosen)
        change = getattr(verbs, verb)(self.database, CommandFilter(ids=ids), actor="ada", reason="")
        assert sorted([*change.changed, *(each for each, _ in change.refused)]) == list(ids)
        return set(change.changed), chosen

    def pause(self, numbers: set[int]) -> None:
        changed, chosen = self.act("pause", numbers)
        for each in chosen:
            can = each.status == "pending" or (each.status == "running" and each.asked is None)
            assert (each.id in changed) == can
            if can and each.status == "running":
                each.asked = "pause"
            elif can:
                each.status = "paused"

    def resume(self, numbers: set[int]) -> None:
        changed, chosen = self.act("resume", numbers)
        for each in chosen:
            assert (each.id in changed) == (each.status == "paused" or each.asked == "pause")
            if each.asked == "pause":
                each.asked = None
            elif each.status == "paused":
                each.status, each.due = "pending", max(each.due, self.now)

    def cancel(self, numbers: set[int]) -> None:
        changed, chosen = self.act("cancel", numbers)
        for each in chosen:
            assert (each.id in changed) == (each.is_open and each.asked != "cancel")
            if each.status == "running":
                each.asked = "cancel"
            elif each.is_open:
                each.status = "cancelled"

    def retry(self, numbers: set[int]) -> None:
        taken = {each.key for each in self.model.values() if each.key and each.is_open}
        changed, chosen = self.act("retry", numbers)
        for each in sorted(chosen, key=lambda each: -each.id):
            can = each.status in ("failed", "cancelled") and each.key not in taken
            assert (each.id in changed) == can
            if can:
                each.status, each.tried, each.due = "pending", 0, self.now
                taken |= {each.key} - {None}

    def delete(self, numbers: set[int]) -> None:
        changed, chosen = self.act("delete", numbers)
        ids = {each.id for each in chosen if each.status != "running"}
        while True:  # what others that stay wait for stays too
            needed = {
                key
                for each in self.model.values()
                if each.id not in ids
                for key in self.uncompleted(each)
                if key in ids
            }
            if not needed:
                break
            ids -= needed
        assert changed == ids
        for each in ids:
            del self.model[each]

    # What always holds

    @invariant()
    def the_database_says_the_same(self) -> None:
        rows = {
            row.id: row
            for row in run(
                self.database,
                "SELECT *, extract(epoch FROM not_before - now()) AS due_in, ARRAY(SELECT a.outcome"
                " FROM command_attempts a WHERE a.command_id = c.id ORDER BY a.attempt) AS outcomes"
                " FROM commands c ORDER BY id",
            )
        }
        assert list(rows) == sorted(self.model)
        for command_id, each in self.model.items():
            row = rows[command_id]
            assert (row.status, row.attempt, row.stop_requested) == (each.status, each.attempt, each.asked)
            assert row.waits == len(self.uncompleted(each))
            assert row.attempt - row.attempt_base == each.tried
            assert row.max_attempts - row.attempt_base == each.round_of
            if each.status == "running":
                assert row.token == each.token
            if each.status == "pending" and each.due > self.now:
                assert abs(float(row.due_in) - (each.due - self.now)) < 100  # the wall clock goes on too
            assert row.outcomes == each.outcomes


@pytest.mark.timeout(600)
def test_any_order_of_acts_gives_what_the_model_gives(database: Database) -> None:
    kind = type("OnThisDatabase", (QueueMachine,), {"database": database})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
