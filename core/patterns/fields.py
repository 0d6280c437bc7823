"""The fields of an example that may go with how well it did, and the examples that have a value in one.

Each field is one SQL expression, and that one place both reads the items of all examples and finds the examples of an
item again. What follows from the outcome itself (the score, tags that a person gives for it) is no item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal, literal_column, select

from core.db.tables import examples

#: From which quality on an example did well, unless somebody says otherwise.
GOOD_FROM = 0.8


class Item(NamedTuple):
    """One thing that an example has: `Item("weekday", "Tuesday")`."""

    field: str
    value: str


@dataclass(frozen=True)
class Field:
    """A field: `sql` gives its text, or its texts where it has `many`; NULL and "" are no item."""

    name: str
    sql: str
    #: How it is said of an example, with {} for the value: "whose intent is {}".
    said: str
    many: bool = False


def _block(expression: str, bounds: Sequence[int], unit: str) -> str:
    """Return the words of a number's bucket, by its upper bounds, both ends included."""
    lows = [1, *(bound + 1 for bound in bounds)]
    names = [f"{low} to {high}" if low < high else str(high) for low, high in zip(lows, bounds, strict=False)]
    array = ", ".join(f"'{name} {unit}{'' if name == '1' else 's'}'" for name in [*names, f"over {bounds[-1]}"])
    limits = ", ".join(str(bound + 1) for bound in bounds)
    return f"(ARRAY[{array}])[width_bucket({expression}, ARRAY[{limits}]) + 1]"


#: The plan as JSON, read once for a row; NULL where it is no JSON.
PLAN = "plan.steps"
_IN_STEPS = "ARRAY(SELECT DISTINCT its->>'{0}' FROM jsonb_array_elements(" + PLAN + ") AS its WHERE its ? '{0}')"
_STEPS = _block(f"jsonb_array_length({PLAN})", (1, 2, 3, 5), "step")
_STATE = "(CASE WHEN jsonb_typeof(business_state) = 'object' THEN business_state ELSE '{}' END)"
_CONTEXT = "(CASE WHEN jsonb_typeof(context) = 'object' THEN context ELSE '{}' END)"

FIELDS: tuple[Field, ...] = (
    Field("intent", "intent", "whose intent is {}"),
    Field("tag", "tags", "tagged {}", many=True),
    Field("topic", f"{_STATE}->>'topic'", "on the topic {}"),
    Field("audience", f"{_STATE}->>'audience'", "for the audience {}"),
    Field(
        "audience named",
        f"CASE WHEN coalesce({_STATE}->>'audience', '') <> '' THEN 'an audience' ELSE 'no audience' END",
        "that name {}",
    ),
    Field("platform", f"{_STATE}->>'platform'", "for the platform {}"),
    Field("format", f"{_STATE}->>'format'", "in the format {}"),
    Field("agent", "source_agent", "by the agent {}"),
    Field("model", "source_model", "by the model {}"),
    Field("plan agent", _IN_STEPS.format("agent"), "whose plan uses the agent {}", many=True),
    Field("plan action", _IN_STEPS.format("action"), "whose plan has the action {}", many=True),
    Field("plan steps", f"CASE WHEN jsonb_array_length({PLAN}) > 0 THEN {_STEPS} END", "whose plan has {}"),
    Field("context", f"ARRAY(SELECT jsonb_object_keys({_CONTEXT}))", "planned with {} in the context", many=True),
    Field(
        "weekday",
        "(ARRAY['Monday','Tuesday','Wednesday','Thursday','Friday','Saturday','Sunday'])"
        "[extract(isodow FROM created_at AT TIME ZONE 'UTC')::int]",
        "made on a {}",
    ),
    Field(
        "hour",
        "lpad((extract(hour FROM created_at AT TIME ZONE 'UTC')::int / 3 * 3)::text, 2, '0') || ':00'",
        "made in the three hours from {} UTC",
    ),
    Field("request length", _block("length(user_request)", (60, 120, 240), "character"), "whose request has {}"),
)
BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}


def said(items: Sequence[Item]) -> str:
    """Return the items in words: "whose intent is blog_post and made on a Tuesday"."""
    return " and ".join(BY_NAME[item.field].said.format(item.value) for item in items)


def parsed() -> Any:
    """`plan.steps` of each row: the steps of its plan, an array; an empty one where there is no such thing."""
    return select(func.plan_steps(examples.c.execution_plan).label("steps")).correlate(examples).lateral("plan")


def condition(items: Sequence[Item]) -> ColumnElement[bool]:
    """Return the examples that have all of these items, as a condition on their table.

    Raises `KeyError` for no field.
    """
    found = []
    for item in items:
        field = BY_NAME[item.field]
        value = literal_column(f"({field.sql.replace(PLAN, 'plan_steps(execution_plan)')})")
        found.append(literal(item.value) == func.any(value) if field.many else value == literal(item.value))
    return and_(*found)
