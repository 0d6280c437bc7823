"""The table of examples, with its selection. Order, search and files are the server's, over the whole filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.examples import store
from core.examples.filters import Filter
from ui.data import drawer
from ui.parts.formatting import shortened
from ui.parts.grid import Grid

_SIZES = (25, 50, 100, 200)
_SORTS: dict[store.Sort, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "best": "Best quality first",
    "worst": "Worst quality first",
    "intent": "Intent A–Z",
    "intent_desc": "Intent Z–A",
    "outcome": "Succeeded first",
    "outcome_desc": "Unknown first",
    "agent": "Agent A–Z",
    "agent_desc": "Agent Z–A",
    "model": "Model A–Z",
    "model_desc": "Model Z–A",
}
#: The orders of a column, as a click on its header takes turns with them.
_OF_COLUMN: dict[str, tuple[store.Sort, store.Sort]] = {
    "created_at": ("newest", "oldest"),
    "quality": ("best", "worst"),
    "intent": ("intent", "intent_desc"),
    "success": ("outcome", "outcome_desc"),
    "agent": ("agent", "agent_desc"),
    "model": ("model", "model_desc"),
}
#: Columns that can be left out, and which are there to begin with.
_COLUMNS = {
    "intent": "Intent",
    "quality": "Quality",
    "success": "Outcome",
    "tags": "Tags",
    "trainable": "Trainable",
    "agent": "Agent",
    "model": "Model",
}
_AT_FIRST = ("intent", "quality", "success", "tags", "trainable")
#: The least height at which the grid breaks a cell into lines, in pixels.
_TWO_LINES = 61
#: So many letters fit into a cell of that height on a laptop: the grid cuts without a sign.
_WRAPPED = 120


GRID: Grid[int] = Grid("data", "examples_grid")


@dataclass(frozen=True)
class View:
    """How the rows are shown: their order, how many at once, which columns, and whether requests take two lines."""

    sort: store.Sort
    size: int
    columns: Sequence[str]
    two_lines: bool


def draw(db: Database, chosen: Filter, total: int, view: View) -> None:
    """The rows, and the way to other pages."""
    cursors = GRID.cursors((chosen.to_json(), view.sort, view.size))
    page = store.page(db, chosen, sort=view.sort, after=cursors.here, limit=view.size)
    cursors.leave_if_empty(page.rows)
    GRID.draw(
        [row.id for row in page.rows],
        _frame(page.rows, longest=_WRAPPED if view.two_lines else None),
        _columns(view.sort),
        open_one=drawer.show,
        order=["created_at", "request", *(name for name in _COLUMNS if name in view.columns)],
        row_height=_TWO_LINES if view.two_lines else None,
        on_header=_sort_by,
        alt="Examples: when, request, and the columns chosen under Columns. The first column opens one; "
        "a click on a header sorts the whole filter.",
    )
    GRID.pager(cursors, page.next, len(page.rows), view.size, "example", total)


def controls() -> View:
    """What is above the table. Columns and lines stand in the address, so that a link shows the same."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        sort = st.selectbox(
            "Sort by",
            list(_SORTS),
            key="table_sort",
            format_func=_SORTS.__getitem__,
            persist_state="session",
            label_visibility="collapsed",
            width=148,
        )
        with st.popover("Columns", key="table_view"):
            shown = st.pills(
                "Columns",
                list(_COLUMNS),
                default=list(_AT_FIRST),
                selection_mode="multi",
                key="columns",
                format_func=_COLUMNS.__getitem__,
                bind="query-params",
            )
            lines = st.toggle("Wrap requests", key="two_lines", bind="query-params")
            size = st.selectbox("Rows per page", _SIZES, index=1, key="table_size", persist_state="session")
    return View(sort, size, shown, lines)


def _sort_by(column: str) -> None:
    """A click on a header: its first order, and the other one when it is sorted so already."""
    orders = _OF_COLUMN.get(column)
    if orders is not None:
        st.session_state["table_sort"] = orders[1] if st.session_state.get("table_sort") == orders[0] else orders[0]


def _frame(rows: Sequence[store.ExampleRow], *, longest: int | None) -> pd.DataFrame:
    outcome = {True: "✓ success", False: "✗ failed", None: "– unknown"}
    return pd.DataFrame(
        {
            "created_at": pd.Series([row.created_at for row in rows], dtype="datetime64[us, UTC]"),
            "request": [shortened(row.request, longest or 200) for row in rows],
            "intent": [row.intent for row in rows],
            "quality": pd.Series([row.quality_score for row in rows], dtype="float64"),
            "success": [outcome[row.success] for row in rows],
            "tags": [row.tags for row in rows],
            "trainable": ["✓" if row.is_trainable else "✗" for row in rows],
            "agent": [row.source_agent for row in rows],
            "model": [row.source_model for row in rows],
        }
    )


def _columns(sort: store.Sort) -> dict[str, Any]:
    config = st.column_config

    def head(name: str, label: str) -> str:
        orders = _OF_COLUMN[name]
        return f"{label} {'↓' if sort == orders[0] else '↑'}" if sort in orders else label

    return {
        "created_at": config.DatetimeColumn(
            head("created_at", "Created"), format="YYYY-MM-DD", width=92, help="UTC; the drawer has the time of day."
        ),
        "request": config.TextColumn("Request", width=310),
        "intent": config.TextColumn(head("intent", "Intent"), width=112),
        "quality": config.ProgressColumn(
            head("quality", "Quality"),
            min_value=0,
            max_value=1,
            format="%.2f",
            width=92,
            help="0 to 1; – is not scored.",
        ),
        "success": config.TextColumn(head("success", "Outcome"), width=84),
        "tags": config.ListColumn("Tags", width=112),
        "trainable": config.TextColumn(
            "Learn", width=52, alignment="center", help="✓ holds something a model could learn, ✗ does not."
        ),
        "agent": config.TextColumn(head("agent", "Agent"), width=100),
        "model": config.TextColumn(head("model", "Model"), width=110),
    }
