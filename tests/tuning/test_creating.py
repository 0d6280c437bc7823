"""A job is made when nothing stands in the way, once, within the budget; what was decided is on record."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core import audit
from core.datasets import snapshots
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import (
    AlreadyTrained,
    ConfigurationError,
    DatasetRefused,
    OverBudget,
    TuningRefused,
    UnknownDataset,
    UnknownJob,
)
from core.settings import Settings
from core.tuning import budget, jobs, preflight
from core.tuning.providers import pricing
from core.tuning.providers.protocol import Obstacle
from tests.tuning.conftest import SPEC, Create, freeze, run
from tests.tuning.scripted import CAPABILITIES, Scripted, World


def test_a_job_holds_everything_that_was_chosen_and_nothing_is_sent(
    create: Create, version: DatasetVersion, database: Database, world: World
) -> None:
    job = create(replace(SPEC, name="planner"))
    assert job == jobs.get(database, job.id)
    assert (job.state, job.provider, job.base_model, job.method) == ("validating", "openai", "tiny", "sft")
    assert job.spec.settings == {"epochs": 2, "rate": "auto"}, "defaults are filled in: they may change later"
    assert (job.name, job.dataset_label, job.dataset_id) == ("planner", version.label, version.id)
    assert (job.estimated_low, job.estimated_high, job.tokens_estimated) == (1, 3, 1_000)
    assert (job.is_open, job.needs_person, job.host, job.repeat) == (True, False, None, 0)
    (event,) = jobs.events(database, job.id)
    assert (event.kind, event.state, event.actor) == ("state", "validating", "ada")
    (line,) = audit.entries(database, subject="job", subject_id=job.id)
    assert (line.actor, line.reason, line.after) == ("ada", "test", {"state": "validating"})
    assert world.requests == []


def test_the_original_column_of_states_follows(create: Create, database: Database) -> None:
    job = create()
    assert run(database, "SELECT status FROM fine_tuning_jobs WHERE id = %s", job.id)[0][0] == "pending"
    run(database, "INSERT INTO fine_tuning_jobs (job_id, target_model) VALUES ('old', 'gpt-3.5')")
    assert [each.id for each in jobs.page(database).rows] == [job.id], "jobs of the original system are not ours"
    with pytest.raises(UnknownJob, match="no fine-tuning job 99"):
        jobs.get(database, 99)


def test_the_same_is_not_made_twice_unless_asked(create: Create, database: Database) -> None:
    first = create()
    for same in (SPEC, replace(SPEC, name="other"), replace(SPEC, settings={"rate": "auto", "epochs": 2})):
        with pytest.raises(AlreadyTrained, match=f"Job {first.id} ") as caught:
            create(same)
        assert caught.value.job_id == first.id
    assert create(replace(SPEC, settings={"epochs": 3})).repeat == 0, "other settings are another job"
    assert [create(again=True).repeat, create(again=True).repeat] == [1, 2]


def test_a_version_with_the_same_records_is_the_same(
    create: Create, version: DatasetVersion, database: Database
) -> None:
    create()
    assert version.choice is not None
    twin = snapshots.create(
        database,
        "twin",
        filter=version.choice.filter,
        recipe=version.choice.recipe,
        split=version.choice.split,
        actor="ada",
    )
    with pytest.raises(AlreadyTrained):
        create(dataset=twin)
    assert create(dataset=freeze(database, "others")).is_open


def test_what_ended_without_a_model_does_not_count(create: Create, database: Database) -> None:
    first = create()
    jobs.cancel(database, first.id, actor="ada", reason="")
    assert create().id != first.id


def test_of_two_at_once_one_is_made(create: Create, database: Database) -> None:
    def attempt(_: int) -> str:
        try:
            return str(create().id)
        except AlreadyTrained:
            return "already"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4)))[1:] == ["already"] * 3
    assert len(jobs.page(database).rows) == 1


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"epoch": 3}, "no setting 'epoch' here; there are: epochs, rate"),
        ({"epochs": 0}, "Epochs is 0. It has to be 1 to 50."),
        ({"epochs": "many"}, "It has to be a whole number."),
        ({"epochs": True}, "It has to be a whole number."),
        ({"rate": "fast"}, "It has to be a number, or one of auto."),
        ({"rate": 3.0}, "It has to be 0.1 to 2."),
    ],
)
def test_a_wrong_setting_is_refused_in_words(create: Create, chosen: dict[str, Any], words: str) -> None:
    with pytest.raises(TuningRefused) as caught:
        create(replace(SPEC, settings=chosen))
    assert words in str(caught.value)
    assert [each.code for each in caught.value.obstacles] == ["setting_wrong"]


def test_what_the_provider_says_stands_in_the_way_with_its_remedy(
    create: Create, scripted: Scripted, database: Database
) -> None:
    scripted.obstacles = (
        Obstacle("key_missing", "There is no key.", "Set OPENAI_API_KEY."),
        Obstacle("closing", "It closes in 3 days.", "Hurry.", blocks=False),
    )
    with pytest.raises(TuningRefused, match=r"There is no key\. Set OPENAI_API_KEY\.$") as caught:
        create()
    assert [each.code for each in caught.value.obstacles] == ["key_missing", "closing"]
    assert jobs.page(database).rows == []


def test_only_what_is_offered_can_be_made(create: Create, database: Database) -> None:
    with pytest.raises(TuningRefused, match="'dpo' is not offered by openai; it offers: sft"):
        create(replace(SPEC, method="dpo"))
    with pytest.raises(UnknownDataset):
        create(dataset="nothing@1")
    run(database, "UPDATE fine_tuning_jobs SET state = state")
    with pytest.raises(TuningRefused, match="cannot be used"):
        create(replace(SPEC, name=" x"))


def test_a_version_without_training_examples_is_refused(create: Create, database: Database) -> None:
    none = freeze(database, "none", split="0/50/50")
    with pytest.raises(TuningRefused, match="no training examples"):
        create(dataset=none)


def test_a_version_that_is_not_frozen_is_refused(create: Create, version: DatasetVersion, database: Database) -> None:
    assert version.choice is not None
    asked = snapshots.request(
        database,
        "later",
        filter=version.choice.filter,
        recipe=version.choice.recipe,
        split=version.choice.split,
        actor="a",
    )
    with pytest.raises(DatasetRefused, match="not frozen"):
        create(dataset=asked)


# Budget


def test_without_a_budget_there_is_no_limit(create: Create, database: Database) -> None:
    create()
    now = budget.budget(database)
    assert (now.monthly_usd, now.left_usd, now.spent_usd, now.reserved_usd, now.unknown_jobs) == (None, None, 0, 3, 0)


def test_over_the_budget_needs_a_second_confirmation(create: Create, database: Database) -> None:
    assert budget.set_budget(database, 5, actor="ada", reason="until spring")
    create()
    assert budget.budget(database).left_usd == 2
    with pytest.raises(
        OverBudget, match=r"may cost \$3\.00; of this month's budget of \$5\.00, \$2\.00 is left\."
    ) as caught:
        create(again=True)
    assert caught.value.obstacles[0].code == "over_budget"
    job = create(again=True, over_budget=True)
    (asked,) = [each for each in jobs.events(database, job.id) if each.kind == "asked"]
    assert "over the budget, confirmed" in asked.message
    assert budget.budget(database).left_usd == 0


def test_two_that_fit_alone_but_not_together(create: Create, database: Database) -> None:
    budget.set_budget(database, 5, actor="ada", reason="")

    def attempt(epochs: int) -> str:
        try:
            return create(replace(SPEC, settings={"epochs": epochs})).state
        except OverBudget:
            return "over"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(1, 5))) == ["over", "over", "over", "validating"]


def test_a_cost_that_nobody_knows_is_not_nothing(create: Create, scripted: Scripted, database: Database) -> None:
    scripted.costs = (None, None)
    assert create().estimated_high is None
    assert budget.budget(database).unknown_jobs == 1
    budget.set_budget(database, 100, actor="ada", reason="")
    with pytest.raises(OverBudget, match="Nobody knows what this job costs"):
        create(again=True)
    scripted.costs = (Decimal(0), Decimal(0))
    assert create(again=True).estimated_high == 0


def test_what_counts_against_the_budget(create: Create, database: Database) -> None:
    """Spent: what was charged this month. Reserved: what may still be charged."""
    cases = {
        "running": ("running", None, "now()", 0, 3),
        "done": ("succeeded", 2, "now()", 2, 0),
        "done, cost unknown": ("succeeded", None, "now()", 0, 3),
        "cancelled": ("cancelled", None, "now()", 0, 3),
        "cancelled before it was sent": ("cancelled", None, "NULL", 0, 0),
        "failed": ("failed", None, "now()", 0, 0),
        "done last month": ("succeeded", 2, "now() - interval '32 days'", 0, 0),
        "running since last month": ("running", None, "now() - interval '32 days'", 0, 3),
    }
    spent = reserved = 0
    for epochs, (state, actual, submitted, plus_spent, plus_reserved) in enumerate(cases.values(), start=1):
        job = create(replace(SPEC, settings={"epochs": epochs}))
        run(
            database,
            f"UPDATE fine_tuning_jobs SET state = %s, actual_cost = %s, submitted_at = {submitted} WHERE id = %s",
            state,
            actual,
            job.id,
        )
        spent, reserved = spent + plus_spent, reserved + plus_reserved
        now = budget.budget(database)
        assert (now.spent_usd, now.reserved_usd) == (spent, reserved), list(cases)[epochs - 1]


def test_a_budget_is_audited_and_can_be_lifted(database: Database) -> None:
    assert budget.set_budget(database, "99.50", actor="ada", reason="")
    assert not budget.set_budget(database, Decimal("99.50"), actor="ada", reason="")
    assert budget.set_budget(database, 0, actor="ada", reason="nothing more")
    assert budget.budget(database).monthly_usd == 0
    assert budget.set_budget(database, None, actor="bo", reason="free again")
    assert budget.budget(database).monthly_usd is None
    line = audit.entries(database, subject="setting", subject_id="tuning_budget_usd")[0]
    assert (line.actor, line.reason, line.before, line.after) == ("bo", "free again", {"value": "0"}, {"value": ""})
    for wrong in ("-1", "much", "NaN", "Infinity"):
        with pytest.raises(ConfigurationError, match="no budget"):
            budget.set_budget(database, wrong, actor="ada", reason="")


# Preflight


def test_preflight_names_everything_at_once(
    create: Create, database: Database, settings: Settings, scripted: Scripted, version: DatasetVersion
) -> None:
    def check(**values: Any) -> list[tuple[str, bool]]:
        found = preflight.check(database, SPEC, version, live=False, settings=settings, providers=scripted, **values)
        return [(each.code, each.blocks) for each in found.obstacles]

    assert check() == []
    job = create()
    budget.set_budget(database, 1, actor="ada", reason="")
    assert check() == [("already_done", True), ("over_budget", True)]
    assert check(again=True, over_budget=True) == [("already_done", False), ("over_budget", False)]
    jobs.cancel(database, job.id, actor="ada", reason="")
    assert check(over_budget=True) == [("over_budget", False)]


def test_the_workspaces_own_price_reaches_the_provider(
    database: Database, settings: Settings, scripted: Scripted, version: DatasetVersion, create: Create
) -> None:
    pricing.set_price(database, "openai", "tiny", "7", actor="ada", reason="contract")
    found = preflight.check(database, SPEC, version, live=False, settings=settings, providers=scripted)
    assert found.estimate.cost_high == 7
    assert create().estimated_high == 7
    assert pricing.price(None, "openai", "tiny").usd_per_million is None, "outside there is no workspace"


def test_a_provider_on_this_machine_binds_the_job_to_it(
    create: Create, scripted: Scripted, settings: Settings, database: Database
) -> None:
    scripted.capabilities = replace(CAPABILITIES, is_on_a_machine=True)
    job = create()
    assert job.host
    assert (settings.home / "tuning" / "machine").read_text() == job.host
    (settings.home / "tuning" / "machine").write_text("the old name")
    assert create(again=True).host == "the old name", "a machine that was renamed keeps its jobs"
