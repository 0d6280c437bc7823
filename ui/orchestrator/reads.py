"""Reads of the orchestrator for its page. Curves and lists of choices are remembered for a moment, over all visitors;
what stands as a number is read each time, from indexes."""

from typing import Any

import streamlit as st

from core.db import Database
from core.llm import Provider, configured
from core.orchestrator import choices, trends
from core.orchestrator.records import Counts
from core.settings import settings

REMEMBERED_S = 30


def waiting(db: Database) -> int:
    """Plans that wait for a decision; for the navigation, which every run of every page draws."""
    return _waiting(_place(db), _db=db)


def by_day(db: Database, numbers: Counts) -> list[trends.Day]:
    """Remembered until one more is asked for or judged, so that curves and numbers agree."""
    return _by_day(_place(db), numbers.total, numbers.judged, _db=db)


def platforms(db: Database) -> list[str]:
    return _platforms(_place(db), _db=db)


@st.cache_data(ttl=15, max_entries=1, show_spinner=False)
def providers() -> list[Provider]:
    """What each provider lacks. Ollama is asked what it has, half a second at most."""
    return configured(settings())


def _place(db: Database) -> str:
    return f"{hash(db.url)}/{db.schema}"


@st.cache_data(ttl=4, max_entries=16, show_spinner=False)
def _waiting(place: str, *, _db: Database) -> int:
    del place
    return choices.waiting(_db)


@st.cache_data(ttl=REMEMBERED_S, max_entries=16, show_spinner=False)
def _by_day(place: str, total: int, judged: int, *, _db: Database) -> Any:
    del place, total, judged
    return trends.by_day(_db)


@st.cache_data(ttl="10min", max_entries=16, show_spinner=False)
def _platforms(place: str, *, _db: Database) -> list[str]:
    del place
    return choices.platforms(_db)
