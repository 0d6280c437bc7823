"""Reads of the core that are remembered over all visitors: `@cached_read()` above a function whose first argument is
the database.

What is remembered belongs to a database and workspace, to the arguments, and to a version where one is given, which
changes with what is read; so writes of other processes and of the command line are seen, too.
"""

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import streamlit as st

from core.commands.filters import CommandFilter
from core.datasets.candidates import Choice
from core.datasets.recipes import Recipe
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples.filters import Filter

P = ParamSpec("P")
R = TypeVar("R")


def _of_choice(choice: Choice) -> tuple[object, ...]:
    return (
        choice.filter.to_json(),
        choice.recipe.to_json(),
        choice.split.model_dump_json(),
        choice.drop_duplicates,
        choice.excluded_ids,
    )


#: How our own types are told apart.
_HASHES: dict[str | type, Callable[[Any], Any]] = {
    Database: lambda db: f"{hash(db.url)}/{db.schema}",
    Filter: lambda chosen: chosen.to_json(),
    CommandFilter: lambda chosen: chosen.to_json(),
    Recipe: lambda recipe: recipe.to_json(),
    Choice: _of_choice,
    DatasetVersion: lambda version: version.id,
}


class CachedRead(Generic[P, R]):
    """A read, remembered; called like the function it was made of."""

    def __init__(
        self,
        read: Callable[Concatenate[Database, P], R],
        version: Callable[[Database], object] | None,
        ttl: float | str,
        max_entries: int,
    ) -> None:
        def keyed(version: object, db: Database, *args: P.args, **kwargs: P.kwargs) -> R:
            del version
            return read(db, *args, **kwargs)

        # Streamlit tells functions apart by their names.
        keyed.__module__, keyed.__qualname__ = read.__module__, read.__qualname__
        self.__doc__ = read.__doc__
        self._version = version
        self._remembered: Any = st.cache_data(ttl=ttl, max_entries=max_entries, show_spinner=False, hash_funcs=_HASHES)(
            keyed
        )

    def __call__(self, db: Database, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._remembered(self._version(db) if self._version else None, db, *args, **kwargs)

    def clear(self) -> None:
        self._remembered.clear()


def cached_read(
    *, version: Callable[[Database], object] | None = None, ttl: float | str = "10min", max_entries: int = 64
) -> Callable[[Callable[Concatenate[Database, P], R]], CachedRead[P, R]]:
    """Remember for `ttl` (seconds, or words as in "10min") at most, and only while `version` stays the same."""
    return lambda read: CachedRead(read, version, ttl, max_entries)
