"""At most one window over the page: a question that needs an answer, or a drawer.

Which one is open stands in the session, so that a refresh of the page never closes it, and tests can drive it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.parts.formatting import plain
from ui.parts.messages import attempt

_KEY = "modal"
_DRAWN, _PARAMETER, _WHOLE = "modal_drawn", "modal_parameter", "modal_whole_page"
_POPOVERS = "popovers"


@dataclass(frozen=True)
class Question:
    """`act` runs when the answer is yes. `sentence` names the thing and its exact count."""

    title: str
    sentence: str
    yes: str
    act: Callable[[], None]
    no: str


def show(draw: Callable[[], None], *, parameter: str | None = None) -> None:
    """Open a window on this run's end. `draw` is a function under `st.dialog` that passes `close` as `on_dismiss`.

    `parameter` is that of the address by which a drawer is open; without it in the address, it closes by itself.
    """
    st.session_state[_KEY] = draw
    st.session_state[_PARAMETER] = parameter
    close_popovers()


def popover(
    label: str, *, key: str, icon: str | None = None, width: Literal["content", "stretch"] = "content"
) -> DeltaGenerator:
    """A popover out of which a window is opened. Left to itself it would stay open, and lie over the window."""
    st.session_state.setdefault(_POPOVERS, set()).add(key)
    return st.popover(label, icon=icon, key=key, on_change="rerun", width=width)


def close_popovers() -> None:
    """Only in a callback: the popovers of a run cannot be closed once they are drawn."""
    for key in st.session_state.get(_POPOVERS, ()):
        if key in st.session_state:
            st.session_state[key] = False


def ask(title: str, sentence: str, *, yes: str, act: Callable[[], None], no: str = "Cancel") -> None:
    """Ask before an act that touches many rows or cannot be undone."""
    question = Question(title, sentence, yes, act, no)
    show(lambda: _ask(question))


def close() -> None:
    st.session_state.pop(_KEY, None)


def is_open() -> bool:
    return _KEY in st.session_state


def keep_up(parameter: str, shown: str) -> None:
    """For a drawer that the address opens, before it draws anything: a callback of one of its buttons may have opened
    another window, or led elsewhere in the address. Only the drawer is drawn anew after that; the page has to be."""
    if st.session_state.get(_WHOLE):
        return
    replaced = st.session_state.get(_KEY) is not st.session_state.get(_DRAWN)
    if replaced or st.query_params.get(parameter) != shown:
        st.rerun()


def draw() -> None:
    """Called by the router after the page."""
    window: Callable[[], None] | None = st.session_state.get(_KEY)
    parameter: str | None = st.session_state.get(_PARAMETER)
    if window is not None and parameter is not None and parameter not in st.query_params:
        close()  # Back, or a link, led elsewhere; what is there may have a window of its own
        st.rerun()
    st.session_state[_DRAWN] = window
    st.session_state[_WHOLE] = True
    try:
        if window is not None:
            window()
    finally:
        st.session_state[_WHOLE] = False


def _ask(question: Question) -> None:
    st.dialog(question.title, on_dismiss=close)(_question)(question)


def _question(question: Question) -> None:
    st.markdown(plain(question.sentence))
    with st.container(horizontal=True, horizontal_alignment="right"):
        refused = st.button(question.no, key="modal_no")
        agreed = st.button(question.yes, key="modal_yes", type="primary")
    if agreed or refused:
        close()
        if agreed:
            attempt(question.act)  # which may open a window of its own
        st.rerun()
