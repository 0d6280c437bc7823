"""Reads about models that take more than a moment, remembered until there is something new to see."""

from core import evaluation, models
from core.datasets import versions
from core.datasets.splits import SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from core.evaluation import Comparison, EvaluationEstimate, rows
from ui.parts.cached_read import cached_read


@cached_read(version=models.version)
def comparison(db: Database, a: int, b: int) -> Comparison:
    """Two evaluations that are done; the intervals take a moment. Raises `ModelRefused`."""
    return evaluation.compare(db, a, b)


@cached_read(version=models.version)
def estimate(
    db: Database, model_id: int, dataset_id: int, split: SplitName, limit: int | None
) -> EvaluationEstimate | str:
    """What evaluating would take, or why it cannot be done."""
    try:
        return evaluation.estimate(db, models.get(db, model_id), dataset_id, split, limit)
    except WhetstoneError as refusal:
        return str(refusal)


@cached_read(max_entries=16)
def positions(db: Database, version: DatasetVersion, split: SplitName) -> list[int]:
    """The places of a frozen split, which never change."""
    return rows.positions(db, version, split)


@cached_read(max_entries=16)
def skipped(db: Database, version: DatasetVersion, split: SplitName) -> int:
    """How many of its records are never asked."""
    return rows.skipped(db, version, split)


def frozen(db: Database) -> list[DatasetVersion]:
    """Versions whose records can be asked, the newest first."""
    return [each for each in versions.versions(db) if each.status == "frozen"]
