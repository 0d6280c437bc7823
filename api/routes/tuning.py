"""Fine-tuning: start a job, follow it, deploy what came of it; providers and models."""

import math
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from api.envelope import Answer, enveloped
from api.routing import Actor, Page, Workspace, new_router
from api.shapes import JsonObject, Strict, page_of, shown
from core import deployments, models
from core.bounds import LARGEST_ID, id_in
from core.db import Database
from core.errors import Conflict, InvalidFilter, ModelRefused
from core.models import records
from core.runtime.process import RUNNING
from core.tuning import jobs, preflight, series
from core.tuning.jobs import Job, JobEvent
from core.tuning.providers import catalogue, registry
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import CheckReport, Method, ProviderId, Spec, State

router = new_router("/orchestrator/training", "fine-tuning")

JobId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The id of a fine-tuning job.")]
Which = Annotated[str, Path(max_length=200, description="The id or the name of a model.")]
Reason = Annotated[str, Field(max_length=2_000, description="Why, for the history and the audit log.")]

JobModel = shown(
    Job, without=("remote", "faults", "searches", "repeat"), also={"is_open": bool, "needs_person": bool, "title": str}
)
EventModel = shown(JobEvent, name="JobEvent")
CheckedModel = shown(
    CheckReport,
    name="Checked",
    without=("data",),
    also={"can_start": bool, "data": shown(DataFacts, without=("files", "sent")) | None},
)
ModelModel = shown(
    records.Model,
    name="ModelRow",
    without=("parameters", "checkpoints", "artefacts", "profile", "serving_remote"),
)
WholeModel = shown(records.Model, without=("serving_remote",))
DeploymentModel = shown(deployments.Deployment)
ProviderModel = shown(catalogue.ProviderFacts, without=("where",))
BaseModelFacts = shown(catalogue.BaseFacts)


class FineTuning(Strict):
    """A job: what to train on which frozen version."""

    dataset: str = Field(max_length=200, description="An id, `NAME@VERSION`, or a name.", examples=["support-plans@1"])
    provider: ProviderId
    base_model: str = Field(min_length=1, max_length=500, description="As the provider calls it.")
    method: Method | None = Field(default=None, description="The provider's usual one unless given.")
    settings: JsonObject = Field(default_factory=dict)
    name: str = Field(default="", max_length=120, description="What the model shall be called.")
    again: bool = Field(default=False, description="Even if the same was trained before.")
    over_budget: bool = Field(default=False, description="Even if it may cost more than is left of the month's budget.")
    dry_run: bool = Field(default=False, description="Check and estimate, and make no job.")
    reason: Reason = ""


class Started(Strict):
    """The job; or, of a dry run, what stands in its way and what it would take."""

    job: JobModel | None = None  # pyright: ignore[reportInvalidTypeForm]
    checked: CheckedModel | None = None  # pyright: ignore[reportInvalidTypeForm]


class JobRequest(Strict):
    reason: Reason = ""


class Cancelled(Strict):
    job: JobModel  # pyright: ignore[reportInvalidTypeForm]
    words: str = Field(description="What becomes of it now.")


class Point(Strict):
    step: int
    value: float | None = Field(description="null where it was no number, as of a training that diverged.")


class Provider(Strict):
    facts: ProviderModel  # pyright: ignore[reportInvalidTypeForm]
    bases: list[BaseModelFacts]  # pyright: ignore[reportInvalidTypeForm]


class Active(Strict):
    model: str | None = Field(max_length=200, description="An id or a name; null: the built-in planner.")
    reason: Reason = ""


class RolledBack(Strict):
    now: DeploymentModel | None = Field(description="null: nothing is deployed now.")  # pyright: ignore[reportInvalidTypeForm]


@router.post("/fine-tune", response_model=enveloped(Started), status_code=202)
def fine_tune(db: Workspace, actor: Actor, body: FineTuning) -> Answer:
    """Start a fine-tuning job; with `dry_run`, only check it with the provider and estimate cost and time."""
    method = body.method or registry.provider(body.provider).capabilities.methods[0]
    spec = Spec(body.provider, body.base_model, method, body.settings, body.name)
    number = id_in(body.dataset)
    dataset = body.dataset if number is None else number
    if body.dry_run:
        found = preflight.check(db, spec, dataset, live=True, again=body.again, over_budget=body.over_budget)
        return Answer({"checked": found})
    job = jobs.create(
        db, spec, dataset, actor=actor, reason=body.reason, again=body.again, over_budget=body.over_budget
    )
    if RUNNING.poller is not None:
        RUNNING.poller.wake()
    return Answer({"job": job})


@router.get("/jobs", response_model=enveloped(page_of(JobModel)))
def list_jobs(
    db: Workspace,
    paging: Page,
    state: Annotated[list[State] | None, Query(description="Only these; may be given again.")] = None,
    archived: Annotated[bool, Query(description="Archived jobs too.")] = False,
) -> Answer:
    """Fine-tuning jobs, the newest first."""
    page = jobs.page(
        db, states=state, after=_mark(paging.after), limit=paging.limit, offset=paging.offset, archived=archived
    )
    return Answer(_page(page))


@router.get("/jobs/{job_id}", response_model=enveloped(JobModel))
def get_job(db: Workspace, job_id: JobId) -> Answer:
    """One fine-tuning job: what was chosen, where it is, what it costs."""
    return Answer(jobs.get(db, job_id))


@router.get("/jobs/{job_id}/events", response_model=enveloped(page_of(EventModel)))
def list_events(db: Workspace, job_id: JobId, paging: Page) -> Answer:
    """What happened to a job, the oldest first."""
    jobs.get(db, job_id)
    start = _mark(paging.after) or 0
    rows = jobs.events(db, job_id, after=start, limit=paging.offset + paging.limit + 1)[paging.offset :]
    more, rows = len(rows) > paging.limit, rows[: paging.limit]
    return Answer({"rows": rows, "next": str(rows[-1].id) if more else None})


@router.get("/jobs/{job_id}/metrics", response_model=enveloped(dict[str, list[Point]]))
def get_metrics(
    db: Workspace,
    job_id: JobId,
    name: Annotated[list[str] | None, Query(max_length=50, description="Only these series.")] = None,
    most: Annotated[int, Query(ge=2, le=10_000, description="At most so many values of each.")] = 500,
) -> Answer:
    """The series of a job (loss, learning rate, tokens a second, …) by name, in order of steps."""
    jobs.get(db, job_id)
    found = series.of(db, [job_id], names=name, most=most)[job_id]
    return Answer({each: [_point(*point) for point in points] for each, points in found.items()})


@router.post("/jobs/{job_id}/cancel", response_model=enveloped(Cancelled))
def cancel_job(db: Workspace, actor: Actor, job_id: JobId, body: JobRequest) -> Answer:
    """Cancel a job, also one that a provider has; `words` says what becomes of it, and of what it costs."""
    words = jobs.cancel(db, job_id, actor=actor, reason=body.reason)
    return Answer({"job": jobs.get(db, job_id), "words": words})


@router.post("/jobs/{job_id}/deploy", response_model=enveloped(DeploymentModel))
def deploy_job(db: Workspace, actor: Actor, job_id: JobId, body: JobRequest) -> Answer:
    """Let the orchestrator plan, write and judge with the model of a job. It is asked a short question before."""
    return Answer(deployments.deploy(db, _made(db, job_id), actor=actor, reason=body.reason))


@router.post("/jobs/{job_id}/rollback", response_model=enveloped(RolledBack))
def rollback_job(db: Workspace, actor: Actor, job_id: JobId, body: JobRequest) -> Answer:
    """Bring back what was in use before the model of this job, which has to be the one in use."""
    current = deployments.current(db)
    if current is None or current.model_id != _made(db, job_id):
        raise Conflict(f"The model of job {job_id} is not in use, so there is nothing to roll back from it.")
    return Answer({"now": deployments.rollback(db, actor=actor, reason=body.reason)})


@router.get("/providers", response_model=enveloped(list[Provider]))
def list_providers() -> Answer:
    """Where can be trained: costs, privacy, speed and needs of each provider, and the bases that are listed for it."""
    return Answer([{"facts": facts, "bases": catalogue.bases(facts.id)} for facts in catalogue.catalogue().providers])


@router.get("/models", response_model=enveloped(page_of(ModelModel)))
def list_models(
    db: Workspace,
    paging: Page,
    kind: Annotated[list[records.Kind] | None, Query(description="Only these; may be given again.")] = None,
    archived: Annotated[bool, Query(description="Archived models too.")] = False,
) -> Answer:
    """Models of the registry, the newest first."""
    page = models.page(
        db, kinds=kind or (), archived=archived, after=_mark(paging.after), limit=paging.limit, offset=paging.offset
    )
    return Answer(_page(page))


@router.get("/models/{which}", response_model=enveloped(WholeModel))
def get_model(db: Workspace, which: Which) -> Answer:
    """One model, whole: parameters, artefacts, checkpoints, and its profile where it is a tuned prompt."""
    return Answer(models.get(db, which))


@router.put("/models/active", response_model=enveloped(RolledBack))
def set_active_model(db: Workspace, actor: Actor, body: Active) -> Answer:
    """Plan, write and judge with this model from now on, or, with null, without one."""
    if body.model is None:
        if deployments.current(db) is not None:
            deployments.undeploy(db, actor=actor, reason=body.reason)
        return Answer({"now": None})
    return Answer({"now": deployments.deploy(db, body.model, actor=actor, reason=body.reason)})


def _made(db: Database, job_id: int) -> int:
    job = jobs.get(db, job_id)
    if job.model_id is None:
        raise ModelRefused(f"Job {job_id} has not made a model; it is {job.state.replace('_', ' ')}.")
    return job.model_id


def _mark(after: str | None) -> int | None:
    if after is None:
        return None
    number = id_in(after)
    if number is None:
        raise InvalidFilter.of_mark(after)
    return number


def _page(page: Any) -> dict[str, Any]:
    return {"rows": page.rows, "next": None if page.next is None else str(page.next)}


def _point(step: int, value: float) -> Point:
    return Point(step=step, value=value if math.isfinite(value) else None)
