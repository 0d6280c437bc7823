"""Requests and plans: what is asked, the steps that answer it, and whether a plan can be run at all."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import orjson

from core.errors import InvalidPlan, PlanProblem
from core.orchestrator.plans import payloads

MOST_STEPS = 12
#: A plan longer than this in JSON is no plan but a document.
MOST_CHARACTERS = 200_000
#: As long as the field of an example that keeps it.
MOST_INTENT = 200
MOST_REASON = 2_000

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_PLAN_FIELDS = ("intent", "steps")
_STEP_FIELDS = ("id", "agent", "action", "payload", "reason", "depends_on")


@dataclass(frozen=True)
class Request:
    """What a person or a program asks for."""

    text: str
    #: What kind of work it is, where the person said so; otherwise the planner finds out.
    intent: str | None = None
    constraints: str = ""
    platforms: tuple[str, ...] = ()
    audience: str = ""


@dataclass(frozen=True)
class Step:
    """One action of one agent."""

    id: str
    agent: str
    action: str
    payload: dict[str, Any]
    #: Why the step is there, in a sentence.
    reason: str
    #: The ids of the steps whose results it needs.
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they can be read; which may run at the same time, `levels` says."""

    intent: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ActionShape:
    """What an action does, and what its payload may be."""

    description: str
    #: JSON Schema (2020-12) of the payload, an object.
    payload: Mapping[str, Any]
    #: A payload that fits.
    example: Mapping[str, Any]


#: What there is: agent, then action.
Shape = Mapping[str, Mapping[str, ActionShape]]


def plan_schema(shape: Shape) -> dict[str, Any]:
    """Return the JSON Schema of a plan for these agents.

    What a schema cannot say (known ids, no circles) `parse` checks.
    """
    variants = [
        _step_schema(agent, name, action) for agent, actions in shape.items() for name, action in actions.items()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plan",
        "type": "object",
        "properties": {
            "intent": {
                "type": "string",
                "description": "The kind of work, in one or two words joined by _.",
                "minLength": 1,
                "maxLength": MOST_INTENT,
            },
            "steps": {"type": "array", "items": {"anyOf": variants}, "minItems": 1, "maxItems": MOST_STEPS},
        },
        "required": list(_PLAN_FIELDS),
        "additionalProperties": False,
    }


def _step_schema(agent: str, name: str, action: ActionShape) -> dict[str, Any]:
    return {
        "type": "object",
        "title": f"{agent}.{name}",
        "description": action.description,
        # The action first: models that are held to a schema choose the variant by its first property.
        "properties": {
            "action": {"type": "string", "const": name},
            "agent": {"type": "string", "const": agent},
            "id": {"type": "string", "pattern": f"^{_ID.pattern}$", "description": "A short name, used once."},
            "payload": dict(action.payload),
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_REASON,
                "description": "Why, in a sentence.",
            },
            "depends_on": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The ids of the steps whose results this one needs.",
            },
        },
        "required": ["action", "agent", "id", "payload", "reason", "depends_on"],
        "additionalProperties": False,
    }


def parse(raw: str | bytes | Mapping[str, Any], shape: Shape) -> Plan:
    """Return the plan in `raw`. Raises `InvalidPlan` with everything that is wrong with it, step by step."""
    values = _values(raw)
    problems = list(_plan_problems(values))
    steps = values.get("steps")
    if not isinstance(steps, list):
        raise InvalidPlan(problems)
    # How a problem names each step: by its id, or by its place where the id is no use.
    ids = [step.get("id") if isinstance(step, dict) else None for step in steps]
    names = [
        id_ if isinstance(id_, str) and _ID.fullmatch(id_) and ids.index(id_) == place else f"#{place + 1}"
        for place, id_ in enumerate(ids)
    ]
    for name, step in zip(names, steps, strict=True):
        problems += _step_problems(name, step, shape, set(names))
    if not problems:
        problems += _circle(steps)
    if problems:
        raise InvalidPlan(problems)
    return Plan(values["intent"].strip(), tuple(_step(step) for step in steps))


def to_json(plan: Plan) -> dict[str, Any]:
    """Plain JSON values of a plan, as `parse` reads them."""
    return {
        "intent": plan.intent,
        "steps": [
            {
                "id": step.id,
                "agent": step.agent,
                "action": step.action,
                "payload": step.payload,
                "reason": step.reason,
                "depends_on": list(step.depends_on),
            }
            for step in plan.steps
        ],
    }


def from_json(values: Mapping[str, Any]) -> Plan:
    """Return a plan that `to_json` made and that was stored; it was checked when it was made, and agents may be gone
    since.
    """
    return Plan(values["intent"], tuple(_step(step) for step in values["steps"]))


def levels(plan: Plan) -> tuple[tuple[Step, ...], ...]:
    """Return the steps in groups: those of a group need only steps of groups before it, so they may run together."""
    sorter = TopologicalSorter({step.id: step.depends_on for step in plan.steps})
    sorter.prepare()
    groups = []
    while sorter.is_active():
        ready = set(sorter.get_ready())
        groups.append(tuple(step for step in plan.steps if step.id in ready))
        sorter.done(*ready)
    return tuple(groups)


def order(plan: Plan) -> tuple[Step, ...]:
    """Return the steps so that each comes after those it needs, and otherwise in the order of the plan."""
    return tuple(step for group in levels(plan) for step in group)


def _step(values: Mapping[str, Any]) -> Step:
    return Step(
        id=values["id"],
        agent=values["agent"],
        action=values["action"],
        payload=dict(values["payload"]),
        reason=values["reason"].strip(),
        depends_on=tuple(values.get("depends_on") or ()),
    )


def _values(raw: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values, whatever was given, so that a plan can be stored as it is."""
    try:
        text = orjson.dumps(dict(raw)) if isinstance(raw, Mapping) else raw
        if len(text) > MOST_CHARACTERS:
            raise InvalidPlan([PlanProblem("", "plan", f"It has more than {MOST_CHARACTERS:,} characters.")])
        values = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError) as error:  # TypeError: orjson on a value that JSON does not have
        raise InvalidPlan([PlanProblem("", "plan", f"It is not JSON: {error}.")]) from None
    if not isinstance(values, dict):
        raise InvalidPlan([PlanProblem("", "plan", "It must be a JSON object with `intent` and `steps`.")])
    if not payloads.can_be_stored(values):
        raise InvalidPlan(
            [PlanProblem("", "plan", "It holds a NUL character or is nested too deep, and cannot be stored.")]
        )
    return values


def _plan_problems(values: Mapping[str, Any]) -> Iterator[PlanProblem]:
    yield from _strangers("", values, _PLAN_FIELDS)
    yield from _text_problems("", values, "intent", MOST_INTENT)
    steps = values.get("steps")
    if not isinstance(steps, list):
        yield PlanProblem("", "steps", "It must be a list of steps.")
    elif not 1 <= len(steps) <= MOST_STEPS:
        yield PlanProblem("", "steps", f"A plan has 1 to {MOST_STEPS} steps; this one has {len(steps)}.")


def _strangers(name: str, values: Mapping[str, Any], known: Sequence[str]) -> Iterator[PlanProblem]:
    for field in values:
        if field not in known:
            yield PlanProblem(
                name, payloads.shown(field), f"There is no such field here; there are {', '.join(known)}."
            )


def _text_problems(name: str, values: Mapping[str, Any], field: str, most: int) -> Iterator[PlanProblem]:
    text = values.get(field)
    if not isinstance(text, str) or not text.strip():
        yield PlanProblem(name, field, "It must be a text that is not empty.")
    elif len(text) > most:
        yield PlanProblem(name, field, f"It has {len(text):,} characters; at most {most:,} are allowed.")


def _step_problems(name: str, step: Any, shape: Shape, known: set[str]) -> Iterator[PlanProblem]:
    if not isinstance(step, dict):
        yield PlanProblem(name, "step", f"It must be an object with {', '.join(_STEP_FIELDS)}.")
        return
    yield from _strangers(name, step, _STEP_FIELDS)
    if step.get("id") != name:
        yield _id_problem(name, step.get("id"))
    yield from _action_problems(name, step, shape)
    yield from _text_problems(name, step, "reason", MOST_REASON)
    yield from _dependency_problems(name, step.get("depends_on"), known)


def _id_problem(name: str, id_: Any) -> PlanProblem:
    if isinstance(id_, str) and _ID.fullmatch(id_):
        return PlanProblem(name, "id", f"Another step is called {id_!r} already.")
    return PlanProblem(name, "id", "It must be 1 to 40 letters, digits, _ or -.")


def _action_problems(name: str, step: Mapping[str, Any], shape: Shape) -> Iterator[PlanProblem]:
    agent, action = step.get("agent"), step.get("action")
    if not isinstance(agent, str) or agent not in shape:
        yield PlanProblem(name, "agent", f"There is no agent {payloads.shown(agent)}; there are {', '.join(shape)}.")
    elif not isinstance(action, str) or action not in shape[agent]:
        there_are = ", ".join(shape[agent])
        yield PlanProblem(name, "action", f"{agent} has no action {payloads.shown(action)}; it has {there_are}.")
    elif not isinstance(step.get("payload"), dict):
        yield PlanProblem(name, "payload", "It must be an object.")
    else:
        for field, sentence in payloads.problems(step["payload"], shape[agent][action].payload):
            yield PlanProblem(name, field, sentence)


def _dependency_problems(name: str, depends_on: Any, known: set[str]) -> Iterator[PlanProblem]:
    if depends_on is None:
        return
    if not isinstance(depends_on, list):
        yield PlanProblem(name, "depends_on", "It must be a list of ids of steps.")
        return
    for place, id_ in enumerate(depends_on):
        if not isinstance(id_, str) or id_ not in known or id_.startswith("#"):
            yield PlanProblem(name, "depends_on", f"There is no step {payloads.shown(id_)}.")
        elif id_ == name:
            yield PlanProblem(name, "depends_on", "A step cannot depend on itself.")
        elif id_ in depends_on[:place]:
            yield PlanProblem(name, "depends_on", f"It names {id_!r} twice.")


def _circle(steps: Sequence[Mapping[str, Any]]) -> Iterator[PlanProblem]:
    try:
        TopologicalSorter({step["id"]: step.get("depends_on") or () for step in steps}).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        yield PlanProblem(circle[0], "depends_on", f"These steps wait for each other: {' → '.join(circle)}.")
