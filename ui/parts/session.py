"""Who works in which workspace of which database: the same three questions on every page."""

import streamlit as st

from core.db import PUBLIC, Database, workspaces
from core.runtime.process import RUNNING
from core.settings import get_settings
from ui.parts import messages
from ui.parts.cached_read import cached_read

DEMO = "demo"
_PARAMETER = "workspace"
#: What the session holds about things of one workspace.
_OF_A_WORKSPACE = (
    *("data_selected", "data_place", "data_open", "modal", "filter"),
    *("queue_selected", "queue_whole", "queue_place", "queue_open", "queue_filter", "queue_refused"),
    *("orch_selected", "orch_place", "orch_open", "orch_draft", "orch_said", "orch_moving", "orch_ended"),
    *("tuning_selected", "tuning_place", "tuning_open", "tuning_known_open", "tuning_kept_dataset"),
    *("tuning_checked", "tuning_asked", "tuning_part", "tuning_name", "tuning_page_ids"),
    *("model_selected", "model_open", "play_answers", "play_left", "play_right", "play_place"),
    *("pattern_open", "pattern_page_ids", "insights_tab", "history_checked", "backfill_plan"),
    *("activity_place", "activity_open", "activity_page_ids"),
)


def actor() -> str:
    """The name that the audit log gets."""
    return get_settings().actor


def workspace() -> str:
    """The chosen workspace; the router checked that it exists."""
    return st.session_state.get("workspace", PUBLIC)


def database() -> Database:
    """The chosen workspace of this process's database."""
    return RUNNING.database().in_workspace(workspace())


def label(name: str) -> str:
    return {PUBLIC: "Company", DEMO: "Demo company"}.get(name, name)


@cached_read(ttl=10, max_entries=16)
def _listed(db: Database, switches: int) -> list[str]:
    """Asked several times a run, and a connection of its own each time, so remembered for a moment."""
    del switches
    return workspaces.list_workspaces(db)


def workspace_names() -> list[str]:
    """The company first, then the others."""
    names = _listed(RUNNING.database(), st.session_state.get("workspace_switches", 0))
    return [PUBLIC, *(name for name in names if name != PUBLIC)]


def choose(name: str) -> None:
    """Switch to another workspace; what belonged to the former one (selection, open example, place) is let go."""
    st.session_state["workspace"] = name
    st.session_state["workspace_switches"] = st.session_state.get("workspace_switches", 0) + 1
    for key in _OF_A_WORKSPACE:
        st.session_state.pop(key, None)
    st.query_params.clear()


def adopt_from_url() -> None:
    """A link may name its workspace. An unknown one is left for the company's, and said."""
    asked = st.query_params.get(_PARAMETER)
    if asked and asked != workspace():
        if asked in workspace_names():
            st.session_state["workspace"] = asked
        else:
            messages.failed(f"The link asks for the workspace “{asked}”, which does not exist here.")
            del st.query_params[_PARAMETER]
    if workspace() not in workspace_names():
        st.session_state["workspace"] = PUBLIC
    if workspace() == PUBLIC:
        if _PARAMETER in st.query_params:
            del st.query_params[_PARAMETER]
    elif st.query_params.get(_PARAMETER) != workspace():
        st.query_params[_PARAMETER] = workspace()


def note_page(path: str) -> None:
    """Remember which page this run draws."""
    st.session_state["first_page"] = "page_path" not in st.session_state
    st.session_state["arrived"] = st.session_state.get("page_path") != path
    st.session_state["page_path"] = path


def arrived() -> bool:
    """Whether the visitor came to this page with this run."""
    return st.session_state["arrived"]


def is_first_page() -> bool:
    """Whether the visit began with this run: the address was typed, or a link outside the app was followed."""
    return st.session_state["first_page"]
