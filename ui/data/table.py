"""The table of examples: paged by key, and a selection that is kept as ids.

Streamlit keeps a grid's selection as row positions, which point at other examples as soon as the data changes. So
positions become ids at once, and each set of rows gets a grid of its own that starts with the right positions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.examples import store
from core.examples.filters import Filter
from ui.data import drawer
from ui.parts import tables
from ui.parts.formatting import count

_SIZES = (25, 50, 100, 200)
_SORTS: dict[store.Sort, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "best": "Best quality first",
    "worst": "Worst quality first",
}


@dataclass
class Place:
    """Where in which list the visitor is: the cursor of every page up to this one."""

    of: tuple[str, str, int]
    cursors: list[str | None]

    def back(self) -> None:
        if len(self.cursors) > 1:
            self.cursors.pop()

    def forward(self, cursor: str | None) -> None:
        if cursor is not None:
            self.cursors.append(cursor)


def selected() -> tuple[int, ...]:
    """The ids of the chosen examples, on whatever page they stand."""
    return tuple(sorted(st.session_state.get("selected_ids", ())))


def clear_selection() -> None:
    st.session_state["selected_ids"] = set()
    st.session_state["grid_number"] = st.session_state.get("grid_number", 0) + 1


def draw(db: Database, chosen: Filter, total: int) -> None:
    """Sort and size, the rows, and the way to other pages."""
    sort, size = _controls()
    place = _place(chosen, sort, size)
    page = store.page(db, chosen, sort=sort, after=place.cursors[-1], limit=size)
    if not page.rows and len(place.cursors) > 1:  # this page emptied meanwhile
        place.cursors.pop()
        st.rerun()
    _grid(page.rows)
    _ways(place, page, total, size)


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


def _place(chosen: Filter, sort: str, size: int) -> Place:
    """A new filter, order or size starts at the first page."""
    place: Place | None = st.session_state.get("place")
    of = (chosen.to_json(), sort, size)
    if place is None or place.of != of:
        place = st.session_state["place"] = Place(of, [None])
    return place


def _grid(rows: Sequence[store.ExampleRow]) -> None:
    ids = tuple(row.id for row in rows)
    drawer.remember_page(ids)
    kept = st.session_state.setdefault("selected_ids", set())
    positions = [position for position, example_id in enumerate(ids) if example_id in kept]
    digest = hashlib.blake2b(repr(ids).encode(), digest_size=6).hexdigest()
    key = f"rows_{digest}_{st.session_state.get('grid_number', 0)}"

    def choose() -> None:
        picked = {ids[position] for position in st.session_state[key].selection.rows if position < len(ids)}
        st.session_state["selected_ids"] = (st.session_state["selected_ids"] - set(ids)) | picked

    with st.container(key="examples_grid"):
        st.dataframe(
            _frame(rows),
            key=key,
            hide_index=True,
            height=tables.height(len(rows), 600),
            on_select=choose,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": positions}},
            column_config=_columns(ids),
            placeholder="–",
            alt="Examples: when, intent, request, quality, outcome, tags, agent, model. The first column opens one.",
        )


def _frame(rows: Sequence[store.ExampleRow]) -> pd.DataFrame:
    outcome = {True: "✓ yes", False: "✗ no", None: "– unknown"}
    return pd.DataFrame(
        {
            "open": ["Open"] * len(rows),
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


def _columns(ids: tuple[int, ...]) -> dict[str, Any]:
    config = st.column_config
    return {
        "open": config.ButtonColumn(
            "", width=56, type="tertiary", key="row_open", on_click=drawer.open_row, args=(ids,)
        ),
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


def _ways(place: Place, page: store.Page, total: int, size: int) -> None:
    first = (len(place.cursors) - 1) * size + 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if page.rows:
            st.text(f"{first:,} to {first + len(page.rows) - 1:,} of {count(total, 'example')}", width="content")
        with st.container(horizontal=True, width="content"):
            back = len(place.cursors) > 1
            st.button(
                "Previous",
                key="table_previous",
                icon=":material/chevron_left:",
                disabled=not back,
                help=None if back else "This is the first page.",
                on_click=place.back,
            )
            st.button(
                "Next",
                key="table_next",
                icon=":material/chevron_right:",
                icon_position="right",
                disabled=page.next is None,
                help=None if page.next else "This is the last page.",
                on_click=lambda: place.forward(page.next),
            )
