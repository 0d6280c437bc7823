"""Reads of dataset versions to come, remembered until the examples change; what is frozen never changes at all."""

from typing import Any

import streamlit as st

from core.datasets import checks, rendering
from core.datasets.candidates import Choice
from core.datasets.checks import Review
from core.datasets.recipes import Recipe, parse
from core.datasets.splits import Split
from core.db import Database
from core.examples import filters
from core.examples.filters import Filter
from ui.data import reads as cached


def review(db: Database, choice: Choice) -> Review:
    """What freezing this choice now would give."""
    return _review(
        hash(db.url),
        db.schema,
        cached.version(db),
        choice.filter.to_json(),
        choice.recipe.to_json(),
        choice.split.model_dump_json(),
        choice.drop_duplicates,
        choice.excluded_ids,
        _db=db,
    )


def preview(db: Database, chosen: Filter, recipe: Recipe) -> list[str]:
    """Three records of this filter."""
    return _preview(hash(db.url), db.schema, cached.version(db), chosen.to_json(), recipe.to_json(), _db=db)


@st.cache_data(ttl="10min", max_entries=32, show_spinner=False)
def _review(
    place: int,
    schema: str,
    version: str,
    chosen: str,
    recipe: str,
    split: str,
    drop_duplicates: bool,
    excluded_ids: tuple[int, ...],
    *,
    _db: Database,
) -> Any:
    del place, schema, version
    return checks.review(
        _db,
        filters.parse(chosen),
        parse(recipe),
        Split.model_validate_json(split),
        drop_duplicates=drop_duplicates,
        excluded_ids=excluded_ids,
    )


@st.cache_data(ttl="10min", max_entries=64, show_spinner=False)
def _preview(place: int, schema: str, version: str, chosen: str, recipe: str, *, _db: Database) -> Any:
    del place, schema, version
    return rendering.preview(_db, filters.parse(chosen), parse(recipe), limit=3)
