"""One command in a drawer: what was asked for, what came of it, every attempt, every step, and who did what.

Everything in it comes from agents: it goes through st.text, st.code and st.json and nothing else.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import streamlit as st
from sqlalchemy.exc import OperationalError

from core import shortages
from core.commands import store
from core.commands.choices import ABLE
from core.commands.filters import CommandFilter
from core.commands.models import Command
from core.commands.verbs import Verb
from core.db import Database
from core.errors import WhetstoneError
from ui.parts import modals, session
from ui.parts.formatting import ago, exactly, plain, span
from ui.queue import acts, drawer_views, labels

_OPEN = "queue_open_command"
_PAGE = "queue_page_ids"
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


def remember_page(ids: tuple[int, ...]) -> None:
    """The rows of the table, in its order: what next and previous mean."""
    st.session_state[_PAGE] = ids


def open_row(ids: Sequence[int]) -> None:
    """A click on the button of a row. The position is turned into an id here, while both belong together."""
    show(ids[st.session_state["queue_open"].row])


def show(command_id: int) -> None:
    _go(command_id)
    modals.show(_open)


def _open() -> None:
    st.dialog("Command", width=760, position="right", on_dismiss=_close)(_draw)()


def _close() -> None:
    modals.close()
    st.session_state.pop(_OPEN, None)


def _draw() -> None:
    if _OPEN not in st.session_state:  # closed while a timer was on its way
        return
    _way(st.session_state[_OPEN])
    _live()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    """The command as it is now; what the reader opened or chose in here stays as it is."""
    if _OPEN not in st.session_state:
        return
    db = session.database()
    try:
        command = store.get(db, st.session_state[_OPEN])
        _head(command)
        _acts(db, command)
        view = st.pills(
            "View", list(_VIEWS), default="Command", required=True, key="queue_view", label_visibility="collapsed"
        )
        _VIEWS[view](db, command)
    except WhetstoneError as error:
        st.error(plain(str(error)))
        drawer_views.events_of(db, st.session_state[_OPEN])
    except OperationalError as error:
        told = shortages.sentence(error)
        st.error(plain(told or "The database does not answer at the moment; this looks again by itself."))


def _way(command_id: int) -> None:
    ids: tuple[int, ...] = st.session_state.get(_PAGE, ())
    here = ids.index(command_id) if command_id in ids else None
    place = "" if here is None else f" · {here + 1} of {len(ids)} on this page"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.text(f"#{command_id}{place}", width="content")
        with st.container(horizontal=True, width="content"):
            _step("Previous", "queue_drawer_previous", "P", None if not here else ids[here - 1])
            _step("Next", "queue_drawer_next", "N", ids[here + 1] if here is not None and here + 1 < len(ids) else None)


def _step(label: str, key: str, shortcut: str, to: int | None) -> None:
    st.button(
        label,
        key=key,
        shortcut=shortcut,
        disabled=to is None,
        help="There is none on this page of the table." if to is None else None,
        on_click=lambda: _go(to),
    )


def _go(to: int | None) -> None:
    if to is not None:
        st.session_state[_OPEN] = to
        st.session_state.pop(_SAID, None)


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
