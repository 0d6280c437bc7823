"""The history: every execution, paged by key, with a filter by status that stands in the address."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.orchestrator import queries
from core.orchestrator.records import STATUSES, Counts, ExecutionRow, Sort, Status
from ui.orchestrator import drawer, labels
from ui.parts import addresses, session
from ui.parts.grid import Grid

PARAMETER = "execution_status"
_SIZE = 20
_SORTS: dict[Sort, str] = {"newest": "Newest first", "oldest": "Oldest first"}
#: More ids than this do not fit into an address.
_MOST_IDS = 200


GRID: Grid[str] = Grid("orch", "orch_table")


def draw(db: Database, numbers: Counts) -> None:
    st.subheader("History", anchor=False)
    chosen, sort = _controls(numbers)
    total = sum(numbers.by_status[status] for status in chosen or STATUSES)
    if not total:
        st.info("No execution has this status. Choose another above, or none to see all.")
        return
    cursors = GRID.cursors((chosen, sort))
    page = queries.page(db, statuses=chosen, sort=sort, after=cursors.here, limit=_SIZE)
    cursors.leave_if_empty(page.rows)
    GRID.draw(
        [row.execution_id for row in page.rows],
        _frame(page.rows),
        _columns(),
        open_one=drawer.show,
        open_width=64,
        alt="Executions: status, when, request, kind, steps done, score, form, success, time, planner, who, error.",
    )
    GRID.pager(cursors, page.next, len(page.rows), _SIZE, "execution", total)
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
            "Sort by", list(_SORTS), key="orch_sort", format_func=_SORTS.__getitem__, persist_state="session", width=170
        )
    return chosen, sort


def _frame(rows: Sequence[ExecutionRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
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


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "status": config.TextColumn("Status", width=140),
        "created_at": config.DatetimeColumn("Requested (UTC)", format="YYYY-MM-DD HH:mm", width=132),
        "request": config.TextColumn("Request", width=290),
        "intent": config.TextColumn("Kind", width=125),
        "steps": config.TextColumn("Steps done", width=90, alignment="right"),
        "score": config.TextColumn("Score", width=90, alignment="right", help="Of a person or a judge."),
        "form": config.NumberColumn("Form", format="%.2f", width=70, help="How it is made, by rules; never the score."),
        "success": config.TextColumn("Success", width=105),
        "duration": config.TextColumn("Duration", width=80, alignment="right"),
        "planner": config.TextColumn("Planned by", width=130),
        "by": config.TextColumn("Requested by", width=90),
        "error": config.TextColumn("Error", width=240),
    }


def _bar(chosen: Sequence[Status], total: int) -> None:
    """What can be done with many: a file of those that are ticked, or of all in the filter."""
    ids = GRID.selected()
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="orch_bar"):
        if not ids:
            st.text(
                f"No rows selected: exports the {total:,} matching {'run' if total == 1 else 'runs'}.", width="stretch"
            )
            path, fits = addresses.export_executions(statuses=chosen), True
        else:
            st.text(f"{len(ids):,} selected", width="content")
            st.button("Deselect", key="orch_deselect", type="tertiary", on_click=GRID.deselect)
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
