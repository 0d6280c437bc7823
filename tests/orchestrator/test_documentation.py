"""The documentation of the orchestrator is what the code does."""

import re
from pathlib import Path

import orjson
import pytest

from core.orchestrator.agents import ACTIONS, SHAPE
from core.orchestrator.planners.intents import KNOWN
from core.orchestrator.plans import parse, plan_schema
from core.orchestrator.records import STATUSES
from core.orchestrator.scoring import rubric

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "orchestrator.md").read_text(encoding="utf-8")


def test_the_published_schema_is_the_one_that_plans_are_held_to() -> None:
    """After a change: write `plan_schema(SHAPE)` with two spaces of indent to docs/plan.schema.json."""
    assert orjson.loads((DOCS / "plan.schema.json").read_bytes()) == plan_schema(SHAPE)


def test_every_example_of_a_payload_and_the_plan_on_the_page_can_be_run() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(parse(block, SHAPE).steps) == 2
    for agent, actions in SHAPE.items():
        for name, action in actions.items():
            step = {"id": "s", "agent": agent, "action": name, "payload": action.example, "reason": "r"}
            parse({"intent": "x", "steps": [step]}, SHAPE)


@pytest.mark.parametrize("agent", SHAPE)
def test_the_page_lists_every_action_with_its_payload(agent: str) -> None:
    assert set(ACTIONS[agent]) == set(SHAPE[agent])
    for name, action in SHAPE[agent].items():
        (row,) = re.findall(rf"^\| `{agent}` \| `{name}` \|.*$", PAGE, flags=re.MULTILINE)
        assert re.findall(r"`(\w+)`", row.split("|")[4]) == list(action.payload["properties"])


def test_the_page_names_states_intents_and_weights() -> None:
    for status in STATUSES:
        assert f"\n| {status.replace('_', ' ')} |" in PAGE
    for intent in KNOWN:
        assert f"`{intent}`" in PAGE
    for name, weight in rubric.WEIGHTS.items():
        assert f"\n| {name} | {weight:.2f} |" in PAGE
