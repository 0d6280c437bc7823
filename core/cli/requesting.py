"""`request`: ask the orchestrator for something from the command line."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from core.cli import AsJson, Workspace, command, database, show
from core.commands.worker import Worker
from core.db import Database
from core.orchestrator import executions, queries
from core.orchestrator.planners.intents import KNOWN
from core.orchestrator.plans import Plan, Request, to_json
from core.orchestrator.records import Execution
from core.runtime.agents import registry
from core.settings import get_settings

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What should be done, in a sentence or more.")]
Intent = Annotated[str, typer.Option("--intent", help="What kind of work it is; found out unless given.")]
Constraints = Annotated[str, typer.Option("--constraints", help="What to keep to.")]
Platforms = Annotated[list[str] | None, typer.Option("--platform", help="Where it appears; may be given again.")]
Audience = Annotated[str, typer.Option("--audience", help="Whom it is for.")]
Approve = Annotated[bool, typer.Option("--approve", help="Approve the plan as it is made.")]
Wait = Annotated[bool, typer.Option("--wait", help="Work on it here until it is done, or waits for approval.")]
Again = Annotated[bool, typer.Option("--again", help="Even if the same was asked for a moment ago.")]

_LOOK_EVERY_S = 0.1


@command("request")
def request(
    text: Text,
    intent: Intent = "",
    constraints: Constraints = "",
    platform: Platforms = None,
    audience: Audience = "",
    approve: Approve = False,
    wait: Wait = False,
    again: Again = False,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Have a request planned, and with --approve --wait carried out and scored."""
    db = database(workspace)
    asked = Request(text, intent or None, constraints, tuple(platform or ()), audience)
    execution = executions.submit(db, asked, actor=get_settings().actor, again=again)
    if approve or wait:
        execution = _carried_on(db, execution, approve=approve, wait=wait)
    values = {name: getattr(execution, name) for name in Execution.__dataclass_fields__ if name != "plan"}
    show(
        {**values, "plan": None if execution.plan is None else to_json(execution.plan)},
        as_json=as_json,
        text=_told(execution),
    )
    if execution.status == "failed":
        raise typer.Exit(1)


def _carried_on(db: Database, execution: Execution, *, approve: bool, wait: bool) -> Execution:
    """Planned, approved and carried out as far as was asked for, by a worker of this process or by any other."""
    with _at_work(db):
        execution = _until(db, execution, lambda now: now.status != "planning")
        if approve and execution.status == "pending_approval":
            execution = executions.approve(db, execution.execution_id, actor=get_settings().actor, reason="--approve")
        if wait and execution.status != "pending_approval":
            execution = _until(db, execution, lambda now: not now.is_open)
    return execution


@contextmanager
def _at_work(db: Database) -> Iterator[None]:
    worker = Worker(db, registry(), workspaces=[db.schema])
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def _until(db: Database, execution: Execution, is_so: Callable[[Execution], bool]) -> Execution:
    while not is_so(execution):
        time.sleep(_LOOK_EVERY_S)
        execution = queries.get(db, execution.execution_id)
    return execution


def _told(execution: Execution) -> str:
    lines = [f"{execution.execution_id}  {execution.status.replace('_', ' ')}"]
    lines += _steps(execution.plan) if execution.plan else []
    lines += [f"Note: {execution.plan_note}"] if execution.plan_note else []
    if execution.score is not None:
        outcome = {True: "a success", False: "no success", None: "outcome not known"}[execution.success]
        lines.append(f"Score {execution.score:.2f} by {execution.scored_by}, {outcome}.")
    elif execution.status == "completed":
        lines.append("Score not known: nobody has judged it yet, so no model learns from it.")
    lines += [f"Form {execution.form:.2f}."] if execution.form is not None else []
    lines += [f"Error: {execution.error}"] if execution.error else []
    if execution.is_not_understood:
        lines.append(f"Ask again with --intent, one of: {', '.join(KNOWN)}.")
    lines += ["", (execution.result or {})["text"]] if execution.status == "completed" else []
    return "\n".join(lines)


def _steps(plan: Plan) -> list[str]:
    return [
        f"  {step.id}: {step.agent} {step.action}"
        + (f" (after {', '.join(step.depends_on)})" if step.depends_on else "")
        for step in plan.steps
    ]
