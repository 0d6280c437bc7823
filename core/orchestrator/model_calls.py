"""Where a model is asked: to plan, to write, to judge. A model that cannot be used never stops the work.

Imported only where a model is set: what it needs is slow to import, and most workspaces start without one.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core import llm
from core.errors import ModelUnavailable, PlanNotUsable, RequestUnclear
from core.llm import Model
from core.orchestrator.planners import model as model_planner
from core.orchestrator.plans import Plan, Request, Shape, to_json
from core.orchestrator.scoring import judge as judging
from core.settings import get_settings


def plan(model: Model, request: Request, context: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """`plan`, `source` and `note` of the model's plan, or `failed` with the reason; and what it took.

    With `unclear`, the model cannot tell what is wanted.
    """
    try:
        made = model_planner.plan_with_model(model, request, context, shape)
    except RequestUnclear as why:
        return {"unclear": str(why), "failed": str(why), **_took(why)}
    except PlanNotUsable as why:
        return {"failed": str(why), **_took(why)}
    return {"plan": to_json(made.plan), "source": made.source, "note": made.note, **_took(made)}


def write(model: Model, *, system: str, prompt: str, schema: dict[str, Any] | None, max_tokens: int) -> dict[str, Any]:
    """`text` (and `data`, with a schema) in the model's words, or `failed` with the reason; and what it took."""
    try:
        answer = llm.complete(model, system=system, prompt=prompt, schema=schema, max_tokens=max_tokens)
    except ModelUnavailable as why:
        return {"failed": f"{model} could not be used: {why}", **_took(_of_error(why))}
    return {"text": answer.text.replace("\0", ""), "data": answer.data, "model": str(model), **_took(answer)}


def judge(
    model: Model, request: Request, plan: Plan, result: Mapping[str, Any], seen: Sequence[str] = ()
) -> dict[str, Any]:
    """`score` and `reason` of the model's judgement, or `failed` with the reason; and what it took."""
    try:
        given = judging.judge(model, request, plan, result, seen=seen)
    except ModelUnavailable as why:
        told = f"{model} gave no judgement, so it has no score until a person gives one: {why}"
        return {"failed": told, **_took(_of_error(why))}
    return {"score": given.score, "reason": given.reason, "model": str(model), **_took(given)}


def most_usd(
    model: Model, request: Request, plan: Plan, result: Mapping[str, Any], seen: Sequence[str] = ()
) -> Decimal | None:
    """Return the most that `judge` may cost; None where nobody knows."""
    return judging.most_usd(model, request, plan, result, seen=seen, host=get_settings().ollama_host)


def _of_error(error: Exception) -> Any:
    """Return the answer that an error is about: one that is of no use was paid for all the same."""
    return getattr(error, "answer", None) or error


def _took(answer: Any) -> dict[str, Any]:
    cost = getattr(answer, "cost_usd", 0)
    return {
        "tokens_in": getattr(answer, "tokens_in", 0),
        "tokens_out": getattr(answer, "tokens_out", 0),
        "cost_usd": None if cost is None else str(cost),
    }
