"""What is known when a plan is made: similar past work, the topic, the platforms, the business, learned patterns.

Everything is as of the request's time: nothing that was recorded later is read. Each section says how many rows it
rests on, and says so when there are none. The whole is stored with the execution, as "why this plan".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection

from core.db import Database
from core.orchestrator.material import history, similar
from core.orchestrator.material.history import Figure, Patterns, Platform, Platforms, RequestTopic
from core.orchestrator.material.similar import Similar, SimilarWork
from core.orchestrator.plans import Request

#: Under this many rows a figure is called indicative.
FEW = 30


@dataclass(frozen=True)
class Figures:
    """The latest figures of the business, with the period before."""

    n: int
    note: str
    items: tuple[Figure, ...] = ()

    def named(self, name: str) -> Figure | None:
        """Return the figure of this name."""
        return next((figure for figure in self.items if figure.name == name), None)


@dataclass(frozen=True)
class Context:
    """What the planner knows. Each section has `n` and `note`, a sentence that can be shown as it is."""

    as_of: dt.datetime
    similar: SimilarWork
    topic: RequestTopic
    platforms: Platforms
    figures: Figures
    patterns: Patterns = field(default_factory=lambda: Patterns(0, "No pattern has been learned yet."))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the execution's row."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}

    def for_model(self) -> dict[str, Any]:
        """Return the same without what only programs need."""
        whole = self.to_json()
        similar_ = {name: value for name, value in whole["similar"].items() if name not in ("ids", "compared")}
        return {**whole, "similar": similar_}

    def brief(self) -> dict[str, Any]:
        """One sentence a section: what a model that plans is told, and what an example keeps."""
        return {
            "similar_work": self.similar.note,
            "topic": self.topic.note,
            "platforms": self.platforms.note,
            "figures": self.figures.note,
            "patterns": self.patterns.note,
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> "Context":
        """Return the context that `to_json` wrote."""
        similar_, platforms, figures = values["similar"], values["platforms"], values["figures"]
        return cls(
            as_of=dt.datetime.fromisoformat(values["as_of"]),
            similar=SimilarWork(
                **{
                    **similar_,
                    "ids": tuple(similar_["ids"]),
                    "items": tuple(Similar(**item) for item in similar_["items"]),
                }
            ),
            topic=RequestTopic(**values["topic"]),
            platforms=Platforms(
                **{
                    **platforms,
                    "asked": tuple(platforms["asked"]),
                    "items": tuple(Platform(**item) for item in platforms["items"]),
                }
            ),
            figures=Figures(**{**figures, "items": tuple(Figure(**item) for item in figures["items"])}),
            patterns=Patterns(**{**values["patterns"], "items": tuple(values["patterns"]["items"])}),
        )


def gather(db: Database, request: Request, *, as_of: dt.datetime, leave_out: str = "") -> Context:
    """Everything known at `as_of` that bears on the request; `leave_out` is the execution that asks."""
    with db.connect() as connection:
        return gather_in(connection, request, as_of=as_of, leave_out=leave_out)


def gather_in(connection: Connection, request: Request, *, as_of: dt.datetime, leave_out: str = "") -> Context:
    """Return the same on the caller's connection."""
    work = similar.find(connection, request.text, as_of=as_of, leave_out=leave_out)
    intent = request.intent or work.usual_intent
    return Context(
        as_of=as_of,
        similar=work,
        topic=history.topic(connection, request.text, as_of=as_of),
        platforms=history.platforms(connection, named_platforms(connection, request), as_of=as_of),
        figures=figures(connection, as_of=as_of),
        patterns=history.patterns(connection, intent, as_of=as_of, leave_out=leave_out),
    )


def named_platforms(connection: Connection, request: Request) -> tuple[str, ...]:
    """Return the platforms that the request names, in its field or in its words."""
    return request.platforms or history.platforms_in(connection, request.text)


def figures(connection: Connection, *, as_of: dt.datetime) -> Figures:
    """Return the latest figures known at `as_of`."""
    items = history.figures(connection, as_of=as_of)
    if not items:
        return Figures(0, "No business figure is recorded, so the plan rests on none.")
    said = "; ".join(figure.sentence for figure in items)
    return Figures(len(items), f"Latest figures ({items[0].period}): {said}.", items)
