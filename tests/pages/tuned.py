"""Versions to train on, and jobs in every state, for the tests of the fine-tuning page."""

from typing import Any

from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import tuning_jobs, tuning_metrics
from core.examples.filters import Filter
from core.tuning import jobs
from core.tuning.engine import Engine
from core.tuning.jobs import Job
from core.tuning.providers.protocol import ProviderId, Spec, State
from tests.served import add


def frozen(db: Database, name: str = "plans", rows: int = 40) -> DatasetVersion:
    """A version of records of its own."""
    add(
        db,
        *(
            {"execution_id": f"{name}-{number}", "intent": name, "execution_plan": f"plan {number} of {name}"}
            for number in range(rows)
        ),
    )
    return snapshots.create(db, name, filter=Filter(intents=(name,)), recipe=Recipe(), split=Split(), actor="ada")


def job(db: Database, version: DatasetVersion, provider: ProviderId = "local", **more: Any) -> Job:
    """A job as the page starts it; nothing advances it here."""
    spec = Spec(provider, more.pop("base", "base-small"), more.pop("method", "sft"), more.pop("settings", {}),
                more.pop("name", ""))  # fmt: skip
    more["settings"] = more.pop("app_settings", None)
    return jobs.create(db, spec, version, actor="ada", reason="a test", **more)


def put(db: Database, job_id: int, state: State, **columns: Any) -> Job:
    """Into a state that the engine would bring it to."""
    path: dict[State, tuple[State, ...]] = {"failed": ("running",), "succeeded": ("running",)}
    with db.begin() as connection:
        for each in (*path.get(state, ()), state):
            values = columns if each == state else {}
            connection.execute(tuning_jobs.update().where(tuning_jobs.c.id == job_id).values(state=each, **values))
    return jobs.get(db, job_id)


def curve(db: Database, job_id: int, steps: int = 5, **more: float) -> None:
    """Losses that fall, of train and validation."""
    values = {"loss": 2.0, "val_loss": 2.2, "tokens_per_s": 512.0, **more}
    rows = [
        {"job_id": job_id, "name": name, "step": step, "value": value if name == "tokens_per_s" else value / step}
        for name, value in values.items()
        for step in range(1, steps + 1)
    ]
    with db.begin() as connection:
        connection.execute(tuning_metrics.insert(), rows)


def driven(
    db: Database,
    job: Job,
    *,
    until: State | None = None,
    steps: int | None = None,
    needs_person: bool = False,
) -> Job:
    """Advanced by the engine until it is in this state, has done so many steps, or waits for a person."""
    engine = Engine(db)
    for _ in range(60):
        job = jobs.get(db, job.id)
        if job.state == until or (steps is not None and job.done_steps == steps) or (needs_person and job.needs_person):
            return job
        engine.advance(job.id, anytime=True)
    raise AssertionError(f"job {job.id} stays {job.state}, {job.done_steps} steps done: {job.error}")
