"""The table of commands."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.commands import store
from core.commands.filters import CommandFilter
from core.commands.models import CommandRow
from core.db import Database
from ui.parts.formatting import age, shortened, span
from ui.queue import drawer, labels, selection
from ui.queue.selection import GRID

_SIZES = (25, 50, 100, 200)
_SORTS: dict[store.Sort, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "status": "By status, what needs a look first",
}


def draw(db: Database, chosen: CommandFilter, total: int) -> None:
    """The rows, and the way to other pages."""
    sort, size = st.session_state["queue_sort"], st.session_state["queue_size"]
    cursors = GRID.cursors((chosen.to_json(), sort, size))
    page = store.page(db, chosen, sort=sort, after=cursors.here, limit=size)
    cursors.leave_if_empty(page.rows)
    GRID.draw(
        [row.id for row in page.rows],
        _frame(page.rows),
        _columns(),
        open_one=drawer.show,
        alt="Commands: status, id, agent, action, age, attempts, duration, result or error, when it was made. "
        "The first column opens one.",
        whole=selection.is_whole(chosen),
        on_choice=selection.drop_whole,
    )
    GRID.pager(cursors, page.next, len(page.rows), size, "command", total)


def controls() -> None:
    """Order and size, for the line of the filter."""
    st.selectbox(
        "Sort by", list(_SORTS), key="queue_sort", format_func=_SORTS.__getitem__, persist_state="session", width=240
    )
    st.selectbox("Rows per page", _SIZES, index=1, key="queue_size", persist_state="session", width=110)


def _frame(rows: Sequence[CommandRow]) -> pd.DataFrame:
    now = dt.datetime.now(dt.UTC)
    return pd.DataFrame(
        {
            "status": [labels.state(row, now) for row in rows],
            "id": [f"#{row.id}" for row in rows],
            "agent": [row.agent for row in rows],
            "action": [row.action for row in rows],
            "age": [age((now - row.created_at).total_seconds()) for row in rows],
            "attempts": [f"{row.attempt}/{row.max_attempts}" for row in rows],
            "duration": [_took(row.duration_s) for row in rows],
            "preview": [shortened(row.preview, 200) or None for row in rows],
            "run": [row.run for row in rows],
            "created": pd.Series([row.created_at for row in rows], dtype="datetime64[us, UTC]"),
        }
    )


def _took(seconds: float | None) -> str | None:
    """Short enough for its column: the drawer says it exactly."""
    if seconds is None:
        return None
    return span(seconds) if seconds < 60 else age(seconds)


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "status": config.TextColumn("Status", width=115),
        "id": config.TextColumn("Id", width=62, alignment="right"),
        "agent": config.TextColumn("Agent", width=108),
        "action": config.TextColumn("Action", width=108),
        "age": config.TextColumn("Age", width=58, alignment="right"),
        "attempts": config.TextColumn("Tries", width=52, alignment="right", help="Begun, of those it has."),
        "duration": config.TextColumn(
            "Took", width=64, alignment="right", help="The last attempt; a running one, so far."
        ),
        "preview": config.TextColumn("Result or error", width=300),
        "run": config.TextColumn("Execution", width=120),
        "created": config.DatetimeColumn("Created (UTC)", format="YYYY-MM-DD HH:mm:ss", width=145),
    }
