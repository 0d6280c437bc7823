"""The box in which a person says what should be done, and the question whether the same is meant twice."""

from typing import Any

import streamlit as st

from core.db import Database
from core.errors import Duplicate
from core.orchestrator import executions
from core.orchestrator.planners.intents import KNOWN
from core.orchestrator.plans import Request
from ui.orchestrator import acts, drawer, reads
from ui.parts import messages, modals, session
from ui.parts.formatting import plain

EXAMPLE = "Write a short post that tells new readers what we do best, and say which figures stand behind it."
_FIELDS: dict[str, Any] = {
    "orch_request": "",
    "orch_intent": None,
    "orch_constraints": "",
    "orch_platforms": [],
    "orch_audience": "",
}
_CLEAR = "orch_clear"


def draw(db: Database) -> None:
    if st.session_state.pop(_CLEAR, False):
        st.session_state.update(_FIELDS)
    with st.form("orch_form", border=False):
        st.text_area(
            "What should be done?",
            key="orch_request",
            height=76,
            placeholder="For example: Review the budget for a campaign of $2,500, and draft the announcement.",
        )
        # The button first: it stands in one line with the fold, and above what the fold holds on a narrow window.
        with st.container(horizontal=True, gap="small"):
            st.form_submit_button(
                "Plan it",
                key="orch_submit",
                type="primary",
                icon=":material/account_tree:",
                on_click=lambda: _send(db, _request()),
            )
            with st.expander("More: kind of work, limits, platforms, audience", icon=":material/tune:"):
                _more(db)


def _more(db: Database) -> None:
    left, right = st.columns(2)
    left.selectbox(
        "Kind of work",
        KNOWN,
        index=None,
        key="orch_intent",
        placeholder="found out from the request",
        format_func=lambda name: name.replace("_", " ").capitalize(),
        accept_new_options=True,
    )
    right.text_input("Audience", key="orch_audience", placeholder="whoever usually reads it")
    left.multiselect(
        "Platforms",
        reads.platforms(db),
        key="orch_platforms",
        placeholder="choose, or type another",
        accept_new_options=True,
    )
    right.text_area("What to keep to", key="orch_constraints", height=68, placeholder="length, tone, what not to say")


def _request() -> Request:
    held = {key: st.session_state.get(key, empty) for key, empty in _FIELDS.items()}
    return Request(
        held["orch_request"],
        held["orch_intent"],
        held["orch_constraints"],
        tuple(held["orch_platforms"]),
        held["orch_audience"],
    )


def _send(db: Database, request: Request) -> None:
    """In a callback, so that the page is drawn once. What cannot be taken is said, and what was written stays."""

    def act() -> None:
        try:
            _submit(db, request, again=False)
        except Duplicate as duplicate:
            _ask(db, request, duplicate)

    messages.attempt(act)


def _submit(db: Database, request: Request, *, again: bool) -> None:
    taken = executions.submit(db, request, actor=session.actor(), again=again)
    acts.watch(taken.execution_id)
    st.session_state[_CLEAR] = True
    messages.toast("Request received. Planning… the plan will appear above.")


def _ask(db: Database, request: Request, duplicate: Duplicate) -> None:
    modals.show(lambda: st.dialog("The same again?", on_dismiss=modals.close)(_question)(db, request, duplicate))


def _question(db: Database, request: Request, duplicate: Duplicate) -> None:
    st.markdown(plain(str(duplicate)))
    with st.container(horizontal=True, horizontal_alignment="right"):
        leave = st.button("Leave it", key="orch_again_no")
        opened = st.button("Open the first one", key="orch_again_open")
        again = st.button("Plan it again", key="orch_again_yes", type="primary")
    if leave or opened or again:
        modals.close()
        if opened:
            drawer.show(duplicate.execution_id)
        if again:
            messages.attempt(lambda: _submit(db, request, again=True))
        st.rerun()


def offer_example(db: Database) -> None:
    """A page without executions: what it will show, and the one button that fills it."""
    with st.container(border=True, key="orch_empty"):
        st.markdown("**No request yet.**")
        st.text(
            "Say above what should be done. The plan appears at the top with its reasons, to approve, edit or reject; "
            "then its steps as they run, and the result. Each run becomes an example on the page Data."
        )
        st.text(f"A request to begin with:\n{EXAMPLE}")
        st.button(
            "Plan this example",
            key="orch_example",
            icon=":material/account_tree:",
            on_click=_example,
            args=(db,),
        )


def _example(db: Database) -> None:
    messages.attempt(lambda: _submit(db, Request(EXAMPLE), again=True))
