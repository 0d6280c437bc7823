"""What stands against a job on the fine-tuning page, its start with every question before it, budget and prices."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.db import Database
from core.settings import get_settings
from core.tuning import budget, jobs
from core.tuning.providers import pricing
from core.tuning.providers.protocol import Obstacle
from tests.pages import tuned
from tests.pages.acting import click, keys, metrics, where
from tests.pages.conftest import Visit, text
from tests.pages.test_tuning import Providers, chosen
from tests.pages.test_tuning import providers as providers

pytestmark = pytest.mark.usefixtures("providers")


class TestTheCheck:
    def test_a_live_check_finds_more_and_holds_until_something_changes(
        self, visit: Visit, database: Database, providers: Providers
    ) -> None:
        tuned.frozen(database)
        providers["openai"].live_obstacles = (
            Obstacle("not_eligible", "The organisation may not tune.", "Train locally."),
            Obstacle("closing", "It closes soon.", "Hurry.", blocks=False),
        )
        app = chosen(visit)
        assert "Nothing stands in the way." in text(app)
        click(app, "tuning_check")
        said = text(app)
        assert "In the way: **The organisation may not tune.** Train locally." in said
        assert "To know: **It closes soon.** Hurry." in said
        assert metrics(app)["Time, estimated"] == "about 1 min 30 s"
        assert app.button(key="tuning_start").disabled
        next(each for each in app.number_input if each.label == "Passes").set_value(2).run()
        assert "Nothing stands in the way." in text(app)

    def test_estimate_and_budget_stand_side_by_side(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        budget.set_budget(database, 20, actor="ada", reason="to begin with")
        app = chosen(visit)
        assert metrics(app)["Cost, estimated"] == "$4.10 to $8.20"
        assert metrics(app)["Budget left"] == "$20.00"
        assert "Reckoned by the script." in text(app)

    def test_what_is_free_costs_nothing(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        assert metrics(chosen(visit, "local"))["Cost, estimated"] == "$0"

    def test_a_profile_is_never_called_training(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = chosen(visit, "claude")
        assert app.button(key="tuning_start").label == "Make the profile"
        assert app.text_input(key="tuning_name").label == "Name of the profile"


class TestTheStart:
    def test_what_costs_is_asked_with_the_sum_and_who_sees_the_data(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        app = click(chosen(visit), "tuning_start")
        assert not jobs.open_jobs(database)
        said = text(app)
        assert "about $4.10 to $8.20" in said
        assert "Your records go to OpenAI." in said
        click(app, "modal_yes")
        (job,) = jobs.open_jobs(database)
        assert (job.provider, job.estimated_high) == ("openai", Decimal("8.20"))
        assert "modal_yes" not in keys(app)

    def test_it_can_be_left(self, visit: Visit, database: Database) -> None:
        tuned.frozen(database)
        click(click(chosen(visit), "tuning_start"), "modal_no")
        assert not jobs.open_jobs(database)

    def test_what_goes_over_the_budget_is_asked_a_second_time_with_the_sums(
        self, visit: Visit, database: Database
    ) -> None:
        version = tuned.frozen(database)
        tuned.job(database, tuned.frozen(database, "posts"), "openai")
        budget.set_budget(database, 10, actor="ada", reason="to begin with")
        app = chosen(visit, train_on=version.label)
        assert "Ask again: " in text(app)
        click(app, "tuning_start")
        click(app, "modal_yes")
        assert len(jobs.open_jobs(database)) == 1
        said = text(app)
        assert "This month's budget: $10.00; spent so far: $0; set aside for open jobs: $8.20." in said
        assert "With it the month may come to $16.40, $6.40 over the budget." in said
        click(app, "modal_yes")
        assert len(jobs.open_jobs(database)) == 2

    def test_the_same_again_leads_to_the_first_or_trains_once_more(self, visit: Visit, database: Database) -> None:
        version = tuned.frozen(database)
        first = tuned.job(database, version)
        app = chosen(visit, "local")
        click(app, "tuning_start")
        assert len(jobs.open_jobs(database)) == 1
        assert f"Job {first.id} trains, or has trained, the same records" in text(app)
        click(app, "tuning_again_open")
        assert where(app)["job"] == [str(first.id)]

        app = chosen(visit, "local")
        click(app, "tuning_start")
        click(app, "tuning_again_yes")
        assert [job.repeat for job in jobs.open_jobs(database)] == [1, 0]


class TestBudgetAndPrices:
    @pytest.fixture
    def app(self, visit: Visit, database: Database) -> AppTest:
        return visit("fine_tuning", part="costs")

    def test_the_budget_is_set_with_a_reason(self, app: AppTest, database: Database) -> None:
        app.number_input(key="tuning_budget_None").set_value(50.0)
        click(app, "tuning_budget_save")
        assert "Say in a few words why" in text(app)
        assert budget.budget(database).monthly_usd is None
        app.text_input(key="tuning_budget_reason").set_value("the board allowed it")
        click(app, "tuning_budget_save")
        assert budget.budget(database).monthly_usd == 50
        (line,) = audit.entries(database, subject="setting", subject_id="tuning_budget_usd")
        assert (line.actor, line.reason) == (get_settings().actor, "the board allowed it")

    def test_a_price_is_overridden_and_taken_back(self, app: AppTest, database: Database) -> None:
        app.number_input(key="tuning_price_openai_gpt-4.1-mini-2025-04-14_5.0").set_value(7.5)
        app.text_input(key="tuning_price_reason").set_value("our contract")
        click(app, "tuning_price_save")
        assert pricing.price(database, "openai", "gpt-4.1-mini-2025-04-14").usd_per_million == Decimal("7.5")
        assert "entered in this workspace" in text(app)
        app.text_input(key="tuning_price_reason").set_value("it ended")
        click(app, "tuning_price_back")
        assert not pricing.price(database, "openai", "gpt-4.1-mini-2025-04-14").is_override
