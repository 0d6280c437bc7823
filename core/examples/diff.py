"""What each edit of an example changed, as lines that programs and people read alike."""

import datetime as dt
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from core.db.tables import CONTENT
from core.examples.content import differ
from core.examples.store import Example, Revision


@dataclass(frozen=True)
class FieldChange:
    """One field of one edit; `lines` is a unified diff without its header."""

    field: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """One edit: the revision it made, who made it when and why, and what it changed."""

    revision: int
    at: dt.datetime
    actor: str
    reason: str
    changes: tuple[FieldChange, ...]


def edits(example: Example, history: list[Revision]) -> list[Edit]:
    """Return the edits of an example, the latest first. `history` is what `store.history` returned for it."""
    after: Example | Revision = example
    found = []
    for before in history:
        found.append(
            Edit(
                before.revision + 1,
                before.replaced_at,
                before.replaced_by,
                before.reason,
                tuple(_changes(before, after)),
            )
        )
        after = before
    return found


def _changes(before: Revision, after: Example | Revision) -> Iterator[FieldChange]:
    for field in CONTENT:
        old, new = getattr(before, field), getattr(after, field)
        if differ(old, new):
            lines = difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=2)
            yield FieldChange(field, tuple(lines)[2:])


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, str):
        value = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return value.splitlines()
