"""Reads of examples, remembered until the examples change: keyed by `store.version`, never by time alone.

The version also changes with writes of other processes and of the command line, so that nobody looks at old numbers.
"""

from collections.abc import Sequence

from core.datasets import defaults
from core.datasets.defaults import Outlook, Reason
from core.db import Database
from core.examples import statistics, store
from core.examples.filters import EVERYTHING, Filter
from ui.parts.cached_read import cached_read

#: Under a millisecond; asked once a run.
version = store.version


def is_empty(db: Database) -> bool:
    """Whether the workspace holds no visible example."""
    return not store.page(db, EVERYTHING, limit=1).rows


@cached_read(version=version)
def overview(db: Database, chosen: Filter) -> statistics.Statistics:
    return statistics.overview(db, chosen, total=choices(db).total)


@cached_read(version=version, max_entries=16)
def choices(db: Database) -> store.Choices:
    return store.choices(db)


@cached_read(version=version)
def count(db: Database, chosen: Filter) -> int:
    return store.count(db, chosen)


@cached_read(version=version)
def outlook(db: Database, chosen: Filter, let_in: Sequence[Reason] = ()) -> Outlook:
    """What a new dataset of this filter would take by itself, and what it would leave out."""
    return defaults.outlook(db, chosen, let_in)


@cached_read(version=version)
def by_agent(db: Database, chosen: Filter) -> tuple[statistics.Group, ...]:
    return statistics.by_agent(db, chosen)


@cached_read(version=version)
def quality_of_models(db: Database, chosen: Filter) -> tuple[statistics.ModelMonth, ...]:
    return statistics.quality_of_models(db, chosen)
