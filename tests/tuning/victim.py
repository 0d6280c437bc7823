"""An engine in a process of its own, which ends itself in the hardest way at the commit point it is told."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from core.db import Database
from core.settings import Settings
from core.settings import settings as settings_of_process
from core.tuning import jobs
from core.tuning.engine import Engine
from tests.tuning.conftest import AT_ONCE
from tests.tuning.crash_cases import Case, case


def work(url: str, home: str, case_name: str, environment: Mapping[str, str], job_id: int, point: str) -> None:
    """Work on the job until `point` (`before polled 1`: right before the first commit of that name), and die there."""
    os.environ.update(environment)
    settings_of_process.cache_clear()
    kills = _killing(point)
    engine = engine_of(Database(url), Path(home), case(case_name), hook=kills)
    drive(engine, job_id)


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
    return Engine(db, settings=settings, providers=lambda _id: provider, pace=AT_ONCE, hook=hook)


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
