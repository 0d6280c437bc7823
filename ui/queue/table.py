"""The table of commands: paged by key, and a selection that is kept as ids, or as "all of this filter".

As in the table of examples, positions become ids at once, and each set of rows gets a grid of its own that starts with
the right positions.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.commands import store
from core.commands.filters import CommandFilter
from core.commands.models import CommandRow, Page
from core.db import Database
from ui.data.table import Place
from ui.parts.formatting import age, count, shortened, span
from ui.queue import drawer, labels

_SIZES = (25, 50, 100, 200)
_SORTS: dict[store.Sort, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "status": "By status, what needs a look first",
}
_SELECTED, _WHOLE, _PLACE, _GRID = "queue_selected", "queue_whole", "queue_place", "queue_grid_number"


def selected() -> tuple[int, ...]:
    """The ids of the commands chosen by hand, on whatever page they stand."""
    return tuple(sorted(st.session_state.get(_SELECTED, ())))


def is_whole(chosen: CommandFilter) -> bool:
    """Whether all of this filter is selected, also what is on other pages. Another filter is another choice."""
    return st.session_state.get(_WHOLE) == chosen.to_json()


def select_whole(chosen: CommandFilter) -> None:
    deselect()
    st.session_state[_WHOLE] = chosen.to_json()


def deselect() -> None:
    st.session_state[_SELECTED] = set()
    st.session_state.pop(_WHOLE, None)
    st.session_state[_GRID] = st.session_state.get(_GRID, 0) + 1


def forget(ids: Iterable[int]) -> None:
    """Commands that are gone are selected no more."""
    st.session_state[_SELECTED] = st.session_state.get(_SELECTED, set()) - set(ids)


def draw(db: Database, chosen: CommandFilter, total: int) -> None:
    """Order and size, the rows, and the way to other pages."""
    sort, size = _controls()
    place = _place(chosen, sort, size)
    page = store.page(db, chosen, sort=sort, after=place.cursors[-1], limit=size)
    if not page.rows and len(place.cursors) > 1:  # this page emptied meanwhile
        place.cursors.pop()
        st.rerun()
    _grid(page.rows, chosen)
    _ways(place, page, total, size)


def _controls() -> tuple[store.Sort, int]:
    st.subheader("Commands", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        sort = st.selectbox(
            "Order",
            list(_SORTS),
            key="queue_sort",
            format_func=_SORTS.__getitem__,
            persist_state="session",
            width=290,
        )
        size = st.selectbox("Rows a page", _SIZES, index=1, key="queue_size", persist_state="session", width=110)
    return sort, size


def _place(chosen: CommandFilter, sort: str, size: int) -> Place:
    """A new filter, order or size starts at the first page."""
    place: Place | None = st.session_state.get(_PLACE)
    of = (chosen.to_json(), sort, size)
    if place is None or place.of != of:
        place = st.session_state[_PLACE] = Place(of, [None])
    return place


def _grid(rows: Sequence[CommandRow], chosen: CommandFilter) -> None:
    ids = tuple(row.id for row in rows)
    drawer.remember_page(ids)
    whole = is_whole(chosen)
    kept = set(ids) if whole else st.session_state.setdefault(_SELECTED, set())
    positions = [position for position, command_id in enumerate(ids) if command_id in kept]
    digest = hashlib.blake2b(repr((ids, whole)).encode(), digest_size=6).hexdigest()
    key = f"queue_rows_{digest}_{st.session_state.get(_GRID, 0)}"

    def choose() -> None:
        """Whoever takes a row out of "all of this filter" is left with the others of the page."""
        picked = {ids[position] for position in st.session_state[key].selection.rows if position < len(ids)}
        st.session_state.pop(_WHOLE, None)
        st.session_state[_SELECTED] = (st.session_state.get(_SELECTED, set()) - set(ids)) | picked

    with st.container(key="commands_grid"):
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
            alt="Commands: status, id, agent, action, age, attempts, duration, result or error, when it was made. "
            "The first column opens one.",
        )


def _frame(rows: Sequence[CommandRow]) -> pd.DataFrame:
    now = dt.datetime.now(dt.UTC)
    return pd.DataFrame(
        {
            "open": ["Open"] * len(rows),
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


def _columns(ids: tuple[int, ...]) -> dict[str, Any]:
    config = st.column_config
    return {
        "open": config.ButtonColumn(
            "", width=56, type="tertiary", key="queue_open", on_click=drawer.open_row, args=(ids,)
        ),
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


def _ways(place: Place, page: Page, total: int, size: int) -> None:
    first = (len(place.cursors) - 1) * size + 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if page.rows:
            st.text(f"{first:,} to {first + len(page.rows) - 1:,} of {count(total, 'command')}", width="content")
        with st.container(horizontal=True, width="content"):
            back = len(place.cursors) > 1
            st.button(
                "Previous",
                key="queue_previous",
                icon=":material/chevron_left:",
                disabled=not back,
                help=None if back else "This is the first page.",
                on_click=place.back,
            )
            st.button(
                "Next",
                key="queue_next",
                icon=":material/chevron_right:",
                icon_position="right",
                disabled=page.next is None,
                help=None if page.next else "This is the last page.",
                on_click=lambda: place.forward(page.next),
            )
