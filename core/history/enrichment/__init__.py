"""All of history that bears on one request, as of its moment: `enrich`. It is stored with the execution and shown as
"why this plan", so each section says in a sentence what it found and on how many rows that rests.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.db import Database
from core.history import figures
from core.history.correlation import correlations_in
from core.history.effectiveness import platforms_in, topics_in
from core.history.enrichment.sections import (
    Baseline,
    Business,
    Platforms,
    RequestTopic,
    Together,
    baselines,
    business,
    platforms_named,
    request_topic,
)
from core.history.enrichment.similar import Past, PastWork, Similar, SimilarWork, past_work, similar_requests
from core.history.figures import Figures

__all__ = [
    "Baseline",
    "Business",
    "Enrichment",
    "Past",
    "PastWork",
    "Platforms",
    "RequestTopic",
    "Similar",
    "SimilarWork",
    "Together",
    "enrich",
]


@dataclass(frozen=True)
class Enrichment:
    """What history knew at `as_of`. Each section has `n` and `note`, a sentence that can be shown as it is."""

    as_of: dt.datetime
    similar: SimilarWork
    topic: RequestTopic
    platforms: Platforms
    figures: Figures
    past: PastWork = field(default_factory=lambda: PastWork(0, "No similar task or post was found."))
    business: Business = field(default_factory=lambda: Business(0, "Nothing was compared."))


def enrich(
    db: Database, request: str, *, platforms: Sequence[str] = (), as_of: dt.datetime, leave_out: str = ""
) -> Enrichment:
    """Return what history says of a request for these platforms, or those that its text names.

    Nothing is read that was recorded after `as_of`, nor what stems from the execution `leave_out`, the one that asks.
    """
    with db.connect() as connection:
        asked = tuple(platforms) or platforms_named(connection, request)
        return Enrichment(
            as_of=as_of,
            similar=similar_requests(connection, request, as_of=as_of, leave_out=leave_out),
            topic=request_topic(topics_in(connection, as_of), request),
            platforms=baselines(platforms_in(connection, as_of), asked),
            figures=figures.latest(connection, as_of=as_of),
            past=past_work(connection, request, as_of=as_of, leave_out=leave_out),
            business=business(correlations_in(connection, as_of)),
        )
