"""The views of the drawer of a command. They only show."""

from typing import Any

import orjson
import streamlit as st

from core import audit
from core.commands import store
from core.commands.models import Attempt, Command
from core.db import Database
from ui.parts.formatting import count, exactly, span

#: More than this of one value is cut in the drawer; an export holds all of it.
_LONGEST = 20_000
_OUTCOMES = {
    "running": "► running",
    "completed": "✓ completed",
    "failed": "✗ failed",
    "lost": "✗ lost: its worker was not heard of",
    "paused": "‖ paused",
    "cancelled": "⊘ cancelled",
    "handed_back": "– handed back by a worker that ended",
}


def read(db: Database, command: Command) -> None:
    """What was asked for, and what came of it."""
    waits = store.waits_for(db, command.id)
    if waits:
        open_ones = f", {command.waits:,} of them not completed yet" if command.waits else ", all completed"
        st.text(f"Waits for {', '.join(f'#{each}' for each in waits)}{open_ones}.")
    if command.dedupe_key:
        st.text(f"Dedupe key: {command.dedupe_key}")
    st.markdown("**Payload**")
    _json(command.payload, "– empty –")
    if command.error is not None:
        st.markdown("**Error**")
        _code(command.error)
    if command.result is not None:
        st.markdown("**Result**")
        _json(command.result, "– empty –")
    elif command.status == "completed":
        st.markdown("**Result**")
        st.text("– none –")
    elif command.error is None:
        st.text("No result yet.")


def attempts(db: Database, command: Command) -> None:
    """Every run by a worker, the last one first."""
    found = store.attempts(db, command.id)
    if not found:
        st.text("No worker has taken this command yet.")
    for attempt in reversed(found):
        with st.container(border=True):
            _attempt(attempt)


def _attempt(attempt: Attempt) -> None:
    waited = span((attempt.started_at - attempt.ready_at).total_seconds())
    ended = (
        ""
        if attempt.finished_at is None
        else f", ran {span((attempt.finished_at - attempt.started_at).total_seconds())}"
    )
    st.text(
        f"Attempt {attempt.attempt}: {_OUTCOMES.get(attempt.outcome, attempt.outcome)}\n"
        f"{exactly(attempt.started_at)} on {attempt.worker}, waited {waited}{ended}"
    )
    if attempt.error:
        _code(attempt.error)


def steps(db: Database, command: Command) -> None:
    """What is done and is not done again."""
    found = store.steps(db, command.id)
    if not found:
        st.text("No step is noted. An agent notes steps that a retry must not do again.")
        return
    st.text(f"{count(len(found), 'step')} done; another attempt goes on after them.")
    for step in found:
        st.text(f"✓ {step.step} · {exactly(step.at)}")
        _json(step.output, "– no output –")


def events(db: Database, command: Command) -> None:
    """What happened to it, and who asked for it."""
    events_of(db, command.id)
    lines = audit.entries(db, subject="commands", subject_id=command.id)
    if lines:
        st.markdown("**Audit**")
    for line in lines:
        st.text(f"{exactly(line.at)} · {line.action} by {line.actor}: {line.reason or 'no reason given'}")


def events_of(db: Database, command_id: int) -> None:
    """Also of a command that was removed."""
    for event in store.events(db, command_id):
        parts = [event.event.replace("_", " ")]
        if event.attempt:
            parts.append(f"attempt {event.attempt}")
        if event.worker:
            parts.append(f"on {event.worker}")
        if event.actor:
            parts.append(f"by {event.actor}")
        st.text(f"{exactly(event.at)} · {', '.join(parts)}" + (f"\n{_cut(event.detail)}" if event.detail else ""))


def _json(value: Any, nothing: str) -> None:
    """Lists and objects as a tree that opens; other values, and what is very long, as text."""
    if value in ({}, [], None, ""):
        st.text(nothing)
        return
    written = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if len(written) > _LONGEST:
        _code(written)
    elif isinstance(value, dict | list):
        st.json(value, expanded=2)
    else:
        _code(value if isinstance(value, str) else written)


def _code(text: str) -> None:
    st.code(_cut(text), language=None, wrap_lines=True)


def _cut(text: str) -> str:
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}\n… {more:,} more characters; an export holds them all."
