"""What surrounds every page: name, workspace, the badge of the demo company, and the page for when nothing works."""

from pathlib import Path

import streamlit as st

from core import __version__
from core.db import PUBLIC, Database
from core.deployments.preferences import preferences
from core.settings import get_settings
from ui import demo, first_steps
from ui import help as help_window
from ui.parts import addresses, session
from ui.parts.cached_read import cached_read
from ui.parts.formatting import plain, shortened

ASSETS = Path(__file__).parent / "assets"


def configure() -> None:
    # The icon is a file of ours: Streamlit fetches a :material/…: favicon from a foreign host.
    st.set_page_config(page_title="Whetstone", page_icon=str(ASSETS / "mark.png"), layout="wide")
    st.logo(str(ASSETS / "wordmark.svg"), size="large", icon_image=str(ASSETS / "mark.svg"))
    st.html(ASSETS / "frame.css")


def sidebar(db: Database, *, empty: bool, at_start: bool) -> None:
    """Which workspace, which model plans in it, and where its data lives; help, and the first steps until all are done.

    On the page Start, `at_start`, the demo company and the steps stand in the page.
    """
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
        if not (empty or at_start):
            first_steps.reminder(db)
        if session.workspace() == session.DEMO:
            demo.dropping()
        elif session.DEMO not in names and not at_start:
            demo.offering()
        help_window.button()
        _facts(db)


def _facts(db: Database) -> None:
    st.page_link(
        addresses.FINE_TUNING,
        label=f"Planner: {plain(shortened(_planner(db), 40))}",
        icon=":material/psychology:",
        query_params={addresses.PART: "models", **addresses.workspace()},
        help="The model that plans, writes and judges. Choose it on Orchestrator, or deploy one under Models.",
    )
    where = "your PostgreSQL" if get_settings().database_url else "embedded, on this computer"
    st.caption(f"Database: {where}  \nWhetstone {__version__}")


@cached_read(ttl=10)
def _planner(db: Database) -> str:
    chosen = preferences(db)
    if chosen.deployed is not None:
        return chosen.deployed.name
    return str(chosen.planner_model) if chosen.planner_model else "built-in rules"


def workspace_badge() -> None:
    """On every page of a workspace that is not the company's: nobody takes invented numbers for real ones."""
    if session.workspace() == PUBLIC:
        return
    with st.container(key="workspace_badge"):
        if session.workspace() == session.DEMO:
            st.badge("Demo company: invented data", icon=":material/science:", color="orange")
        else:
            st.badge(plain(f"Workspace {session.workspace()}"), icon=":material/folder:", color="violet")


def trouble(sentence: str) -> None:
    """The one page shown while the database is away. Trying again is a rerun: nothing remembers the failure."""
    st.title("The database is not available", anchor=False)
    st.error(plain(sentence), icon=":material/database_off:")
    st.text("Your data is where it was. Whetstone goes on as soon as the database answers.")
    st.button("Try again", key="retry", type="primary", icon=":material/refresh:")
