"""The commands of the agents: a step of a plan, or a command that somebody enqueued by itself."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from core.commands.handlers import CommandContext, Handler, Outcome, by_action
from core.db import Database
from core.deployments.preferences import preferences
from core.errors import CommandRefused
from core.orchestrator import queries
from core.orchestrator.agents import ACTIONS, SHAPE
from core.orchestrator.agents.tasks import Before, Task
from core.orchestrator.material import context as contexts
from core.orchestrator.material.wording import sentences
from core.orchestrator.plans import Request, payload_problems
from core.orchestrator.records import Execution

_BEFORE = text(
    "SELECT step, agent, action, result FROM commands"
    " WHERE run = :run AND step = ANY (:steps) AND status = 'completed' ORDER BY id"
)


def handler(agent: str) -> Handler:
    """Return what does the commands of one agent."""

    def handle(work: CommandContext) -> Outcome:
        action = work.command.action
        _refuse_unfit(agent, action, work.command.payload)
        task = _task(work)
        # A step, for a model may be paid for it.
        return Outcome(work.step(action, lambda: ACTIONS[agent][action](task).to_json()))

    return by_action(agent, dict.fromkeys(ACTIONS[agent], handle))


def _refuse_unfit(agent: str, action: str, payload: Mapping[str, Any]) -> None:
    """Refuse a payload that does not fit. A plan was checked when it was made; other commands come from anywhere."""
    wrong = list(payload_problems(payload, SHAPE[agent][action].payload))
    if wrong:
        told = " ".join(f"{field}: {sentence}" for field, sentence in wrong[:5])
        raise CommandRefused(f"The payload does not fit {agent}/{action}. {told}")


def _task(work: CommandContext) -> Task:
    command = work.command
    if command.run is None:
        about = str(command.payload.get("topic") or command.payload.get("text") or command.action)
        return Task(
            work.db, work, command.payload, Request(sentences(about)[0]), dt.datetime.now(dt.UTC), preferences(work.db)
        )
    execution = queries.get(work.db, command.run)
    if execution.status in ("cancelled", "rejected"):
        raise CommandRefused(f"The execution {command.run} is {execution.status}, so the step is not done.")
    return Task(
        db=work.db,
        work=work,
        payload=command.payload,
        request=execution.asked,
        as_of=execution.created_at,
        preferences=preferences(work.db),
        context=contexts.Context.of_json(execution.context) if execution.context else None,
        before=_before(work.db, execution, command.step),
    )


def _before(db: Database, execution: Execution, step: str | None) -> tuple[Before, ...]:
    """Return the results of the steps that this one depends on."""
    steps = execution.plan.steps if execution.plan else ()
    needed = next((each.depends_on for each in steps if each.id == step), ())
    with db.connect() as connection:
        rows = connection.execute(_BEFORE, {"run": execution.execution_id, "steps": list(needed)}).all()
    return tuple(Before(row.step, row.agent, row.action, row.result or {}) for row in rows)
