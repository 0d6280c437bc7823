"""A drawer: one thing of a list beside the page, with the way to its neighbours, open by a click or by an address."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from sqlalchemy.exc import OperationalError

from core import shortages
from core.errors import WhetstoneError
from ui.parts import modals
from ui.parts.formatting import plain
from ui.parts.grid import on_page


def unavailable(error: OperationalError) -> None:
    """Say in the drawer that its thing could not be read."""
    said = shortages.sentence(error)
    st.error(plain(said or "The database does not answer at the moment; this looks again by itself."))


@dataclass(frozen=True)
class Drawer:
    """`name` begins its keys in the session and is the name of its grid; `draw` draws what is in it, by its id.

    With a `parameter` it stands open in the address; `leave` lets go of what belongs to the thing that was shown. While
    it `holds` something that is being typed, Esc and a click beside it do not close it: a field that vanishes with the
    focus in it never says what it held. It has a button for that then, whose click takes the focus first.
    """

    name: str
    title: str
    draw: Callable[[Any], None]
    parameter: str | None = None
    leave: Callable[[], None] = lambda: None
    holds: Callable[[], bool] = lambda: False

    @property
    def _open(self) -> str:
        return f"{self.name}_open"

    def shown(self) -> Any:
        """The id of what it shows, None while it is closed."""
        return st.session_state.get(self._open)

    def show(self, thing: Any) -> None:
        """Open it, from a callback."""
        self._turn_to(thing)
        if self.parameter is not None:
            st.query_params[self.parameter] = str(thing)
        modals.show(self.window, parameter=self.parameter)

    def follow_url(self) -> None:
        """Open what the address names, also after a question that took the drawer's place; close what it left."""
        if self.parameter is None:
            return
        asked, before = st.query_params.get(self.parameter), self.shown()
        if asked and not modals.is_open():
            if asked != before:
                self._turn_to(asked)
            modals.show(self.window, parameter=self.parameter)
        elif asked and before and asked != before:
            self._turn_to(asked)
        elif not asked and before:
            modals.close()
            self._forget()

    def window(self) -> None:
        held = self.holds()
        dialog = st.dialog(self.title, width=760, position="right", dismissible=not held, on_dismiss=self.close)
        dialog(self._inside)(held)

    def close(self) -> None:
        modals.close()
        self._forget()
        if self.parameter is not None and self.parameter in st.query_params:
            del st.query_params[self.parameter]

    def neighbours(self, thing: Any, label: str = "") -> None:
        """Where in the table it stands, and the ways to the one before and after it. `label` stands before that."""
        ids = [str(each) for each in on_page(self.name)]
        here = ids.index(str(thing)) if str(thing) in ids else None
        if here is None and not label:
            return
        place = [f"{here + 1} of {len(ids)} on this page"] if here is not None else []
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.text(" · ".join([label] * bool(label) + place), width="content")
            with st.container(horizontal=True, width="content"):
                around = on_page(self.name)
                self._step("Previous", "P", around[here - 1] if here else None)
                self._step("Next", "N", around[here + 1] if here is not None and here + 1 < len(ids) else None)

    def advance(self, thing: Any) -> bool:
        """Turn to the one after it, from a callback; False where it is the last one on the page of the table."""
        around = [str(each) for each in on_page(self.name)]
        here = around.index(str(thing)) if str(thing) in around else None
        if here is None or here + 1 == len(around):
            return False
        self._go(on_page(self.name)[here + 1])
        return True

    def watch(self, every_s: int, thing: Any, seen: object, now: Callable[[], object]) -> None:
        """Draw the drawer anew when `now` gives something else than `seen`, and only then: whoever writes in it is not
        disturbed. `seen` None: it could not be read."""
        st.fragment(run_every=every_s)(self._look)(thing, seen, now)

    def _look(self, thing: Any, seen: object, now: Callable[[], object]) -> None:
        if self.shown() != thing:
            return
        try:
            changed = now() != seen
        except (OperationalError, WhetstoneError):
            changed = seen is not None
        if changed:
            st.rerun()

    def _inside(self, held: bool) -> None:
        if self.holds() != held:
            st.rerun()  # only a window that is drawn anew can be closed in another way
        thing = self.shown()
        if self.parameter is not None:
            modals.keep_up(self.parameter, "" if thing is None else str(thing))
        if thing is not None:  # else it was closed while an answer was on its way
            if held:
                st.button("Close", key=f"{self.name}_drawer_close", icon=":material/close:", on_click=self.close)
            self.draw(thing)

    def _step(self, label: str, shortcut: str, to: Any) -> None:
        st.button(
            label,
            key=f"{self.name}_drawer_{label.lower()}",
            shortcut=shortcut,
            disabled=to is None,
            help="There is none on this page of the table." if to is None else None,
            on_click=lambda: self._go(to),
        )

    def _go(self, to: Any) -> None:
        if to is not None:
            self._turn_to(to)
            if self.parameter is not None:
                st.query_params[self.parameter] = str(to)

    def _turn_to(self, thing: Any) -> None:
        self._forget()
        st.session_state[self._open] = thing if self.parameter is None else str(thing)

    def _forget(self) -> None:
        st.session_state.pop(self._open, None)
        self.leave()
