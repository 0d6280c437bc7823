"""Every job, paged by key, with a filter by state; those that are ticked are compared in one chart.

As in the other tables, positions become ids at once, and each set of rows gets a grid of its own.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.db import Database
from core.tuning import jobs
from core.tuning.jobs import Job
from core.tuning.providers.protocol import STATES, State
from ui.parts.formatting import age, count, shortened
from ui.parts.tables import height
from ui.tuning import acts, compare, labels

_SIZE = 20
_SELECTED, _PLACE, _GRID, _PAGE = "tuning_selected", "tuning_table_place", "tuning_grid", "tuning_page_ids"


@dataclass
class Place:
    """Where in which list the visitor is: the cursor of every page up to this one."""

    of: tuple[Any, ...]
    cursors: list[int | None]

    def back(self) -> None:
        if len(self.cursors) > 1:
            self.cursors.pop()

    def forward(self, cursor: int | None) -> None:
        if cursor is not None:
            self.cursors.append(cursor)


def on_page() -> tuple[int, ...]:
    """The rows of the table, in its order: what next and previous mean in the drawer."""
    return st.session_state.get(_PAGE, ())


def selected() -> tuple[int, ...]:
    return tuple(sorted(st.session_state.get(_SELECTED, ())))


def draw(db: Database) -> None:
    st.subheader("All jobs", anchor=False)
    chosen, archived = _controls(jobs.counts(db))
    place = _place((tuple(chosen), archived))
    page = jobs.page(db, states=chosen or None, after=place.cursors[-1], limit=_SIZE, archived=archived)
    if not page.rows and len(place.cursors) > 1:  # this page emptied meanwhile
        place.cursors.pop()
        st.rerun()
    if not page.rows:
        st.session_state[_PAGE] = ()
        st.info("No job is in this state. Choose another above, or none to see all.")
        return
    _grid(page.rows)
    _ways(place, page.next, len(page.rows))
    compare.draw(db, selected(), deselect)


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
        archived = st.toggle("Archived too", key="tuning_archived", persist_state="session")
    states: list[State] = [state for state in STATES if state in chosen]
    return states, archived


def _place(of: tuple[Any, ...]) -> Place:
    """Another filter starts at the first page."""
    place: Place | None = st.session_state.get(_PLACE)
    if place is None or place.of != of:
        place = st.session_state[_PLACE] = Place(of, [None])
    return place


def _grid(rows: Sequence[Job]) -> None:
    ids = tuple(row.id for row in rows)
    st.session_state[_PAGE] = ids
    kept: set[int] = st.session_state.setdefault(_SELECTED, set())
    positions = [position for position, job_id in enumerate(ids) if job_id in kept]
    digest = hashlib.blake2b(repr(ids).encode(), digest_size=6).hexdigest()
    key = f"tuning_rows_{digest}_{st.session_state.get(_GRID, 0)}"

    def choose() -> None:
        picked = {ids[position] for position in st.session_state[key].selection.rows if position < len(ids)}
        st.session_state[_SELECTED] = (st.session_state[_SELECTED] - set(ids)) | picked

    def open_row() -> None:
        acts.open_job(ids[st.session_state["tuning_open_row"].row])

    with st.container(key="tuning_table"):
        st.dataframe(
            _frame(rows),
            key=key,
            hide_index=True,
            height=height(len(rows), 600),
            on_select=choose,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": positions}},
            column_config=_columns(open_row),
            placeholder="–",
            alt="Jobs: state, number, name, provider, cost, duration, base, dataset, when, who, error. "
            "The first column opens one.",
        )


def _frame(rows: Sequence[Job]) -> pd.DataFrame:
    now = dt.datetime.now(dt.UTC)
    return pd.DataFrame(
        {
            "open": ["Open"] * len(rows),
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


def _columns(open_row: Any) -> dict[str, Any]:
    config = st.column_config
    return {
        "open": config.ButtonColumn("", width=56, type="tertiary", key="tuning_open_row", on_click=open_row),
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


def _ways(place: Place, cursor: int | None, shown: int) -> None:
    first = (len(place.cursors) - 1) * _SIZE + 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        last = first + shown - 1
        st.text(
            f"{first:,} to {last:,}" if cursor else f"{first:,} to {last:,} of {count(last, 'job')}", width="content"
        )
        if cursor is None and len(place.cursors) == 1:
            return
        with st.container(horizontal=True, width="content"):
            back = len(place.cursors) > 1
            st.button("Previous", key="tuning_previous", icon=":material/chevron_left:", disabled=not back,
                      help=None if back else "This is the first page.", on_click=place.back)  # fmt: skip
            st.button("Next", key="tuning_next", icon=":material/chevron_right:", icon_position="right",
                      disabled=cursor is None, help=None if cursor else "This is the last page.",
                      on_click=lambda: place.forward(cursor))  # fmt: skip


def deselect() -> None:
    st.session_state[_SELECTED] = set()
    st.session_state[_GRID] = st.session_state.get(_GRID, 0) + 1
