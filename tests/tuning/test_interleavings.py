"""Two engines, frozen and revived at any point, and persons in between: nothing is ever paid twice by itself."""

import random
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from core.db import Database
from core.errors import TuningRefused
from core.settings import Settings
from core.tuning import jobs
from core.tuning.engine import Engine
from core.tuning.engine.leases import Heartbeats
from core.tuning.providers.protocol import ENDED
from tests.commands.conftest import until
from tests.tuning.conftest import AT_ONCE, Create, run
from tests.tuning.scripted import CAPABILITIES, Scripted, World

#: Every commit of a job's way from the first to the last.
POINTS = [
    f"{when} {name}"
    for name in ("uploading", "told", "submitting", "submitted", "polled", "trained", "ended")
    for when in ("before", "after")
]


class Dead(Heartbeats):
    """The heart of a process that is frozen."""

    def add(self, holds: Any) -> None:
        """It does not beat."""


@pytest.mark.parametrize("finds", ["exact", "likely"])
@pytest.mark.parametrize("point", POINTS)
def test_an_owner_that_is_frozen_anywhere_and_comes_back(
    create: Create, database: Database, settings: Settings, scripted: Scripted, world: World, finds: Any, point: str
) -> None:
    """Its lease ends, another does all there is to do, and then it goes on as if nothing had happened."""
    scripted.capabilities = replace(CAPABILITIES, finds=finds)
    frozen, thaw = threading.Event(), threading.Event()

    def freeze(name: str) -> None:
        if name == point and not frozen.is_set():
            frozen.set()
            thaw.wait(60)

    job = create()
    short = replace(AT_ONCE, lease_s=0.3, report_s=0.0)
    first = Engine(database, settings=settings, providers=scripted, schedule=short, beats=Dead(0.3), hook=freeze)
    thread = threading.Thread(target=_all_of, args=(first, job.id))
    thread.start()
    assert frozen.wait(60)
    second = Engine(database, settings=settings, providers=scripted, schedule=AT_ONCE)
    until(lambda: _is_over(second, job.id))
    over = jobs.get(database, job.id)
    thaw.set()
    thread.join(60)
    if over.needs_person:
        assert finds == "likely"
        jobs.submit_again(database, job.id, actor="ada", reason="it is not there")
        until(lambda: _is_over(second, job.id))
    assert jobs.get(database, job.id).state == "succeeded"
    assert len(world.paid) == 1


def _is_over(engine: Engine, job_id: int) -> bool:
    job = jobs.get(engine.db, job_id)
    return not job.is_open or job.needs_person or (engine.advance(job_id, anytime=True) and False)


def _all_of(engine: Engine, job_id: int) -> None:
    for _ in range(20):
        engine.advance(job_id, anytime=True)


def test_many_engines_at_once_do_each_job_once(
    create: Create, database: Database, settings: Settings, scripted: Scripted, world: World
) -> None:
    made = [create(again=True) for _ in range(12)]

    def work() -> None:
        engine = Engine(database, settings=settings, providers=scripted, schedule=AT_ONCE)
        while any(jobs.get(database, job.id).is_open for job in made):
            for hold in engine.claim(3, leads=True, slow=True):
                engine.work(hold)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each["marker"] for each in world.paid) == sorted(f"{job.key}-0" for job in made)
    assert {jobs.get(database, job.id).state for job in made} == {"succeeded"}


# Against a model


class Killed(BaseException):
    """The process is gone: nothing after it is done, and nobody catches it."""


#: Where a job may go from where it is, by itself or by a person.
WAYS: dict[str, set[str]] = {
    "validating": {"uploading", "failed", "blocked", "cancelled"},
    "uploading": {"submitting", "failed", "blocked", "cancelled", "queued", "submit_unknown"},
    "submitting": {"queued", "submit_unknown", "uploading", "failed", "blocked"},
    "submit_unknown": {"queued", "submitting", "uploading", "failed", "cancelled"},
    "queued": {"running", "failed", "cancelling", "cancelled"},
    "running": {"succeeded", "failed", "cancelling", "cancelled"},
    "cancelling": {"cancelled", "running", "failed"},
    "failed": {"validating"},
}
SENDING = ("before submitting", "after submitting", "before submitted", "after submitted", "before unknown",
           "before found")  # fmt: skip
KILLS = (*SENDING, *SENDING, *POINTS, "after unknown", "after found", "before ended")
ASKS = ("cancel", "look again", "submit again", "give up", "retry")


def drawn(chance: random.Random) -> list[tuple[str, Any]]:
    """What happens, in some order; more of what is dangerous than happens in life."""
    whats = ("advance", "advance", "kill", "kill", "lose the answer", "hide", "refuse", "ask", "ask")
    values = {
        "advance": (1, 2, 4), "kill": KILLS, "refuse": (429, 403, 400), "ask": ASKS,
    }  # fmt: skip
    acts = []
    for _ in range(chance.randint(2, 9)):
        what = chance.choice(whats)
        value = chance.choice(values.get(what, (0,)))
        acts.append((value, 0) if what == "ask" else (what, value))
    return acts


class Play:
    """One job, two engines, and whatever happens to them; beside it what may be true at most."""

    def __init__(self, create: Create, database: Database, home: Settings, scripted: Scripted, world: World) -> None:
        self.database, self.scripted, self.world = database, scripted, world
        world.paid.clear()
        world.refusals.clear()
        world.drops, world.finds, world.script = 0, True, ("running", "trained")
        self.job_id = create(again=True).id
        #: How often it may be begun: once, and once more for each time a person sent it again.
        self.payments = 1
        self.deadly = ""
        self.turn = 0
        self.engines = [
            Engine(database, settings=home, providers=scripted, schedule=AT_ONCE, hook=self._hook) for _ in range(2)
        ]

    def _hook(self, point: str) -> None:
        if point == self.deadly:
            self.deadly = ""
            raise Killed

    @property
    def job(self) -> jobs.Job:
        return jobs.get(self.database, self.job_id)

    def act(self, what: str, value: Any) -> None:
        match what:
            case "advance":
                self.advance(value)
            case "kill":
                self.kill(value)
            case "refuse":
                self.world.refusals[:] = [(value, "No.")]
            case "lose the answer":
                self.world.drops = 1
            case "hide":  # only where not finding it proves nothing
                self.world.finds = self.scripted.capabilities.finds == "exact"
            case _:
                self.ask(what)

    def advance(self, steps: int) -> None:
        self.turn += 1
        for _ in range(steps):
            self.engines[self.turn % 2].advance(self.job_id, anytime=True)

    def kill(self, point: str) -> None:
        self.deadly = point
        try:
            self.advance(6)
        except Killed:
            run(
                self.database,
                "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 s' WHERE owner IS NOT NULL",
            )
        self.deadly = ""

    def leases_end(self) -> None:
        run(self.database, "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 s' WHERE token IS NOT NULL")

    def ask(self, what: str) -> None:
        verb: Callable[..., object] = getattr(jobs, what.replace(" ", "_"))
        values = {"providers": self.scripted} if what in ("cancel", "retry") else {}
        try:
            verb(self.database, self.job_id, actor="ada", reason="why not", **values)
        except TuningRefused:
            return
        self.payments += what == "submit again"

    def check(self) -> None:
        job = self.job
        begun = [each["id"] for each in self.world.paid]
        assert len(begun) <= self.payments
        assert job.remote_id is None or job.remote_id in begun
        if begun and job.remote_id is None:
            # Known to be unknown, or said to a person.
            assert job.state in ("submitting", "submit_unknown", "uploading") or job.error_code == "given_up"
        if job.state in ("cancelled", "blocked", "failed") and job.submitted_at is None:
            assert begun == []
        happened = [each.state for each in jobs.events(self.database, self.job_id) if each.kind == "state"]
        for before, after in pairwise(happened):
            assert after in WAYS.get(before, set()), f"{before} became {after}"

    def end(self) -> None:
        """However it was left, an engine that goes on brings it to its end, or to a person."""
        self.world.finds = True
        self.leases_end()
        for _ in range(20):
            if not self.job.is_open or self.job.needs_person:
                break
            self.advance(1)
        assert self.job.state in ENDED or self.job.needs_person


@pytest.mark.timeout(300)
def test_whatever_happens_in_whatever_order(
    create: Create, database: Database, settings: Settings, scripted: Scripted, world: World
) -> None:
    """60 plays, always the same ones."""
    for seed in range(60):
        chance = random.Random(seed)
        scripted.capabilities = replace(CAPABILITIES, finds=chance.choice(["exact", "likely"]))
        acts = drawn(chance)
        sys.stdout.write(f"{seed}, {scripted.capabilities.finds}: {acts}\n")  # the last one is shown on a failure
        played = Play(create, database, settings, scripted, world)
        for act in acts:
            played.act(*act)
            played.check()
        played.end()
        played.check()
