"""An engine in a process of its own, which ends itself in the hardest way at the commit point it is told."""

import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from core.db import Database
from core.settings import Settings, get_settings
from core.tuning import jobs
from core.tuning.engine import Engine
from tests.tuning.conftest import AT_ONCE
from tests.tuning.crash_cases import Case, case

#: Of these commits each is a point of its own; of the others, which repeat, the first.
EACH = ("submitting", "submitted", "uploading", "again", "found", "unknown")


def template(pipe: Connection) -> None:
    """Fork a process for each (function, arguments) that comes; says its id, what it sends itself, and how it ended.

    Importing the SDK of a provider took a process longer than what it was killed for. This one imports whatever one
    before it has imported, and has neither thread nor connection of its own that a fork would share.
    """
    while (asked := pipe.recv()) is not None:
        do, arguments = asked
        if do is load:
            pipe.send(load(arguments))
            continue
        assert threading.active_count() == 1
        if (child := os.fork()) == 0:
            try:
                do(pipe, *arguments)
            except BaseException:  # noqa: BLE001 - nothing of the template's is for a fork of it to unwind
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        pipe.send(child)
        _, status = os.waitpid(child, 0)
        pipe.send(os.waitstatus_to_exitcode(status))


def load(names: list[str]) -> int:
    """Import what can be imported; how many there were."""
    loaded = 0
    for name in names:
        try:
            importlib.import_module(name)
            loaded += 1
        except Exception:  # noqa: BLE001 - made by a library for itself, and not there to be imported
            continue
    return loaded


def points(pipe: Connection, url: str, home: str, case_name: str, environment: Mapping[str, str], job_id: int) -> None:
    """Work on a job that nobody kills; sends its commit points in order, and the modules that it took."""
    _live_in(environment)
    seen: Counter[str] = Counter()
    found: list[str] = []

    def hook(name: str) -> None:
        seen[name] += 1
        if seen[name] == 1 or name.split()[1] in EACH:
            found.append(f"{name} {seen[name]}")

    db, chosen = Database(url), case(case_name)
    resumed(db, Path(home), chosen, drive(engine_of(db, Path(home), chosen, hook=hook), job_id))
    pipe.send((found, list(sys.modules)))


def work(
    _pipe: Connection, url: str, home: str, case_name: str, environment: Mapping[str, str], job_id: int, point: str
) -> None:
    """Work on the job until `point` (`before polled 1`: right before the first commit of that name), and die there."""
    _live_in(environment)
    kills = _killing(point)
    engine = engine_of(Database(url), Path(home), case(case_name), hook=kills)
    drive(engine, job_id)


def _live_in(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    get_settings.cache_clear()


def _killing(point: str) -> Callable[[str], None]:
    seen: Counter[str] = Counter()

    def hook(name: str) -> None:
        seen[name] += 1
        if f"{name} {seen[name]}" == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def engine_of(db: Database, home: Path, chosen: Case, *, hook: Callable[[str], None]) -> Engine:
    """An engine that waits for nothing; its provider is the one of the environment."""
    provider = chosen.make_provider()
    settings = Settings(WHETSTONE_HOME=home, _env_file=None)  # pyright: ignore[reportCallIssue]
    return Engine(db, settings=settings, providers=lambda _id: provider, schedule=AT_ONCE, hook=hook)


def drive(engine: Engine, job_id: int, *, until: Callable[[jobs.Job], bool] = lambda _job: False) -> jobs.Job:
    """Do steps until the job has ended, is stopped, waits for a person, or it is so."""
    while True:
        job = jobs.get(engine.db, job_id)
        if not job.is_open or job.needs_person or until(job):
            return job
        if job.state == "paused" and job.wants is None:
            return job
        engine.advance(job_id, anytime=True)
        if job.host is not None:
            time.sleep(0.05)  # what runs on this machine needs it, too


def resumed(db: Database, home: Path, chosen: Case, job: jobs.Job) -> jobs.Job:
    """What was stopped goes on; its points are those of any other job."""
    if job.state != "paused":
        return job
    provider = chosen.make_provider()
    jobs.resume(db, job.id, actor="ada", reason="test", providers=lambda _id: provider)
    return drive(engine_of(db, home, chosen, hook=lambda _point: None), job.id)
