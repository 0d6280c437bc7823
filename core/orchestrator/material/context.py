"""What is known when a plan is made: all of history that bears on the request, and learned patterns.

Everything is as of the request's time: nothing that was recorded later is read. The whole is stored with the execution,
as "why this plan".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from core import history
from core.db import Database
from core.history import FEW
from core.history.enrichment import Enrichment
from core.orchestrator.plans import Request
from core.patterns.hints import Hints, hints

__all__ = ["FEW", "Context", "gather"]


@dataclass(frozen=True)
class Context(Enrichment):
    """What the planner knows. Each section has `n` and `note`, a sentence that can be shown as it is."""

    patterns: Hints = field(default_factory=lambda: Hints(0, "No pattern has been learned yet."))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the execution's row."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}

    def for_model(self) -> dict[str, Any]:
        """Return the same without what only programs need."""
        whole = self.to_json()
        for section in ("similar", "past"):
            whole[section] = {name: of for name, of in whole[section].items() if name not in ("ids", "compared")}
        return whole

    def brief(self) -> dict[str, Any]:
        """One sentence a section: what a model that plans is told, and what an example keeps."""
        return {
            "similar_work": self.similar.note,
            "past_work": self.past.note,
            "topic": self.topic.note,
            "platforms": self.platforms.note,
            "figures": self.figures.note,
            "business": self.business.note,
            "patterns": self.patterns.note,
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> "Context":
        """Return the context that `to_json` wrote. What was stored before there was a section has an empty one."""
        return _STORED.validate_python(values)


_STORED = TypeAdapter(Context)


def gather(db: Database, request: Request, *, as_of: dt.datetime, leave_out: str = "") -> Context:
    """Everything known at `as_of` that bears on the request; `leave_out` is the execution that asks."""
    known = history.enrich(db, request.text, platforms=request.platforms, as_of=as_of, leave_out=leave_out)
    with db.connect() as connection:
        intent = request.intent or known.similar.usual_intent
        told = hints(connection, intent, as_of=as_of, leave_out=leave_out)
    return Context(**vars(known), patterns=told)
