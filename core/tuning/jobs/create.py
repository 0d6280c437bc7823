"""Making a fine-tuning job: checked, within the budget, and not the same twice; then the engine takes it up."""

import uuid
from typing import Any

import psycopg
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from core import audit
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import tuning_events, tuning_jobs
from core.errors import AlreadyTrained, OverBudget, TuningRefused
from core.settings import Settings, get_settings
from core.tuning import budget, places, preflight
from core.tuning.jobs.records import Job, notify, read
from core.tuning.preflight import Examined, Providers
from core.tuning.providers import registry
from core.tuning.providers.protocol import Spec

_MOST_NAME = 120


def create(
    db: Database,
    spec: Spec,
    dataset: str | int | DatasetVersion,
    *,
    actor: str,
    reason: str = "",
    again: bool = False,
    over_budget: bool = False,
    settings: Settings | None = None,
    providers: Providers = registry.provider,
) -> Job:
    """Make a job; the engine checks it with the provider, uploads and submits it. Nothing is asked or paid here.

    Raises `TuningRefused` with what stands in the way, `AlreadyTrained` when the same records were trained on the same
    base with the same settings (unless `again`), `OverBudget` when it may cost more than is left of the month's budget
    (unless that is confirmed by `over_budget`).
    """
    settings = settings or get_settings()
    found = preflight.examine(db, spec, dataset, live=False, settings=settings, providers=providers)
    if not found.checked.can_start:
        blocking = [each for each in found.checked.obstacles if each.blocks]
        sentences = " ".join(f"{each.sentence} {each.remedy}" for each in blocking)
        raise TuningRefused(f"The job cannot start. {sentences}", obstacles=found.checked.obstacles)
    _refuse_name(spec.name)
    is_on_a_machine = providers(spec.provider).capabilities.is_on_a_machine
    host = places.bind_machine(settings.home) if is_on_a_machine else None
    try:
        with db.begin() as connection:
            audit.acting(connection, actor=actor, reason=reason)
            budget.lock(connection)
            return _create(connection, found, host=host, actor=actor, again=again, over_budget=over_budget)
    except IntegrityError as error:
        if not isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise
        with db.connect() as connection:
            job_id = preflight.duplicate_of(connection, found.spec_hash)
        if job_id is None:
            raise
        raise _already(job_id) from None


def _create(
    connection: Connection, found: Examined, *, host: str | None, actor: str, again: bool, over_budget: bool
) -> Job:
    duplicate = preflight.duplicate_of(connection, found.spec_hash)
    if duplicate is not None and not again:
        raise _already(duplicate)
    estimate = found.checked.estimate
    over = budget.obstacle(estimate, budget.budget_in(connection), confirmed=over_budget)
    if over is not None and over.blocks:
        raise OverBudget(f"{over.sentence} {over.remedy}", obstacles=(over,))
    values = _values(found, host, actor) | {"repeat": _next_repeat(connection, found.spec_hash) if again else 0}
    job_id = connection.execute(insert(tuning_jobs).values(**values).returning(tuning_jobs.c.id)).scalar_one()
    if over is not None:
        connection.execute(
            insert(tuning_events).values(
                job_id=job_id, kind="asked", actor=actor, message=f"Started over the budget, confirmed. {over.sentence}"
            )
        )
    notify(connection)
    return read(connection, job_id)


def _values(found: Examined, host: str | None, actor: str) -> dict[str, Any]:
    spec, estimate = found.spec, found.checked.estimate
    return {
        "job_id": uuid.uuid4().hex,
        "state": "validating",
        "status": "pending",
        "provider": spec.provider,
        "target_model": spec.base_model,
        "spec": {"method": spec.method, "settings": dict(spec.settings), "name": spec.name},
        "spec_hash": found.spec_hash,
        "training_config": dict(spec.settings),
        "dataset_id": found.version.id,
        "dataset_version": found.version.label,
        "training_examples_count": found.data.train,
        "estimated_cost": estimate.cost_low,
        "estimated_cost_high": estimate.cost_high,
        "tokens_estimated": estimate.tokens,
        "host": host,
        "created_by": actor,
    }


def _next_repeat(connection: Connection, spec_hash: str) -> int:
    """Any that was used before is passed over, whatever became of it. The lock on the budget makes it the only one."""
    newest = select(func.max(tuning_jobs.c.repeat)).where(tuning_jobs.c.spec_hash == spec_hash)
    found = connection.execute(newest).scalar_one_or_none()
    return 0 if found is None else found + 1


def _refuse_name(name: str) -> None:
    if len(name) > _MOST_NAME or "\0" in name or name != name.strip():
        raise TuningRefused(
            f"The name {name[:40]!r} cannot be used; give at most {_MOST_NAME} characters, without spaces around them."
        )


def _already(job_id: int) -> AlreadyTrained:
    return AlreadyTrained(
        f"Job {job_id} trains, or has trained, the same records on the same base with the same settings; "
        "use its model, or ask for the same again.",
        job_id,
    )
