"""The registry of models: what answers, what it was made from, and whether anything serves it.

What a model was made of never changes, and no model is deleted; the database refuses both.
"""

from sqlalchemy import Connection, func, select

from core import audit
from core.tables import models
from core.tuning.protocol import Made


def register_in(
    connection: Connection,
    *,
    job_id: int,
    dataset_id: int | None,
    provider: str,
    base_model: str,
    name: str,
    made: Made,
    actor: str,
) -> int:
    """Put what came of a job into the registry, in the caller's transaction, and return the model's id.

    A name that is taken gets a number. Once a job: for one that has a model already, that one's id comes back.
    """
    _one_at_a_time(connection)
    known = connection.execute(select(models.c.id).where(models.c.job_id == job_id)).scalar_one_or_none()
    if known is not None:
        return known
    model_id = connection.execute(
        models.insert()
        .values(
            name=_free_name(connection, name),
            kind=made.kind,
            provider=provider,
            base_model=base_model,
            call_name=made.call_name,
            job_id=job_id,
            dataset_id=dataset_id,
            parameters=dict(made.parameters),
            checkpoints=[dict(each) for each in made.checkpoints],
            artefacts=[dict(each) for each in made.artefacts],
            profile=None if made.profile is None else dict(made.profile),
            cost_usd=made.cost_usd,
            notes=made.note,
            serving=made.serving,
            serving_remote=dict(made.serving_remote),
            shutdown_date=made.shutdown_date,
            created_by=actor,
        )
        .returning(models.c.id)
    ).scalar_one()
    _record(connection, model_id, "register", actor=actor, after={"kind": made.kind, "job": job_id})
    return model_id


def _one_at_a_time(connection: Connection) -> None:
    """Two who look for a free name at once would find the same one. Held until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("names of models", 8))))


def _free_name(connection: Connection, wanted: str) -> str:
    """`wanted`, or with the first number that makes it free, as in `support-plans 2`."""
    wanted = wanted.replace("\0", "").strip() or "model"
    taken = set(connection.scalars(select(models.c.name).where(models.c.name.startswith(wanted, autoescape=True))))
    return next(
        name
        for number in range(1, len(taken) + 2)
        if (name := wanted if number == 1 else f"{wanted} {number}") not in taken
    )


def _record(
    connection: Connection,
    model_id: int,
    action: str,
    *,
    actor: str,
    reason: str = "",
    before: dict | None = None,
    after: dict | None = None,
) -> None:
    audit.record(
        connection,
        actor=actor,
        action=action,
        subject="model",
        subject_id=model_id,
        before=before,
        after=after,
        reason=reason,
        row_count=1,
    )
