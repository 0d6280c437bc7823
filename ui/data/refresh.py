"""A page that keeps up with what others do, without taking anything away from who is working on it."""

import datetime as dt

import streamlit as st
from sqlalchemy.exc import OperationalError

from core.db import Database
from core.errors import WhetstoneError
from ui.data import reads
from ui.parts import modals

EVERY_S = 10


@st.fragment(run_every=EVERY_S)
def watch(db: Database, seen: str) -> None:
    """Draw the page anew when the examples changed after `seen`; not while a window is open over it.

    Only the version is read here, so that ten thousand open tabs cost little; the browser stops asking when it closes.
    """
    try:
        changed = reads.version(db) != seen
    except (OperationalError, WhetstoneError):
        changed = True  # the router knows what to show
    if changed and not modals.is_open():
        st.rerun()
    st.caption(
        f":material/sync: Up to date at {dt.datetime.now(dt.UTC):%H:%M:%S} UTC, looks again every {EVERY_S} s",
        width="content",
    )
