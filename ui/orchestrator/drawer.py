"""One execution in a drawer, open at `?run=ID`: what was asked, why this plan, its steps, what came of it, and the
decision about it.

Everything in it comes from people, models and agents: it goes through st.text, st.code and grids and nothing else.
"""

import re
from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import OperationalError

from core.db import Database
from core.errors import UnknownExecution, WhetstoneError
from core.orchestrator import executions, queries
from core.orchestrator.records import Execution
from ui.orchestrator import acts, edit, labels, views
from ui.orchestrator import score as orchestrator_score
from ui.parts import addresses, session
from ui.parts.drawer import Drawer, unavailable
from ui.parts.formatting import ago, exactly, plain, score

PARAMETER = "run"
EVERY_S = 2
_VIEW = "orch_view"
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")

View = Callable[[Database, Execution], None]
_VIEWS: dict[str, View] = {
    "Plan": views.plan,
    "Why this plan": views.why,
    "Result": views.result,
    "Score": orchestrator_score.draw,
    "Edit": edit.draw,
    "Reject": views.reject,
    "Record": views.record,
}
#: Views that decide: opened by buttons while there is something to decide.
_DECIDING = ("Edit", "Reject")


def show(execution_id: str, view: str = "Plan") -> None:
    """Open it, from a callback."""
    DRAWER.show(execution_id)
    st.session_state[_VIEW] = view


def follow_url() -> None:
    """Open what the address names; another execution than the one before begins with its plan."""
    if st.query_params.get(PARAMETER) not in (None, DRAWER.shown()):
        st.session_state[_VIEW] = "Plan"
    DRAWER.follow_url()


def _draw(execution_id: str) -> None:
    db = session.database()
    DRAWER.neighbours(execution_id)
    try:
        execution = _read(db, execution_id)
        seen = _signature(db, execution)
        _head(execution)
        acts.show_said()
        _acts(db, execution)
        _VIEWS[_view()](db, execution)
        _watch(db, execution_id, seen)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except OperationalError as error:
        unavailable(error)
        _watch(db, execution_id, None)


def _watch(db: Database, execution_id: str, seen: object) -> None:
    DRAWER.watch(EVERY_S, execution_id, seen, lambda: _signature(db, queries.get(db, execution_id)))


def _leave() -> None:
    acts.forget_said()
    edit.forget()


DRAWER = Drawer("orch", "Execution", _draw, PARAMETER, _leave)


def _signature(db: Database, execution: Execution) -> object:
    """Differs when there is something new to see."""
    states = queries.progress(db, execution.execution_id) if execution.plan else []
    return execution.status, execution.updated_at, [(state.status, state.attempt) for state in states]


def _read(db: Database, execution_id: str) -> Execution:
    """Whatever stands in an address may be anything."""
    if not _ID.fullmatch(execution_id):
        raise UnknownExecution("The link names no execution; look for it in the list of the workspace.")
    return queries.get(db, execution_id)


def _head(execution: Execution) -> None:
    word, _, icon, colour = labels.STATUS[execution.status]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(word, icon=icon, color=colour)
        st.text(_state(execution), width="content")
    with st.container(border=True, height="content" if len(execution.request) < 600 else 160, key="orch_request_text"):
        st.text(execution.request)
    st.text("\n".join(_facts(execution)))
    if execution.is_not_understood:
        st.warning(
            "It was not understood. Choose below what kind of work it is, and planning continues.",
            icon=":material/help:",
        )
    elif execution.error:
        st.error("It failed. What went wrong, in the words of the step:", icon=":material/error:")
        st.code(execution.error, language=None, wrap_lines=True)


def _state(execution: Execution) -> str:
    """Beside the badge: what there is to know at once."""
    if execution.status in ("approved", "executing"):
        return f"for {labels.running_for(execution)}"
    if execution.status == "completed" and execution.score is None:
        form = "" if execution.form is None else f" · form {score(execution.form)}"
        return f"not scored{form} · took {labels.duration(execution)}"
    if execution.status in ("completed", "failed") and execution.score is not None:
        return (
            f"score {score(execution.score)} · {labels.SUCCESS[execution.success]} · took {labels.duration(execution)}"
        )
    return ""


def _facts(execution: Execution) -> list[str]:
    """Who, when, by which planner, and what was asked for beside the request."""
    facts = [f"Requested by {execution.created_by} {ago(execution.created_at)} ({exactly(execution.created_at)})"]
    if execution.decided_at and execution.decided_by:
        word = "Rejected" if execution.status == "rejected" else "Approved"
        why = f": {execution.decision_reason}" if execution.decision_reason else ""
        facts.append(
            f"{word} by {execution.decided_by} {ago(execution.decided_at)} ({exactly(execution.decided_at)}){why}"
        )
    if execution.plan_source:
        facts.append(f"Planned by {labels.planner(execution.plan_source)} · {labels.spent(execution)}")
    given = {
        "Kind": execution.intent.replace("_", " "),
        "Platforms": ", ".join(execution.platforms),
        "Audience": execution.audience,
        "To keep to": execution.constraints,
    }
    return facts + [f"{name}: {value}" for name, value in given.items() if value]


def _acts(db: Database, execution: Execution) -> None:
    """Only what can be done now; there is nothing to say about the rest."""
    if execution.is_not_understood:
        acts.offer_kinds(execution.execution_id, "orch_kind", lambda kind: _go_on_as(db, execution, kind))
    editing = st.session_state.get(_VIEW) == "Edit"
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="orch_acts"):
        if execution.status == "pending_approval" and editing:
            st.button(
                "Discard edits",
                key="orch_to_plan",
                icon=":material/undo:",
                on_click=_look,
                args=("Plan",),
            )
        elif execution.status == "pending_approval":  # not while it is edited: that has a button of its own
            st.button(
                "Approve",
                key="orch_approve",
                type="primary",
                icon=":material/thumb_up:",
                on_click=lambda: _approve(db, execution),
            )
            for view, icon in (("Edit", ":material/edit:"), ("Reject", ":material/thumb_down:")):
                st.button(view, key=f"orch_to_{view.lower()}", icon=icon, on_click=_look, args=(view,))
        if execution.status == "failed" and not execution.is_not_understood:
            st.button(
                "Resume from the failed step",
                key="orch_resume",
                type="primary",
                icon=":material/replay:",
                help="Completed steps are not run again.",
                on_click=lambda: _resume(db, execution),
            )
        if execution.is_open:
            _cancel(db, execution)
        _leads(db, execution)


def _look(view: str) -> None:
    st.session_state[_VIEW] = view


def _approve(db: Database, execution: Execution) -> None:
    if acts.in_drawer(lambda: acts.approve(db, execution.execution_id), "Approved: its steps are queued."):
        _look("Plan")


def _resume(db: Database, execution: Execution) -> None:
    if acts.in_drawer(lambda: acts.resume(db, execution.execution_id), "Resumed: the failed step runs again."):
        _look("Plan")


def _go_on_as(db: Database, execution: Execution, kind: str) -> None:
    acts.in_drawer(lambda: acts.go_on_as(db, execution.execution_id, kind), "Planning…")


def _cancel(db: Database, execution: Execution) -> None:
    """Final, so it is asked: the second button says what happens."""
    with st.popover("Cancel", icon=":material/cancel:", key="orch_cancel_open"):
        st.text("It ends for good. What is done so far is kept; a step that runs is asked to stop.")
        reason = st.text_input("Why (kept with it, may stay empty)", key="orch_cancel_reason")
        st.button(
            "Cancel this execution",
            key="orch_cancel",
            type="primary",
            on_click=lambda: _cancelled(db, execution, reason),
        )


def _cancelled(db: Database, execution: Execution, reason: str) -> None:
    acts.in_drawer(lambda: acts.cancel(db, execution.execution_id, reason), "Cancelled. What was done is kept.")


def _leads(db: Database, execution: Execution) -> None:
    """Where the same stands elsewhere: its example, and a file."""
    example = executions.example_id(db, execution.execution_id)
    if example is not None:
        st.page_link(
            addresses.DATA,
            label="Open as example",
            icon=":material/table_chart:",
            query_params=addresses.example(example),
        )
    st.link_button(
        "Export JSON",
        addresses.export_executions(ids=[execution.execution_id]),
        key="orch_export_one",
        icon=":material/download:",
    )


def _view() -> str:
    """Editing and rejecting have buttons above; once begun they stay, also when somebody else decides meanwhile."""
    shown = [name for name in _VIEWS if name not in _DECIDING or st.session_state.get(_VIEW) == name]
    if st.session_state.get(_VIEW) not in shown:
        st.session_state[_VIEW] = "Plan"
    return st.pills("View", shown, required=True, key=_VIEW, label_visibility="collapsed") or "Plan"
