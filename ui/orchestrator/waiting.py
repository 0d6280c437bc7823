"""Plans that wait for a person, the newest first: what was asked, what would be done, why, and the decision."""

from collections.abc import Sequence

import streamlit as st

from core.db import Database
from core.orchestrator import brief, queries
from core.orchestrator.brief import Brief
from core.orchestrator.plans import Step
from core.orchestrator.records import Execution, ExecutionRow
from ui.orchestrator import acts, drawer, labels
from ui.parts.formatting import ago, count, plain, shortened, span

_SHOWN = 3


def draw(db: Database, number: int) -> None:
    """The newest whole; those behind it in a fold, so that the request stays in view."""
    rows = queries.page(db, statuses=("pending_approval",), limit=_SHOWN).rows if number else []
    if not rows:
        return
    st.subheader(f"Waiting for you: {count(number, 'plan')}", anchor=False)
    first, *others = rows
    with st.container(border=True, key=f"orch_wait_{first.execution_id}", gap="xsmall"):
        _whole(db, queries.get(db, first.execution_id))
    if not others:
        return
    with st.expander(
        f"{count(number - 1, 'more plan')} waiting", icon=":material/hourglass_top:", key="orch_wait_more"
    ):
        for row in others:
            _line(db, row)
        if number > _SHOWN:
            st.caption(f"The newest {_SHOWN} of {number:,}; choose “awaiting approval” in the history to see all.")


def _whole(db: Database, execution: Execution) -> None:
    word, _, icon, colour = labels.STATUS[execution.status]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(word, icon=icon, color=colour)
        st.caption(plain(f"requested {ago(execution.created_at)} by {execution.created_by}"), width="stretch")
        _decide(db, execution.execution_id, ("View plan", "Edit", "Reject"))
    st.text(shortened(execution.request, 240))
    found = brief.brief(db, execution)
    if found is not None:
        _chips(found)
        st.text("Why: " + "\n".join(shortened(sentence, 240) for sentence in found.reasons))


def _line(db: Database, row: ExecutionRow) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text(shortened(row.request, 120), width="stretch")
        st.caption(f"{count(row.steps, 'step')}, {ago(row.created_at)}", width="content")
        _decide(db, row.execution_id, ("View plan",))


_VIEWS = {
    "View plan": ("Plan", ":material/open_in_full:"),
    "Edit": ("Edit", ":material/edit:"),
    "Reject": ("Reject", ":material/thumb_down:"),
}


def _decide(db: Database, id_: str, ways: Sequence[str]) -> None:
    st.button(
        "Approve",
        key=f"orch_wait_approve_{id_}",
        type="primary",
        icon=":material/thumb_up:",
        on_click=lambda: _approve(db, id_),
    )
    for label in ways:
        view, icon = _VIEWS[label]
        if st.button(label, key=f"orch_wait_{view.lower()}_{id_}", icon=icon):
            drawer.show(id_, view)
            st.rerun()  # the drawer is drawn with the whole page


def _approve(db: Database, execution_id: str) -> None:
    acts.on_page(lambda: acts.approve(db, execution_id), lambda done: f"Approved: {count(done, 'step')} queued.")


def _chips(found: Brief) -> None:
    """Each step with its agent's icon; what can run at the same time stands side by side in one frame."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="orch_chips"):
        for place, group in enumerate(found.levels):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
                if place:
                    st.markdown(":material/arrow_forward:", width="content")
                with st.container(
                    border=len(group) > 1, horizontal=True, gap="xsmall", width="content", key=f"orch_level_{place}"
                ):
                    for step in group:
                        _chip(step)
    number = sum(map(len, found.levels))
    took = "time not known yet" if found.seconds is None else f"about {span(found.seconds)}"
    cost = "cost not known yet" if found.cost_usd is None else labels.cost(found.cost_usd)
    st.caption(f"{count(number, 'step')} · {took} · {cost}", width="content")


def _chip(step: Step) -> None:
    said = f"{step.agent} · {step.action}".replace("_", " ")
    st.badge(plain(said), icon=labels.AGENT_ICON.get(step.agent), color="gray")
