"""What makes an execution of the demo company good or poor, planted so that pattern mining has something to find.

Each pattern moves the expected score of the examples it holds for. Tone, audience by itself and the hour before
noon move nothing: a tool that finds them found noise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.demo import words

_NAMES = [intent.name for intent in words.INTENTS]
_SOCIAL, _EMAIL = _NAMES.index("social_post"), _NAMES.index("email_campaign")
_RESEARCH, _COMPLIANCE = _NAMES.index("market_research"), _NAMES.index("compliance_check")
_FINANCIAL = [number for number, intent in enumerate(words.INTENTS) if intent.agent == words.FINANCIAL]
_WRITING = [number for number, intent in enumerate(words.INTENTS) if intent.agent == words.CONTENT]
_LEGAL = [number for number, topic in enumerate(words.TOPICS) if topic.is_legal]

#: A request with more characters than this is a long one.
LONG = 240
THREAD = 0

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Traits:
    """What the scores of a slice of examples depend on; one element an example, -1 where there is none."""

    intent: Integers
    opener: Integers
    topic: Integers
    audience: Integers
    model: Integers
    length: Integers
    weekday: Integers
    hour: Integers
    has_budget: Booleans
    is_reviewed: Booleans


@dataclass(frozen=True)
class Pattern:
    """One planted regularity."""

    name: str
    sentence: str
    effect: float
    holds: Callable[[Traits], Booleans]


PLANTED = (
    Pattern(
        "thread_on_tuesday",
        "Threads written on a Tuesday do better.",
        +0.16,
        lambda of: (of.intent == _SOCIAL) & (of.opener == THREAD) & (of.weekday == 1),
    ),
    Pattern(
        "long_without_audience",
        f"Requests of more than {LONG} characters that name no audience do worse.",
        -0.17,
        lambda of: (of.length > LONG) & (of.audience < 0),
    ),
    Pattern(
        "tuned_on_financial",
        "The tuned model does better on financial work.",
        +0.15,
        lambda of: np.isin(of.intent, _FINANCIAL) & (of.model == words.MODELS.index(words.TUNED_MODEL)),
    ),
    Pattern(
        "legal_reviewed",
        "Content on a legal topic does better when compliance reviews the draft.",
        +0.12,
        lambda of: np.isin(of.intent, _WRITING) & np.isin(of.topic, _LEGAL) & of.is_reviewed,
    ),
    Pattern(
        "legal_unreviewed",
        "Content on a legal topic does worse when nobody reviews the draft.",
        -0.12,
        lambda of: np.isin(of.intent, _WRITING) & np.isin(of.topic, _LEGAL) & ~of.is_reviewed,
    ),
    Pattern(
        "compliance_on_legal",
        "Compliance checks on legal topics do better than on others.",
        +0.14,
        lambda of: (of.intent == _COMPLIANCE) & np.isin(of.topic, _LEGAL),
    ),
    Pattern(
        "research_with_budget",
        "Market research does better when the request names a budget.",
        +0.12,
        lambda of: (of.intent == _RESEARCH) & of.has_budget,
    ),
    Pattern(
        "email_on_friday_afternoon",
        "Emails written on a Friday from 15:00 on do worse.",
        -0.15,
        lambda of: (of.intent == _EMAIL) & (of.weekday == 4) & (of.hour >= 15),
    ),
    Pattern(
        "older_model",
        "The older model does worse on everything.",
        -0.08,
        lambda of: of.model == words.MODELS.index(words.OLDER_MODEL),
    ),
)


def expected_quality(of: Traits) -> NDArray[np.float64]:
    """Return the mean of each example's score, before noise."""
    usual = np.array([intent.usual_quality for intent in words.INTENTS])[of.intent]
    expected = usual + np.array([topic.appeal for topic in words.TOPICS])[of.topic]
    for pattern in PLANTED:
        expected = expected + pattern.effect * pattern.holds(of)
    return np.clip(expected, 0.08, 0.95).astype(np.float64)
