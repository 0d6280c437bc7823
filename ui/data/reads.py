"""Reads of the core, remembered until the examples change: keyed by workspace and `store.version`, never by time alone.

The version also changes with writes of other processes and of the command line, so that nobody looks at old numbers.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.datasets import defaults
from core.datasets.defaults import Outlook, Reason
from core.db import Database
from core.examples import statistics, store
from core.examples.filters import EVERYTHING, Filter, parse


def version(db: Database) -> str:
    """Under a millisecond; asked once a run."""
    return store.version(db)


def is_empty(db: Database) -> bool:
    """Whether the workspace holds no visible example."""
    return not store.page(db, EVERYTHING, limit=1).rows


def overview(db: Database, chosen: Filter) -> statistics.Statistics:
    return _overview(_place(db), chosen.to_json(), version(db), choices(db).total, _db=db)


def choices(db: Database) -> store.Choices:
    return _choices(_place(db), version(db), _db=db)


def count(db: Database, chosen: Filter) -> int:
    return _count(_place(db), chosen.to_json(), version(db), _db=db)


def outlook(db: Database, chosen: Filter, let_in: Sequence[Reason] = ()) -> Outlook:
    """What a new dataset of this filter would take by itself, and what it would leave out."""
    return _outlook(_place(db), chosen.to_json(), tuple(let_in), version(db), _db=db)


def _place(db: Database) -> str:
    return f"{hash(db.url)}/{db.schema}"


@st.cache_data(ttl="10min", max_entries=64, show_spinner=False)
def _overview(place: str, chosen: str, version: str, total: int, *, _db: Database) -> Any:
    del place, version
    return statistics.overview(_db, parse(chosen), total=total)


@st.cache_data(ttl="10min", max_entries=16, show_spinner=False)
def _choices(place: str, version: str, *, _db: Database) -> Any:
    del place, version
    return store.choices(_db)


@st.cache_data(ttl="10min", max_entries=64, show_spinner=False)
def _count(place: str, chosen: str, version: str, *, _db: Database) -> int:
    del place, version
    return store.count(_db, parse(chosen))


@st.cache_data(ttl="10min", max_entries=64, show_spinner=False)
def _outlook(place: str, chosen: str, let_in: tuple[Reason, ...], version: str, *, _db: Database) -> Any:
    del place, version
    return defaults.outlook(_db, parse(chosen), let_in)
