"""Plans that wait for a person, the newest first: what was asked, what would be done, why, and the decision."""

import streamlit as st

from core.db import Database
from core.orchestrator import queries
from core.orchestrator.records import Execution
from ui.orchestrator import acts, drawer, labels
from ui.parts.formatting import ago, count, shortened

_SHOWN = 3


def draw(db: Database, number: int) -> None:
    if not number:
        return
    st.subheader(f"Waiting for you: {count(number, 'plan')}", anchor=False)
    for row in queries.page(db, statuses=("pending_approval",), limit=_SHOWN).rows:
        with st.container(border=True, key=f"orch_wait_{row.execution_id}"):
            _one(db, queries.get(db, row.execution_id))
    if number > _SHOWN:
        st.caption(f"The newest {_SHOWN} of {number:,}; choose “waits for approval” below to see all.")


def _one(db: Database, execution: Execution) -> None:
    word, _, icon, colour = labels.STATUS[execution.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, icon=icon, color=colour)
        st.caption(f"asked for {ago(execution.created_at)}")
    st.text(shortened(execution.request, 240))
    st.text(f"{chain(execution)}\nWhy: {_why(execution)}")
    with st.container(horizontal=True, gap="small"):
        id_ = execution.execution_id
        st.button(
            "Approve",
            key=f"orch_wait_approve_{id_}",
            type="primary",
            icon=":material/thumb_up:",
            on_click=lambda: _approve(db, execution),
        )
        for label, view, symbol in (
            ("Look at it", "Plan", ":material/open_in_full:"),
            ("Edit", "Edit", ":material/edit:"),
            ("Reject", "Reject", ":material/thumb_down:"),
        ):
            st.button(label, key=f"orch_wait_{view.lower()}_{id_}", icon=symbol, on_click=drawer.show, args=(id_, view))


def _approve(db: Database, execution: Execution) -> None:
    number = len(execution.plan.steps) if execution.plan else 0
    acts.on_page(
        lambda: acts.approve(db, execution.execution_id),
        f"Approved: {count(number, 'step')} went into the queue.",
    )


def chain(execution: Execution) -> str:
    """The steps of a plan in one line: `outline → draft → claims`."""
    steps = execution.plan.steps if execution.plan else ()
    return " → ".join(f"{step.agent} {step.action}".replace("_", " ") for step in steps)


def _why(execution: Execution) -> str:
    """The strongest reason in the context, as it was found."""
    context = execution.context or {}
    sections = [context.get(name) or {} for name in ("similar", "topic", "platforms", "figures")]
    found = [str(section["note"]) for section in sections if section.get("n") and section.get("note")]
    return shortened(found[0], 240) if found else "nothing like it is on record; the plan rests on rules alone."
