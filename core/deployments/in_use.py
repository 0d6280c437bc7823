"""The deployment that the orchestrator works with: one truth with the setting of the planner's model.

While a deployment is open, the setting names its model; whoever sets another model by hand ends it. Both are written
under one lock, in one transaction, and read in one query.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, literal, select, update

from core import audit
from core.db.tables import datasets, deployments, models, workspace_settings
from core.llm import Profile

ModelUse = Literal["plan", "write", "judge"]
_DEPLOYED = "(deployed)"


@dataclass(frozen=True)
class Deployed:
    """The open deployment, as far as asking its model needs it."""

    id: int
    model_id: int
    #: The model's name in the registry, and what it is called by.
    name: str
    call_name: str
    #: What stands before each question, for a profile.
    profile: Profile | None
    #: What its dataset has as answers: plan, result or both; "" where nobody knows.
    teaches: str

    def profile_for(self, work: ModelUse) -> Profile | None:
        """Return the profile where its examples are of this kind of work: shown plans, a model would answer with a
        plan.

        A judge is shown no examples of the work that it judges.
        """
        fits = work == ("write" if self.teaches == "result" else "plan")
        return self.profile if fits else None


def settings_in(connection: Connection) -> tuple[dict[str, Any], Deployed | None]:
    """Every setting that was changed, by its key, and the open deployment, of one moment."""
    table = workspace_settings.c
    described = func.jsonb_build_object(
        "id",
        deployments.c.id,
        "model_id",
        models.c.id,
        "name",
        models.c.name,
        "call_name",
        models.c.call_name,
        "profile",
        models.c.profile,
        "teaches",
        datasets.c.recipe["target"].astext,
    )
    deployed = (
        select(literal(_DEPLOYED), described)
        .select_from(
            deployments.join(models, models.c.id == deployments.c.model_id).outerjoin(
                datasets, datasets.c.id == models.c.dataset_id
            )
        )
        .where(deployments.c.ended_at.is_(None))
    )
    found = {row[0]: row[1] for row in connection.execute(select(table.key, table.value).union_all(deployed))}
    row = found.pop(_DEPLOYED, None)
    if row is None:
        return found, None
    profile = None if row["profile"] is None else Profile.of_json(row["profile"])
    teaches = str(row["teaches"] or "")
    return found, Deployed(row["id"], row["model_id"], row["name"], row["call_name"], profile, teaches)


def end_in(connection: Connection, *, actor: str, reason: str) -> int | None:
    """End the open deployment, if there is one; its id. The caller holds the lock of the setting, and writes it too."""
    ended = connection.execute(
        update(deployments)
        .where(deployments.c.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp(), ended_by=actor, end_reason=reason)
        .returning(deployments.c.id, deployments.c.model_id)
    ).one_or_none()
    if ended is None:
        return None
    audit.record(
        connection,
        actor=actor,
        action="undeploy",
        subject="deployment",
        subject_id=ended.id,
        before={"model": ended.model_id},
        reason=reason,
        row_count=1,
    )
    return ended.id
