"""OpenAI and Gemini in the hands of the engine: from a frozen version to a model in the registry, with its cost."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from core.datasets import recipes, snapshots, splits
from core.db import Database
from core.db.tables import examples, models
from core.examples.filters import Filter
from core.settings import Settings, get_settings
from core.tuning import files, jobs, preflight, series
from core.tuning.providers import pricing, registry
from tests.datasets.conftest import example
from tests.tuning import victim
from tests.tuning.conftest import freeze
from tests.tuning.crash_cases import Case, case
from tests.tuning.gemini.service import ENDPOINT
from tests.tuning.openai import description
from tests.tuning.openai.service import refused


@dataclass
class Shop:
    """A case, its service, and a frozen version to train on."""

    database: Database
    home: Path
    case: Case
    service: Any
    version: Any

    def start(self) -> jobs.Job:
        provider = self.case.make_provider()
        settings = Settings(WHETSTONE_HOME=self.home, _env_file=None)  # pyright: ignore[reportCallIssue]
        return jobs.create(
            self.database,
            self.case.spec,
            self.version,
            actor="ada",
            reason="test",
            settings=settings,
            providers=lambda _id: provider,
        )

    def drive(self, job: jobs.Job) -> jobs.Job:
        engine = victim.engine_of(self.database, self.home, self.case, hook=lambda _point: None)
        return victim.drive(engine, job.id)

    def told(self, job: jobs.Job) -> list[str]:
        return [each.message for each in jobs.events(self.database, job.id) if each.message]


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    chosen = case(request.param)
    with chosen.serve(tmp_path) as service:
        for key, value in service.environment.items():
            if os.environ.get(key) != value:  # what the service set itself it also takes back, and before this does
                monkeypatch.setenv(key, value)
        get_settings.cache_clear()
        yield Shop(database, tmp_path, chosen, service, freeze(database))
    get_settings.cache_clear()


openai = pytest.mark.parametrize("shop", ["openai"], indirect=True)
gemini = pytest.mark.parametrize("shop", ["gemini"], indirect=True)


@openai
def test_a_version_becomes_a_model_of_openai(shop: Shop) -> None:
    pricing.set_price(shop.database, "openai", "tiny", "4", actor="ada", reason="as agreed")
    job = shop.drive(shop.start())
    assert job.state == "succeeded", job.error
    with shop.database.connect() as connection:
        (model,) = connection.execute(select(models)).all()
    assert model.call_name == f"openai:ft:tiny:acme::{job.remote_id}"
    assert (job.actual_cost, job.tokens_trained) == (Decimal("0.6"), 150_000)
    assert (model.provider, model.base_model, model.serving, model.cost_usd) == (
        "openai",
        "tiny",
        "ready",
        Decimal("0.6"),
    )
    sent = [description.parts(each)["file"] for each in shop.service.server.asked("POST", "/v1/files")]
    frozen = files.of(shop.database, shop.version, "openai", shop.home)
    assert sent == [path.read_text() for path in (frozen.train, frozen.validation) if path]
    assert [each for each in shop.told(job) if each.startswith("Look ")] == ["Look 0", "Look 1", "Look 2"]


@gemini
def test_a_version_becomes_a_model_of_gemini(shop: Shop) -> None:
    before = preflight.check(shop.database, shop.case.spec, shop.version, live=True)
    assert before.can_start
    assert before.estimate.cost_high is None
    pricing.set_price(shop.database, "gemini", "gemini-tiny", "2.50", actor="ada", reason="the price page of today")
    after = preflight.check(shop.database, shop.case.spec, shop.version, live=True)
    assert "price_unknown" not in {each.code for each in after.obstacles}
    assert after.estimate.cost_high is not None
    job = shop.drive(shop.start())
    assert job.state == "succeeded", job.error
    with shop.database.connect() as connection:
        (model,) = connection.execute(select(models)).all()
    assert model.call_name == f"vertex:{ENDPOINT}"
    assert (job.actual_cost, job.tokens_trained) == (Decimal("0.2"), 80_000)  # 40,000 in each of two epochs
    assert any(ENDPOINT in each for each in shop.told(job))


@openai
def test_preference_pairs_of_a_version_are_what_is_trained_on(shop: Shop) -> None:
    rows = [
        example(
            2 * number + is_good,
            execution_id=f"pairs-{number}-{is_good}",
            intent="pairs",
            success=bool(is_good),
            user_request=f"Write post {number}",
            execution_plan=f"{'Good' if is_good else 'Bad'} plan {number}",
            quality_score=0.9 if is_good else 0.2,
        )
        for number in range(15)
        for is_good in (0, 1)
    ]
    with shop.database.begin() as connection:
        connection.execute(insert(examples), rows)
    shop.version = snapshots.create(
        shop.database,
        "pairs",
        filter=Filter(intents=("pairs",)),
        recipe=recipes.parse({"target": "plan"}),
        split=splits.parse("100/0/0"),
        description="",
        drop_duplicates=False,
        actor="ada",
        progress=None,
    )
    shop.case = replace(shop.case, spec=replace(shop.case.spec, method="dpo", settings={"beta": 0.2}))
    before = preflight.check(shop.database, shop.case.spec, shop.version, live=True)
    assert before.can_start, before.obstacles
    job = shop.drive(shop.start())
    assert job.state == "succeeded", job.error
    (sent,) = [description.parts(each)["file"] for each in shop.service.server.asked("POST", "/v1/files")]
    pairs = [json.loads(line) for line in sent.splitlines()]
    assert len(pairs) == 15
    assert {pair["preferred_output"][0]["content"].split()[0] for pair in pairs} == {"Good"}
    (created,) = shop.service.server.asked("POST", "/v1/fine_tuning/jobs")
    assert created.json["method"]["dpo"]["hyperparameters"]["beta"] == 0.2


@openai
def test_an_organisation_that_is_shut_out_is_blocked_and_has_paid_nothing(shop: Shop) -> None:
    shop.service.refuse(refused(403, "Your organization may not create fine-tuning jobs.", "permission_denied"))
    job = shop.drive(shop.start())
    assert job.state == "blocked"
    assert "may not create fine-tuning jobs" in (job.error or "")
    assert job.advice
    assert shop.service.submissions() == []


@openai
def test_the_table_of_results_becomes_curves(shop: Shop) -> None:
    shop.service.result = b"step,train_loss,valid_loss\n1,2.5,2.75\n2,1.5,2.25\n"
    job = shop.drive(shop.start())
    assert job.state == "succeeded", job.error
    curves = series.of(shop.database, [job.id])[job.id]
    assert curves == {"loss": [(1, 2.5), (2, 1.5)], "val_loss": [(1, 2.75), (2, 2.25)]}


@pytest.mark.parametrize("name", ["openai", "gemini"])
def test_the_documentation_names_every_setting(name: str) -> None:
    page = Path(__file__).parents[2].joinpath("docs", f"{name}-tuning.md").read_text(encoding="utf-8")
    provider = registry.provider(name)  # pyright: ignore[reportArgumentType]
    offered = {each.name for method in ("sft", "dpo") for each in provider.settings_for("", method)}
    assert [each for each in offered if f"`{each}`" not in page] == []
