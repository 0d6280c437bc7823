"""Similar past work: earlier requests like this one and how those went, and earlier tasks and posts like it."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sqlalchemy import Connection

from core import similarity
from core.similarity import Ask, Hit
from core.text import plural

SHOWN = 5
#: How many of the best matches the averages are taken over.
_COUNTED = 50
#: A text is more than a request: its title is enough to know it again.
_TITLE, _KEY = 80, 60
_TASKS_AND_POSTS = 10
#: So many of each kind are named in the sentence.
_NAMED = 2


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


@dataclass(frozen=True)
class Past:
    """One task or post of the past, with the figures that were known of it."""

    kind: str
    #: Of the row, and the key that other tables know it by.
    id: int
    key: str
    #: Its text, cut.
    title: str
    similarity: float
    topic: str
    platform: str
    at: str
    quality: float | None
    completion: float | None
    engagement: float | None
    views: float | None

    @property
    def sentence(self) -> str:
        figures = [f"quality {self.quality:.2f}"] if self.quality is not None else []
        figures += [f"{self.views:,.0f} views"] if self.views is not None else []
        return f"{self.kind} {_cut(self.key, _KEY)} “{self.title}” ({', '.join(figures) or 'nothing was measured'})"


@dataclass(frozen=True)
class PastWork:
    """Tasks and posts like the request, the most similar first."""

    n: int
    note: str
    items: tuple[Past, ...] = ()
    compared: str = ""


def similar_requests(connection: Connection, request: str, *, as_of: dt.datetime, leave_out: str = "") -> SimilarWork:
    """Examples from before `as_of` that are like `request`, neither excluded nor withdrawn."""
    ask = Ask(request, kinds=("example",), as_of=as_of, leave_out=leave_out, limit=_COUNTED, clearly=True)
    found = similarity.find(connection, ask)
    if not found.hits:
        return SimilarWork(0, "No similar past work was found.", compared=found.note)
    return _summary(tuple(map(_similar, found.hits)), found.note)


def _similar(hit: Hit) -> Similar:
    return Similar(
        hit.id,
        hit.key,
        hit.text,
        hit.intent,
        hit.similarity,
        hit.quality,
        hit.success,
        _at(hit),
        hit.source_model,
        hit.counts,
    )


def _at(hit: Hit) -> str:
    return hit.at.isoformat() if hit.at else ""


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


def past_work(connection: Connection, request: str, *, as_of: dt.datetime, leave_out: str = "") -> PastWork:
    """Tasks and posts from before `as_of` that are clearly like `request`."""
    kinds: tuple[similarity.Kind, ...] = ("task", "post")
    ask = Ask(request, kinds=kinds, as_of=as_of, leave_out=leave_out, limit=_TASKS_AND_POSTS, clearly=True)
    found = similarity.find(connection, ask)
    items = tuple(map(_past, found.hits))
    said = [_of_kind(kind, [item for item in items if item.kind == kind]) for kind in kinds]
    note = " ".join(filter(None, said)) or "No similar task or post was found."
    return PastWork(len(items), note, items, found.note)


def _past(hit: Hit) -> Past:
    title = hit.text.split("\n", 1)[0].strip()
    return Past(
        hit.kind,
        hit.id,
        hit.key,
        _cut(title, _TITLE),
        hit.similarity,
        hit.topic,
        hit.platform,
        _at(hit),
        hit.quality,
        hit.completion,
        hit.engagement,
        hit.views,
    )


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else f"{said[: most - 1].rstrip()}…"


def _of_kind(kind: str, items: Sequence[Past]) -> str:
    if not items:
        return ""
    more = f", and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    named = "; ".join(item.sentence for item in items[:_NAMED])
    return f"{plural(len(items), f'similar {kind}')}: {named}{more}."
