"""Where on the datasets page the visitor is. All of it stands in the URL, so that every view can be linked to.

`?new=1` and a filter's parameters: creating; `?dataset=NAME&version=3`: one version; `&with=OTHER@2`: two, compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from core.examples.filters import PARAMETERS, Filter, from_query, to_query

PAGE = "../pages/datasets.py"
DATA_PAGE = "../pages/data.py"
_OWN = ("new", "dataset", "version", "with")


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


def creating(chosen: Filter) -> dict[str, str | list[str]]:
    """URL parameters that open the view where this filter becomes a version."""
    return {"new": "1", **to_query(chosen)}


def shown(chosen: Filter) -> dict[str, list[str]]:
    """URL parameters that show this filter on the data page; one at least, for no parameter would mean "as it was"."""
    return to_query(chosen) or {PARAMETERS["exclude_tags"]: list(chosen.exclude_tags)}


def of_ids(ids: Sequence[int]) -> dict[str, list[str]]:
    """URL parameters that show these examples on the data page, whatever their tags."""
    return to_query(Filter(ids=tuple(ids), exclude_tags=()))


def go_to_list() -> None:
    _go({})


def go_to_new(chosen: Filter) -> None:
    _go(creating(chosen))


def go_to_version(name: str, number: int) -> None:
    _go({"dataset": name, "version": str(number)})


def go_to_comparison(name: str, number: int, other: str) -> None:
    _go({"dataset": name, "version": str(number), "with": other})


def _asked() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in PARAMETERS.values() if name in st.query_params}


def _go(wanted: dict[str, str | list[str]]) -> None:
    for name in (*_OWN, *PARAMETERS.values()):
        if name in wanted:
            st.query_params[name] = wanted[name]
        elif name in st.query_params:
            del st.query_params[name]
