"""From the example to the deployment, and back."""

from sqlalchemy import func, select

from core import deployments, models
from core.datasets import versions
from core.db import Database
from core.db.tables import members
from core.deployments import lineage
from tests.tuning.made import a_dataset, a_model, an_evaluation


def test_a_model_leads_back_to_its_examples_and_on_to_its_deployments(database: Database) -> None:
    dataset = a_dataset(database)
    model = a_model(database, "plans", dataset_id=dataset.id)
    other = a_model(database, "other", dataset_id=dataset.id)
    evaluations = [an_evaluation(database, model, dataset.id, [True]) for _ in range(2)]
    an_evaluation(database, other, dataset.id, [False])
    for name in ("plans", "other", "plans"):
        deployments.deploy(database, name, actor="ada")

    found = lineage.of(database, "plans")

    assert found.dataset == versions.get(database, dataset.id)
    assert {**found.examples, "all": sum(found.examples.values())} == (dataset.manifest or {})["counts"]
    assert sum(found.examples.values()) == 40
    assert found.job is not None
    assert (found.job.id, found.job.state, found.job.base_model) == (model.job_id, "succeeded", "qwen3:4b")
    assert found.model.in_use
    assert [each.model_name for each in found.deployments] == ["plans", "plans"]
    assert [each.is_open for each in found.deployments] == [True, False]
    assert [each.id for each in found.evaluations] == evaluations[::-1]
    assert {each.dataset_label for each in found.evaluations} == {"plans@1"}


def test_an_example_leads_to_the_models_that_learned_from_it(database: Database) -> None:
    dataset = a_dataset(database)
    first, second = (a_model(database, name, dataset_id=dataset.id) for name in ("one", "two"))
    a_model(database, "elsewhere")
    with database.connect() as connection:
        example = connection.execute(select(members.c.example_id).where(members.c.split == 0).limit(1)).scalar_one()
        newest = connection.execute(select(func.max(members.c.example_id))).scalar_one()
    assert [(model.id, split) for model, split in lineage.of_example(database, example)] == [
        (second.id, "train"),
        (first.id, "train"),
    ]
    assert lineage.of_example(database, newest + 1) == []


def test_a_base_model_comes_from_nowhere_here(database: Database) -> None:
    model = models.add_base(database, "ollama:qwen3:4b", actor="ada")
    found = lineage.of(database, model.id)
    assert (found.job, found.dataset, dict(found.examples), found.deployments, found.evaluations) == (
        None,
        None,
        {},
        (),
        (),
    )
