"""The command `plan`: context, plan, example, and what comes next, the last three in one transaction."""

from typing import Any

from sqlalchemy import Connection, func, update

from core import audit
from core.commands.handlers import CommandContext, Outcome
from core.db.tables import executions as executions_table
from core.deployments.preferences import Preferences, preferences
from core.errors import CommandRefused, NotUnderstood
from core.orchestrator import example_writer, executions, queries
from core.orchestrator.agents import SHAPE
from core.orchestrator.agents.tasks import BUILT_IN
from core.orchestrator.material import context as contexts
from core.orchestrator.planners import builtin, intents
from core.orchestrator.plans import from_json, to_json
from core.orchestrator.records import Execution, read
from core.orchestrator.scoring import results

ACTOR = "orchestrator"


def plan(work: CommandContext) -> Outcome:
    """Plan the execution that the command belongs to."""
    execution = queries.get(work.db, run_of(work))
    if execution.status != "planning":
        return Outcome({"note": f"Not planned: the execution is {execution.status}."})
    chosen = preferences(work.db)
    known = work.step("context", lambda: _context(work, execution))
    planned = work.step("plan", lambda: _planned(work, execution, contexts.Context.of_json(known), chosen))
    return Outcome(
        {name: value for name, value in planned.items() if name != "plan"},
        within=lambda connection: _keep(connection, execution.execution_id, known, planned, chosen),
    )


def run_of(work: CommandContext) -> str:
    """Return the execution that a command of the orchestrator is about."""
    run = work.command.run or work.command.payload.get("execution_id")
    if not run:
        raise CommandRefused("The command names no execution; it needs `execution_id` in its payload.")
    return str(run)


def _context(work: CommandContext, execution: Execution) -> dict[str, Any]:
    return contexts.gather(
        work.db, execution.asked, as_of=execution.created_at, leave_out=execution.execution_id
    ).to_json()


def _planned(
    work: CommandContext, execution: Execution, known: contexts.Context, chosen: Preferences
) -> dict[str, Any]:
    """Return the plan and what it took: by the model that is set, or else by rules, with a note that says why."""
    by_model: dict[str, Any] = {}
    if (model := chosen.model_for("plan")) is not None:
        from core.orchestrator import model_calls

        work.check()
        by_model = model_calls.plan(model, execution.asked, known.for_model(), SHAPE)
        if "failed" not in by_model:
            return by_model
        if "unclear" in by_model and not execution.intent:
            _keep_cost(work, execution, by_model)
            raise NotUnderstood(by_model["unclear"], kinds=intents.KNOWN)
    by_model.pop("unclear", None)  # a person has said what it is
    made = builtin.plan(execution.asked, known, SHAPE)
    note = " ".join(filter(None, (by_model.pop("failed", ""), builtin.NOTE)))
    # A model that gave no plan may have cost something all the same.
    return {**by_model, "plan": to_json(made), "source": BUILT_IN, "note": note}


def _keep_cost(work: CommandContext, execution: Execution, taken: dict[str, Any]) -> None:
    """Write what a model took that gave no plan, for nothing else is written then."""
    spent = results.spending({"planning": [execution.spent.get("planning", {}), taken]})
    with work.db.begin() as connection:
        connection.execute(
            update(executions_table).where(executions_table.c.execution_id == execution.execution_id).values(**spent)
        )


def _keep(
    connection: Connection, execution_id: str, known: dict[str, Any], planned: dict[str, Any], chosen: Preferences
) -> None:
    """Store the plan, write the example, and queue the steps where no approval is asked for."""
    reason = "approval is off" if not chosen.approval_required else "planned"
    audit.acting(connection, actor=ACTOR, reason=reason)
    execution = read(connection, execution_id, lock=True)
    if execution.status != "planning":
        return  # cancelled meanwhile
    made = from_json(planned["plan"])
    decided = {"decided_at": func.now(), "decided_by": ACTOR, "decision_reason": reason}
    connection.execute(
        update(executions_table)
        .where(executions_table.c.execution_id == execution_id)
        .values(
            context=known,
            plan=planned["plan"],
            intent=made.intent,
            plan_source=planned["source"],
            plan_note=planned["note"],
            planner_model=str(chosen.planner_model or ""),
            **results.spending({"planning": [execution.spent.get("planning", {}), planned]}),
            planned_at=func.now(),
            status="pending_approval" if chosen.approval_required else "approved",
            **({} if chosen.approval_required else decided),
        )
    )
    if not chosen.approval_required:
        executions.start(connection, execution_id, made, actor=ACTOR)
    example_writer.capture(connection, read(connection, execution_id), actor=ACTOR)
