"""What the page says without commands, and the rules by which the queue works."""

import streamlit as st

from core.commands import rules as queue_rules
from core.commands import store
from core.commands.filters import CommandFilter
from core.db import Database
from ui.parts import addresses


def is_empty(db: Database) -> bool:
    """Whether there is no command at all."""
    return not store.page(db, CommandFilter(), limit=1).rows


def draw() -> None:
    st.info(
        "No commands yet. This page will show every piece of work that is given to an agent: what waits, what runs, "
        "what came of it, and what failed and why. Commands come from plans: submit a request to the orchestrator "
        "and approve its plan, and each step of it becomes a command here.",
        icon=":material/inbox:",
    )
    st.page_link(addresses.ORCHESTRATOR, label="Submit a request", icon=":material/account_tree:")


def rules() -> None:
    """As they are in force: the numbers are read from where the queue reads them."""
    with st.popover("Rules", icon=":material/help:", key="queue_rules", type="tertiary", width="content"):
        st.markdown("\n".join(f"- {rule}" for rule in queue_rules.describe_rules()))
