"""A table of things that are chosen and opened: paged by key, with a selection that is kept as ids.

Streamlit keeps a grid's selection as row positions, which point at other things as soon as the data changes. So
positions become ids at once, and each set of rows gets a grid of its own that starts with the right positions.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd
import streamlit as st

from ui.parts.formatting import count
from ui.parts.tables import height

Id = TypeVar("Id", int, str)


@dataclass
class Cursors:
    """Where in which list the visitor is: the cursor of every page up to this one. `of` tells lists apart."""

    of: object
    pages: list[Any]

    @property
    def here(self) -> Any:
        return self.pages[-1]

    @property
    def is_first(self) -> bool:
        return len(self.pages) == 1

    def back(self) -> None:
        if not self.is_first:
            self.pages.pop()

    def forward(self, cursor: Any) -> None:
        if cursor is not None:
            self.pages.append(cursor)

    def leave_if_empty(self, rows: Sequence[object]) -> None:
        """Go one page back where this one emptied meanwhile."""
        if not rows and not self.is_first:
            self.pages.pop()
            st.rerun()


def on_page(name: str) -> tuple[Any, ...]:
    """The ids of the grid's rows, in their order: what next and previous mean in a drawer."""
    return st.session_state.get(f"{name}_page_ids", ())


@dataclass(frozen=True)
class Grid(Generic[Id]):
    """`name` begins its keys in the session, `frame` is the key of what it stands in."""

    name: str
    frame: str

    @property
    def _selected(self) -> str:
        return f"{self.name}_selected"

    @property
    def _number(self) -> str:
        return f"{self.name}_grid"

    def selected(self) -> tuple[Id, ...]:
        """The ids that are ticked, on whatever page they stand."""
        return tuple(sorted(st.session_state.get(self._selected, ())))

    def deselect(self) -> None:
        st.session_state[self._selected] = set()
        st.session_state[self._number] = st.session_state.get(self._number, 0) + 1

    def forget(self, ids: Iterable[Id]) -> None:
        """What is gone is selected no more."""
        st.session_state[self._selected] = st.session_state.get(self._selected, set()) - set(ids)

    def keep(self, ids: Iterable[Id]) -> None:
        """Only of these some may be selected."""
        st.session_state[self._selected] = st.session_state.get(self._selected, set()) & set(ids)

    def cursors(self, of: object) -> Cursors:
        """Another filter, order or size starts at the first page."""
        key = f"{self.name}_place"
        found: Cursors | None = st.session_state.get(key)
        if found is None or found.of != of:
            found = st.session_state[key] = Cursors(of, [None])
        return found

    def draw_none(self) -> None:
        """There is no row, and so nothing to go through in a drawer."""
        st.session_state[f"{self.name}_page_ids"] = ()

    def draw(
        self,
        ids: Sequence[Id],
        rows: pd.DataFrame,
        columns: dict[str, Any],
        *,
        open_one: Callable[[Id], None],
        alt: str,
        highest: int = 600,
        open_width: int = 56,
        whole: bool = False,
        on_choice: Callable[[], None] | None = None,
        choosable: bool = True,
        order: Sequence[str] | None = None,
        row_height: int | None = None,
        on_header: Callable[[str], None] | None = None,
    ) -> None:
        """The rows, each with a button that opens it; `whole`: all are ticked, as are those on other pages.
        Without `choosable` nothing can be ticked. `order`: only these columns, in this order. `on_header` gets the name
        of a column whose header is clicked: the grid's own sorting, of the rows of this page, is off then."""
        ids = tuple(ids)
        st.session_state[f"{self.name}_page_ids"] = ids
        kept = set(ids) if whole else st.session_state.setdefault(self._selected, set())
        digest = hashlib.blake2b(repr((ids, whole, order)).encode(), digest_size=6).hexdigest()
        key = f"{self.name}_rows_{digest}_{st.session_state.get(self._number, 0)}"
        button = f"{self.name}_open_row"

        def choose() -> None:
            if on_header is not None and (heads := st.session_state[key].selection.columns):
                st.session_state[self._number] = st.session_state.get(self._number, 0) + 1  # no column stays chosen
                on_header(heads[0])
                return
            picked = {ids[position] for position in st.session_state[key].selection.rows if position < len(ids)}
            if on_choice is not None:
                on_choice()
            st.session_state[self._selected] = (st.session_state.get(self._selected, set()) - set(ids)) | picked

        ticked = [at for at, each in enumerate(ids) if each in kept]
        selection: dict[str, Any] = {
            "on_select": choose,
            "selection_mode": ["multi-row", "single-column"] if on_header is not None else "multi-row",
            "selection_default": {"selection": {"rows": ticked}},
        }
        with st.container(key=self.frame):
            rows.insert(0, "open", ["Open"] * len(ids))
            st.dataframe(
                rows,
                key=key,
                hide_index=True,
                height=height(len(ids), highest) if row_height is None else min(highest, 36 + row_height * len(ids)),
                row_height=row_height,
                column_order=None if order is None else ["open", *order],
                **(selection if choosable else {}),
                column_config={
                    "open": st.column_config.ButtonColumn(
                        "",
                        width=open_width,
                        type="tertiary",
                        key=button,
                        # The position is turned into an id here, while both belong together.
                        on_click=lambda: open_one(ids[st.session_state[button].row]),
                    ),
                    **columns,
                },
                placeholder="–",
                alt=alt,
            )

    def pager(
        self, cursors: Cursors, following: Any, shown: int, size: int, thing: str, total: int | None = None
    ) -> None:
        """Which rows these are, of how many where that is known, and the ways to other pages."""
        first = (len(cursors.pages) - 1) * size + 1
        last = first + shown - 1
        is_all = total is None and following is None and cursors.is_first
        if total is None and following is None:
            total = last
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            if shown:
                of = "" if total is None else f" of {count(max(total, last), thing)}"
                st.text(f"{first:,} to {last:,}{of}", width="content")
            if is_all:
                return
            with st.container(horizontal=True, width="content"):
                st.button(
                    "Previous",
                    key=f"{self.name}_previous",
                    icon=":material/chevron_left:",
                    disabled=cursors.is_first,
                    help="This is the first page." if cursors.is_first else None,
                    on_click=cursors.back,
                )
                st.button(
                    "Next",
                    key=f"{self.name}_next",
                    icon=":material/chevron_right:",
                    icon_position="right",
                    disabled=following is None,
                    help="This is the last page." if following is None else None,
                    on_click=lambda: cursors.forward(following),
                )
