"""Texts from past work: the best results of similar requests, taken over sentence by sentence to a new topic.

What a past text says about its own figures and dates is left out; the new text gets the figures of today.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from core.db import Database
from core.orchestrator.material.wording import capital, sentences

#: Past work below this score is not quoted.
LEAST_SCORE = 0.6
_SOURCES = 3
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
#: Figures and dates of another time.
_DATED = re.compile(rf"[$€£]\s?\d|\d\s?%|\b(?:{_MONTHS})\b|\b\d[\d,]{{2,}}\b")
#: How a past text speaks about itself, not to its readers.
_ABOUT_ITSELF = re.compile(
    r"^(?:draft,|posted as|scheduled|the guide on|open question|headings:|segment:|it opens|it says|the earlier)"
    r"|linked at the end",
    re.IGNORECASE,
)
#: Lines that name something instead of saying it, and what stands before a sentence.
_NAMING = re.compile(r"^(?:title|subjects?|slug|keywords|#+)\b|^#", re.IGNORECASE)
_LABEL = re.compile(r"^(?:hello,|\d+/|-)\s*", re.IGNORECASE)
#: Where the past text named its readers and the new one has none in particular.
_ANYBODY = "our readers"
_TRACE = re.compile(r"^(?:error|traceback|exception)\b", re.IGNORECASE)


@dataclass(frozen=True)
class PastResult:
    """A past result that scored well. `topic` and `audience` are those it was written for, "" if not known."""

    execution_id: str
    result: str
    score: float
    made_at: dt.datetime
    topic: str = ""
    audience: str = ""
    platform: str = ""


@dataclass(frozen=True)
class Target:
    """What the new text is about, and for whom."""

    topic: str
    audience: str = ""
    platform: str = ""


@dataclass(frozen=True)
class Material:
    """Sentences for a new text, the best work's first, and the works they are from."""

    sentences: tuple[str, ...] = ()
    used: tuple[PastResult, ...] = field(default=())


#: What was brought in, or approved by a person: work of this orchestrator that nobody approved is not built upon.
_BEST = text(
    """
    SELECT execution_id, execution_result, quality_score, created_at, business_state
    FROM orchestrator_training_data
    WHERE id = ANY (:near) AND quality_score >= :least AND has_result AND success IS NOT FALSE
      AND withdrawn_at IS NULL AND created_at < :as_of AND (:intent = '' OR intent = :intent)
      AND (judgement IS NULL OR judgement = 'approved') AND lower(business_state->>'topic') = lower(:topic)
      AND NOT tags && ARRAY['EXCLUDE', 'TEST', 'LOW_QUALITY', 'REJECTED', 'CANCELLED']
    ORDER BY quality_score DESC, execution_id LIMIT :most"""
)


def best_work(db: Database, near: Sequence[int], intent: str, topic: str, *, as_of: dt.datetime) -> list[PastResult]:
    """Well scored results among `near`, imported or approved, of this intent and on this topic, from before `as_of`."""
    with db.connect() as connection:
        rows = connection.execute(
            _BEST,
            {
                "near": list(near),
                "intent": intent,
                "topic": topic,
                "least": LEAST_SCORE,
                "as_of": as_of,
                "most": _SOURCES,
            },
        ).all()
    return [
        PastResult(
            row.execution_id,
            row.execution_result,
            row.quality_score,
            row.created_at,
            *(str(row.business_state.get(name) or "") for name in ("topic", "audience", "platform")),
        )
        for row in rows
    ]


def quoted(source: PastResult, most: int = 3) -> str:
    """Return what a past report said, as it said it and with its date: findings of then are not findings of now."""
    said = [sentence for sentence in sentences(source.result) if _is_said(sentence)][:most]
    about = f" on {source.topic}" if source.topic else ""
    head = f"{source.made_at:%B %Y}{about} (score {source.score:.2f}, execution {source.execution_id})"
    return f"{head}: {' '.join(said)}" if said and not _TRACE.match(source.result) else ""


def _is_said(sentence: str) -> bool:
    """Whether it is a sentence on the matter, and holds no figure or date of another time."""
    return len(sentence.split()) >= 4 and not any(skip.search(sentence) for skip in (_DATED, _ABOUT_ITSELF, _NAMING))


def material(sources: Iterable[PastResult], target: Target) -> Material:
    """Return what of the sources can be said about the target: each sentence once, without figures
    and dates of then.
    """
    found: dict[str, None] = {}
    used = []
    for source in sources:
        new = [sentence for sentence in _usable(source, target) if sentence not in found]
        if new:
            used.append(source)
            found.update(dict.fromkeys(new))
    return Material(tuple(found), tuple(used))


def _usable(source: PastResult, target: Target) -> list[str]:
    if _TRACE.match(source.result):
        return []
    kept = []
    for sentence in sentences(source.result):
        plain = _LABEL.sub("", sentence).strip()
        if _is_said(plain):
            kept.append(capital(adapted(plain, source, target)))
    return kept


def adapted(sentence: str, source: PastResult, target: Target) -> str:
    """Return the sentence with the source's topic, audience and platform replaced by the target's."""
    for old, new in (
        (source.topic, target.topic),
        (source.audience, target.audience or _ANYBODY),
        (source.platform, target.platform),
    ):
        if old and new:
            sentence = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _, new=new: new, sentence, flags=re.IGNORECASE)
    return sentence


def within(parts: Iterable[str], words: int) -> list[str]:
    """As many of the first parts as fit into so many words; at least one."""
    kept: list[str] = []
    left = words
    for part in parts:
        left -= len(part.split())
        if kept and left < 0:
            break
        kept.append(part)
    return kept


def bullets(lines: Iterable[str]) -> str:
    """Return the lines as a list."""
    return "\n".join(f"- {line}" for line in lines)


def cut(text: str, most: int) -> str:
    """At most so many characters, ended at a word."""
    return text if len(text) <= most else f"{text[: most - 1].rsplit(' ', 1)[0]}…"
