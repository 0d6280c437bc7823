"""kill -9 at every commit point of the engine, for every provider: nothing is paid twice, and nothing is left behind.

For each point a process works on a job of its own and is killed there; then another engine takes over. What was begun
is counted by the provider's server. The table of all points is printed: `pytest -rP tests/tuning/test_crashes.py`.
"""

import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from core.settings import Settings, get_settings
from core.tuning import jobs
from core.tuning.providers.protocol import PROVIDER_IDS
from tests.tuning import victim
from tests.tuning.conftest import freeze, run
from tests.tuning.crash_cases import CASES, Case, Holding, Scenario, Service, case

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX")

#: The request is under way: begun, and not answered.
IN_FLIGHT = "during the request"
_PATIENCE_S = 120
_ENDING_S = 2


@dataclass
class Shop:
    """One scenario of one case: a service, and jobs that are killed."""

    database: Database
    home: Path
    name: str
    case: Case
    service: Service
    dataset: Any
    #: Leads to `victim.template`.
    template: Connection
    is_done: bool = False

    def job(self, scenario: Scenario) -> jobs.Job:
        """A new job of the same records, brought to where the scenario begins."""
        provider = self.case.make_provider()
        settings = Settings(WHETSTONE_HOME=self.home, _env_file=None)  # pyright: ignore[reportCallIssue]
        is_told = scenario in ("cancelled", "stopped", "resumed")
        self._hold(99 if is_told else 1)  # it would be done before it is told
        job = jobs.create(
            self.database,
            self.case.spec,
            self.dataset,
            actor="ada",
            again=True,
            over_budget=True,
            settings=settings,
            providers=lambda _id: provider,
        )
        asked = {"actor": "ada", "reason": "test", "providers": lambda _id: provider}
        if is_told:
            job = self.drive(job, until=lambda now: now.state == "running")
            assert job.state == "running", f"{job.state}: {job.error}"
            (jobs.cancel if scenario == "cancelled" else jobs.stop)(self.database, job.id, **asked)
        if scenario == "resumed":
            job = self.drive(job)
            assert job.state == "paused", f"{job.state}: {job.error}"
            self._hold(1)
            jobs.resume(self.database, job.id, **asked)
        if scenario == "answer lost":
            self.service.drop_reply()
        return job

    def _hold(self, polls: int) -> None:
        if isinstance(self.service, Holding):
            self.service.hold(polls)

    def drive(self, job: jobs.Job, *, until: Callable[[jobs.Job], bool] = lambda _job: False) -> jobs.Job:
        engine = victim.engine_of(self.database, self.home, self.case, hook=lambda _point: None)
        return victim.drive(engine, job.id, until=until)

    def resumed(self, job: jobs.Job) -> jobs.Job:
        return victim.resumed(self.database, self.home, self.case, job)

    def points(self, scenario: Scenario) -> list[str]:
        """All commit points of the scenario, from a job that nobody kills."""
        self._fork(victim.points, self.job(scenario))
        points, modules = self._said()
        assert self._said() == 0
        self.template.send((victim.load, modules))
        assert self._said() > 0
        return points

    def kill(self, job: jobs.Job, point: str) -> None:
        """Work on the job in another process until it is dead."""
        before = len(self.service.submissions())
        if point == IN_FLIGHT:
            self.service.stall(True)
        process = self._fork(victim.work, job, point)
        if point == IN_FLIGHT:
            deadline = time.monotonic() + 60
            while len(self.service.submissions()) == before:
                assert time.monotonic() < deadline, "nothing was submitted"
                time.sleep(0.01)
            os.kill(process, signal.SIGKILL)
            self.service.stall(False)
        code = self._said()
        assert code == -signal.SIGKILL, f"{point}: it ended by itself, with {code}"
        run(self.database, "UPDATE fine_tuning_jobs SET lease_until = now() - interval '1 s' WHERE owner IS NOT NULL")

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.service.environment)

    def _fork(self, do: Callable[..., None], job: jobs.Job, *more: str) -> int:
        """The id of the process that does it."""
        given = (self.database.url, str(self.home), self.name, self.environment, job.id, *more)
        self.template.send((do, given))
        return self._said()

    def _said(self) -> Any:
        assert self.template.poll(_PATIENCE_S), "the process neither works nor ends"
        return self.template.recv()


class Template:
    """A process that others are forked of."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.tuning.victim"])
        self.pipe, there = context.Pipe()
        self._process = context.Process(target=victim.template, args=(there,))
        self._process.start()
        there.close()

    def end(self) -> None:
        with suppress(OSError):
            self.pipe.send(None)
        self._process.join(_ENDING_S)  # it would not end by itself where a test broke off
        self._process.kill()
        self._process.join()
        self.pipe.close()


@pytest.fixture(scope="session")
def templates() -> Iterator[dict[str, Template]]:
    """By the case whose libraries each has imported, which takes as long as many points."""
    started: dict[str, Template] = {}
    yield started
    for each in started.values():
        each.end()


SCENARIOS = [(name, scenario) for name in CASES for scenario in case(name).scenarios]


@pytest.fixture
def shop(
    request: pytest.FixtureRequest,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    templates: dict[str, Template],
) -> Iterator[Shop]:
    name = request.getfixturevalue("name")
    chosen = case(name)
    (tmp_path / "service").mkdir()
    # Taken out of them until the test is done: after one that broke off, the pipe has something left to say.
    template = templates.pop(name, None) or Template()
    is_done = False
    try:
        with chosen.serve(tmp_path / "service") as service:
            for key, value in service.environment.items():
                if os.environ.get(key) != value:  # what the service set itself it also takes back, and before this does
                    monkeypatch.setenv(key, value)
            get_settings.cache_clear()
            shop = Shop(database, tmp_path, name, chosen, service, freeze(database, rows=chosen.rows), template.pipe)
            yield shop
            is_done = shop.is_done
            service.stall(False)
    finally:
        if is_done:
            templates[name] = template
        else:
            template.end()
    get_settings.cache_clear()


def test_every_provider_that_there_is_has_a_case() -> None:
    there = [each for each in PROVIDER_IDS if importlib.util.find_spec(f"core.tuning.providers.{each}.adapter")]
    assert [each for each in there if each not in CASES] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "scenario"), SCENARIOS, ids=[": ".join(each) for each in SCENARIOS])
def test_killed_at_every_commit_point(name: str, scenario: Scenario, shop: Shop) -> None:
    rows: list[tuple[str, ...]] = []
    points = shop.points(scenario)
    assert points
    for point in [*points, *([IN_FLIGHT] if scenario == "through" else [])]:
        begun_before = len(shop.service.submissions())
        job = shop.job(scenario)
        shop.kill(job, point)
        at_death = len(shop.service.submissions()) - begun_before
        state = jobs.get(shop.database, job.id).state
        job = shop.resumed(shop.drive(job))
        begun = shop.service.submissions()[begun_before:]
        outcome = _judged(shop, job, begun, scenario)
        rows.append((point, state, str(at_death), str(len(begun)), outcome))
    shop.is_done = True
    sys.stdout.write(_table(f"{name}, {scenario}", rows))
    assert [row for row in rows if row[-1].startswith("WRONG")] == []


def _judged(shop: Shop, job: jobs.Job, begun: Sequence[str], scenario: Scenario) -> str:
    """What became of it, in words; `WRONG` where something was paid twice, lost, or asked without need."""
    most = shop.case.stages
    if len(begun) > most or len(set(begun)) != len(begun):
        return f"WRONG: {len(begun)} submissions"
    if job.needs_person:
        return _with_a_person(shop, job, begun)
    adopted = {job.remote_id, *shop.case.adopted(job.remote)}
    orphans = [each for each in begun if each not in adopted]
    if orphans:
        return f"WRONG: {orphans} left behind"
    expected = "cancelled" if scenario == "cancelled" else "succeeded"
    if scenario == "cancelled" and job.state == "succeeded" and _was_too_late(shop, job):
        return "succeeded: it was done before it was cancelled"
    if job.state != expected or (expected == "succeeded" and len(begun) != most):
        return f"WRONG: {job.state} with {len(begun)} submissions: {job.error}"
    return f"{job.state}, found again" if _was_found(shop, job) else job.state


def _was_found(shop: Shop, job: jobs.Job) -> bool:
    return any("found by its marker" in each.message for each in jobs.events(shop.database, job.id))


def _was_too_late(shop: Shop, job: jobs.Job) -> bool:
    return any("before the cancellation" in each.message for each in jobs.events(shop.database, job.id))


def _with_a_person(shop: Shop, job: jobs.Job, begun: Sequence[str]) -> str:
    """A person is asked only where the provider cannot be certain; then nothing is done without the person."""
    finds = shop.case.make_provider().capabilities.finds
    # Of what was begun in an earlier stage the provider's id is known.
    unknown = [each for each in begun if each not in shop.case.adopted(job.remote)]
    if finds == "exact" or (finds == "likely" and unknown):
        return "WRONG: a person was asked"
    if job.key not in job.advice:
        return "WRONG: the person is not told the marker"
    if unknown:
        jobs.give_up(shop.database, job.id, actor="ada", reason="looked for it by hand, and cancelled it there")
        return "a person is asked: it is there"
    jobs.submit_again(shop.database, job.id, actor="ada", reason="it is not there")
    before = len(shop.service.submissions())
    job = shop.drive(job)
    extra = len(shop.service.submissions()) - before
    return f"a person is asked, and it is sent: {job.state}" if extra else f"WRONG: {job.state} after it was sent again"


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    head = ("killed", "found as", "begun then", "begun at the end", "outcome")
    widths = [max(len(row[number]) for row in (head, *rows)) for number in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    return "\n".join(["", title, *lines, ""])
