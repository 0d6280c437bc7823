"""Sixty requests of a small company with results as they were delivered, and the verdict that each deserves.

They were written before they were tried on the rules, and no rule was made for one of them. What the rules cannot know
stands in the file (`beyond_rules`), with the reason: phrases that fit any topic, the right words in another sense,
grammar without meaning, the manner of another network. A judge can tell these, and rules must not pretend to.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from core.commands.handlers import CommandContext, Handler, by_action
from core.db import Database
from core.db.tables import examples, members
from core.deployments.preferences import set_planner_model
from core.examples.filters import Filter
from core.orchestrator import executions, queries
from core.orchestrator.agents import ACTIONS
from core.orchestrator.plans import Plan, Request, Step, to_json
from core.orchestrator.records import Execution
from core.orchestrator.scoring import rubric
from core.orchestrator.scoring.rubric import Done
from core.runtime.agents import registry
from core.settings import get_settings
from tests.datasets.test_snapshots import create
from tests.llm.conftest import model_of
from tests.llm.servers import FAKES, FakeProvider, serving
from tests.orchestrator.driving import drive

Case = dict[str, Any]
CASES: list[Case] = json.loads(Path(__file__).with_name("sixty.json").read_text(encoding="utf-8"))
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
#: What a careful judge gives for each verdict.
GIVEN = {"good": 0.85, "thin": 0.35, "off-topic": 0.1, "nonsense": 0.0, "wrong platform": 0.3, "empty": 0.0}


def asked(case: Case) -> Request:
    return Request(case["request"], case["intent"], platforms=tuple(case.get("platforms", ())))


def parts(case: Case) -> list[rubric.Part]:
    """The form of a result that one step has written."""
    payload = {"topic": case["request"], "format": case["format"]}
    step = Step("draft", "content", "draft", payload, "As asked.")
    done = Done(step, "completed", {"text": case["result"]})
    return rubric.rubric(asked(case), Plan(case["intent"], (step,)), [done], case["result"], [])


def found(case: Case) -> list[str]:
    return rubric.faults([part.to_json() for part in parts(case)])


def test_there_are_sixty_and_each_is_its_own() -> None:
    assert Counter(case["verdict"] for case in CASES) == {
        "good": 20,
        "thin": 10,
        "off-topic": 8,
        "nonsense": 8,
        "wrong platform": 8,
        "empty": 6,
    }
    assert len({case["id"] for case in CASES}) == 60
    assert len({(case["request"], case["result"]) for case in CASES}) == 60


@EACH
def test_the_form_names_the_fault_that_rules_can_see(case: Case) -> None:
    if case["verdict"] == "good" or "beyond_rules" in case:
        assert found(case) == [], "what rules cannot know they do not make up"
    else:
        assert case["verdict"] in found(case)
        (said,) = [part.reason for part in parts(case) if case["verdict"] in part.faults]
        assert f"{case['verdict'].capitalize()}: " in said


def test_most_faults_are_seen_and_what_rules_cannot_know_is_named() -> None:
    bad = [case for case in CASES if case["verdict"] != "good"]
    beyond = [case["id"] for case in bad if "beyond_rules" in case]
    assert beyond == ["thin-10", "off-topic-7", "nonsense-8", "wrong-platform-8"]
    assert len(bad) - len(beyond) == 36


def test_a_fault_takes_its_part_of_the_form_away() -> None:
    forms = {case["id"]: rubric.form(parts(case))[0] or 0.0 for case in CASES}
    worst_good = min(forms[case["id"]] for case in CASES if case["verdict"] == "good")
    seen = {case["id"] for case in CASES if found(case)}
    assert all(part.score == 0 for case in CASES for part in parts(case) if part.faults)
    assert sum(forms[id_] < worst_good for id_ in seen) >= len(seen) / 2, "form alone tells only some of them apart"


def carried_out(db: Database, case: Case) -> Execution:
    """The whole way, with an agent that delivers the result as it stands in the file."""
    execution = executions.submit(db, asked(case), actor="ada", again=True)
    drive(db, agents=["orchestrator"])
    executions.approve(db, execution.execution_id, actor="bob")
    drive(db, {**registry(), "content": _delivers(case["result"])})
    return queries.get(db, execution.execution_id)


def _delivers(result: str) -> Handler:
    def write(work: CommandContext) -> dict[str, Any]:
        is_it = work.command.action in ("draft", "social_variants")
        return {"text": result if is_it else "An outline.", "n": None, "missing": [], "source": "written"}

    return by_action("content", dict.fromkeys(ACTIONS["content"], write))


def frozen(db: Database, chosen: Filter) -> list[str]:
    """The executions that a dataset of this filter freezes."""
    version = create(db, filter=chosen)
    query = select(examples.c.execution_id).where(
        examples.c.id.in_(select(members.c.example_id).where(members.c.dataset_id == version.id))
    )
    with db.connect() as connection:
        return list(connection.execute(query).scalars())


def kept(db: Database, done: Sequence[Execution]) -> dict[str, Any]:
    """Score, success and whether it may teach, of the example of each."""
    query = select(
        examples.c.execution_id, examples.c.quality_score, examples.c.success, examples.c.is_trainable
    ).where(examples.c.execution_id.in_([each.execution_id for each in done]))
    with db.connect() as connection:
        return {row.execution_id: tuple(row)[1:] for row in connection.execute(query)}


def test_without_a_judge_none_has_a_score_and_none_teaches(database: Database) -> None:
    done = [carried_out(database, case) for case in CASES]
    assert {each.status for each in done} == {"completed"}
    assert {(each.score, each.success, each.scored_by) for each in done} == {(None, None, "")}
    assert set(kept(database, done).values()) == {(None, None, False)}
    with database.connect() as connection:
        query = text("SELECT count(*) FROM orchestrator_training_data WHERE quality_score >= 0.7 OR success")
        assert connection.execute(query).scalar_one() == 0
    for case, each in zip(CASES, done, strict=True):
        if case["verdict"] != "good" and "beyond_rules" not in case:
            assert rubric.faults(each.score_parts or []), f"{case['id']}: its fault stands beside the score"


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with serving(FAKES["ollama"]()) as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        yield fake
    get_settings.cache_clear()


def test_with_a_judge_each_has_the_verdict_and_who_gave_it(database: Database, ollama: FakeProvider) -> None:
    model = str(model_of(ollama))
    set_planner_model(database, model, actor="ada", reason="test")
    done = []
    for case in CASES:
        payload = {"topic": case["request"], "format": case["format"]}
        step = Step("draft", "content", "draft", payload, "As asked.")
        ollama.say(to_json(Plan(case["intent"], (step,))))
        ollama.say({"reason": f"It is {case['verdict']}.", "score": GIVEN[case["verdict"]]})
        done.append(carried_out(database, case))
    for case, each in zip(CASES, done, strict=True):
        assert (each.score, each.scored_by) == (GIVEN[case["verdict"]], model), case["id"]
        assert each.success is (case["verdict"] == "good")
        assert (each.score_parts or [])[-1]["reason"] == f"{model}: It is {case['verdict']}."
    good = {each.execution_id for case, each in zip(CASES, done, strict=True) if case["verdict"] == "good"}
    assert set(frozen(database, Filter(quality_min=0.7, success=True))) == good


def test_the_judge_is_told_what_rules_have_seen(database: Database, ollama: FakeProvider) -> None:
    case = next(case for case in CASES if case["verdict"] == "wrong platform")
    set_planner_model(database, str(model_of(ollama)), actor="ada", reason="test")
    step = Step("draft", "content", "draft", {"topic": "a grinder", "format": "post"}, "As asked.")
    ollama.say(to_json(Plan(case["intent"], (step,))))
    ollama.say({"reason": "For other networks.", "score": 0.2})
    carried_out(database, case)
    assert "wrong platform" in json.dumps(ollama.asked[-1]).lower()
