"""What surrounds every page: name, workspace, the badge of the demo company, and the page for when nothing works."""

from pathlib import Path

import streamlit as st

from core.db import PUBLIC
from core.settings import get_settings
from ui import demo
from ui.parts import session
from ui.parts.formatting import plain

ASSETS = Path(__file__).parent / "assets"


def configure() -> None:
    # The icon is a file of ours: Streamlit fetches a :material/…: favicon from a foreign host.
    st.set_page_config(page_title="Whetstone", page_icon=str(ASSETS / "mark.png"), layout="wide")
    st.logo(str(ASSETS / "wordmark.svg"), size="large", icon_image=str(ASSETS / "mark.svg"))


def sidebar(*, empty: bool) -> None:
    """Which workspace, and where its data lives. While it is empty, the first page offers the demo company."""
    names = session.workspace_names()
    with st.sidebar:
        if len(names) > 1:
            st.session_state["workspace_choice"] = session.workspace()
            st.selectbox(
                "Workspace",
                names,
                key="workspace_choice",
                format_func=session.label,
                on_change=lambda: session.choose(st.session_state["workspace_choice"]),
            )
        if session.workspace() == session.DEMO:
            demo.dropping()
        elif session.DEMO not in names and not empty:
            demo.offering()
        where = "your PostgreSQL" if get_settings().database_url else "embedded, on this computer"
        st.caption(f"Database: {where}")


def workspace_badge() -> None:
    """On every page of a workspace that is not the company's: nobody takes invented numbers for real ones."""
    if session.workspace() == session.DEMO:
        st.badge("Demo company: invented data, in a workspace of its own", icon=":material/science:", color="orange")
    elif session.workspace() != PUBLIC:
        st.badge(plain(f"Workspace {session.workspace()}"), icon=":material/folder:", color="violet")


def trouble(sentence: str) -> None:
    """The one page shown while the database is away. Trying again is a rerun: nothing remembers the failure."""
    st.title("The database is not available")
    st.error(plain(sentence), icon=":material/database_off:")
    st.text("Your data is where it was. Whetstone goes on as soon as the database answers.")
    st.button("Try again", key="retry", type="primary", icon=":material/refresh:")
