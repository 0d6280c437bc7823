"""Reads of dataset versions to come, remembered until the examples change; what is frozen never changes at all."""

from core.datasets import checks, rendering
from core.datasets.candidates import Choice
from core.datasets.checks import CheckReport
from core.datasets.recipes import Recipe
from core.db import Database
from core.examples import store
from core.examples.filters import Filter
from ui.parts.cached_read import cached_read


@cached_read(version=store.version, max_entries=32)
def review(db: Database, choice: Choice) -> CheckReport:
    """What freezing this choice now would give."""
    return checks.review(
        db,
        choice.filter,
        choice.recipe,
        choice.split,
        drop_duplicates=choice.drop_duplicates,
        excluded_ids=choice.excluded_ids,
    )


@cached_read(version=store.version)
def preview(db: Database, chosen: Filter, recipe: Recipe) -> list[str]:
    """Three records of this filter."""
    return rendering.preview(db, chosen, recipe, limit=3)
