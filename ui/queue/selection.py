"""Which commands are selected: some by hand, on whatever page they stand, or all of a filter."""

import streamlit as st

from core.commands.filters import CommandFilter
from ui.parts.grid import Grid

GRID: Grid[int] = Grid("queue", "commands_grid")
_WHOLE = "queue_whole"


def is_whole(chosen: CommandFilter) -> bool:
    """Whether all of this filter is selected, also what is on other pages. Another filter is another choice."""
    return st.session_state.get(_WHOLE) == chosen.to_json()


def select_whole(chosen: CommandFilter) -> None:
    deselect()
    st.session_state[_WHOLE] = chosen.to_json()


def drop_whole() -> None:
    """Whoever takes a row out of "all of this filter" is left with the others of the page."""
    st.session_state.pop(_WHOLE, None)


def deselect() -> None:
    GRID.deselect()
    drop_whole()
