"""The result of an execution: what each step gave, and one text of it that a person, or a model, can read."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from core.orchestrator.material.wording import capital
from core.orchestrator.plans import Plan, Step
from core.orchestrator.scoring.rubric import Done

#: What was asked for; other texts only lead to it.
_DELIVERED = ("draft", "social_variants")

_STEPS = text(
    "SELECT step, status, result, error FROM commands WHERE run = :run AND agent <> 'orchestrator' ORDER BY id"
)


def done_in(connection: Connection, execution_id: str, plan: Plan) -> tuple[list[Done], list[dict[str, Any]]]:
    """Return what became of each step of the plan: for the rubric, and as it is kept with the execution."""
    rows = {row.step: row for row in connection.execute(_STEPS, {"run": execution_id})}
    done, kept = [], []
    for step in plan.steps:
        row = rows.get(step.id)
        status = "not queued" if row is None else row.status
        result = row.result if row is not None and row.status == "completed" and isinstance(row.result, dict) else {}
        error = None if row is None else row.error
        done.append(Done(step, status, result))
        kept.append(
            {
                "step": step.id,
                "agent": step.agent,
                "action": step.action,
                "status": status,
                "result": result or None,
                "error": error,
            }
        )
    return done, kept


def gathered(plan: Plan, done: Sequence[Done], kept: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the result as it is stored: `text`, `beside`, `steps`, `missing`, `notes`."""
    missing = [str(sentence) for each in done for sentence in each.result.get("missing", ())]
    notes = [f"{each.step.id}: {each.result['note']}" for each in done if each.result.get("note")]
    text, beside = parts_of(plan, done)
    missing = list(dict.fromkeys(missing))
    return {"text": text, "beside": beside, "steps": list(kept), "missing": missing, "notes": notes}


def parts_of(plan: Plan, done: Sequence[Done]) -> tuple[str, list[dict[str, str]]]:
    """Return what was delivered, and what stands beside it with a title each: checks, fields, findings of their own.

    Only the first is what a model would learn. A plan that writes nothing delivers what its steps found.
    """
    said = [each for each in done if each.is_completed and str(each.result.get("text", "")).strip()]
    delivered = [each for each in said if each.step.agent == "content" and each.step.action in _DELIVERED]
    taken_up = {id_ for each in delivered for id_ in _needed(plan, each.step)}
    rest = [each for each in said if each not in delivered and each.step.id not in taken_up]
    beside = [{"title": _title(each.step), "text": str(each.result["text"]).strip()} for each in rest]
    if not any(step.agent == "content" and step.action in _DELIVERED for step in plan.steps):
        return "\n\n".join(f"{each['title']}:\n{each['text']}" for each in beside), []
    return "\n\n".join(str(each.result["text"]).strip() for each in delivered), beside


def _needed(plan: Plan, step: Step) -> set[str]:
    """Return the ids of all steps before this one on its way."""
    by_id = {each.id: each for each in plan.steps}
    found: set[str] = set()
    waiting = list(step.depends_on)
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting += by_id[id_].depends_on
    return found


def _title(step: Step) -> str:
    return capital(f"{step.agent}, {step.action}".replace("_", " "))


def spending(kinds: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the columns of what was spent: of each kind of work by itself, and in sum."""
    spent = {kind: _sum(taken) for kind, taken in kinds.items()}
    every = _sum(list(spent.values()))
    cost = every["cost_usd"]
    return {**every, "cost_usd": None if cost is None else Decimal(cost), "spent": spent}


def _sum(taken: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up. The cost is None where that of one is not known; what has no cost is free."""
    costs = [each.get("cost_usd", "0") for each in taken]
    known = [Decimal(str(cost)) for cost in costs if cost is not None]
    return {
        "tokens_in": sum(int(each.get("tokens_in") or 0) for each in taken),
        "tokens_out": sum(int(each.get("tokens_out") or 0) for each in taken),
        "cost_usd": str(sum(known, Decimal(0))) if len(known) == len(costs) else None,
    }
