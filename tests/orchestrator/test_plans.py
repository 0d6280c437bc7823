"""Plans: what is refused and how it is said, the published schema, and the order of steps."""

import copy
from collections.abc import Callable
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidPlan, PlanProblem
from core.orchestrator.plans import Plan, Step, from_json, levels, order, parse, plan_schema, to_json
from tests.orchestrator.shapes import PLAN, SHAPE


def problems(raw: Any) -> list[PlanProblem]:
    with pytest.raises(InvalidPlan) as refused:
        parse(raw, SHAPE)
    return list(refused.value.problems)


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    values = copy.deepcopy(to_json(PLAN))
    change(values)
    return values


def test_a_plan_is_read_from_values_text_and_bytes() -> None:
    values = to_json(PLAN)
    text = orjson.dumps(values)
    assert parse(values, SHAPE) == parse(text, SHAPE) == parse(text.decode(), SHAPE) == PLAN


def test_what_was_stored_comes_back_even_when_the_agent_is_gone() -> None:
    assert from_json(orjson.loads(orjson.dumps(to_json(PLAN)))) == PLAN


def test_depends_on_may_be_left_out() -> None:
    assert parse(changed(lambda plan: plan["steps"][0].pop("depends_on")), SHAPE) == PLAN


@pytest.mark.parametrize(
    ("raw", "field", "sentence"),
    [
        ("", "plan", "It is not JSON: "),
        ("Here is the plan:", "plan", "It is not JSON: "),
        ('{"intent": "x", "steps": [', "plan", "It is not JSON: "),
        ("[]", "plan", "It must be a JSON object with `intent` and `steps`."),
        ('"\\ud800"', "plan", "It is not JSON: "),
        ({"intent": object(), "steps": []}, "plan", "It is not JSON: "),
        ({"intent": "a\0b", "steps": []}, "plan", "It holds a NUL character or is nested too deep"),
        ('{"intent": ' + "[" * 60 + "]" * 60 + "}", "plan", "It holds a NUL character or is nested too deep"),
        ('{"intent": ' + "[" * 50_000 + "]" * 50_000 + "}", "plan", "It is not JSON: "),
        (" " * 300_000, "plan", "It has more than 200,000 characters."),
    ],
)
def test_what_is_no_plan_at_all(raw: Any, field: str, sentence: str) -> None:
    found = problems(raw)
    assert [(problem.step, problem.field) for problem in found] == [("", field)]
    assert found[0].sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p.pop("intent"), ("", "intent", "It must be a text that is not empty.")),
        (lambda p: p.update(intent="  "), ("", "intent", "It must be a text that is not empty.")),
        (lambda p: p.update(intent="x" * 201), ("", "intent", "It has 201 characters; at most 200 are allowed.")),
        (lambda p: p.update(note=""), ("", "'note'", "There is no such field here; there are intent, steps.")),
        (lambda p: p.pop("steps"), ("", "steps", "It must be a list of steps.")),
        (lambda p: p.update(steps={}), ("", "steps", "It must be a list of steps.")),
        (lambda p: p.update(steps=[]), ("", "steps", "A plan has 1 to 12 steps; this one has 0.")),
        (
            lambda p: p["steps"].__setitem__(2, "check it"),
            ("#3", "step", "It must be an object with id, agent, action, payload, reason, depends_on."),
        ),
        (lambda p: p["steps"][2].update(id="a b"), ("#3", "id", "It must be 1 to 40 letters, digits, _ or -.")),
        (lambda p: p["steps"][2].update(id="ok\n"), ("#3", "id", "It must be 1 to 40 letters, digits, _ or -.")),
        (lambda p: p["steps"][2].pop("id"), ("#3", "id", "It must be 1 to 40 letters, digits, _ or -.")),
        (lambda p: p["steps"][2].update(id="draft"), ("#3", "id", "Another step is called 'draft' already.")),
        (
            lambda p: p["steps"][2].update(agent="lawyer"),
            ("check", "agent", "There is no agent 'lawyer'; there are content, compliance."),
        ),
        (
            lambda p: p["steps"][2].update(agent=["compliance"]),
            ("check", "agent", "There is no agent ['compliance']; there are content, compliance."),
        ),
        (
            lambda p: p["steps"][1].update(action="publish"),
            ("draft", "action", "content has no action 'publish'; it has outline, draft."),
        ),
        (lambda p: p["steps"][1].update(payload=None), ("draft", "payload", "It must be an object.")),
        (lambda p: p["steps"][1]["payload"].pop("topic"), ("draft", "payload.topic", "It is missing.")),
        (
            lambda p: p["steps"][1]["payload"].update(topic=7),
            ("draft", "payload.topic", "It must be of the type string."),
        ),
        (
            lambda p: p["steps"][1]["payload"].update(topic=""),
            ("draft", "payload.topic", "It is too short: at least 1 characters."),
        ),
        (
            lambda p: p["steps"][1]["payload"].update(format="film"),
            ("draft", "payload.format", "It is 'film'; it must be one of post or email."),
        ),
        (
            lambda p: p["steps"][1]["payload"].update(keywords=["a", 2]),
            ("draft", "payload.keywords.1", "It must be of the type string."),
        ),
        (
            lambda p: p["steps"][0]["payload"].update(points=10),
            ("outline", "payload.points", "It is 10; it must be at most 9."),
        ),
        (
            lambda p: p["steps"][0]["payload"].update(points=True),
            ("outline", "payload.points", "It must be of the type integer."),
        ),
        (
            lambda p: p["steps"][0]["payload"].update(tone="dry"),
            ("outline", "payload", "There is no field 'tone' here; there are topic, points."),
        ),
        (lambda p: p["steps"][1].update(reason=""), ("draft", "reason", "It must be a text that is not empty.")),
        (
            lambda p: p["steps"][1].update(when="now"),
            (
                "draft",
                "'when'",
                "There is no such field here; there are id, agent, action, payload, reason, depends_on.",
            ),
        ),
        (
            lambda p: p["steps"][1].update(depends_on="outline"),
            ("draft", "depends_on", "It must be a list of ids of steps."),
        ),
        (lambda p: p["steps"][1].update(depends_on=["one"]), ("draft", "depends_on", "There is no step 'one'.")),
        (lambda p: p["steps"][1].update(depends_on=[3]), ("draft", "depends_on", "There is no step 3.")),
        (
            lambda p: p["steps"][1].update(depends_on=["draft"]),
            ("draft", "depends_on", "A step cannot depend on itself."),
        ),
        (
            lambda p: p["steps"][1].update(depends_on=["outline", "outline"]),
            ("draft", "depends_on", "It names 'outline' twice."),
        ),
    ],
)
def test_each_fault_is_named_with_its_step_and_field(
    change: Callable[[dict[str, Any]], Any], expected: tuple[str, str, str]
) -> None:
    # An id that is no use makes the steps that name it wrong too; the fault itself is among the problems.
    found = problems(changed(change))
    assert expected in [tuple(problem) for problem in found]
    assert len(found) <= 2


def test_everything_that_is_wrong_is_said_at_once() -> None:
    def spoil(plan: dict[str, Any]) -> None:
        plan["intent"] = ""
        plan["steps"][0]["agent"] = "lawyer"
        plan["steps"][1]["payload"] = {}

    found = problems(changed(spoil))
    assert [(problem.step, problem.field) for problem in found] == [
        ("", "intent"),
        ("outline", "agent"),
        ("draft", "payload.topic"),
        ("draft", "payload.format"),
    ]


def test_the_message_names_step_and_field() -> None:
    with pytest.raises(InvalidPlan, match=r"Step check, agent: There is no agent 'lawyer'"):
        parse(changed(lambda plan: plan["steps"][2].update(agent="lawyer")), SHAPE)


def test_steps_that_wait_for_each_other_are_named() -> None:
    found = problems(changed(lambda plan: plan["steps"][0].update(depends_on=["check"])))
    assert len(found) == 1
    assert found[0].sentence.startswith("These steps wait for each other: ")
    assert all(name in found[0].sentence for name in ("outline", "draft", "check"))


def test_a_value_of_unknown_origin_is_shortened_and_spelled_out() -> None:
    (problem,) = problems(changed(lambda plan: plan["steps"][2].update(agent="x\n\u202e" + "y" * 1_000)))
    assert problem.sentence.startswith(r"There is no agent 'x\n\u202eyyy")
    assert len(problem.sentence) < 150


def test_thirteen_steps_are_too_many() -> None:
    steps = [
        {"id": f"s{number}", "agent": "compliance", "action": "check", "payload": {}, "reason": "Why not."}
        for number in range(13)
    ]
    assert parse({"intent": "check", "steps": steps[:12]}, SHAPE).steps[-1].id == "s11"
    assert problems({"intent": "check", "steps": steps})[0].sentence == "A plan has 1 to 12 steps; this one has 13."


def test_the_published_schema_takes_the_plan_and_refuses_what_parse_refuses() -> None:
    schema = plan_schema(SHAPE)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(to_json(PLAN))
    for change in (
        lambda p: p["steps"][2].update(agent="lawyer"),
        lambda p: p["steps"][2].update(agent="content"),
        lambda p: p["steps"][1]["payload"].pop("topic"),
        lambda p: p["steps"][2].update(id="a b"),
        lambda p: p.update(steps=[]),
        lambda p: p.update(note=""),
    ):
        assert not validator.is_valid(changed(change))


def test_the_examples_of_the_shape_fit_their_schemas() -> None:
    for actions in SHAPE.values():
        for action in actions.values():
            jsonschema.Draft202012Validator(action.payload).validate(dict(action.example))


def test_steps_that_need_nothing_of_each_other_stand_in_one_group() -> None:
    plan = _graph({"a": [], "b": ["d"], "c": ["a"], "d": [], "e": ["b", "c"]})
    assert [[step.id for step in group] for group in levels(plan)] == [["a", "d"], ["b", "c"], ["e"]]
    assert [step.id for step in order(plan)] == ["a", "d", "b", "c", "e"]


def _graph(edges: dict[str, list[str]]) -> Plan:
    return Plan(
        "check", tuple(Step(id_, "compliance", "check", {}, "Why not.", tuple(needs)) for id_, needs in edges.items())
    )


IDS = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True)
#: What PostgreSQL can keep: no NUL, no lone surrogate. Blank texts are refused, and the ends are trimmed.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60).map(
    lambda text: text.strip() or "x"
)
PAYLOADS = st.one_of(
    st.tuples(
        st.just(("content", "outline")),
        st.fixed_dictionaries({"topic": TEXTS}, optional={"points": st.integers(1, 9)}),
    ),
    st.tuples(
        st.just(("content", "draft")),
        st.fixed_dictionaries(
            {"topic": TEXTS, "format": st.sampled_from(["post", "email"])},
            optional={"keywords": st.lists(TEXTS, max_size=5)},
        ),
    ),
    st.tuples(st.just(("compliance", "check")), st.fixed_dictionaries({}, optional={"strict": st.booleans()})),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans that can be run, their steps in any order."""
    ids = draw(st.lists(IDS, min_size=1, max_size=12, unique=True))
    steps = []
    for place, id_ in enumerate(ids):
        (agent, action), payload = draw(PAYLOADS)
        needs = draw(st.lists(st.sampled_from(ids[:place]), unique=True)) if place else []
        steps.append(Step(id_, agent, action, payload, draw(TEXTS), tuple(needs)))
    return Plan(draw(TEXTS), tuple(draw(st.permutations(steps))))


@settings(deadline=None)
@given(plans())
def test_every_plan_survives_the_round_trip(plan: Plan) -> None:
    stored = orjson.dumps(to_json(plan))
    assert parse(stored, SHAPE) == plan
    assert from_json(orjson.loads(stored)) == plan
    assert jsonschema.Draft202012Validator(plan_schema(SHAPE)).is_valid(orjson.loads(stored))


@settings(deadline=None)
@given(plans())
def test_every_step_comes_after_those_it_needs_and_none_is_lost(plan: Plan) -> None:
    seen: set[str] = set()
    for group in levels(plan):
        assert all(set(step.depends_on) <= seen for step in group)
        seen |= {step.id for step in group}
    assert sorted(step.id for step in order(plan)) == sorted(step.id for step in plan.steps)


@settings(deadline=None)
@given(
    st.integers(1, 8).flatmap(
        lambda count: st.lists(
            st.lists(st.integers(0, count - 1), unique=True, max_size=3), min_size=count, max_size=count
        )
    )
)
def test_a_graph_is_refused_exactly_when_a_step_reaches_itself(needs: list[list[int]]) -> None:
    reached = [set(each) for each in needs]
    for _ in needs:
        for each in reached:
            each |= set().union(*(reached[other] for other in each))
    is_circular = any(place in each for place, each in enumerate(reached))

    values = to_json(_graph({f"s{place}": [f"s{other}" for other in each] for place, each in enumerate(needs)}))
    if is_circular:
        assert all(problem.field == "depends_on" for problem in problems(values))
    else:
        assert len(parse(values, SHAPE).steps) == len(needs)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(_JSON, st.sampled_from(["id", "agent", "action", "payload", "reason", "depends_on", "intent", "steps"]))
def test_whatever_stands_in_a_field_is_a_plan_or_a_named_problem(value: Any, field: str) -> None:
    values = to_json(PLAN)
    (values if field in values else values["steps"][1])[field] = value
    found: tuple[PlanProblem, ...] = ()
    try:
        plan = parse(values, SHAPE)
    except InvalidPlan as error:
        plan, found = None, error.problems
    assert (plan is None) == bool(found)
