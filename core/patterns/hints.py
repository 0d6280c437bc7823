"""Which learned patterns the planner of one request is told of: those that a person accepted, unless withheld."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from core.patterns import experiment
from core.text import plural

_SHOWN = 5
_IN_USE = text(
    "SELECT pattern_id, pattern_description AS sentence, support_count AS n, confidence, lift,"
    " avg_quality_improvement AS quality_change FROM learning_patterns"
    " WHERE is_active AND accepted_at IS NOT NULL AND (discovered_at IS NULL OR discovered_at <= :as_of)"
    " AND (:intent = '' OR related_intents IS NULL OR related_intents = '{}' OR :intent = ANY (related_intents))"
    " ORDER BY lift DESC NULLS LAST, support_count DESC NULLS LAST, id"
)


@dataclass(frozen=True)
class Hints:
    """Learned patterns in use that bear on an intent, the strongest first."""

    n: int
    note: str
    items: tuple[dict[str, Any], ...] = ()
    #: Whether an experiment was on, in which half of the requests is planned without them; and whether this is such.
    is_tried: bool = False
    withheld: bool = False


def hints(connection: Connection, intent: str, *, as_of: dt.datetime, leave_out: str = "") -> Hints:
    """Return accepted patterns that bear on `intent`; of an experiment, none for half of the executions."""
    rows = connection.execute(_IN_USE, {"as_of": as_of, "intent": intent}).all()
    if not rows:
        return Hints(0, "No learned pattern in use bears on this.")
    is_tried = bool(leave_out) and experiment.is_on_in(connection)
    if is_tried and experiment.is_withheld(leave_out):
        note = f"{plural(len(rows), 'learned pattern')} in use bear on this, and were withheld by the experiment."
        return Hints(len(rows), note, is_tried=True, withheld=True)
    items = tuple(row._asdict() for row in rows[:_SHOWN])
    said = " ".join(f"{item['sentence']} (n {item['n'] or 0:,})" for item in items if item["sentence"])
    note = f"{plural(len(rows), 'learned pattern')} in use bear on this. {said}".strip()
    return Hints(len(rows), note, items, is_tried)
