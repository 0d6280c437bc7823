"""Similar past work: which earlier requests are like this one, and how those went."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from sqlalchemy import Connection

from core import similarity
from core.orchestrator.material.wording import plural
from core.similarity import Ask, Hit

SHOWN = 5
#: How many of the best matches the averages are taken over.
_COUNTED = 50


@dataclass(frozen=True)
class Similar:
    """One earlier example. `similarity` is from 0 to 1."""

    example_id: int
    execution_id: str
    request: str
    intent: str
    similarity: float
    score: float | None
    success: bool | None
    created_at: str
    source_model: str
    #: Whether it was brought in, approved or judged; what nobody judged says nothing of what is usual.
    counts: bool = True


@dataclass(frozen=True)
class SimilarWork:
    """Earlier examples like the request; the averages are over all `n` of them, `items` are the most similar."""

    n: int
    note: str
    average_score: float | None = None
    scored: int = 0
    success_rate: float | None = None
    judged: int = 0
    usual_intent: str = ""
    #: All of them, the most similar first.
    ids: tuple[int, ...] = ()
    items: tuple[Similar, ...] = ()
    #: By what they were compared; by words alone, why.
    compared: str = ""


def find(connection: Connection, request: str, *, as_of: dt.datetime, leave_out: str = "") -> SimilarWork:
    """Examples from before `as_of` that are like `request`, neither excluded nor withdrawn."""
    ask = Ask(request, kinds=("example",), as_of=as_of, leave_out=leave_out, limit=_COUNTED, clearly=True)
    found = similarity.find(connection, ask)
    if not found.hits:
        return SimilarWork(0, "No similar past work was found.", compared=found.note)
    return _summary(tuple(map(_similar, found.hits)), found.note)


def _similar(hit: Hit) -> Similar:
    at = hit.at.isoformat() if hit.at else ""
    return Similar(
        hit.id,
        hit.key,
        hit.text,
        hit.intent,
        hit.similarity,
        hit.quality,
        hit.success,
        at,
        hit.source_model,
        hit.counts,
    )


def _summary(items: tuple[Similar, ...], compared: str) -> SimilarWork:
    scores = [item.score for item in items if item.score is not None]
    outcomes = [item.success for item in items if item.success is not None]
    average = round(fmean(scores), 3) if scores else None
    rate = round(fmean(outcomes), 3) if outcomes else None
    said = [f"{plural(len(items), 'similar request')} found"]
    if average is not None:
        said.append(f"they scored {average:.2f} on average (n {len(scores)})")
    if rate is not None:
        said.append(f"{rate:.0%} succeeded (n {len(outcomes)})")
    intents = Counter(item.intent for item in items if item.intent and item.counts)
    usual = intents.most_common(1)[0][0] if intents else ""
    return SimilarWork(
        n=len(items),
        note=f"{', '.join(said)}.",
        average_score=average,
        scored=len(scores),
        success_rate=rate,
        judged=len(outcomes),
        usual_intent=usual,
        ids=tuple(item.example_id for item in items),
        items=items[:SHOWN],
        compared=compared,
    )
