"""The tabs of the page, one of which is shown. Which one stands in the address: `?tab=topics`."""

from collections.abc import Callable

import streamlit as st

from core.db import Database
from ui.insights import business, history_tab, patterns_tab, platforms, topics
from ui.parts import addresses

_KEPT = "insights_tab"
_CONTROL = "insights_tabs"
_TITLES: dict[str, str] = {
    "patterns": "Patterns",
    "topics": "Topics",
    "platforms": "Platforms",
    "business": "Business",
    "history": "History",
}
_DRAW: dict[str, Callable[[Database], None]] = {
    "patterns": patterns_tab.draw,
    "topics": topics.draw,
    "platforms": platforms.draw,
    "business": business.draw,
    "history": history_tab.draw,
}


def chosen() -> str:
    """What the address says, else what was shown last in this session, else patterns."""
    asked = st.query_params.get(addresses.TAB)
    if asked is None and addresses.PATTERN in st.query_params:
        asked = "patterns"
    elif asked is None:
        asked = st.session_state.get(_KEPT)
    found = asked if asked in _TITLES else "patterns"
    st.session_state[_KEPT] = found
    return found


def choose(tab: str) -> None:
    """The control, one line above everything else."""
    st.session_state[_CONTROL] = tab
    st.segmented_control(
        "Part of the page",
        list(_TITLES),
        required=True,
        key=_CONTROL,
        label_visibility="collapsed",
        format_func=_TITLES.__getitem__,
        on_change=_turned,
        width="content",
    )


def draw(db: Database, tab: str) -> None:
    _DRAW[tab](db)


def _turned() -> None:
    to = st.session_state[_CONTROL]
    st.session_state[_KEPT] = st.query_params[addresses.TAB] = to
