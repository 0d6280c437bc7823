"""What just happened, one message at a time: at the foot of the window with Undo where the act can be undone, or as a
toast where there is nothing left to do about it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException

from core.errors import WhetstoneError
from ui.parts.formatting import plain

_KEY = "notice"


@dataclass(frozen=True)
class Notice:
    """One sentence. `undo` undoes the act and returns the sentence that says so; `onward` is a page and the words of
    its link, where the act has an obvious next step."""

    text: str
    failed: bool = False
    undo: Callable[[], str] | None = None
    onward: tuple[str, str] | None = None
    #: Said in a corner for some seconds, and then gone.
    is_brief: bool = False


def done(text: str, *, undo: Callable[[], str] | None = None, onward: tuple[str, str] | None = None) -> None:
    """Say it on the next run; it stays until it is dismissed or something else is done."""
    st.session_state[_KEY] = Notice(text, undo=undo, onward=onward)


def toast(text: str) -> None:
    """Say on the next run, for some seconds, what the page itself shows as well; it covers nothing."""
    st.session_state[_KEY] = Notice(text, is_brief=True)


def failed(error: WhetstoneError | str) -> None:
    st.session_state[_KEY] = Notice(str(error), failed=True)


def latest() -> Notice | None:
    """What was said last and is not dismissed; a window lies over it, and may say it again."""
    return st.session_state.get(_KEY)


def attempt(act: Callable[[], None]) -> bool:
    """Run an act of the core. Its own errors become the notice; anything else is a bug and rises."""
    try:
        act()
    except WhetstoneError as error:
        failed(error)
        return False
    return True


def show() -> None:
    """Draw the notice, if there is one, over whatever part of the page is in view. Called by the router."""
    notice: Notice | None = st.session_state.get(_KEY)
    if notice is None:
        return
    if notice.is_brief:
        # Of a run that ends to begin anew the browser shows nothing; the next one says it.
        if not isinstance(sys.exc_info()[1], RerunException):
            st.toast(plain(notice.text), icon=":material/check_circle:")
            _dismiss()
        return
    with (
        st.bottom,
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", key="notice_bar"),
    ):
        box = st.error if notice.failed else st.success
        icon = ":material/error:" if notice.failed else ":material/check_circle:"
        box(plain(notice.text), icon=icon, width="stretch")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            _ways_on(notice)


def _ways_on(notice: Notice) -> None:
    """Together, so that a long sentence or a narrow window puts them all under it."""
    if notice.onward is not None:
        page, label = notice.onward
        st.page_link(page, label=label, icon=":material/arrow_forward:")
    if notice.undo is not None:
        st.button("Undo", key="notice_undo", icon=":material/undo:", on_click=_undo)
    st.button("Dismiss", key="notice_dismiss", icon=":material/close:", type="tertiary", on_click=_dismiss)


def _dismiss() -> None:
    st.session_state.pop(_KEY, None)


def _undo() -> None:
    notice: Notice | None = st.session_state.pop(_KEY, None)
    if notice is None or notice.undo is None:
        return
    undo = notice.undo
    attempt(lambda: done(undo()))
