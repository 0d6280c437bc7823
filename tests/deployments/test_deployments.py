"""Which model the orchestrator works with: one truth with the setting, and a history that can be rolled back."""

import datetime as dt
import random

import pytest
from sqlalchemy import select

from core import audit, deployments, models
from core.db import Database
from core.db.tables import deployments as table
from core.deployments import preferences as settings
from core.deployments.preferences import preferences
from core.errors import Conflict, ModelRefused, UnknownModel, WhetstoneError
from core.llm import Model as Called
from core.llm import Profile
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request, to_json
from tests.llm.conftest import model_of
from tests.orchestrator.driving import at_once, drive
from tests.orchestrator.test_with_model import PLAN
from tests.tuning.made import a_dataset, a_model, an_evaluation, answering

PROFILE = {"system": "Plan as we do.", "examples": [{"user": "Q", "assistant": "A"}], "max_tokens": 64}


def planner(db: Database) -> str:
    return str(settings.planner_model(db) or "")


def test_a_deployed_model_is_what_the_orchestrator_asks(database: Database) -> None:
    model = a_model(database, "plans")
    made = deployments.deploy(database, "plans", actor="ada", reason="It answers better.")
    assert (made.model_id, made.actor, made.replaced, made.follows, made.is_open) == (model.id, "ada", "", None, True)
    assert preferences(database).model_for("plan") == Called("ollama", "plans")
    assert deployments.current(database) == made
    assert models.get(database, model.id).in_use
    line = audit.entries(database, subject="deployment")[0]
    assert (line.actor, line.action, line.after["name"], line.reason) == (
        "ada",
        "deploy",
        "plans",
        "It answers better.",
    )
    line = audit.entries(database, subject="setting", subject_id="planner_model")[0]
    assert (line.before, line.after) == ({"value": ""}, {"value": "ollama:plans"})


def test_another_model_takes_its_place(database: Database) -> None:
    a_model(database, "one")
    a_model(database, "two")
    first = deployments.deploy(database, "one", actor="ada")
    second = deployments.deploy(database, "two", actor="bob", reason="newer")
    assert (second.follows, second.replaced) == (first.id, "ollama:one")
    ended = deployments.history(database)[1]
    assert (ended.id, ended.ended_by, ended.end_reason) == (first.id, "bob", "two was deployed. newer")
    assert ended.ended_at is not None
    assert ended.ended_at <= second.at
    assert planner(database) == "ollama:two"
    assert [each.id for each in deployments.history(database, model_id=first.model_id)] == [first.id]
    assert [each.id for each in deployments.history(database, before=second.id)] == [first.id]


def test_what_is_in_use_is_not_deployed_twice(database: Database) -> None:
    a_model(database, "plans")
    deployments.deploy(database, "plans", actor="ada")
    with pytest.raises(Conflict, match="in use already: ada deployed it"):
        deployments.deploy(database, "plans", actor="bob")


def test_undeployed_the_built_in_planner_plans(database: Database) -> None:
    a_model(database, "plans")
    deployments.deploy(database, "plans", actor="ada")
    ended = deployments.undeploy(database, actor="bob", reason="too slow")
    assert (ended.is_open, ended.ended_by, ended.end_reason) == (False, "bob", "too slow")
    assert (planner(database), deployments.current(database), preferences(database).deployed) == ("", None, None)
    for act in (deployments.undeploy, deployments.rollback):
        with pytest.raises(ModelRefused, match="No model is deployed"):
            act(database, actor="bob")


def test_a_model_set_by_hand_ends_the_deployment_and_says_so(database: Database) -> None:
    a_model(database, "plans")
    deployments.deploy(database, "plans", actor="ada")
    assert settings.set_planner_model(database, "openai:x", actor="bob", reason="to try")
    (ended,) = deployments.history(database)
    assert (ended.ended_by, ended.end_reason) == ("bob", "openai:x was set by hand. to try")
    assert (planner(database), deployments.current(database)) == ("openai:x", None)


def test_the_bare_model_set_by_hand_ends_its_profile(database: Database) -> None:
    a_model(database, "p", kind="profile", call_name="anthropic:x", profile=PROFILE)
    deployments.deploy(database, "p", actor="ada")
    assert preferences(database).model_for("plan") == Called("anthropic", "x", Profile("Plan as we do.", (("Q", "A"),)))
    assert settings.set_planner_model(database, "anthropic:x", actor="ada", reason="")
    assert preferences(database).model_for("plan") == Called("anthropic", "x")
    assert not settings.set_planner_model(database, "anthropic:x", actor="ada", reason="")


@pytest.mark.parametrize(("target", "work"), [("plan", "plan"), ("both", "plan"), ("result", "write")])
def test_a_profile_stands_before_the_work_that_its_examples_are_of(database: Database, target: str, work: str) -> None:
    dataset = a_dataset(database, target=target)
    a_model(database, "p", kind="profile", call_name="anthropic:x", profile=PROFILE, dataset_id=dataset.id)
    deployments.deploy(database, "p", actor="ada")
    chosen = preferences(database)
    shown = {each: (chosen.model_for(each) or Called("openai", "")).profile for each in ("plan", "write", "judge")}
    assert [each for each, profile in shown.items() if profile is not None] == [work]
    assert {str(chosen.model_for(each)) for each in ("plan", "write", "judge")} == {"anthropic:x"}


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"call_name": "", "serving": "none"}, "nothing serves it yet. Serve it first"),
        ({"serving": "none"}, "Serve it first"),
        ({"serving": "failed"}, "Serve it again first"),
        ({"call_name": ""}, "no name that it could be called by"),
        ({"call_name": "nobody:x"}, "names no model"),
        ({"shutdown_date": dt.date(2026, 1, 1)}, "past its last day"),
    ],
)
def test_a_model_that_would_not_answer_is_refused(database: Database, made: dict, why: str) -> None:
    a_model(database, "plans", **made)
    with pytest.raises(ModelRefused, match=why):
        deployments.deploy(database, "plans", actor="ada")
    assert (deployments.current(database), planner(database), audit.entries(database, subject="deployment")) == (
        None,
        "",
        [],
    )


def test_an_archived_one_is_refused_and_one_in_use_is_not_archived(database: Database) -> None:
    model = a_model(database, "plans")
    models.archive(database, model.id, actor="ada")
    with pytest.raises(ModelRefused, match="out of the archive"):
        deployments.deploy(database, model.id, actor="ada")
    models.unarchive(database, model.id, actor="ada")
    deployments.deploy(database, model.id, actor="ada")
    with pytest.raises(ModelRefused, match="in use"):
        models.archive(database, model.id, actor="ada")
    with pytest.raises(UnknownModel):
        deployments.deploy(database, "nothing", actor="ada")


class TestRollingBack:
    def test_the_former_model_comes_back(self, database: Database) -> None:
        for name in ("one", "two"):
            a_model(database, name)
            deployments.deploy(database, name, actor="ada")
        assert str(deployments.before(database)) == "one"
        back = deployments.rollback(database, actor="bob", reason="two is worse")
        first = deployments.history(database)[-1]
        assert back is not None
        assert (back.model_name, back.restores, back.actor) == ("one", first.id, "bob")
        assert planner(database) == "ollama:one"
        assert audit.entries(database, subject="deployment")[0].action == "rollback"
        assert deployments.history(database)[1].end_reason == "rolled back to one. two is worse"

    def test_what_was_set_by_hand_comes_back(self, database: Database) -> None:
        settings.set_planner_model(database, "openai:x", actor="ada", reason="")
        a_model(database, "plans")
        deployments.deploy(database, "plans", actor="ada")
        assert str(deployments.before(database)) == "openai:x"
        assert deployments.rollback(database, actor="bob") is None
        assert (planner(database), deployments.current(database)) == ("openai:x", None)

    def test_a_former_model_that_answers_no_more_is_refused(self, database: Database) -> None:
        for name in ("one", "two"):
            a_model(database, name)
            deployments.deploy(database, name, actor="ada")
        models.set_shutdown_date(database, models.get(database, "one").id, dt.date(2026, 1, 1), actor="ada")
        with pytest.raises(ModelRefused, match="one is past its last day"):
            deployments.rollback(database, actor="bob")
        assert planner(database) == "ollama:two", "nothing has changed"

    @pytest.mark.parametrize("seed", range(6))
    def test_any_chain_ends_where_a_plain_list_ends(self, database: Database, seed: int) -> None:
        """What can be rolled back to is a stack: a deployment is put on it, and setting by hand begins a new one."""
        draw = random.Random(seed)
        names = [a_model(database, f"m{number}").name for number in range(4)]
        stack: list[tuple[str, bool]] = [("", False)]  # what is set, and whether it is deployed
        for _ in range(30):
            act = draw.choice(["deploy", "deploy", "deploy", "rollback", "rollback", "rollback", "hand", "undeploy"])
            value, is_deployed = stack[-1]
            if act == "deploy":
                name = draw.choice(names)
                if is_deployed and value == f"ollama:{name}":
                    with pytest.raises(Conflict):
                        deployments.deploy(database, name, actor="ada")
                else:
                    deployments.deploy(database, name, actor="ada")
                    stack.append((f"ollama:{name}", True))
            elif act == "hand":
                by_hand = draw.choice(["openai:x", "", "ollama:m1"])
                settings.set_planner_model(database, by_hand, actor="ada", reason="")
                stack = [(by_hand, False)]
            elif not is_deployed:
                with pytest.raises(ModelRefused):
                    (deployments.undeploy if act == "undeploy" else deployments.rollback)(database, actor="ada")
            elif act == "undeploy":
                deployments.undeploy(database, actor="ada")
                stack = [("", False)]
            else:
                stack.pop()
                assert str(deployments.before(database)) == (
                    stack[-1][0].removeprefix("ollama:") if stack[-1][1] else stack[-1][0] or "the built-in planner"
                )
                deployments.rollback(database, actor="ada")
            now = deployments.current(database)
            assert (planner(database), now is not None) == stack[-1]
            assert now is None or now.call_name == stack[-1][0]


class TestAtOnce:
    def test_two_deploys_leave_one_open_that_the_setting_names(self, database: Database) -> None:
        names = [a_model(database, f"m{number}").name for number in range(6)]
        at_once([lambda name=name: deployments.deploy(database, name, actor=name) for name in names])  # type: ignore[misc,return-value]
        with database.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.id)).all()
        assert [row.ended_at is None for row in rows] == [False] * 5 + [True]
        assert [row.follows for row in rows] == [None, *(row.id for row in rows[:-1])]
        now = deployments.current(database)
        assert now is not None
        assert planner(database) == now.call_name
        changes = audit.entries(database, subject="setting", subject_id="planner_model")
        assert [line.before["value"] for line in changes[:-1]] == [line.after["value"] for line in changes[1:]]

    def test_deploying_the_same_twice_is_done_once(self, database: Database) -> None:
        a_model(database, "plans")
        refused: list[WhetstoneError] = []

        def deploy() -> None:
            try:
                deployments.deploy(database, "plans", actor="ada")
            except Conflict as conflict:
                refused.append(conflict)

        at_once([deploy] * 4)
        assert (len(deployments.history(database)), len(refused)) == (1, 3)

    def test_by_hand_and_by_deployment_never_disagree(self, database: Database) -> None:
        names = [a_model(database, f"m{number}").name for number in range(3)]
        acts = [lambda name=name: deployments.deploy(database, name, actor="ada") for name in names]
        acts += [lambda: settings.set_planner_model(database, "openai:x", actor="bob", reason="")] * 3  # type: ignore[list-item]
        random.Random(1).shuffle(acts)
        at_once(acts)  # type: ignore[arg-type]
        now = deployments.current(database)
        assert planner(database) == (now.call_name if now else "openai:x")

    def test_a_roll_back_pressed_twice_goes_no_further_than_it_can(self, database: Database) -> None:
        for name in ("one", "two"):
            a_model(database, name)
            deployments.deploy(database, name, actor="ada")
        refused: list[WhetstoneError] = []

        def back() -> None:
            try:
                deployments.rollback(database, actor="ada")
            except ModelRefused as refusal:
                refused.append(refusal)

        at_once([back] * 3)
        assert (planner(database), len(refused)) == ("", 1)


class TestAWorseModel:
    def test_it_needs_a_reason(self, database: Database) -> None:
        good, bad = a_model(database, "good"), a_model(database, "bad")
        an_evaluation(database, good, 1, [True] * 30 + [False] * 10)
        an_evaluation(database, bad, 1, [True] * 10 + [False] * 30)
        deployments.deploy(database, good.id, actor="ada")
        concern = deployments.concern(database, bad.id)
        assert "bad did worse than good, which is in use: on 40 records" in concern
        for reason in ("", "because", "just so"):
            with pytest.raises(ModelRefused, match="at least 3 words"):
                deployments.deploy(database, bad.id, actor="ada", reason=reason)
        deployments.deploy(database, bad.id, actor="ada", reason="it is cheaper")
        assert deployments.concern(database, good.id) == ""
        deployments.deploy(database, good.id, actor="ada")

    def test_what_may_be_luck_needs_none(self, database: Database) -> None:
        good, bad = a_model(database, "good"), a_model(database, "bad")
        an_evaluation(database, good, 1, [True, True, True, False])
        an_evaluation(database, bad, 1, [True, True, False, False])
        deployments.deploy(database, good.id, actor="ada")
        assert deployments.concern(database, bad.id) == ""
        deployments.deploy(database, bad.id, actor="ada")

    def test_what_was_learned_from_or_is_not_done_or_of_another_split_says_nothing(self, database: Database) -> None:
        good, bad = a_model(database, "good"), a_model(database, "bad")
        for model, right in ((good, True), (bad, False)):
            an_evaluation(database, model, 1, [right] * 40, split="train")
            an_evaluation(database, model, 1, [right] * 40, split="validation", state="cancelled")
        an_evaluation(database, good, 1, [True] * 40)
        an_evaluation(database, bad, 2, [False] * 40)
        deployments.deploy(database, good.id, actor="ada")
        assert deployments.concern(database, bad.id) == ""

    def test_answers_that_are_never_exact_are_judged_by_likeness(self, database: Database) -> None:
        good, bad = a_model(database, "good"), a_model(database, "bad")
        an_evaluation(database, good, 1, [False] * 40, likeness=[0.8] * 40)
        an_evaluation(database, bad, 1, [False] * 40, likeness=[0.5 + place / 1_000 for place in range(40)])
        deployments.deploy(database, good.id, actor="ada")
        assert "likeness differed by -0.28" in deployments.concern(database, bad.id)


def test_a_deployed_profile_stands_before_the_planners_own_prompt(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering("anthropic", monkeypatch) as provider:
        a_model(database, "p", kind="profile", call_name=str(model_of(provider)), profile=PROFILE)
        deployments.deploy(database, "p", actor="ada")
        provider.say(to_json(PLAN))
        execution = executions.submit(database, Request("Write a blog post about tool shelves"), actor="ada")
        drive(database, agents=["orchestrator"])
        provider.say("# Tool shelves")
        provider.say({"reason": "Short.", "score": 0.5})
        executions.approve(database, execution.execution_id, actor="bob")
        drive(database)
    done = queries.get(database, execution.execution_id)
    assert (done.status, done.planner_model, done.plan_source) == ("completed", *[str(model_of(provider))] * 2)
    plan, text, judgement = provider.asked
    assert plan["system"].startswith("Plan as we do.\n\nYou plan the work of a company's agents.")
    assert [(turn["role"], turn["content"]) for turn in plan["messages"][:2]] == [("user", "Q"), ("assistant", "A")]
    assert "tool shelves" in plan["messages"][2]["content"]
    for other in (text, judgement):
        assert "Plan as we do." not in other["system"]
        assert len(other["messages"]) == 1
