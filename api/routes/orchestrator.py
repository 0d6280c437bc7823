"""The orchestrator: ask for work, decide on plans, and see what came of it."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from api.envelope import Answer, enveloped
from api.routes.exports import download, stream
from api.routing import Actor, Page, Workspace, new_router
from api.shapes import AnyJson, JsonObject, Strict, page_of, shown
from core.orchestrator import executions, plans, queries, records, trends
from core.orchestrator.agents import SHAPE

router = new_router("/orchestrator", "orchestrator")

ExecutionId = Annotated[str, Path(max_length=200, description="The id of an execution.")]
Reason = Annotated[str, Field(max_length=2_000)]

Row = shown(records.ExecutionRow)
ExecutionModel = shown(records.Execution, also={"is_open": bool})
StepModel = shown(records.StepState)


class Request(Strict):
    """What should be done."""

    text: str = Field(min_length=1, description="A sentence or more.", examples=["Write a post about the new lamp"])
    intent: str | None = Field(default=None, description="What kind of work it is; found out unless given.")
    constraints: str = Field(default="", description="What to keep to.")
    platforms: list[str] = Field(default_factory=list, max_length=12)
    audience: str = ""
    again: bool = Field(default=False, description="Even if the same was asked for within a minute.")


class Approval(Strict):
    reason: Reason = ""
    plan: JsonObject | None = Field(default=None, description="An edited plan in place of the one that was made.")


class Rejection(Strict):
    reason: Reason = Field(min_length=1, description="Why; the plan stays as a negative example.")


class Whole(Strict):
    """An execution, and how far each step of its plan is."""

    execution: ExecutionModel  # pyright: ignore[reportInvalidTypeForm]
    steps: list[StepModel]  # pyright: ignore[reportInvalidTypeForm]


class Learnings(Strict):
    """What can be learned from an execution."""

    execution_id: str
    example_id: int | None = Field(description="The example it became; null before there was a plan.")
    score: float | None = Field(description="null: not known, so no model learns from it.")
    scored_by: str
    success: bool | None
    score_parts: list[JsonObject] | None
    similar: AnyJson = Field(description="Earlier work that was like it, as the planner saw it.")
    past: AnyJson = Field(description="Earlier tasks and posts that were like it, as the planner saw them.")
    patterns: AnyJson = Field(description="Accepted patterns that the planner was told of.")


class Statistics(Strict):
    counts: shown(records.Counts, name="ExecutionCounts")  # pyright: ignore[reportInvalidTypeForm]
    days: list[shown(trends.Day, also={"success_rate": float | None})]  # pyright: ignore[reportInvalidTypeForm]


@router.post("/process", response_model=enveloped(ExecutionModel), status_code=202)
def process(db: Workspace, actor: Actor, body: Request) -> Answer:
    """Ask for something. It is planned by the next free worker, and waits for approval where that is asked for."""
    asked = plans.Request(body.text, body.intent, body.constraints, tuple(body.platforms), body.audience)
    return Answer(executions.submit(db, asked, actor=actor, again=body.again))


@router.get("/executions", response_model=enveloped(page_of(Row)))
def list_executions(
    db: Workspace,
    paging: Page,
    status: Annotated[list[records.Status] | None, Query(description="Only these; may be given again.")] = None,
    sort: Annotated[records.Sort, Query()] = "newest",
) -> Answer:
    """Executions, a page at a time."""
    page = queries.page(
        db, statuses=status or (), sort=sort, after=paging.after, limit=paging.limit, offset=paging.offset
    )
    return Answer(page)


@router.get("/executions/{execution_id}", response_model=enveloped(Whole))
def get_execution(db: Workspace, execution_id: ExecutionId) -> Answer:
    """One execution with its context, plan, result and score, and how far each step is."""
    execution = queries.get(db, execution_id)
    return Answer({"execution": execution, "steps": queries.progress(db, execution_id)})


@router.post("/executions/{execution_id}/approve", response_model=enveloped(ExecutionModel))
def approve(db: Workspace, actor: Actor, execution_id: ExecutionId, body: Approval) -> Answer:
    """Let the plan be carried out, or an edited one in its place. What cannot be run is said step by step."""
    plan = None if body.plan is None else plans.parse(body.plan, SHAPE)
    return Answer(executions.approve(db, execution_id, actor=actor, reason=body.reason, plan=plan))


@router.post("/executions/{execution_id}/reject", response_model=enveloped(ExecutionModel))
def reject(db: Workspace, actor: Actor, execution_id: ExecutionId, body: Rejection) -> Answer:
    """Refuse the plan, and say why."""
    return Answer(executions.reject(db, execution_id, actor=actor, reason=body.reason))


@router.get("/executions/{execution_id}/export", **download("application/json"))
def export_execution(db: Workspace, execution_id: ExecutionId) -> StreamingResponse:
    """One execution with everything that is known of it, as a file: a JSON array of one."""
    queries.get(db, execution_id)
    return stream(queries.export(db, [execution_id]), name=f"execution-{execution_id}", ending="json")


@router.get("/executions/{execution_id}/learnings", response_model=enveloped(Learnings))
def get_learnings(db: Workspace, execution_id: ExecutionId) -> Answer:
    """What can be learned from it: its example, its score part by part, and what the planner knew."""
    execution = queries.get(db, execution_id)
    context: dict[str, Any] = execution.context or {}
    return Answer(
        {
            "execution_id": execution_id,
            "example_id": executions.example_id(db, execution_id),
            "score": execution.score,
            "scored_by": execution.scored_by,
            "success": execution.success,
            "score_parts": execution.score_parts,
            "similar": context.get("similar"),
            "past": context.get("past"),
            "patterns": context.get("patterns"),
        }
    )


@router.get("/stats", response_model=enveloped(Statistics))
def statistics(db: Workspace, days: Annotated[int, Query(ge=1, le=366)] = 14) -> Answer:
    """How many executions there are in each status, how many succeeded, and the last days one by one."""
    return Answer({"counts": queries.counts(db), "days": trends.by_day(db, days=days)})
