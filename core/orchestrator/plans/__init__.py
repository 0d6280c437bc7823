"""Requests and plans: what is asked, the steps that answer it, and whether a plan can be run at all.

Request, Plan, Step                        what is asked, and what answers it
Shape, ActionShape, plan_schema            what agents can do, and the schema of a plan made of that
parse, from_json, to_json                  a plan of outside, checked; of the database; and back
levels, order                              which steps can run at once, and one after another
payload_problems                           why what a step hands its agent does not fit, in sentences
"""

from core.orchestrator.plans.payloads import problems as payload_problems
from core.orchestrator.plans.plan import (
    MOST_INTENT,
    MOST_REASON,
    MOST_STEPS,
    ActionShape,
    Plan,
    Request,
    Shape,
    Step,
    from_json,
    levels,
    order,
    parse,
    plan_schema,
    to_json,
)

__all__ = [
    "MOST_INTENT",
    "MOST_REASON",
    "MOST_STEPS",
    "ActionShape",
    "Plan",
    "Request",
    "Shape",
    "Step",
    "from_json",
    "levels",
    "order",
    "parse",
    "payload_problems",
    "plan_schema",
    "to_json",
]
