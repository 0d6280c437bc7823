"""A plan made by a model: asked for in a schema, checked, and repaired once."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from core.errors import InvalidPlan, ModelUnavailable, PlanNotUsable, PlanProblem, RequestUnclear
from core.llm import Completion, Model, complete
from core.orchestrator import plans
from core.orchestrator.material.prompts import RULE, fenced
from core.orchestrator.plans import MOST_STEPS, Plan, Request, Shape
from core.settings import Settings

#: For the plan and its repair together.
TIMEOUT_S = 120.0
#: Models that think count their thoughts too.
_MOST_TOKENS = 8_000
_PROBLEMS_SHOWN = 3
#: The intent by which a model says that it cannot tell what is wanted.
NOT_UNDERSTOOD = "not_understood"

_SYSTEM = f"""You plan the work of a company's agents. You get a request and what is known, and answer with a plan.

- A plan has an intent (one or two words joined by _) and 1 to {MOST_STEPS} steps. Take as few steps as the request
  needs.
- A step is one action of one agent of the catalogue below. Its payload fits the schema of the action; leave out what is
  optional and not needed. There are no other agents, actions or fields.
- depends_on names the steps whose results a step needs. Steps that need nothing of each other run at the same time.
- reason says in one sentence why the step is there. Use only figures that stand in the data, and invent none.
- Heed the constraints, the platforms and the audience of the request. What no step can keep to is named in the
  reason of the step that comes nearest.
- A request that nobody can understand (no kind of work can be told from it) gets no plan: answer with the intent
  {NOT_UNDERSTOOD} and no steps. Where an intent is given, or you can tell what is wanted, plan.
- {RULE}
"""


@dataclass(frozen=True)
class Planned:
    """A plan that can be run, where it came from, and what it took."""

    plan: Plan
    #: The model, as in `ollama:qwen3:4b`.
    source: str
    #: What a person should know about how it came to be; "" when it simply fitted.
    note: str
    tokens_in: int
    tokens_out: int
    #: None where the price is not known.
    cost_usd: Decimal | None


@dataclass(frozen=True)
class _Try:
    """One answer: the plan in it, or what is wrong with it."""

    answer: Completion
    plan: Plan | None
    problems: tuple[PlanProblem, ...]


def plan_with_model(
    model: Model,
    request: Request,
    context: Mapping[str, Any],
    shape: Shape,
    *,
    settings: Settings | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Planned:
    """Return the model's plan for the request.

    A plan with faults is sent back once, with the faults. Raises `RequestUnclear` where the model cannot tell what is
    wanted, and `PlanNotUsable` where there is still no plan that can be run, or where the model cannot be asked; its
    message says why, and what it took is kept in it.
    """
    deadline = time.monotonic() + timeout_s
    asking = _Asking(model, shape, settings, deadline)
    parts = [
        ("request", request.text),
        ("intent", request.intent),
        ("constraints", request.constraints),
        ("platforms", ", ".join(request.platforms)),
        ("audience", request.audience),
        ("known", dict(context)),
    ]
    prompt = "\n\n".join(fenced(name, data) for name, data in parts if data)
    first = asking.once(prompt)
    if first.plan:
        return asking.planned(first.plan, request, "")
    second = asking.once(f"{prompt}\n\n{_complaint(first)}")
    if second.plan:
        return asking.planned(second.plan, request, f"The first plan was sent back once. {_listed(first.problems)}")
    raise asking.unusable(f"{model} made no plan that can be run, and its repair had faults too.", second.problems)


class _Asking:
    """The calls for one plan, with what they took so far."""

    def __init__(self, model: Model, shape: Shape, settings: Settings | None, deadline: float) -> None:
        self._model = model
        self._shape = shape
        self._settings = settings
        self._deadline = deadline
        self._answers: list[Completion] = []

    def once(self, prompt: str) -> _Try:
        """Ask, and read the plan. Raises `PlanNotUsable` where there is no answer to read."""
        answer = self._answer(prompt)
        if isinstance(answer.data, dict) and answer.data.get("intent") == NOT_UNDERSTOOD:
            raise self._unclear()
        try:
            # Where it is no JSON object, the text says what it is instead.
            raw = answer.data if isinstance(answer.data, dict) else answer.text
            return _Try(answer, plans.parse(raw, self._shape), ())
        except InvalidPlan as invalid:
            return _Try(answer, None, invalid.problems)

    def _answer(self, prompt: str) -> Completion:
        try:
            answer = complete(
                self._model,
                system=f"{_SYSTEM}\n{_catalogue(self._shape)}",
                prompt=prompt,
                schema=_schema(self._shape),
                max_tokens=_MOST_TOKENS,
                timeout_s=max(1.0, self._deadline - time.monotonic()),
                settings=self._settings,
            )
        except ModelUnavailable as failure:
            # An answer that does not fit the schema is read all the same: plans.parse says better what is wrong.
            answer: Completion | None = failure.answer
            if answer is not None:
                self._answers.append(answer)
            if answer is None or failure.reason != "bad_answer":
                raise self.unusable(str(failure)) from None
            return answer
        self._answers.append(answer)
        return answer

    def planned(self, plan: Plan, request: Request, note: str) -> Planned:
        """Return the plan with what it took. What kind of work it is, the person knows best."""
        if request.intent:
            plan = replace(plan, intent=request.intent)
        return Planned(plan, str(self._model), note, *self._took())

    def unusable(self, message: str, problems: Sequence[PlanProblem] = ()) -> PlanNotUsable:
        tokens_in, tokens_out, cost = self._took()
        message = f"{message} {_listed(problems)}" if problems else message
        return PlanNotUsable(message, problems=problems, tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost)

    def _unclear(self) -> RequestUnclear:
        tokens_in, tokens_out, cost = self._took()
        message = f"{self._model} cannot tell what is wanted."
        return RequestUnclear(message, tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost)

    def _took(self) -> tuple[int, int, Decimal | None]:
        costs = [answer.cost_usd for answer in self._answers]
        known = [cost for cost in costs if cost is not None]
        return (
            sum(answer.tokens_in for answer in self._answers),
            sum(answer.tokens_out for answer in self._answers),
            sum(known, Decimal(0)) if known and len(known) == len(costs) else None,
        )


def _schema(shape: Shape) -> dict[str, Any]:
    """Return the schema of a plan, which may have no steps here: then the model has not understood."""
    schema = plans.plan_schema(shape)
    steps = {**schema["properties"]["steps"], "minItems": 0}
    return {**schema, "properties": {**schema["properties"], "steps": steps}}


def _catalogue(shape: Shape) -> str:
    """Return what the agents can do, in a fixed order, so that providers can keep the beginning of the prompt."""
    lines = ["The catalogue:"]
    for agent, actions in shape.items():
        for name, action in actions.items():
            lines += [
                f"agent {agent}, action {name}: {action.description}",
                f"  payload schema: {json.dumps(dict(action.payload))}",
                f"  example: {json.dumps(dict(action.example))}",
            ]
    return "\n".join(lines)


def _complaint(failed: _Try) -> str:
    faults = "\n".join(f"- {problem}" for problem in failed.problems)
    return (
        f"This was your plan:\n\n{fenced('plan', failed.answer.text)}\n\nIt cannot be run as it is:\n\n"
        f"{fenced('faults', faults)}\n\nAnswer with the whole plan again, without these faults."
    )


def _listed(problems: Sequence[PlanProblem]) -> str:
    shown = " ".join(map(str, problems[:_PROBLEMS_SHOWN]))
    more = len(problems) - _PROBLEMS_SHOWN
    return f"{shown} And {more} more." if more > 0 else shown
