"""Where on the datasets page the visitor is. All of it stands in the URL, so that every view can be linked to.

`?new=1` and a filter's parameters: creating; `?dataset=NAME&version=3`: one version; `&with=OTHER@2`: two, compared.
"""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from core.examples.filters import PARAMETERS, Filter, from_query
from ui.parts import addresses
from ui.parts.addresses import Query

_OURS = {"new", "dataset", "version", "with", *PARAMETERS.values()}


@dataclass(frozen=True)
class Place:
    """`label` names the version shown (the newest of a name where the URL gives no number), `other` the one beside."""

    view: Literal["list", "new", "version", "compare"]
    label: str = ""
    other: str = ""


def here() -> Place:
    """What the URL asks for. Parameters that say nothing are ignored."""
    name, number = st.query_params.get("dataset", ""), st.query_params.get("version", "")
    if name:
        label, other = f"{name}@{number}" if number else name, st.query_params.get("with", "")
        return Place("compare" if other else "version", label, other)
    return Place("new" if "new" in st.query_params or _asked() else "list")


def asked_filter() -> Filter:
    """The filter that the URL describes. Raises `InvalidFilter`."""
    return from_query(_asked())


def go_to_list() -> None:
    _go({})


def go_to_new(chosen: Filter) -> None:
    _go(addresses.new_dataset(chosen))


def go_to_version(name: str, number: int) -> None:
    _go({"dataset": name, "version": str(number)})


def go_to_comparison(name: str, number: int, other: str) -> None:
    _go({"dataset": name, "version": str(number), "with": other})


def _asked() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in PARAMETERS.values() if name in st.query_params}


def _go(wanted: Query) -> None:
    """In one step: each change of the URL is an entry of the browser's history, and Back must not meet half a place."""
    others = {name: st.query_params.get_all(name) for name in st.query_params if name not in _OURS}
    st.query_params.from_dict({**others, **wanted})
