"""Every job, paged by key, with a filter by state; those that are ticked are compared in one chart."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.tuning import jobs
from core.tuning.jobs import Job
from core.tuning.providers.protocol import STATES, State
from ui.parts.formatting import age, shortened
from ui.parts.grid import Grid
from ui.tuning import labels
from ui.tuning.jobs import acts, compare

_SIZE = 20
GRID: Grid[int] = Grid("tuning", "tuning_table")


def draw(db: Database) -> None:
    st.subheader("All jobs", anchor=False)
    chosen, archived = _controls(jobs.counts(db))
    cursors = GRID.cursors((tuple(chosen), archived))
    page = jobs.page(db, states=chosen or None, after=cursors.here, limit=_SIZE, archived=archived)
    cursors.leave_if_empty(page.rows)
    if not page.rows:
        GRID.draw_none()
        st.info("No job is in this state. Choose another above, or none to see all.")
        return
    GRID.draw(
        [row.id for row in page.rows],
        _frame(page.rows),
        _columns(),
        open_one=acts.open_job,
        alt="Jobs: state, number, name, provider, cost, duration, base, dataset, when, who, error. "
        "The first column opens one.",
    )
    GRID.pager(cursors, page.next, len(page.rows), _SIZE, "job")
    compare.draw(db, GRID.selected(), GRID.deselect)


def _controls(by_state: dict[State, int]) -> tuple[list[State], bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        kept = st.session_state.get("tuning_states") or []
        chosen = st.pills(
            "State",
            [state for state in STATES if by_state.get(state) or state in kept],
            selection_mode="multi",
            key="tuning_states",
            format_func=lambda state: f"{labels.state(state)} {by_state.get(state, 0):,}",
            persist_state="session",
        )
        archived = st.toggle("Show archived", key="tuning_archived", persist_state="session")
    states: list[State] = [state for state in STATES if state in chosen]
    return states, archived


def _frame(rows: Sequence[Job]) -> pd.DataFrame:
    now = dt.datetime.now(dt.UTC)
    return pd.DataFrame(
        {
            "state": [labels.state(row.state) for row in rows],
            "id": [f"#{row.id}" for row in rows],
            "name": [labels.name(row) for row in rows],
            "provider": [labels.short(row.provider) for row in rows],
            "cost": [labels.cost(row) for row in rows],
            "took": [_took(row, now) for row in rows],
            "base": [row.base_model for row in rows],
            "dataset": [row.dataset_label for row in rows],
            "created": pd.Series([row.created_at for row in rows], dtype="datetime64[us, UTC]"),
            "by": [row.created_by for row in rows],
            "error": [shortened(row.error, 200) or None for row in rows],
        }
    )


def _took(row: Job, now: dt.datetime) -> str | None:
    seconds = labels.took(row)
    if seconds is None:
        return f"{age((now - row.created_at).total_seconds())} so far"
    return age(seconds)


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "state": config.TextColumn("State", width=130),
        "id": config.TextColumn("Job", width=54, alignment="right"),
        "name": config.TextColumn("Name", width=170),
        "provider": config.TextColumn("Provider", width=105),
        "cost": config.TextColumn("Cost", width=130, alignment="right"),
        "took": config.TextColumn("Took", width=84, alignment="right"),
        "base": config.TextColumn("Base", width=170),
        "dataset": config.TextColumn("Dataset", width=130),
        "created": config.DatetimeColumn("Begun (UTC)", format="YYYY-MM-DD HH:mm", width=130),
        "by": config.TextColumn("By", width=80),
        "error": config.TextColumn("Error, in the provider's words", width=280),
    }
