"""The examples that a pattern holds for: to look at them, to tag them, or to make a dataset of them."""

from typing import Any

from sqlalchemy import and_, select

from core.db import Database
from core.db.tables import examples
from core.examples import store
from core.examples.filters import Filter, where
from core.examples.store import ExampleRow
from core.patterns import fields
from core.patterns.store import Kept


def examples_of(db: Database, pattern: Kept, *, did_well: bool | None = None, limit: int = 50) -> list[ExampleRow]:
    """Examples that have all its items, the newest first; `did_well`: only those that bear it out, or only those that
    speak against it. None of a pattern that was not mined here.
    """
    if not pattern.items or pattern.filter is None:
        return []
    ids = select(examples.c.id).where(_having(pattern, did_well)).order_by(examples.c.id.desc()).limit(limit)
    with db.reading() as connection:
        found = tuple(connection.execute(ids).scalars())
    return store.page(db, Filter(ids=found, exclude_tags=()), limit=max(limit, 1)).rows


def ids_of(db: Database, pattern: Kept, *, did_well: bool | None = None, limit: int = 10_000) -> tuple[int, ...]:
    """Return the ids of those examples, at most `limit`, to tag them or to make a dataset of them."""
    if not pattern.items or pattern.filter is None:
        return ()
    with db.reading() as connection:
        query = select(examples.c.id).where(_having(pattern, did_well)).order_by(examples.c.id).limit(limit)
        return tuple(connection.execute(query).scalars())


def _having(pattern: Kept, did_well: bool | None) -> Any:
    assert pattern.filter is not None, "asked only of what was mined"
    conditions = [where(pattern.filter), fields.condition(pattern.items)]
    if did_well is not None:
        good = examples.c.success.is_(True)
        if pattern.outcome == "quality":
            good = examples.c.quality_score >= float(pattern.threshold or 0.0)
        conditions.append(good if did_well else ~good)
    return and_(*conditions)
