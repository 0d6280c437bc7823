"""What happened to one example, in one line of time: edits, scores, and tags given and taken."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import any_, literal, select

from core import audit
from core.db import Database
from core.db.tables import tag_change_rows, tag_changes
from core.examples import diff, store


@dataclass(frozen=True)
class Judgement:
    """A score (None: not scored) and an outcome (None: unknown)."""

    score: float | None
    success: bool | None


@dataclass(frozen=True)
class Event:
    """One act on the example. Of `edit`, `scores` (before, after) and `tags` one is there, as `kind` says."""

    at: dt.datetime
    actor: str
    reason: str
    kind: Literal["edit", "score", "tagged", "untagged"]
    edit: diff.Edit | None = None
    scores: tuple[Judgement, Judgement] | None = None
    tags: tuple[str, ...] = ()


def events(db: Database, example: store.Example) -> list[Event]:
    """All acts on the example, the latest first."""
    edits = [
        Event(edit.at, edit.actor, edit.reason, "edit", edit=edit)
        for edit in diff.edits(example, store.history(db, example.id))
    ]
    scores = [
        Event(line.at, line.actor, line.reason, "score", scores=(_judgement(line.before), _judgement(line.after)))
        for line in audit.entries(db, subject="example", subject_id=example.id, limit=200)
        if line.action == "score"
    ]
    return sorted([*edits, *scores, *_tag_events(db, example.id)], key=lambda event: event.at, reverse=True)


def _judgement(values: dict[str, object] | None) -> Judgement:
    found = values or {}
    score, success = found.get("quality_score"), found.get("success")
    return Judgement(
        float(score) if isinstance(score, int | float) else None, success if isinstance(success, bool) else None
    )


def _tag_events(db: Database, example_id: int) -> list[Event]:
    # No index knows which acts an example is in: the lists of ids are read, slowly once acts were on millions.
    query = (
        select(tag_changes, tag_change_rows.c.tags.label("changed"))
        .join(tag_change_rows, tag_change_rows.c.change_id == tag_changes.c.id)
        .where(literal(example_id) == any_(tag_change_rows.c.ids))
    )
    with db.reading() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        kind, opposite = ("tagged", "untagged") if row.verb == "add" else ("untagged", "tagged")
        found.append(Event(row.at, row.actor, row.reason, kind, tags=tuple(row.changed)))
        if row.undone_at is not None:
            found.append(Event(row.undone_at, row.undone_by or "", "undone", opposite, tags=tuple(row.changed)))
    return found
