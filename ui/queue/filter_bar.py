"""Which commands the page shows: widgets above, the address beside, one `CommandFilter` in the session."""

from collections.abc import Callable

import streamlit as st

from core.commands.filters import PARAMETERS, CommandFilter, describe, from_query, parse, to_query
from core.commands.models import STATUSES
from core.db import Database
from ui.parts.formatting import plain
from ui.parts.url_filter import UrlFilter
from ui.queue import labels, reads

FILTER: UrlFilter[CommandFilter] = UrlFilter(
    "queue_filter", "commands", tuple(PARAMETERS.values()), CommandFilter, from_query, to_query, parse
)


def draw(db: Database, current: CommandFilter, more: Callable[[], None]) -> None:
    """The widgets. They show `current`, whoever changed it last; `more` draws what stands in one line with them."""
    known = reads.agents(db)
    _seed(current)
    with st.container(key="queue_filter_bar", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.pills(
                "Status",
                list(STATUSES),
                selection_mode="multi",
                key="q_statuses",
                label_visibility="collapsed",
                format_func=labels.status,
                on_change=lambda: FILTER.change(statuses=st.session_state["q_statuses"]),
            )
            st.button(
                "Reset",
                key="queue_reset",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=lambda: FILTER.choose(CommandFilter()),
            )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.multiselect(
                "Agent",
                sorted({*known, *current.agents}),
                key="q_agents",
                placeholder="any",
                width=220,
                on_change=lambda: FILTER.change(agents=st.session_state["q_agents"]),
            )
            st.text_input(
                "Execution",
                key="q_run",
                placeholder="execution id",
                max_chars=200,
                width=180,
                on_change=lambda: FILTER.change(run=st.session_state["q_run"].strip() or None),
            )
            more()
        if current != CommandFilter():
            st.caption(plain(f"Showing {describe(current)}"))


def _seed(current: CommandFilter) -> None:
    """Give each widget its value, but only where it differs: setting it anew would wipe out what is being typed."""
    for key, value in (("q_statuses", current.statuses), ("q_agents", current.agents)):
        if key not in st.session_state or sorted(st.session_state[key]) != list(value):
            st.session_state[key] = list(value)
    if st.session_state.get("q_run") != (current.run or ""):
        st.session_state["q_run"] = current.run or ""
