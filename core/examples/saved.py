"""Filters that were given a name, shared by everybody who works in the workspace."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from core import audit
from core.db import Database
from core.db.tables import saved_filters
from core.errors import InvalidFilter
from core.examples.filters import Filter, parse

LONGEST_NAME = 80


@dataclass(frozen=True)
class SavedFilter:
    """A filter under its name, and who saved it last."""

    name: str
    filter: Filter
    actor: str
    at: dt.datetime


def list_filters(db: Database) -> list[SavedFilter]:
    """All saved filters, by name."""
    with db.reading() as connection:
        rows = connection.execute(select(saved_filters).order_by(saved_filters.c.name)).all()
    return [SavedFilter(row.name, parse(row.filter), row.actor, row.at) for row in rows]


def save_filter(db: Database, name: str, chosen: Filter, *, actor: str, reason: str) -> SavedFilter:
    """Keep `chosen` under `name`, in place of what had that name. Raises `InvalidFilter` for an unusable name."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise InvalidFilter(f"Give the filter a name of 1 to {LONGEST_NAME} characters.")
    values = {"filter": chosen.canonical(), "actor": actor, "at": func.now()}
    with db.begin() as connection:
        before = connection.execute(
            select(saved_filters.c.filter).where(saved_filters.c.name == name).with_for_update()
        ).scalar_one_or_none()
        statement = insert(saved_filters).values(name=name, **values)
        row = connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_=values).returning(saved_filters)
        ).one()
        audit.record(
            connection,
            actor=actor,
            action="save",
            subject="filter",
            subject_id=name,
            before=before,
            after=chosen.canonical(),
            reason=reason,
        )
    return SavedFilter(row.name, parse(row.filter), row.actor, row.at)


def delete_filter(db: Database, name: str, *, actor: str, reason: str) -> SavedFilter:
    """Forget the name and return what it stood for. Raises `InvalidFilter` when there is none of that name."""
    with db.begin() as connection:
        row = connection.execute(
            delete(saved_filters).where(saved_filters.c.name == name).returning(saved_filters)
        ).one_or_none()
        if row is None:
            raise InvalidFilter(f"There is no saved filter “{name}”; somebody may have deleted it.")
        audit.record(
            connection,
            actor=actor,
            action="delete",
            subject="filter",
            subject_id=name,
            before=row.filter,
            reason=reason,
        )
    return SavedFilter(row.name, parse(row.filter), row.actor, row.at)
