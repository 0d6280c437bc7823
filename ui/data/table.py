"""The table of examples, with its selection."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.examples import store
from core.examples.filters import Filter
from ui.data import drawer
from ui.parts.grid import Grid

_SIZES = (25, 50, 100, 200)
_SORTS: dict[store.Sort, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "best": "Best quality first",
    "worst": "Worst quality first",
}


GRID: Grid[int] = Grid("data", "examples_grid")


def draw(db: Database, chosen: Filter, total: int) -> None:
    """Sort and size, the rows, and the way to other pages."""
    sort, size = _controls()
    cursors = GRID.cursors((chosen.to_json(), sort, size))
    page = store.page(db, chosen, sort=sort, after=cursors.here, limit=size)
    cursors.leave_if_empty(page.rows)
    GRID.draw(
        [row.id for row in page.rows],
        _frame(page.rows),
        _columns(),
        open_one=drawer.show,
        alt="Examples: when, intent, request, quality, outcome, tags, agent, model. The first column opens one.",
    )
    GRID.pager(cursors, page.next, len(page.rows), size, "example", total)


def _controls() -> tuple[store.Sort, int]:
    st.subheader("Examples", anchor=False)
    # On the left: the grid's own toolbar covers the right end of the line above it.
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        sort = st.selectbox(
            "Order",
            list(_SORTS),
            key="table_sort",
            format_func=_SORTS.__getitem__,
            persist_state="session",
            width=190,
        )
        size = st.selectbox("Rows a page", _SIZES, index=1, key="table_size", persist_state="session", width=110)
    return sort, size


def _frame(rows: Sequence[store.ExampleRow]) -> pd.DataFrame:
    outcome = {True: "✓ yes", False: "✗ no", None: "– unknown"}
    return pd.DataFrame(
        {
            "created_at": pd.Series([row.created_at for row in rows], dtype="datetime64[us, UTC]"),
            "request": [row.request for row in rows],
            "intent": [row.intent for row in rows],
            "quality": pd.Series([row.quality_score for row in rows], dtype="float64"),
            "success": [outcome[row.success] for row in rows],
            "tags": [row.tags for row in rows],
            "trainable": [row.is_trainable for row in rows],
            "agent": [row.source_agent for row in rows],
            "model": [row.source_model for row in rows],
        }
    )


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "created_at": config.DatetimeColumn("Created (UTC)", format="YYYY-MM-DD HH:mm", width=122),
        "request": config.TextColumn("Request", width=220),
        "intent": config.TextColumn("Intent", width=118),
        "quality": config.ProgressColumn(
            "Quality", min_value=0, max_value=1, format="%.2f", width=96, help="From 0 to 1; – is not scored."
        ),
        "success": config.TextColumn("Success", width=80),
        "tags": config.ListColumn("Tags", width=200),
        "trainable": config.CheckboxColumn("Trainable", width=80, help="Holds something a model could learn."),
        "agent": config.TextColumn("Agent", width=110),
        "model": config.TextColumn("Model", width=130),
    }
