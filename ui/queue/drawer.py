"""One command in a drawer: what was asked for, what came of it, every attempt, every step, and who did what.

Everything in it comes from agents: it goes through st.text, st.code and st.json and nothing else.
"""

import datetime as dt
from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import OperationalError

from core.commands import store
from core.commands.choices import ABLE
from core.commands.filters import CommandFilter
from core.commands.models import Command
from core.commands.verbs import Verb
from core.db import Database
from core.errors import WhetstoneError
from ui.parts import session
from ui.parts.drawer import Drawer, unavailable
from ui.parts.formatting import ago, exactly, plain, span
from ui.queue import acts, drawer_views, labels

_SAID = "queue_drawer_said"
EVERY_S = 5

_VIEWS: dict[str, Callable[[Database, Command], None]] = {
    "Command": drawer_views.read,
    "Attempts": drawer_views.attempts,
    "Steps": drawer_views.steps,
    "Events": drawer_views.events,
}
_VERBS: tuple[tuple[Verb, str], ...] = (
    ("resume", ":material/play_arrow:"),
    ("pause", ":material/pause:"),
    ("retry", ":material/replay:"),
    ("cancel", ":material/block:"),
)


def show(command_id: int) -> None:
    DRAWER.show(command_id)


def _draw(command_id: int) -> None:
    DRAWER.neighbours(command_id, f"#{command_id}")
    _live()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    """The command as it is now; what the reader opened or chose in here stays as it is."""
    command_id = DRAWER.shown()
    if command_id is None:  # closed while a timer was on its way
        return
    db = session.database()
    try:
        command = store.get(db, command_id)
        _head(command)
        _acts(db, command)
        view = st.pills(
            "View", list(_VIEWS), default="Command", required=True, key="queue_view", label_visibility="collapsed"
        )
        _VIEWS[view](db, command)
    except WhetstoneError as error:
        st.error(plain(str(error)))
        drawer_views.events_of(db, command_id)
    except OperationalError as error:
        unavailable(error)


DRAWER = Drawer("queue", "Command", _draw, leave=lambda: st.session_state.pop(_SAID, None))


def _head(command: Command) -> None:
    now = dt.datetime.now(dt.UTC)
    lines = [
        f"{labels.state(command, now)} · {command.agent} · {command.action}",
        f"Asked for by {command.created_by}, {ago(command.created_at, now)} ({exactly(command.created_at)})",
        f"Attempt {command.attempt} of {command.max_attempts} · {_took(command, now)} · priority {command.priority}",
    ]
    if command.run:
        lines.append(f"Execution {command.run}" + (f", step {command.step}" if command.step else ""))
    st.text("\n".join(lines))


def _took(command: Command, now: dt.datetime) -> str:
    if command.started_at is None:
        return "not started yet"
    if command.status == "running":
        since = span((now - command.started_at).total_seconds())
        return f"running for {since} on {command.worker}"
    if command.finished_at is None:
        return f"last tried {ago(command.started_at, now)} on {command.worker}"
    return f"took {span((command.finished_at - command.started_at).total_seconds())} on {command.worker}"


def _acts(db: Database, command: Command) -> None:
    """Only what this command can take now; there is nothing to say about the others."""
    with st.container(horizontal=True):
        for verb, icon in _VERBS:
            if _takes(verb, command) and st.button(verb.capitalize(), key=f"queue_drawer_{verb}", icon=icon):
                _act(db, verb, command.id)
    said = st.session_state.get(_SAID)
    if said:
        st.warning(plain(said))


def _takes(verb: Verb, command: Command) -> bool:
    if command.status != "running":
        return command.status in ABLE[verb]
    asked = command.stop_requested
    return {"resume": asked == "pause", "pause": asked is None, "cancel": asked != "cancel"}.get(verb, False)


def _act(db: Database, verb: Verb, command_id: int) -> None:
    if verb == "cancel":  # its question takes the place of this window
        acts.asked(db, verb, CommandFilter(ids=(command_id,)))
    else:
        st.session_state[_SAID] = acts.at_once_for(db, verb, command_id)
    st.rerun()
