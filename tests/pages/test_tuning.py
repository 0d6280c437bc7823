"""The fine-tuning page: what is true now, a new job in four parts, and its start with every question before it."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from core.db import Database
from core.errors import TrainerUnavailable
from core.settings import Settings, get_settings
from core.tuning import budget, jobs
from core.tuning.providers.local import starters
from core.tuning.providers.local.training import environment
from core.tuning.providers.local.training.environment import Environment, InstallProgress
from core.tuning.providers.local.training.installation import INSTALLATION
from core.tuning.providers.protocol import Obstacle, ProviderId
from tests.pages import tuned
from tests.pages.acting import click, keys, metrics, where
from tests.pages.conftest import Visit, text
from tests.scripted import Scripted, everyone, install
from ui.tuning import place as tuning_place

Providers = dict[ProviderId, Scripted]


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    """Five that do what they are told, in place of the real ones."""
    found = everyone()
    with monkeypatch.context() as patch:
        modules: dict = {}
        install(found, modules)
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        yield found


def links(app: AppTest) -> dict[str, str]:
    return {each.proto.label: each.proto.query_string for each in app.get("page_link")}


def chosen(visit: Visit, provider: str = "openai", **parameters: str) -> AppTest:
    """The page with a provider chosen."""
    return click(visit("fine_tuning", part="train", **parameters), f"tuning_choose_{provider}")


pytestmark = pytest.mark.usefixtures("providers")


class TestTheState:
    def test_an_empty_workspace_says_what_is_needed_and_leads_there(self, visit: Visit, database: Database) -> None:
        app = visit("fine_tuning")
        assert "There is nothing to train on yet" in text(app)
        assert links(app)["Create a dataset"] == "new=1"
        assert "Claude profile · not training" in text(app)
        assert not {key for key in keys(app) if key and key.startswith("tuning_choose")}
        assert metrics(app)["Running jobs"] == "0"

    def test_the_numbers_of_the_month(self, visit: Visit, database: Database) -> None:
        version = tuned.frozen(database)
        for number, (state, cost) in enumerate((("succeeded", "4.50"), ("failed", None), ("cancelled", "0.50"))):
            job = tuned.job(database, version, "openai", settings={"epochs": number + 1})
            tuned.put(database, job.id, state, actual_cost=cost and Decimal(cost), completed_at=job.created_at)
        tuned.job(database, version)
        budget.set_budget(database, 20, actor="ada", reason="to begin with")

        app = visit("fine_tuning", part="train")
        found = metrics(app)
        assert (found["Running jobs"], found["Finished this month"]) == ("1", "3")
        assert found["Spent this month"] == "$5.00"
        below = {metric.label: metric.delta for metric in app.metric}
        assert below["Finished this month"] == "50 % succeeded"
        assert below["Spent this month"] == "of $20.00 budget"
        assert below["Running jobs"] == "1 checking"
        assert found["Model in use"] == "Built\\-in"

    def test_the_menu_counts_open_jobs(self, visit: Visit, database: Database) -> None:
        version = tuned.frozen(database)
        tuned.job(database, version)
        tuned.job(database, version, "openai")
        from ui.tuning import reads as tuning_reads

        assert tuning_reads.open_jobs(database) == 2

    def test_what_is_open_is_shown_first(self, visit: Visit, database: Database) -> None:
        version = tuned.frozen(database)
        assert visit("fine_tuning").segmented_control(key="tuning_parts").value == "train"
        tuned.job(database, version)
        assert visit("fine_tuning").segmented_control(key="tuning_parts").value == "jobs"

    def test_the_part_stands_in_the_address(self, visit: Visit, database: Database) -> None:
        app = visit("fine_tuning", part="jobs")
        assert "No job yet" in text(app)
        click(app, "tuning_first")
        assert where(app)["part"] == ["train"]
        assert app.segmented_control(key="tuning_parts").value == "train"

    def test_where_the_address_leads_is_not_undone_by_what_the_browser_showed_before(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = visit("fine_tuning", part="jobs")
        app.query_params["part"] = "models"
        app.run()
        app.segmented_control(key="tuning_parts").set_value("jobs").run()
        assert app.segmented_control(key="tuning_parts").value == "models"
        monkeypatch.setattr(tuning_place, "_HEARD_S", 0.0)
        app.segmented_control(key="tuning_parts").set_value("jobs").run()
        assert where(app)["part"] == ["jobs"]


def led_to(app: AppTest) -> tuple[str, object]:
    """The page that a button went to, and the version that is to be trained on there."""
    assert not app.exception
    return app.title[0].value, app.query_params["train_on"]


class TestTheDataset:
    def test_the_newest_frozen_version_is_chosen_and_described(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        tuned.frozen(database, "posts", 20)
        app = visit("fine_tuning")
        assert app.selectbox(key="tuning_dataset").value == "posts@1"
        assert app.selectbox(key="tuning_dataset").options == ["posts@1", "plans@1"]
        assert "16 train, 3 validation, 1 test · 180 tokens, the longest record 9" in text(app)

    def test_the_address_chooses_it(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        tuned.frozen(database, "posts")
        app = visit("fine_tuning", train_on="plans@1")
        assert app.selectbox(key="tuning_dataset").value == "plans@1"
        app.selectbox(key="tuning_dataset").set_value("posts@1").run()
        assert where(app)["train_on"] == ["posts@1"]

    def test_a_version_that_is_not_there_is_said(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = visit("fine_tuning", train_on="nothing@7")
        assert "There is no dataset" in text(app)
        assert app.selectbox(key="tuning_dataset").value == "plans@1"

    def test_the_datasets_page_leads_here(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = visit("datasets", dataset="plans", version="1")
        app.button(key="version_train").click().run()
        assert led_to(app) == ("Fine-tuning", "plans@1")

    def test_the_lineage_of_a_version_leads_to_its_jobs(self, visit: Visit, database: Database) -> None:
        job = tuned.job(database, tuned.frozen(database))
        app = visit("datasets", dataset="plans", version="1")
        app.session_state["version_view"] = "Lineage"
        app.run()
        assert f"Job {job.id}: pending, base-small" in text(app)
        assert links(app)[f"Open job {job.id}"] == f"part=jobs&job={job.id}"

    def test_one_version_of_the_list_leads_here(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = visit("datasets")
        assert "list_train" not in {each.key for each in app.button}
        key = f"list_rows_{hash((('plans', 1),)) & 0xFFFFFF:x}"
        app.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
        app.run()
        app.button(key="list_train").click().run()
        assert led_to(app) == ("Fine-tuning", "plans@1")


class TestTheProviders:
    def test_each_has_a_card_that_says_what_is_missing(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = visit("fine_tuning")
        said = text(app)
        assert "about $4.10 to $8.20 · data goes to OpenAI" in said
        assert "free · private" in said
        assert "Ready: base-small" in said
        assert "Set one and start the app again." in said
        assert "There is no key for it." not in said, "one sentence a missing thing"
        assert "It serves nobody here." in said
        folds = [each.label.replace("\\", "") for each in app.expander]
        assert "Gemini · needs 1 setting" in folds
        assert "Amazon Bedrock · not offered" in folds
        assert "Anthropic offers no self-service fine-tuning" in said
        can = {key for key in keys(app) if key and key.startswith("tuning_choose")}
        assert can == {"tuning_choose_local", "tuning_choose_openai", "tuning_choose_claude"}, "no dead button"

    def test_what_a_provider_counted_need_not_be_remembered(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tuned.frozen(database)
        real = Scripted.check

        def counting(self, spec, data, found, *, live):
            lock = threading.Lock()  # as the way to a database holds one
            return replace(real(self, spec, data, found, live=live), data=replace(data, sent=lambda *_: lock))

        monkeypatch.setattr(Scripted, "check", counting)
        assert "about $4.10 to $8.20 · data goes to OpenAI" in text(visit("fine_tuning"))

    def test_the_first_base_that_works_is_offered(
        self, visit: Visit, database: Database, providers: Providers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tuned.frozen(database)
        real = Scripted.check

        def picky(self, spec, data, found, *, live):
            checked = real(self, spec, data, found, live=live)
            gone = Obstacle("past_its_date", "It is closed.", "Choose another.")
            return replace(checked, obstacles=(gone,)) if spec.base_model == "base-small" else checked

        monkeypatch.setattr(Scripted, "check", picky)
        app = chosen(visit)
        assert app.selectbox(key="tuning_base_openai").value == "base-large"
        app.selectbox(key="tuning_base_openai").set_value("base-small").run()
        assert "It is closed. Choose another." in text(app).replace("**", "")
        assert app.button(key="tuning_start").disabled
        assert "one thing stands in the way" in text(app)

    def test_a_live_check_of_a_card_may_find_that_it_can_be_used(
        self, visit: Visit, database: Database, providers: Providers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tuned.frozen(database)
        gone = Obstacle("not_eligible", "The account was never asked.", "Ask it.")
        providers["gemini"].obstacles, providers["gemini"].live_obstacles = (gone,), (
            Obstacle("not_reachable", "The bucket is away.", "Bring it back."),
        )  # fmt: skip
        app = click(visit("fine_tuning"), "tuning_ask_gemini")
        assert "The account was never asked." in text(app)
        assert "The bucket is away." in text(app)
        providers["gemini"].obstacles, providers["gemini"].live_obstacles = (), ()
        click(app, "tuning_ask_gemini")
        assert "tuning_choose_gemini" in keys(app)
        assert "tuning_ask_gemini" not in keys(app)

    def test_a_base_can_be_typed_where_none_is_listed(
        self, visit: Visit, database: Database, providers: Providers
    ) -> None:
        tuned.frozen(database)
        providers["local"].found = ()
        app = visit("fine_tuning")
        click(app, "tuning_choose_local")
        box = app.selectbox(key="tuning_base_local")
        box.options.append("hub:some/model")  # typed
        box.set_value("hub:some/model").run()
        click(app, "tuning_start")
        assert jobs.open_jobs(database)[0].base_model == "hub:some/model"

    def test_small_bases_stand_there_to_begin_with_on_ones_own_machine(
        self, visit: Visit, database: Database, providers: Providers
    ) -> None:
        tuned.frozen(database)
        providers["local"].found = ()
        app = visit("fine_tuning")
        assert "here with Qwen3 0.6B" in text(app)
        click(app, "tuning_choose_local")
        assert app.selectbox(key="tuning_base_local").value == starters.RECOMMENDED
        (table,) = app.dataframe
        assert list(table.value["licence"]) == ["Apache 2.0"] * len(table.value)
        assert all(each.startswith("about ") for each in table.value["time"])
        app.session_state["tuning_small_bases"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
        app.run()
        assert not app.exception

    def test_another_can_be_chosen(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = chosen(visit)
        assert "tuning_choose_local" not in keys(app)
        click(app, "tuning_change")
        assert "tuning_choose_local" in keys(app)
        assert "tuning_start" not in keys(app)


class TestTheTrainer:
    @pytest.fixture
    def gate(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
        """Installing takes until this is set, and then it is ready."""
        gate = threading.Event()

        def status(_settings: Settings) -> Environment:
            if gate.is_set():
                return Environment("ready", None, "cpu")
            if INSTALLATION.is_running:
                return Environment(
                    "installing", None, None, progress=InstallProgress("downloading", 0.4, "Fetching torch.")
                )
            return Environment("missing", None, None)

        monkeypatch.setattr(environment, "status", status)
        monkeypatch.setattr(
            environment, "install", lambda _settings, device, _tell: devices.append(device) or gate.wait(30)
        )
        devices: list[str] = []
        self.devices = devices
        yield gate
        gate.set()
        INSTALLATION.wait(30)

    def test_it_is_installed_where_local_training_was_chosen(
        self, visit: Visit, database: Database, gate: threading.Event
    ) -> None:
        tuned.frozen(database)
        app = visit("fine_tuning")
        assert "Needs a one-time install" in text(app)
        click(app, "tuning_choose_local")
        assert "about 1.5 GB on disk" in text(app)
        app.radio(key="tuning_device").set_value("cuda").run()
        assert "several GB on disk" in text(app)
        click(app, "tuning_install")
        (bar,) = app.get("progress")
        assert bar.proto.text.replace("\\", "") == "Installing the trainer. Fetching torch."
        assert "tuning_install" not in keys(app)
        gate.set()
        INSTALLATION.wait(30)
        app.run()
        assert self.devices == ["cuda"]
        assert not app.get("progress")
        assert "tuning_install" not in keys(app)

    def test_why_it_failed_is_said(
        self, visit: Visit, database: Database, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object) -> None:
            raise TrainerUnavailable("There is no room.")

        monkeypatch.setattr(environment, "install", refused)
        tuned.frozen(database)
        app = click(click(visit("fine_tuning"), "tuning_choose_local"), "tuning_install")
        INSTALLATION.wait(30)
        app.run()
        assert "Installing did not succeed. There is no room." in text(app)
        assert app.button(key="tuning_install").label == "Try again"
        monkeypatch.setattr(INSTALLATION, "error", "")


class TestTheSettings:
    def test_each_kind_is_drawn_with_its_explanation_and_default(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = chosen(visit)
        said = text(app)
        assert "How often every record is seen. Default: 3." in said
        assert "How large each step is. Default: 0.0002." in said
        assert "Deal the records anew in each pass. Default: on." in said
        assert "Records a step. Default: auto." in said
        assert "All as recommended." in said

    def test_what_is_chosen_goes_into_the_job(self, visit: Visit, database: Database, providers: Providers) -> None:
        tuned.frozen(database)
        app = chosen(visit, "local")
        widgets = {each.label: each for kind in (app.number_input, app.selectbox, app.toggle, app.text_input)
                   for each in kind}  # fmt: skip
        widgets["Passes"].set_value(5)
        widgets["Engine"].set_value("plain")
        widgets["Shuffle"].set_value(False)
        widgets["Batch size"].set_value(8)
        widgets["Suffix"].set_value("mine")
        app.text_input(key="tuning_name").set_value("my plans").run()
        assert "Changed: Passes, Engine, Shuffle, Suffix, Batch size." in text(app)
        click(app, "tuning_start")
        (job,) = jobs.open_jobs(database)
        assert job.name == "my plans"
        assert dict(job.spec.settings) == {
            "epochs": 5, "learning_rate": 0.0002, "engine": "plain", "shuffle": False, "suffix": "mine", "batch": 8,
        }  # fmt: skip
        assert job.created_by == get_settings().actor
        assert where(app)["part"] == ["jobs"]
        assert f"Started job {job.id}: my plans." in text(app)

    def test_they_go_back_to_what_is_recommended(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = chosen(visit)
        passes = next(each for each in app.number_input if each.label == "Passes")
        passes.set_value(9).run()
        click(app, "tuning_defaults")
        assert next(each for each in app.number_input if each.label == "Passes").value == 3
        assert "All as recommended." in text(app)
