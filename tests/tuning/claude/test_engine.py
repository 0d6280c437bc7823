"""A profile made by the engine itself, from a frozen version to a model in the registry."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from core.datasets import recipes, snapshots, splits
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import examples, models, tuning_jobs
from core.examples.filters import Filter
from core.tuning.providers.protocol import Spec
from tests.datasets.conftest import example
from tests.tuning.claude import course
from tests.tuning.claude.server import FakeAnthropic, serving

pytest.importorskip("core.tuning.engine")

from core.tuning import jobs
from core.tuning.engine import Engine

SPEC = Spec("claude", "claude-haiku-5-5", "profile", {"sizes": "2, 5", "validation_rows": 40, "test_rows": 20}, "filer")
ENDED = ("succeeded", "failed", "cancelled", "expired", "blocked")


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with serving(course.obedient) as service:
        yield service


@pytest.fixture
def version(database: Database) -> DatasetVersion:
    rows = []
    for number in range(200):
        question, answer = course.record(number)
        request, _, intent = question.removeprefix("Request:\n").partition("\n\nIntent: ")
        rows.append(
            example(
                number,
                execution_id=f"case-{number}",
                user_request=request,
                intent=intent,
                execution_result=answer,
                context={"system": course.SYSTEM},
            )
        )
    with database.begin() as connection:
        connection.execute(insert(examples), rows)
    return snapshots.create(
        database,
        "cases",
        filter=Filter(),
        recipe=recipes.parse({"target": "result", "fields": ["request", "intent"]}),
        split=splits.parse("60/20/20"),
        description="",
        drop_duplicates=True,
        actor="ada",
        progress=None,
    )


@pytest.fixture
def drive(database: Database, version: DatasetVersion, fake: FakeAnthropic, tmp_path: Path) -> Callable[[], Any]:
    """Make the job, and let the engine do all its steps; every batch ends as soon as it was sent."""
    settings = course.settings_at(fake.base_url).model_copy(update={"home": tmp_path})

    def drive() -> Any:
        job = jobs.create(database, SPEC, version, actor="ada", reason="test", settings=settings)
        engine = Engine(database, owner="e1", settings=settings)
        for _ in range(40):
            with database.begin() as connection:  # whatever waits is due
                connection.execute(tuning_jobs.update().values(poll_at=job.created_at))
            fake.end()
            engine.advance(job.id, anytime=True)
            now = jobs.get(database, job.id)
            if now.state in ENDED:
                return now
        raise AssertionError(f"{now.state} {now.phase} {now.error}")

    return drive


def test_a_frozen_version_becomes_a_profile_in_the_registry(
    drive: Callable[[], Any], database: Database, fake: FakeAnthropic
) -> None:
    job = drive()
    assert job.state == "succeeded", job.error
    assert fake.made == 2
    with database.connect() as connection:
        model = connection.execute(select(models)).one()
    assert (model.kind, model.provider, model.serving) == ("profile", "claude", "ready")
    assert model.call_name == "anthropic:claude-haiku-5-5"
    assert model.profile["chosen"].endswith("-5")
    assert model.profile["system"] == course.SYSTEM
    assert model.parameters["test"]["profile"]["exact"]["mean"] == 1
    assert model.cost_usd == job.actual_cost
    assert model.cost_usd > 0
    events = jobs.events(database, job.id)
    assert [each.message for each in events if "held-out test records" in each.message]
    shown = json.dumps([each.message for each in events])
    assert "train" not in shown.lower()


@pytest.mark.parametrize("lost", [["drop"], [None, "drop"], ["fail", "garbage"]])
def test_lost_replies_are_two_batches_all_the_same(
    drive: Callable[[], Any], fake: FakeAnthropic, lost: list[Any]
) -> None:
    fake.next = list(lost)
    job = drive()
    assert job.state == "succeeded", job.error
    assert (fake.made, fake.posts) == (2, 2)
