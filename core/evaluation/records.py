"""Evaluations as values: a model's answers to the records of a split, and what they are worth."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, Text, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from core.datasets.splits import SplitName
from core.db import Database
from core.db.tables import datasets, evaluation_outputs, evaluations, models
from core.errors import ModelRefused
from core.metrics import Mean

State = Literal["running", "done", "failed", "cancelled"]
#: Figures from fewer rows point somewhere, and prove nothing.
INDICATIVE_BELOW = 100


@dataclass(frozen=True)
class Evaluation:
    """One model on one split."""

    id: int
    model_id: int
    dataset_id: int
    split: SplitName
    state: State
    row_total: int
    row_done: int
    #: `exact`, `similarity` and `json_valid` as mean, low, high, n; counts of what went wrong; latency. {} before.
    metrics: Mapping[str, Any]
    tokens_in: int
    tokens_out: int
    #: None where the price is not known.
    cost_usd: Decimal | None
    #: Why it stands still, or failed.
    error: str
    created_at: dt.datetime
    created_by: str
    finished_at: dt.datetime | None
    #: Records of the split that hold tools, and so are not asked. None: it was made before they were counted.
    row_skipped: int | None
    model_name: str
    dataset_label: str

    @property
    def is_indicative(self) -> bool:
        """Whether the rows are too few to prove anything."""
        return self.row_done < INDICATIVE_BELOW

    def mean(self, name: Literal["exact", "similarity", "json_valid"]) -> Mean | None:
        """Return a figure with its interval; None while there is none, or where nothing was measured."""
        found = self.metrics.get(name)
        return None if found is None else Mean(**found)


@dataclass(frozen=True)
class Output:
    """One answer beside the expected one."""

    position: int
    output: str
    expected: str
    exact: bool
    #: 0.0 to 1.0, by characters.
    similarity: float | None
    tokens_out: int | None
    duration_ms: int | None
    #: Why there is no good answer, in one word: cut, empty, declined, timed_out, …; "" where there is one.
    error: str


def get(db: Database, evaluation_id: int) -> Evaluation:
    """Return the evaluation. Raises `ModelRefused` for none."""
    with db.reading() as connection:
        return find(connection, evaluation_id)


def find(connection: Connection, evaluation_id: int) -> Evaluation:
    """Return the same inside the caller's transaction."""
    known = 0 < evaluation_id < 2**63
    row = connection.execute(_query().where(evaluations.c.id == evaluation_id)).one_or_none() if known else None
    if row is None:
        raise ModelRefused(f"There is no evaluation {evaluation_id}; the model's page lists those there are.")
    return of_row(row)


def of_models(db: Database, model_ids: Sequence[int] | None = None, *, limit: int = 500) -> list[Evaluation]:
    """Return evaluations of these models, or of all, the newest first."""
    query = _query().order_by(evaluations.c.id.desc()).limit(limit)
    if model_ids is not None:
        query = query.where(evaluations.c.model_id.in_(model_ids))
    with db.reading() as connection:
        return [of_row(row) for row in connection.execute(query)]


def latest(db: Database, model_ids: Sequence[int]) -> dict[int, Evaluation]:
    """By model: its newest evaluation that is done; on a test split where there is one."""
    columns = evaluations.c
    query = (
        _query()
        .where(columns.model_id.in_(model_ids), columns.state == "done")
        .ext(distinct_on(columns.model_id))
        .order_by(columns.model_id, (columns.split == "test").desc(), columns.id.desc())
    )
    with db.reading() as connection:
        return {row.model_id: of_row(row) for row in connection.execute(query)}


def outputs(db: Database, evaluation_id: int, *, after: int | None = None, limit: int = 50) -> list[Output]:
    """Answers in the order of the records; `after`: the position of the last one already seen."""
    columns = evaluation_outputs.c
    query = select(*(columns[name] for name in Output.__dataclass_fields__)).where(
        columns.evaluation_id == evaluation_id
    )
    if after is not None:
        query = query.where(columns.position > after)
    with db.reading() as connection:
        return [Output(*row) for row in connection.execute(query.order_by(columns.position).limit(limit))]


def _query() -> Select[Any]:
    label = func.concat(datasets.c.name, "@", cast(datasets.c.version, Text))
    return (
        select(evaluations, models.c.name.label("model_name"), label.label("dataset_label"))
        .join(models, models.c.id == evaluations.c.model_id)
        .outerjoin(datasets, datasets.c.id == evaluations.c.dataset_id)
    )


def of_row(row: Row[Any]) -> Evaluation:
    """Return the evaluation in a row."""
    return Evaluation(**row._asdict())
