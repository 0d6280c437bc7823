"""Which model the orchestrator works with: deploy, undeploy, roll back, and the history of it with who and why.

At most one deployment is open. It, the setting that the orchestrator reads and the audit log are written in one
transaction, under the lock under which the setting is changed by hand.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, select

from core import audit
from core.db import Database
from core.db.tables import deployments, models
from core.deployments import in_use
from core.deployments import preferences as settings
from core.errors import Conflict, ModelRefused, ReasonNeeded
from core.evaluation import comparison
from core.models import Model, calls, records
from core.models.availability import refuse_not_callable

#: A model that does not answer, or is clearly worse, is deployed for a reason of at least so many words.
LEAST_WORDS = 3


@dataclass(frozen=True)
class Deployment:
    """A time for which the orchestrator worked with a model."""

    id: int
    model_id: int
    at: dt.datetime
    actor: str
    reason: str
    #: The deployment that a roll back brought back.
    restores: int | None
    #: What the planner's model was set to before, as `provider:name`; "" none.
    replaced: str
    #: The deployment in use until this one.
    follows: int | None
    #: All three None while it is open.
    ended_at: dt.datetime | None
    ended_by: str | None
    end_reason: str | None
    #: The model as it is now.
    model_name: str
    kind: records.Kind
    call_name: str

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True)
class Before:
    """What a roll back would bring back: a deployment, or what was set by hand ("": the built-in planner)."""

    deployment: Deployment | None
    by_hand: str

    def __str__(self) -> str:
        if self.deployment is not None:
            return self.deployment.model_name
        return self.by_hand or "the built-in planner"


def current(db: Database) -> Deployment | None:
    """Return the open deployment. None: what was set by hand is used, or the built-in planner."""
    with db.reading() as connection:
        return _current(connection)


def history(
    db: Database, *, model_id: int | None = None, before: int | None = None, limit: int = 50
) -> list[Deployment]:
    """Deployments, the newest first. `model_id`: of this model; `before`: the id of the last one already seen."""
    query = _query().order_by(deployments.c.id.desc()).limit(limit)
    if model_id is not None:
        query = query.where(deployments.c.model_id == model_id)
    if before is not None:
        query = query.where(deployments.c.id < before)
    with db.reading() as connection:
        return [_of_row(row) for row in connection.execute(query)]


def before(db: Database) -> Before | None:
    """Return what a roll back would bring back; None while nothing is deployed."""
    with db.reading() as connection:
        now = _current(connection)
        return None if now is None else _before(connection, now)


def deploy(
    db: Database,
    which: int | str,
    *,
    actor: str,
    reason: str = "",
    today: dt.date | None = None,
    is_known: bool = False,
) -> Deployment:
    """Let the orchestrator plan, write and judge with this model from now on; it is asked a short question before.

    With `is_known` it is not asked: it was in use a moment ago. Raises `UnknownModel`, `Conflict` where it is in use
    already, `ModelRefused` for one that cannot be asked, and `ReasonNeeded` for one that does not answer, or did
    clearly worse than the one in use on the same records, while no reason is given.
    """
    # Before the lock: an answer may take a minute, and the orchestrator's settings wait for the lock.
    silence = "" if is_known else _silence(db, which, today)
    with db.begin() as connection:
        settings.lock_planner_in(connection)
        model = records.find(connection, which, lock=True)
        refuse_not_callable(model, today=today)
        now = _current(connection)
        _refuse_in_use(model, now)
        concern = " ".join(filter(None, (silence, concern_in(connection, model))))
        _need_reason(concern, reason)
        return _open(
            connection,
            model,
            now,
            actor=actor,
            reason=reason.strip(),
            ending=f"{model.name} was deployed",
            concern=concern,
        )


def _silence(db: Database, which: int | str, today: dt.date | None) -> str:
    """Return what the model says instead of an answer; "" where it answers."""
    with db.reading() as connection:
        model = records.find(connection, which)
        _refuse_in_use(model, _current(connection))
    refuse_not_callable(model, today=today)
    return _unanswered(model)


def _unanswered(model: Model) -> str:
    why = calls.unanswered(model)
    return why and f"{model.name} does not answer: {why}"


def _need_reason(concern: str, reason: str) -> None:
    if concern and len(reason.split()) < LEAST_WORDS:
        raise ReasonNeeded(f"{concern} Say in at least {LEAST_WORDS} words why it shall be used all the same.")


def _refuse_in_use(model: Model, now: Deployment | None) -> None:
    if now is not None and now.model_id == model.id:
        raise Conflict(f"{model.name} is in use already: {now.actor} deployed it at {now.at:%Y-%m-%d %H:%M} UTC.")


def undeploy(db: Database, *, actor: str, reason: str = "") -> Deployment:
    """End the open deployment: the built-in planner plans from now on. Raises `ModelRefused` where there is none."""
    with db.begin() as connection:
        settings.lock_planner_in(connection)
        now = _needed(connection)
        in_use.end_in(connection, actor=actor, reason=reason.strip())
        settings.set_planner_in(connection, "", actor=actor, reason=reason.strip())
        return _get(connection, now.id)


def rollback(
    db: Database, *, actor: str, reason: str = "", today: dt.date | None = None, is_known: bool = False
) -> Deployment | None:
    """Bring back what was in use before the open deployment; None where that was no deployment.

    Rolled back again, it goes one further back. A former model is asked a short question before, as `deploy` does, and
    with `is_known` it is not. Raises `ModelRefused` where nothing is deployed, and where the former model cannot be
    asked any more; `ReasonNeeded` where it does not answer; `Conflict` where another became the former one meanwhile.
    """
    asked, silence = _former(db, today)
    with db.begin() as connection:
        settings.lock_planner_in(connection)
        now = _needed(connection)
        former = _before(connection, now)
        reason = reason.strip()
        if former.deployment is None:
            in_use.end_in(connection, actor=actor, reason=f"rolled back to {former}. {reason}".strip())
            settings.set_planner_in(connection, former.by_hand, actor=actor, reason=reason or "rolled back")
            return None
        model = records.find(connection, former.deployment.model_id, lock=True)
        refuse_not_callable(model, today=today)
        if not is_known:
            if asked != model.id:
                raise Conflict("Somebody deployed or rolled back meanwhile; look at what is in use, and try again.")
            _need_reason(silence, reason)
        return _open(
            connection,
            model,
            now,
            actor=actor,
            reason=reason,
            ending=f"rolled back to {former}",
            restores=former.deployment.id,
            concern="" if is_known else silence,
        )


def _former(db: Database, today: dt.date | None) -> tuple[int | None, str]:
    """Return the model that a roll back would bring back, and what it says instead of an answer."""
    with db.reading() as connection:
        former = _before(connection, _needed(connection)).deployment
        if former is None:
            return None, ""
        model = records.find(connection, former.model_id)
    refuse_not_callable(model, today=today)
    return model.id, _unanswered(model)


def concern(db: Database, which: int | str) -> str:
    """Why deploying this model needs a reason: it did clearly worse than the one in use; "" where it did not."""
    with db.reading() as connection:
        return concern_in(connection, records.find(connection, which))


def concern_in(connection: Connection, model: Model) -> str:
    """Return the same inside the caller's transaction."""
    now = _current(connection)
    if now is None or now.model_id == model.id:
        return ""
    compared = comparison.latest_comparison_in(connection, model.id, now.model_id)
    if compared is None or not compared.is_worse:
        return ""
    told = compared.sentence(model.name, now.model_name)
    return f"{model.name} did worse than {now.model_name}, which is in use: {told}"


def _open(
    connection: Connection,
    model: Model,
    now: Deployment | None,
    *,
    actor: str,
    reason: str,
    ending: str,
    restores: int | None = None,
    concern: str = "",
) -> Deployment:
    """End what is open, open the new one, set the setting, write the log."""
    replaced = settings.planner_in(connection)
    if now is not None:
        in_use.end_in(connection, actor=actor, reason=f"{ending}. {reason}".strip())
    opened = connection.execute(
        deployments.insert()
        .values(
            model_id=model.id,
            at=func.clock_timestamp(),
            actor=actor,
            reason=reason,
            restores=restores,
            replaced=replaced,
            follows=None if now is None else now.id,
        )
        .returning(deployments.c.id)
    ).scalar_one()
    settings.set_planner_in(connection, model.call_name, actor=actor, reason=reason or ending)
    action: Literal["deploy", "rollback"] = "deploy" if restores is None else "rollback"
    audit.record(
        connection,
        actor=actor,
        action=action,
        subject="deployment",
        subject_id=opened,
        before={"model": now.model_id if now else None, "planner": replaced},
        after={"model": model.id, "name": model.name, "planner": model.call_name}
        | ({"although": concern} if concern else {}),
        reason=reason,
        row_count=1,
    )
    return _get(connection, opened)


def _before(connection: Connection, now: Deployment) -> Before:
    """Return what was in use before the deployment that `now` is, or that it brought back."""
    origin = _origin(connection, now)
    if origin.follows is None:
        return Before(None, origin.replaced)
    return Before(_origin(connection, _get(connection, origin.follows)), "")


def _origin(connection: Connection, deployment: Deployment) -> Deployment:
    """Follow a deployment that was brought back to the one it was at first."""
    return deployment if deployment.restores is None else _get(connection, deployment.restores)


def _needed(connection: Connection) -> Deployment:
    now = _current(connection)
    if now is None:
        raise ModelRefused("No model is deployed, so there is nothing to end or to roll back. Deploy one first.")
    return now


def _current(connection: Connection) -> Deployment | None:
    row = connection.execute(_query().where(deployments.c.ended_at.is_(None))).one_or_none()
    return None if row is None else _of_row(row)


def _get(connection: Connection, deployment_id: int) -> Deployment:
    return _of_row(connection.execute(_query().where(deployments.c.id == deployment_id)).one())


def _query() -> Select[Any]:
    return select(deployments, models.c.name.label("model_name"), models.c.kind, models.c.call_name).join(
        models, models.c.id == deployments.c.model_id
    )


def _of_row(row: Row[Any]) -> Deployment:
    return Deployment(**row._asdict())  # pyright: ignore[reportPrivateUsage] (public, as a named tuple's is)
