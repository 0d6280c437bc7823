"""What is done to an execution from the page. What was already done by somebody else is said, and changes nothing."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from core.db import Database
from core.errors import WhetstoneError
from core.orchestrator import executions
from core.orchestrator.planners.intents import KNOWN
from core.orchestrator.plans import Plan
from ui.parts import messages, session
from ui.parts.formatting import plain

Result = TypeVar("Result")

REASON = "on the orchestrator page"
#: After an act of one's own something follows at once: so long the page looks more often.
JUST_S = 15.0
_SAID = "orch_said"
_ACTED = "orch_acted_at"


def approve(db: Database, execution_id: str, *, plan: Plan | None = None) -> int:
    """Approve it, and return how many steps were queued."""
    approved = executions.approve(db, execution_id, actor=session.actor(), reason=REASON, plan=plan)
    _note_act()
    return len(approved.plan.steps) if approved.plan else 0


def just_acted() -> bool:
    """Whether this visitor did something here within the last `JUST_S` seconds."""
    return time.monotonic() - st.session_state.get(_ACTED, -math.inf) < JUST_S


def _note_act() -> None:
    st.session_state[_ACTED] = time.monotonic()


def reject(db: Database, execution_id: str, reason: str) -> None:
    executions.reject(db, execution_id, actor=session.actor(), reason=reason)


def cancel(db: Database, execution_id: str, reason: str) -> None:
    executions.cancel(db, execution_id, actor=session.actor(), reason=reason or REASON)


def resume(db: Database, execution_id: str) -> None:
    executions.resume(db, execution_id, actor=session.actor(), reason=REASON)
    watch(execution_id)


def go_on_as(db: Database, execution_id: str, kind: str) -> None:
    executions.go_on_as(db, execution_id, kind, actor=session.actor())
    watch(execution_id)


def watch(execution_id: str) -> None:
    """Have its end told: what was set going here may have ended before the page looks again."""
    st.session_state.setdefault("orch_moving", {})[execution_id] = "planning"
    _note_act()


def override(db: Database, execution_id: str, *, score: float | None, success: bool | None, reason: str) -> None:
    executions.override_score(db, execution_id, score=score, success=success, actor=session.actor(), reason=reason)


def judge_answer(db: Database, execution_id: str, *, answered: bool) -> None:
    executions.judge_answer(db, execution_id, answered=answered, actor=session.actor())


def ask_answered(key: str, judge: Callable[[bool], None]) -> None:
    """The one question that tells success, for a run whose success nobody knows; `judge` takes the answer."""
    st.text("Did this answer the request?", width="content")
    for word, icon, yes in (("Yes", ":material/thumb_up:", True), ("No", ":material/thumb_down:", False)):
        st.button(word, key=f"{key}_{word.lower()}", icon=icon, on_click=judge, args=(yes,))


def offer_kinds(execution_id: str, key: str, go_on: Callable[[str], None]) -> None:
    """The kinds of work as choices, for a request that was not understood."""
    st.pills(
        "What kind of work is it?",
        KNOWN,
        key=f"{key}_{execution_id}",
        format_func=lambda name: name.replace("_", " ").capitalize(),
        on_change=lambda: go_on(st.session_state[f"{key}_{execution_id}"]),
    )


def on_page(act: Callable[[], Result], said: Callable[[Result], str]) -> None:
    """Do it from the page itself, and say what came of it in a toast."""
    messages.attempt(lambda: messages.toast(said(act())))


def in_drawer(act: Callable[[], object], said: str) -> bool:
    """Do it from the drawer, and say so in the drawer; whether it was done."""
    try:
        act()
    except WhetstoneError as error:
        st.session_state[_SAID] = (False, str(error))
        return False
    st.session_state[_SAID] = (True, said)
    return True


def forget_said() -> None:
    st.session_state.pop(_SAID, None)


def show_said() -> None:
    """What came of the last act in the drawer."""
    found: tuple[bool, str] | None = st.session_state.get(_SAID)
    if found is not None:
        done, said = found
        if done:
            st.success(plain(said), icon=":material/check_circle:")
        else:
            st.warning(plain(said), icon=":material/info:")
