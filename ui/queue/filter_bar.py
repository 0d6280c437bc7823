"""Which commands the queue page shows: widgets above, the address beside, one `CommandFilter` in the session.

As on the data page, the session's filter is what counts, and the address always says the same, under the names of
`filters.PARAMETERS`, which are those of the export route as well.
"""

from typing import Any

import streamlit as st

from core.commands.filters import PARAMETERS, CommandFilter, describe, from_query, parse, to_query
from core.commands.models import STATUSES
from core.db import Database
from core.errors import InvalidFilter
from ui.parts import messages
from ui.parts.formatting import plain
from ui.queue import labels, reads

_FILTER = "queue_filter"
_IN_URL = "queue_filter_in_url"


def chosen(*, arrived: bool) -> CommandFilter:
    """The page's filter. `arrived`: this run is the first on this page, whose address may hold a filter or nothing."""
    asked = _asked()
    known = st.session_state.get(_FILTER)
    # An empty address on arrival is Streamlit's own doing on a change of pages; later it is the visitor's (Back).
    if known is None or (asked != st.session_state.get(_IN_URL) and (asked or not arrived)):
        known = _from_link(asked)
    choose(known)
    return known


def choose(wanted: CommandFilter) -> None:
    """Make `wanted` the filter, here and in the address; there in one step, so that Back never meets half a filter."""
    query = to_query(wanted)
    st.session_state[_FILTER] = wanted
    st.session_state[_IN_URL] = query
    if _asked() != query:
        others = {name: st.query_params.get_all(name) for name in st.query_params if name not in PARAMETERS.values()}
        st.query_params.from_dict({**others, **query})


def _asked() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in PARAMETERS.values() if name in st.query_params}


def change(**fields: Any) -> None:
    """Replace single fields; what cannot be is said and left as it was."""
    current: CommandFilter = st.session_state.get(_FILTER, CommandFilter())
    messages.attempt(lambda: choose(parse({**current.model_dump(), **fields})))


def draw(db: Database, current: CommandFilter) -> None:
    """The widgets. They show `current`, whoever changed it last."""
    known = reads.agents(db)
    _seed(current)
    with st.container(key="queue_filter_bar", border=True):
        st.pills(
            "Status",
            list(STATUSES),
            selection_mode="multi",
            key="q_statuses",
            format_func=labels.status,
            on_change=lambda: change(statuses=st.session_state["q_statuses"]),
        )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.multiselect(
                "Agent",
                sorted({*known, *current.agents}),
                key="q_agents",
                placeholder="any",
                width=320,
                on_change=lambda: change(agents=st.session_state["q_agents"]),
            )
            st.text_input(
                "Execution",
                key="q_run",
                placeholder="id of the execution it belongs to",
                max_chars=200,
                width=320,
                on_change=lambda: change(run=st.session_state["q_run"].strip() or None),
            )
            st.button(
                "Reset",
                key="queue_reset",
                icon=":material/restart_alt:",
                on_click=lambda: choose(CommandFilter()),
            )
        st.caption(plain(describe(current)))


def _from_link(asked: dict[str, list[str]]) -> CommandFilter:
    try:
        return from_query(asked)
    except InvalidFilter as error:
        messages.failed(f"The link holds a filter that cannot be used, so all commands are shown. {error}")
        return CommandFilter()


def _seed(current: CommandFilter) -> None:
    """Give each widget its value, but only where it differs: setting it anew would wipe out what is being typed."""
    for key, value in (("q_statuses", current.statuses), ("q_agents", current.agents)):
        if key not in st.session_state or sorted(st.session_state[key]) != list(value):
            st.session_state[key] = list(value)
    if st.session_state.get("q_run") != (current.run or ""):
        st.session_state["q_run"] = current.run or ""
