"""A page that keeps up with what others do, without taking anything away from who is working on it."""

import datetime as dt
from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import OperationalError

from core.errors import WhetstoneError
from ui.parts import modals


def watch(
    every_s: int, changed: Callable[[], bool], *, label: bool = True, then: Callable[[], None] | None = None
) -> None:
    """Draw the page anew once `changed`; not while a window is open over it. `then` is done before that.

    Only `changed` is read here, so that ten thousand open tabs cost little; the browser stops asking when it closes.
    """
    st.fragment(run_every=every_s)(look)(every_s, changed, label=label, then=then)


def look(
    every_s: int, changed: Callable[[], bool], *, label: bool = True, then: Callable[[], None] | None = None
) -> None:
    """The same inside a fragment that draws something of its own."""
    try:
        found = changed()
    except (OperationalError, WhetstoneError):
        found = True  # the router knows what to show
    if found and not modals.is_open():
        if then is not None:
            then()
        st.rerun()
    if label:
        up_to_date(every_s)


def up_to_date(every_s: int) -> None:
    st.caption(
        f":material/sync: Updated {dt.datetime.now(dt.UTC):%H:%M:%S} UTC, refreshes every {every_s} s",
        width="content",
    )
