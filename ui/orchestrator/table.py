"""The history: every execution, paged by key, with a filter by status that stands in the address.

As on the data page, a selection is kept as ids, and each set of rows gets a grid of its own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.orchestrator import queries
from core.orchestrator.records import STATUSES, Counts, ExecutionRow, Page, Sort, Status
from ui.orchestrator import drawer, labels
from ui.parts import addresses, session
from ui.parts.formatting import count

PARAMETER = "execution_status"
_SIZE = 20
_SORTS: dict[Sort, str] = {"newest": "Newest first", "oldest": "Oldest first"}
#: More ids than this do not fit into an address.
_MOST_IDS = 200


@dataclass
class Place:
    """Where in which list the visitor is: the cursor of every page up to this one."""

    of: tuple[tuple[str, ...], str]
    cursors: list[str | None]

    def back(self) -> None:
        if len(self.cursors) > 1:
            self.cursors.pop()

    def forward(self, cursor: str | None) -> None:
        if cursor is not None:
            self.cursors.append(cursor)


def draw(db: Database, numbers: Counts) -> None:
    st.subheader("History", anchor=False)
    chosen, sort = _controls(numbers)
    total = sum(numbers.by_status[status] for status in chosen or STATUSES)
    if not total:
        st.info("No execution has this status. Choose another above, or none to see all.")
        return
    place = _place(chosen, sort)
    page = queries.page(db, statuses=chosen, sort=sort, after=place.cursors[-1], limit=_SIZE)
    if not page.rows and len(place.cursors) > 1:  # this page emptied meanwhile
        place.cursors.pop()
        st.rerun()
    _grid(page.rows)
    _ways(place, page, total)
    _bar(chosen, total)


def _asked() -> tuple[Status, ...]:
    """What the address says; on the way back to this page, what it said last."""
    found = st.query_params.get_all(PARAMETER)
    if not found and session.arrived():
        found = st.session_state.get("orch_statuses", [])
    known: tuple[Status, ...] = tuple(status for status in STATUSES if status in found)
    st.session_state["orch_statuses"] = list(known)
    if list(known) != st.query_params.get_all(PARAMETER):
        _write(known)
    return known


def _write(chosen: Sequence[Status]) -> None:
    if chosen:
        st.query_params[PARAMETER] = list(chosen)
    elif PARAMETER in st.query_params:
        del st.query_params[PARAMETER]


def _controls(numbers: Counts) -> tuple[tuple[Status, ...], Sort]:
    chosen = _asked()
    st.session_state["orch_status"] = list(chosen)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.pills(
            "Status",
            [status for status in STATUSES if numbers.by_status[status] or status in chosen],
            selection_mode="multi",
            key="orch_status",
            format_func=lambda status: f"{labels.status(status)} {numbers.by_status[status]:,}",
            on_change=lambda: _write(st.session_state["orch_status"]),
        )
        sort = st.selectbox(
            "Order", list(_SORTS), key="orch_sort", format_func=_SORTS.__getitem__, persist_state="session", width=170
        )
    return chosen, sort


def _place(chosen: tuple[Status, ...], sort: str) -> Place:
    """A new filter or order starts at the first page."""
    place: Place | None = st.session_state.get("orch_place")
    if place is None or place.of != (chosen, sort):
        place = st.session_state["orch_place"] = Place((chosen, sort), [None])
    return place


def _grid(rows: Sequence[ExecutionRow]) -> None:
    ids = tuple(row.execution_id for row in rows)
    drawer.remember_page(ids)
    kept: set[str] = st.session_state.setdefault("orch_selected", set())
    positions = [position for position, execution_id in enumerate(ids) if execution_id in kept]
    digest = hashlib.blake2b(repr(ids).encode(), digest_size=6).hexdigest()
    key = f"orch_rows_{digest}_{st.session_state.get('orch_grid', 0)}"

    def choose() -> None:
        picked = {ids[position] for position in st.session_state[key].selection.rows if position < len(ids)}
        st.session_state["orch_selected"] = (st.session_state["orch_selected"] - set(ids)) | picked

    with st.container(key="orch_table"):
        st.dataframe(
            _frame(rows),
            key=key,
            hide_index=True,
            height=min(38 + 35 * max(len(rows), 1), 600),
            on_select=choose,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": positions}},
            column_config=_columns(ids),
            placeholder="–",
            alt="Executions: status, when, request, kind, steps done, score, form, success, time, planner, who, error.",
        )


def _frame(rows: Sequence[ExecutionRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "open": ["Open"] * len(rows),
            "status": [labels.status(row.status) for row in rows],
            "request": [row.request for row in rows],
            "score": [labels.scored(row) for row in rows],
            "form": pd.Series([row.form for row in rows], dtype="float64"),
            "steps": [f"{row.steps_done} of {row.steps}" if row.steps else None for row in rows],
            "created_at": pd.Series([row.created_at for row in rows], dtype="datetime64[us, UTC]"),
            "intent": [row.intent.replace("_", " ") or None for row in rows],
            "success": [labels.SUCCESS[row.success] for row in rows],
            "duration": [labels.duration(row) for row in rows],
            "planner": [labels.planner(row.plan_source) for row in rows],
            "by": [row.created_by for row in rows],
            "error": [row.error for row in rows],
        }
    )


def _columns(ids: tuple[str, ...]) -> dict[str, Any]:
    config = st.column_config
    return {
        "open": config.ButtonColumn(
            "", width=64, type="tertiary", key="orch_open_row", on_click=drawer.open_row, args=(ids,)
        ),
        "status": config.TextColumn("Status", width=140),
        "created_at": config.DatetimeColumn("Asked for (UTC)", format="YYYY-MM-DD HH:mm", width=132),
        "request": config.TextColumn("Request", width=290),
        "intent": config.TextColumn("Kind", width=125),
        "steps": config.TextColumn("Steps done", width=90, alignment="right"),
        "score": config.TextColumn("Score", width=90, alignment="right", help="Of a person or a judge."),
        "form": config.NumberColumn("Form", format="%.2f", width=70, help="How it is made, by rules; never the score."),
        "success": config.TextColumn("Success", width=105),
        "duration": config.TextColumn("Duration", width=80, alignment="right"),
        "planner": config.TextColumn("Planned by", width=130),
        "by": config.TextColumn("Asked by", width=90),
        "error": config.TextColumn("Error", width=240),
    }


def _ways(place: Place, page: Page, total: int) -> None:
    first = (len(place.cursors) - 1) * _SIZE + 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        last = first + len(page.rows) - 1
        st.text(f"{first:,} to {last:,} of {count(max(total, last), 'execution')}", width="content")
        with st.container(horizontal=True, width="content"):
            back = len(place.cursors) > 1
            st.button("Previous", key="orch_previous", icon=":material/chevron_left:", disabled=not back,
                      help=None if back else "This is the first page.", on_click=place.back)  # fmt: skip
            st.button("Next", key="orch_next", icon=":material/chevron_right:", icon_position="right",
                      disabled=page.next is None, help=None if page.next else "This is the last page.",
                      on_click=lambda: place.forward(page.next))  # fmt: skip


def _bar(chosen: Sequence[Status], total: int) -> None:
    """What can be done with many: a file of those that are ticked, or of all in the filter."""
    ids = sorted(st.session_state.get("orch_selected", ()))
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="orch_bar"):
        if not ids:
            st.text(f"Nothing selected: this is about all {count(total, 'execution')} of the filter.", width="stretch")
            path, fits = addresses.export_executions(statuses=chosen), True
        else:
            st.text(f"{len(ids):,} selected", width="content")
            st.button("Deselect", key="orch_deselect", type="tertiary", on_click=_deselect)
            fits = len(ids) <= _MOST_IDS
            path = addresses.export_executions(ids=ids) if fits else ""
        st.link_button(
            "Export JSON",
            path,
            key="orch_export",
            icon=":material/download:",
            disabled=not fits,
            help="Everything known of each, as one JSON array, streamed: any size works."
            if fits
            else f"Choose by status instead: {_MOST_IDS} chosen by hand are the most that fit into a link.",
        )


def _deselect() -> None:
    st.session_state["orch_selected"] = set()
    st.session_state["orch_grid"] = st.session_state.get("orch_grid", 0) + 1
