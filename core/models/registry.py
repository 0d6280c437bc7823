"""The registry of models: what answers, what it was made from, and whether anything serves it.

What a model was made of never changes, and no model is deleted; the database refuses both.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select, update

from core import audit, llm
from core.db import Database
from core.db.tables import models
from core.errors import Conflict, ModelRefused
from core.models.records import Model, find
from core.tuning.providers import catalogue
from core.tuning.providers.protocol import ProviderId, TrainedModel

#: The provider of fine-tuning that has the models of a provider of answers as bases.
_MAKERS: dict[str, ProviderId] = {
    "ollama": "local", "openai": "openai", "anthropic": "claude", "gemini": "gemini", "vertex": "gemini",
}  # fmt: skip
_MOST_NAME = 200
_MOST_NOTES = 20_000


def register_in(
    connection: Connection,
    *,
    job_id: int,
    dataset_id: int | None,
    provider: str,
    base_model: str,
    name: str,
    made: TrainedModel,
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
            notes=made.note.replace("\0", ""),
            serving=made.serving,
            serving_remote=dict(made.serving_remote),
            shutdown_date=made.shutdown_date,
            created_by=actor,
        )
        .returning(models.c.id)
    ).scalar_one()
    record(connection, model_id, "register", actor=actor, after={"kind": made.kind, "job": job_id})
    return model_id


def add_base(db: Database, call_name: str, *, actor: str, reason: str = "", name: str = "") -> Model:
    """Put a model that answers already (`provider:name`) into the registry, to compare and deploy it.

    Raises `ConfigurationError` where that names no model, and `Conflict` where it is there.
    """
    called = llm.Model.parse(call_name)
    provider = _MAKERS[called.provider]
    facts = catalogue.base(provider, called.name)
    with db.begin() as connection:
        _one_at_a_time(connection)
        there = connection.execute(
            select(models.c.name).where(models.c.kind == "base", models.c.call_name == str(called))
        ).scalar_one_or_none()
        if there is not None:
            raise Conflict(f"{called} is in the registry already, as {there!r}.")
        model_id = connection.execute(
            models.insert()
            .values(
                name=_free_name(connection, _checked_name(name or str(called))),
                kind="base",
                provider=provider,
                base_model=called.name,
                call_name=str(called),
                parameters={},
                checkpoints=[],
                artefacts=[],
                notes="",
                serving="ready",
                serving_remote={},
                shutdown_date=facts.shutdown if facts else None,
                created_by=actor,
            )
            .returning(models.c.id)
        ).scalar_one()
        record(connection, model_id, "register", actor=actor, reason=reason, after={"kind": "base"})
        return find(connection, model_id)


def set_notes(db: Database, model_id: int, notes: str, *, actor: str, reason: str = "") -> bool:
    """Replace what is noted about a model; whether that changed anything."""
    if len(notes) > _MOST_NOTES or not _can_be_stored(notes):
        raise ModelRefused(f"Notes have at most {_MOST_NOTES:,} characters, and no NUL among them; shorten them.")
    return _change(db, model_id, "notes", {"notes": notes.strip()}, actor=actor, reason=reason)


def rename(db: Database, model_id: int, name: str, *, actor: str, reason: str = "") -> bool:
    """Give a model another name; whether that changed anything. Raises `ModelRefused` for one that is taken."""
    wanted = _checked_name(name)
    with db.begin() as connection:
        _one_at_a_time(connection)
        taken = select(models.c.id).where(models.c.name == wanted, models.c.id != model_id)
        if connection.execute(taken).scalar_one_or_none() is not None:
            raise ModelRefused(f"There is a model named {wanted!r} already; choose another name.")
        return _change_in(connection, model_id, "rename", {"name": wanted}, actor=actor, reason=reason)


def set_shutdown_date(db: Database, model_id: int, day: dt.date | None, *, actor: str, reason: str = "") -> bool:
    """Note the last day on which the provider lets a model answer; from the day after it cannot be deployed."""
    return _change(db, model_id, "shutdown date", {"shutdown_date": day}, actor=actor, reason=reason)


def archive(db: Database, model_id: int, *, actor: str, reason: str = "") -> bool:
    """Leave a model out of lists; nothing of it is lost. Raises `ModelRefused` for the one in use."""
    with db.begin() as connection:
        model = find(connection, model_id, lock=True)
        if model.in_use:
            raise ModelRefused(f"{model.name} is in use. Deploy another model, or none, and archive it then.")
        if model.archived_at is not None:
            return False
        now = {"archived_at": dt.datetime.now(dt.UTC)}
        return _change_in(connection, model_id, "archive", now, actor=actor, reason=reason)


def unarchive(db: Database, model_id: int, *, actor: str, reason: str = "") -> bool:
    """List a model again."""
    return _change(db, model_id, "unarchive", {"archived_at": None}, actor=actor, reason=reason)


def record(
    connection: Connection,
    model_id: int,
    action: str,
    *,
    actor: str,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """One line of the audit log about a model."""
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


def _change(db: Database, model_id: int, action: str, values: dict[str, Any], *, actor: str, reason: str) -> bool:
    with db.begin() as connection:
        return _change_in(connection, model_id, action, values, actor=actor, reason=reason)


def _change_in(
    connection: Connection, model_id: int, action: str, values: dict[str, Any], *, actor: str, reason: str
) -> bool:
    """Write what differs, with its line in the audit log."""
    model = find(connection, model_id, lock=True)
    before = {name: getattr(model, name) for name in values}
    if before == values:
        return False
    connection.execute(update(models).where(models.c.id == model_id).values(**values))
    told = {name: None if value is None else str(value) for name, value in before.items()}
    after = {name: str(getattr(find(connection, model_id), name) or "") for name in values}
    record(connection, model_id, action, actor=actor, reason=reason, before=told, after=after)
    return True


def _one_at_a_time(connection: Connection) -> None:
    """Two who look for a free name at once would find the same one. Held until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("names of models", 8))))


def _free_name(connection: Connection, wanted: str) -> str:
    """`wanted`, or with the first number that makes it free, as in `support-plans 2`."""
    wanted = wanted.replace("\0", "").strip() or "model"
    taken = set(connection.scalars(select(models.c.name).where(models.c.name.startswith(wanted, autoescape=True))))
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 2))]
    return next(name for name in names if name not in taken)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        raise ModelRefused(f"A model's name has 1 to {_MOST_NAME} characters that can be printed.")
    if name.isdecimal():
        raise ModelRefused(f"A name of digits alone would be taken for an id; write more than {name[:20]}.")
    return name


def _can_be_stored(text: str) -> bool:
    return "\0" not in text and not any(0xD800 <= ord(sign) <= 0xDFFF for sign in text)
