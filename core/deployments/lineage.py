"""Where a model comes from and what became of it: examples, dataset version, job, model, deployments, evaluations."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, func, select

from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion, by_id
from core.db import Database
from core.db.tables import members, models, tuning_jobs
from core.deployments import store as deployments
from core.deployments.store import Deployment
from core.errors import UnknownDataset
from core.evaluation import Evaluation, records
from core.models import Model
from core.models import records as model_records


@dataclass(frozen=True)
class JobLine:
    """The job that a model came of, as far as its lineage needs it."""

    id: int
    state: str
    provider: str
    base_model: str
    created_by: str
    created_at: dt.datetime | None
    ended_at: dt.datetime | None
    estimated_cost: Decimal | None
    actual_cost: Decimal | None
    tokens_trained: int | None


@dataclass(frozen=True)
class Lineage:
    """Everything from the first example to the last deployment. What there is none of is None, or empty."""

    #: Examples of the dataset version by split; what the model learned from is `train`.
    examples: Mapping[SplitName, int]
    dataset: DatasetVersion | None
    job: JobLine | None
    model: Model
    #: Both newest first.
    deployments: tuple[Deployment, ...]
    evaluations: tuple[Evaluation, ...]


def of(db: Database, which: int | str) -> Lineage:
    """Return the lineage of a model. Raises `UnknownModel`."""
    with db.reading() as connection:
        model = model_records.find(connection, which)
        dataset = _dataset(connection, model)
        examples = _examples(connection, model) if dataset else {}
        job = _job(connection, model)
    return Lineage(
        examples,
        dataset,
        job,
        model,
        tuple(deployments.history(db, model_id=model.id)),
        tuple(records.of_models(db, [model.id])),
    )


def of_example(db: Database, example_id: int) -> list[tuple[Model, SplitName]]:
    """Return the models whose dataset version holds this example, and in which split; the newest first."""
    query = (
        select(models.c.id, members.c.split)
        .join(members, members.c.dataset_id == models.c.dataset_id)
        .where(members.c.example_id == example_id)
        .order_by(models.c.id.desc())
    )
    with db.reading() as connection:
        rows = connection.execute(query).all()
        return [(model_records.find(connection, row.id), NAMES[row.split]) for row in rows]


def _dataset(connection: Connection, model: Model) -> DatasetVersion | None:
    if model.dataset_id is None:
        return None
    try:
        return by_id(connection, model.dataset_id)
    except UnknownDataset:
        return None


def _examples(connection: Connection, model: Model) -> dict[SplitName, int]:
    counts = (
        select(members.c.split, func.count())
        .where(members.c.dataset_id == model.dataset_id)
        .group_by(members.c.split)
        .order_by(members.c.split)
    )
    return {NAMES[split]: number for split, number in connection.execute(counts)}


def _job(connection: Connection, model: Model) -> JobLine | None:
    columns = tuning_jobs.c
    query = select(
        columns.id,
        columns.state,
        columns.provider,
        columns.target_model,
        columns.created_by,
        columns.created_at,
        columns.completed_at,
        columns.estimated_cost,
        columns.actual_cost,
        columns.tokens_trained,
    ).where(columns.id == model.job_id)
    row = connection.execute(query).one_or_none() if model.job_id is not None else None
    return None if row is None else JobLine(*row)
