"""The tab Models: deploying, the ways back, and serving, each asked in words that name the model and the cost."""

import sys
from types import SimpleNamespace

import pytest

from core import deployments, models
from core.commands import store as commands
from core.commands.filters import CommandFilter
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.tuning.providers.protocol import Capabilities
from tests.pages.acting import click
from tests.pages.conftest import text
from tests.pages.model_tabs import Visit, dataset, planner, visit
from tests.tuning.made import a_model, an_evaluation

__all__ = ["dataset", "visit"]


class TestDeploying:
    def test_it_is_asked_with_what_it_means_and_done_with_the_reason(self, visit: Visit, database: Database) -> None:
        a_model(database, "one")
        a_model(database, "two")
        deployments.deploy(database, "one", actor="ada")
        app = click(visit(model="2"), "model_deploy")
        assert "plans, writes and judges with two instead of one. Free." in text(app)
        assert planner(database) == "ollama:one"
        app.text_input(key="model_deploy_reason").set_value("It answers better.")
        click(app, "model_deploy_yes")
        now = deployments.current(database)
        assert now is not None
        assert (now.model_name, now.reason, now.actor) == ("two", "It answers better.", "local")
        assert planner(database) == "ollama:two"
        assert "two is in use from now on." in text(app)

    def test_it_can_be_undone_until_somebody_else_deploys(self, visit: Visit, database: Database) -> None:
        for name in ("one", "two"):
            a_model(database, name)
        app = click(click(visit(model="1"), "model_deploy"), "model_deploy_yes")
        click(app, "notice_undo")
        assert (planner(database), deployments.current(database)) == ("", None)
        app = click(click(visit(model="1"), "model_deploy"), "model_deploy_yes")
        deployments.deploy(database, "two", actor="bob")
        click(app, "notice_undo")
        assert planner(database) == "ollama:two"
        assert "Somebody else has set or deployed another model" in text(app)

    @pytest.mark.asks
    def test_one_that_does_not_answer_needs_a_reason(self, visit: Visit, database: Database) -> None:
        a_model(database, "nothere")
        app = click(click(visit(model="1"), "model_deploy"), "model_deploy_yes")
        assert "nothere does not answer" in text(app)
        assert planner(database) == ""
        app.text_input(key="model_deploy_reason").set_value("it comes tomorrow")
        click(app, "model_deploy_yes")
        assert planner(database) == "ollama:nothere"

    @pytest.mark.asks
    def test_a_roll_back_to_one_that_does_not_answer_needs_a_reason(self, visit: Visit, database: Database) -> None:
        for name in ("nothere", "now"):
            deployments.deploy(database, a_model(database, name).id, actor="ada", is_known=True)
        app = click(click(visit(), "model_rollback"), "model_rollback_yes")
        assert "nothere does not answer" in text(app)
        assert planner(database) == "ollama:now"
        app.text_input(key="model_rollback_reason").set_value("now is worse still")
        click(app, "model_rollback_yes")
        assert planner(database) == "ollama:nothere"

    def test_nothing_happens_without_a_yes(self, visit: Visit, database: Database) -> None:
        a_model(database, "one")
        click(click(visit(model="1"), "model_deploy"), "model_deploy_no")
        assert deployments.current(database) is None

    def test_a_worse_model_needs_a_reason(self, visit: Visit, database: Database, dataset: DatasetVersion) -> None:
        good, bad = a_model(database, "good"), a_model(database, "bad")
        an_evaluation(database, good, dataset.id, [True] * 30)
        an_evaluation(database, bad, dataset.id, [False] * 30)
        deployments.deploy(database, good.id, actor="ada")
        app = click(visit(model=str(bad.id)), "model_deploy")
        assert "bad did worse than good, which is in use" in text(app)
        click(app, "model_deploy_yes")
        assert "Say in at least 3 words" in text(app)
        assert planner(database) == "ollama:good"
        app.text_input(key="model_deploy_reason").set_value("it is cheaper")
        click(app, "model_deploy_yes")
        assert planner(database) == "ollama:bad"

    def test_rolling_back_and_undeploying_are_asked_by_name(self, visit: Visit, database: Database) -> None:
        for name in ("one", "two"):
            a_model(database, name)
            deployments.deploy(database, name, actor="ada")
        app = visit()
        assert app.button(key="model_rollback").label == "Roll back to one"
        click(app, "model_rollback")
        assert "one is in use again from now on, and two is not" in text(app)
        click(app, "model_rollback_yes")
        assert planner(database) == "ollama:one"
        app = click(click(app, "model_undeploy"), "modal_yes")
        assert (planner(database), deployments.current(database)) == ("", None)
        click(app, "notice_undo")
        assert planner(database) == "ollama:one"

    def test_what_is_pushed_to_a_machine_of_ones_own_is_not_asked(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host(monkeypatch, "local", costs=False)
        a_model(database, "plans", call_name="", serving="none")
        app = click(visit(model="1"), "model_serve")
        assert models.get(database, 1).serving == "deploying"
        assert "being made ready" in text(app)

    def test_hosting_that_is_paid_is_asked_with_its_price(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host(monkeypatch, "bedrock", costs=True)
        a_model(database, "plans", call_name="", serving="none", provider="bedrock")
        app = click(visit(model="1"), "model_serve")
        assert "at a price by the hour that is not known here" in text(app)
        assert "$39.60 an hour" in text(app)
        assert models.get(database, 1).serving == "none"
        click(app, "modal_yes")
        assert models.get(database, 1).serving == "deploying"
        (command,) = commands.page(database, CommandFilter()).rows
        assert commands.get(database, command.id).payload == {"model": 1, "confirmed_hourly": True}

    def test_an_end_that_deletes_says_so(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans", provider="openai", call_name="openai:ft:x")
        app = click(visit(model="1"), "model_unserve")
        assert "OpenAI deletes plans for good" in text(app)
        click(app, "modal_no")
        assert models.get(database, 1).serving == "ready"


def host(monkeypatch: pytest.MonkeyPatch, name: str, *, costs: bool) -> None:
    """A provider that says whether hosting costs something; nothing else is asked of it here."""
    can = Capabilities(True, ("sft",), "exact", True, False, False, costs, hosting_costs=costs)
    made = SimpleNamespace(capabilities=can, hourly_words=lambda base: f"One unit of {base} is $39.60 an hour.")
    monkeypatch.setitem(sys.modules, f"core.tuning.providers.{name}.adapter", SimpleNamespace(PROVIDER=made))  # type: ignore[arg-type]
