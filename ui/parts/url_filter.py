"""A page's filter in its address and in the session.

The session's filter is what counts. A widget changes its own fields of it and nothing else, so that a link may hold
more than the widgets can show without losing it. The address always says the same, under names that the API shares.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from core.errors import InvalidFilter
from ui.parts import messages


class AnyFilter(Protocol):
    def model_dump(self) -> dict[str, Any]: ...


F = TypeVar("F", bound=AnyFilter)


@dataclass(frozen=True)
class UrlFilter(Generic[F]):
    """`key` names it in the session, `parameters` are its names in the address, `things` what it chooses from."""

    key: str
    things: str
    parameters: Collection[str]
    everything: Callable[[], F]
    from_query: Callable[[Mapping[str, list[str]]], F]
    to_query: Callable[[F], dict[str, list[str]]]
    parse: Callable[[Any], F]

    def chosen(self, *, arrived: bool) -> F:
        """The page's filter. `arrived`: this run is the first on this page, whose URL may hold a filter or nothing."""
        asked = self.asked()
        known: F | None = st.session_state.get(self.key)
        # An empty URL on arrival is Streamlit's own doing on a change of pages; later it is the visitor's (Back).
        if known is None or (asked != st.session_state.get(self._in_url) and (asked or not arrived)):
            known = self._from_link(asked)
        self.choose(known)
        return known

    def choose(self, wanted: F) -> None:
        """Make `wanted` the filter, here and in the URL; there in one step, so that Back never meets half a filter."""
        query = self.to_query(wanted)
        st.session_state[self.key] = wanted
        st.session_state[self._in_url] = query
        if self.asked() != query:
            others = {name: st.query_params.get_all(name) for name in st.query_params if name not in self.parameters}
            st.query_params.from_dict({**others, **query})

    def change(self, **fields: Any) -> None:
        """Replace single fields; what cannot be (a first date after the last) is said and left as it was."""
        current: F = st.session_state.get(self.key) or self.everything()
        messages.attempt(lambda: self.choose(self.parse({**current.model_dump(), **fields})))

    def asked(self) -> dict[str, list[str]]:
        return {name: st.query_params.get_all(name) for name in self.parameters if name in st.query_params}

    @property
    def _in_url(self) -> str:
        return f"{self.key}_in_url"

    def _from_link(self, asked: dict[str, list[str]]) -> F:
        try:
            return self.from_query(asked)
        except InvalidFilter as error:
            messages.failed(f"The link holds a filter that cannot be used, so all {self.things} are shown. {error}")
            return self.everything()
