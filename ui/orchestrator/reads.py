"""Reads of the orchestrator for its page. Curves and lists of choices are remembered for a moment, over all visitors;
what stands as a number is read each time, from indexes."""

import streamlit as st

from core.db import Database
from core.llm import ProviderStatus, configured
from core.orchestrator import queries, trends
from core.settings import get_settings
from ui.parts.cached_read import cached_read

REMEMBERED_S = 30


@cached_read(ttl=4, max_entries=16)
def waiting(db: Database) -> int:
    """Plans that wait for a decision; for the navigation, which every run of every page draws."""
    return queries.waiting(db)


@cached_read(ttl=REMEMBERED_S, max_entries=16)
def by_day(db: Database, total: int, judged: int) -> list[trends.Day]:
    """Remembered until one more is asked for or judged, so that curves and numbers agree."""
    del total, judged
    return trends.by_day(db)


@cached_read(max_entries=16)
def platforms(db: Database) -> list[str]:
    return queries.platforms(db)


@st.cache_data(ttl=15, max_entries=1, show_spinner=False)
def providers() -> list[ProviderStatus]:
    """What each provider lacks. Ollama is asked what it has, half a second at most."""
    return configured(get_settings())
