"""What looks after jobs by itself: wakes for what is new, takes over from who is gone, and lets polls pass uploads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from core.db import Database, workspaces
from core.settings import Settings
from core.tuning import jobs
from core.tuning.engine import Poller, Schedule
from core.tuning.jobs import SEARCHES, Job
from tests.commands.conftest import until
from tests.tuning.conftest import SPEC, Create, freeze, run
from tests.tuning.scripted import CAPABILITIES, Scripted, World

#: Quick enough for a test, and still with pauses.
BRISK = Schedule(
    lease_s=2.0,
    hosted_s=(0.02, 0.05),
    machine_s=(0.02, 0.05),
    searches_s=(0.05,) * SEARCHES,
    late_search_s=5.0,
    settle_s=0.0,
    backoff_s=0.05,
    longest_s=0.2,
    report_s=0.0,
)


Start = Callable[..., Poller]


@pytest.fixture
def start(database: Database, settings: Settings, scripted: Scripted) -> Iterator[Start]:
    """Start pollers, and stop them at the end of the test."""
    started: list[Poller] = []

    def start(**values: Any) -> Poller:
        usual: dict[str, Any] = {"settings": settings, "providers": scripted, "schedule": BRISK, "idle_s": 60.0}
        poller = Poller(database, **{**usual, **values})
        started.append(poller)
        poller.start()
        return poller

    yield start
    for poller in started:
        poller.stop(10.0)


def state(database: Database, job: Job) -> str:
    return jobs.get(database, job.id).state


def test_it_hears_of_a_new_job_and_sees_it_through(
    create: Create, start: Start, database: Database, world: World
) -> None:
    poller = start()
    until(lambda: poller.snapshot().leads == ("public",))
    job = create()  # the poller sleeps for a minute unless it hears of it
    until(lambda: state(database, job) == "succeeded")
    assert len(world.paid) == 1
    assert poller.snapshot().steps >= 4
    assert poller.stop()
    assert not poller.snapshot().running


def test_what_was_made_before_it_started_is_found(create: Create, start: Start, database: Database) -> None:
    made = [create(replace(SPEC, settings={"epochs": epochs})) for epochs in range(1, 6)]
    start()
    until(lambda: all(state(database, job) == "succeeded" for job in made))


def test_every_workspace_is_looked_after(
    start: Start, database: Database, settings: Settings, scripted: Scripted
) -> None:
    demo = workspaces.create(database, "demo")
    made = [
        jobs.create(db, SPEC, freeze(db), actor="ada", settings=settings, providers=scripted) for db in (database, demo)
    ]
    poller = start()
    until(lambda: [state(db, job) for db, job in zip((database, demo), made, strict=True)] == ["succeeded"] * 2)
    assert poller.snapshot().leads == ("demo", "public")
    workspaces.drop(database, "demo")
    poller.wake()


def test_uploads_do_not_hold_up_polls(create: Create, start: Start, database: Database, world: World) -> None:
    world.script = ("running",)
    running = create()
    start(threads=4)
    until(lambda: state(database, running) == "running")
    world.upload_gate.clear()
    long = [create(replace(SPEC, settings={"epochs": epochs})) for epochs in range(3, 9)]
    until(lambda: world.posts("/files") == 3, "two uploads at once, and no more")
    polls = sum(each.startswith("GET") for each in world.requests)
    until(lambda: sum(each.startswith("GET") for each in world.requests) > polls + 10)
    assert world.posts("/files") == 3
    world.upload_gate.set()
    until(lambda: all(state(database, job) == "running" for job in long))


def test_a_cancellation_takes_effect_without_waiting_for_the_next_poll(
    create: Create, start: Start, database: Database, world: World, scripted: Scripted
) -> None:
    world.script = ("running",)
    slow = replace(BRISK, hosted_s=(3_600.0, 3_600.0))
    start(schedule=slow)
    job = create()
    until(lambda: state(database, job) == "running")
    jobs.cancel(database, job.id, actor="ada", reason="", providers=scripted)
    until(lambda: state(database, job) == "cancelled")


def test_one_leads_and_when_it_is_gone_another_takes_over(
    create: Create, start: Start, database: Database, world: World
) -> None:
    world.script = ("running",)
    first = start()
    until(lambda: first.snapshot().leads == ("public",))
    second = start(idle_s=0.1)
    job = create()
    until(lambda: state(database, job) == "running")
    assert second.snapshot().leads == ()
    first.stop()
    until(lambda: second.snapshot().leads == ("public",))
    world.script = ("trained",)
    until(lambda: state(database, job) == "succeeded")
    assert len(world.paid) == 1


def test_a_leader_that_loses_its_connection_leads_again_or_another_does(
    create: Create, start: Start, database: Database, world: World
) -> None:
    poller, other = start(idle_s=0.1), start(idle_s=0.1)
    until(lambda: bool(poller.snapshot().leads or other.snapshot().leads))
    run(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    job = create()
    until(lambda: state(database, job) == "succeeded")
    assert len(world.paid) == 1
    until(lambda: sorted(len(each.snapshot().leads) for each in (poller, other)) == [0, 1])


def test_jobs_of_this_machine_are_looked_after_without_the_lead(
    create: Create, start: Start, database: Database, scripted: Scripted
) -> None:
    scripted.capabilities = replace(CAPABILITIES, is_on_a_machine=True)
    with database.dedicated() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('whetstone tuning leader public', 8))")
        poller = start(idle_s=0.1)
        here = create()
        until(lambda: state(database, here) == "succeeded")
        scripted.capabilities = CAPABILITIES
        anywhere = create(replace(SPEC, settings={"epochs": 9}))
        until(lambda: poller.snapshot().running)
        assert (poller.snapshot().leads, state(database, anywhere)) == ((), "validating")
    until(lambda: state(database, anywhere) == "succeeded")


def test_a_stop_ends_an_upload_which_the_next_takes_up(
    create: Create, start: Start, database: Database, world: World, scripted: Scripted
) -> None:
    begun, over = threading.Event(), threading.Event()

    def upload(job: Any, report_progress: Any) -> Any:
        begun.set()
        while not over.wait(0.01):
            report_progress("uploading", 0.5)
        return Scripted.upload(scripted, job, report_progress)

    scripted.upload = upload  # pyright: ignore[reportAttributeAccessIssue]
    poller = start()
    job = create()
    assert begun.wait(30)
    until(lambda: jobs.get(database, job.id).phase == "uploading 50%")
    assert poller.stop(30.0)
    assert run(database, "SELECT owner, state FROM fine_tuning_jobs") == [(None, "uploading")]
    over.set()
    start()
    until(lambda: state(database, job) == "succeeded")
    assert len(world.paid) == 1


def test_a_long_call_keeps_its_lease(create: Create, start: Start, database: Database, world: World) -> None:
    """Two look after the same jobs, and the request takes longer than a lease."""
    quick = replace(BRISK, lease_s=0.6)
    world.gate.clear()
    start(schedule=quick)
    start(schedule=quick, idle_s=0.1)
    job = create()
    until(lambda: len(world.paid) == 1)
    ends = run(database, "SELECT lease_until FROM fine_tuning_jobs")[0][0]
    until(
        lambda: run(database, "SELECT lease_until > %s::timestamptz + interval '1.5 s' FROM fine_tuning_jobs", ends)[0][
            0
        ]
    )
    assert state(database, job) == "submitting"
    world.gate.set()
    until(lambda: state(database, job) == "succeeded")
    assert len(world.paid) == 1
    assert "submit_unknown" not in [each.state for each in jobs.events(database, job.id)]


def test_a_database_that_goes_away_is_found_again(
    create: Create, start: Start, database: Database, world: World
) -> None:
    world.script = ("running",)
    poller = start(idle_s=0.1)
    job = create()
    until(lambda: state(database, job) == "running")
    for _ in range(3):
        with suppress(Exception):  # it ends its own connections too
            run(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
    world.script = ("trained",)
    until(lambda: state(database, job) == "succeeded")
    until(lambda: poller.snapshot().error == "")
    assert len(world.paid) == 1


def test_it_can_be_stopped_and_started_again(create: Create, start: Start, database: Database) -> None:
    poller = start()
    poller.start()
    assert poller.stop()
    assert poller.stop()
    poller.wake()
    job = create()
    poller.start()
    until(lambda: state(database, job) == "succeeded")
