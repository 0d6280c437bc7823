"""Jobs, models and evaluations as they stand in the registry, for tests that are not about how they are made."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from core import models
from core.datasets import snapshots, splits
from core.datasets.recipes import Recipe
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import evaluation_outputs, evaluations, tuning_jobs
from core.examples.filters import Filter
from core.settings import get_settings
from core.tuning.providers.protocol import TrainedModel
from tests.llm.servers import FAKES, KEY, FakeProvider, serving
from tests.served import add


def a_job(connection: Connection, *, dataset_id: int | None = None, provider: str = "local") -> int:
    """The id of a job that ended well."""
    values = {
        "job_id": uuid.uuid4().hex, "target_model": "qwen3:4b", "state": "succeeded", "provider": provider,
        "dataset_id": dataset_id, "created_by": "ada", "status": "completed",
    }  # fmt: skip
    return connection.execute(tuning_jobs.insert().values(**values).returning(tuning_jobs.c.id)).scalar_one()


def a_model(
    db: Database, name: str = "plans", *, dataset_id: int | None = None, provider: str = "local", **made: Any
) -> models.Model:
    """A model that came of a job, ready to answer as `ollama:NAME` unless said otherwise."""
    values = {"kind": "tuned", "call_name": f"ollama:{name}", "serving": "ready", **made}
    with db.begin() as connection:
        model_id = models.register_in(
            connection,
            job_id=a_job(connection, dataset_id=dataset_id, provider=provider),
            dataset_id=dataset_id,
            provider=provider,
            base_model="qwen3:4b",
            name=name,
            made=TrainedModel(**values),
            actor="tuning",
        )
    return models.get(db, model_id)


def a_dataset(
    db: Database,
    examples: int = 40,
    *,
    name: str = "plans",
    target: str = "plan",
    begin: int = 0,
    shares: str = "50/10/40",
) -> DatasetVersion:
    """A frozen version of examples that all differ, half of them to train on and four in ten to test with."""
    numbers = range(begin, begin + examples)
    ids = add(
        db,
        *(
            {
                "execution_id": f"{name}-{each}",
                "user_request": f"{name} post {each}",
                "execution_plan": f'{{"steps": [{each}]}}',
                "intent": name,
            }
            for each in numbers
        ),
    )
    assert len(ids) == examples
    recipe, split = Recipe(target=target), splits.parse(shares, seed=0, group="request")  # type: ignore[arg-type]
    return snapshots.create(db, name, filter=Filter(intents=(name,)), recipe=recipe, split=split, actor="ada")


def an_evaluation(
    db: Database,
    model: models.Model,
    dataset_id: int,
    right: list[bool],
    *,
    likeness: list[float] | None = None,
    split: str = "test",
    state: str = "done",
) -> int:
    """The id of an evaluation whose answers were right or wrong as said, record by record."""
    alike = likeness or [float(each) for each in right]
    with db.begin() as connection:
        values = {
            "model_id": model.id, "dataset_id": dataset_id, "split": split, "state": state, "row_total": len(right),
            "row_done": len(right), "metrics": {}, "created_by": "ada", "tokens_in": 0, "tokens_out": 0, "error": "",
        }  # fmt: skip
        made = connection.execute(evaluations.insert().values(**values).returning(evaluations.c.id)).scalar_one()
        rows = [
            {
                "evaluation_id": made,
                "position": place,
                "output": f"answer {place}",
                "expected": f"expected {place}",
                "exact": exact,
                "similarity": alike[place],
                "tokens_out": 5,
                "duration_ms": 10,
                "error": "",
            }
            for place, exact in enumerate(right)
        ]
        if rows:
            connection.execute(evaluation_outputs.insert(), rows)
    return made


@contextmanager
def answering(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider on loopback that this process's settings lead to."""
    with serving(FAKES[name]()) as provider, monkeypatch.context() as patch:
        if name == "ollama":
            patch.setenv("OLLAMA_HOST", provider.base_url)
        else:
            patch.setenv(f"{name.upper()}_BASE_URL", provider.base_url)
            patch.setenv(f"{name.upper()}_API_KEY", KEY)
        get_settings.cache_clear()
        yield provider
    get_settings.cache_clear()


def with_tools(database: Database, *, all_of_them: bool = False) -> DatasetVersion:
    """Ten records, three of them, or all, with tools; the whole of it to test with."""
    tools = {"tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]}
    add(database, *({"context": tools if all_of_them or number < 3 else None} for number in range(10)))
    whole = splits.parse("0/0/100", seed=0, group="request")
    return snapshots.create(database, "talk", filter=Filter(), recipe=Recipe(), split=whole, actor="ada")
