"""Reads about models that take more than a moment, remembered until there is something new to see."""

from typing import Any

import streamlit as st

from core import evaluation, models
from core.datasets import versions
from core.datasets.splits import SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from core.evaluation import Comparison, Estimate, rows


def comparison(db: Database, a: int, b: int) -> Comparison:
    """Two evaluations that are done; the intervals take a moment. Raises `ModelRefused`."""
    return _comparison(_place(db), a, b, models.version(db), _db=db)


def estimate(db: Database, model_id: int, dataset_id: int, split: SplitName, limit: int | None) -> Estimate | str:
    """What evaluating would take, or why it cannot be done."""
    return _estimate(_place(db), model_id, dataset_id, split, limit, models.version(db), _db=db)


def positions(db: Database, version: DatasetVersion, split: SplitName) -> list[int]:
    """The places of a frozen split, which never change."""
    return _positions(_place(db), version.id, split, _db=db, _version=version)


def skipped(db: Database, version: DatasetVersion, split: SplitName) -> int:
    """How many of its records are never asked."""
    return _skipped(_place(db), version.id, split, _db=db, _version=version)


def frozen(db: Database) -> list[DatasetVersion]:
    """Versions whose records can be asked, the newest first."""
    return [each for each in versions.versions(db) if each.status == "frozen"]


def _place(db: Database) -> str:
    return f"{hash(db.url)}/{db.schema}"


@st.cache_data(ttl="10min", max_entries=64, show_spinner=False)
def _comparison(place: str, a: int, b: int, version: str, *, _db: Database) -> Any:
    del place, version
    return evaluation.compare(_db, a, b)


@st.cache_data(ttl="10min", max_entries=64, show_spinner=False)
def _estimate(
    place: str, model_id: int, dataset_id: int, split: SplitName, limit: int | None, version: str, *, _db: Database
) -> Any:
    del place, version
    try:
        return evaluation.estimate(_db, models.get(_db, model_id), dataset_id, split, limit)
    except WhetstoneError as refusal:
        return str(refusal)


@st.cache_data(ttl="10min", max_entries=16, show_spinner=False)
def _positions(place: str, dataset_id: int, split: SplitName, *, _db: Database, _version: DatasetVersion) -> Any:
    del place, dataset_id
    return rows.positions(_db, _version, split)


@st.cache_data(ttl="10min", max_entries=16, show_spinner=False)
def _skipped(place: str, dataset_id: int, split: SplitName, *, _db: Database, _version: DatasetVersion) -> Any:
    del place, dataset_id
    return rows.skipped(_db, _version, split)
