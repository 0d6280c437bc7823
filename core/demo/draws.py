"""The random numbers behind a slice of executions, and how well each was done."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.demo import words
from core.demo.patterns import Traits, expected_quality
from core.demo.rhythm import DAYS

#: Examples in a slice.
SLICE = 10_000

#: In the order of their bits in `Outcome.tags`.
TAGS = ("DEVELOPMENT", "EXCLUDE", "LOW_QUALITY", "MANUAL_APPROVED", "PRODUCTION", "TEST")
_DEVELOPMENT_DAYS = 21
_OLDER_UNTIL_DAY, _TUNED_FROM_DAY = 150, 240
_FAILED, _SAYS_ONLY_SUCCESS, _REPEATED, _UNSCORED = 0.03, 0.02, 0.02, 0.06
#: Of the last two days less has been looked at yet.
_UNSCORED_LATELY, _LATELY_DAYS = 0.4, 2

#: Sentences after the opening one: none to four, all different because every step visits all of them.
DETAIL_SETS = [
    tuple((first + place * step) % len(words.DETAILS) for place in range(count))
    for count, first, step in product(range(5), range(len(words.DETAILS)), (1, 3, 5, 9, 11, 13))
]
_SETS_OF_A_COUNT = len(DETAIL_SETS) // 5
_DETAIL_SHARES = np.repeat([0.25, 0.30, 0.20, 0.15, 0.10], _SETS_OF_A_COUNT) / _SETS_OF_A_COUNT
HAS_BUDGET = np.array([words.BUDGET_DETAIL in chosen for chosen in DETAIL_SETS])


@dataclass(frozen=True)
class Drawn:
    """The random numbers of a slice; one element an example."""

    ids: list[str]
    jitter: NDArray[np.float64]
    intent: NDArray[np.int64]
    opener: NDArray[np.int64]
    topic: NDArray[np.int64]
    audience: NDArray[np.int64]
    clause: NDArray[np.int64]
    platform: NDArray[np.int64]
    tone: NDArray[np.int64]
    rival: NDArray[np.int64]
    budget: NDArray[np.int64]
    words: NDArray[np.int64]
    details: NDArray[np.int64]
    is_reviewed: NDArray[np.bool_]
    wording: NDArray[np.int64]
    model_luck: NDArray[np.float64]
    noise: NDArray[np.float64]
    success_luck: NDArray[np.float64]
    outcome_luck: NDArray[np.float64]
    score_luck: NDArray[np.float64]
    tag_luck: NDArray[np.float64]
    duration: NDArray[np.float64]

    def cut(self, rows: int) -> "Drawn":
        """Return the first `rows` examples."""
        return Drawn(**{name: column[:rows] for name, column in vars(self).items()})

    def said(self) -> tuple[NDArray[np.int64], ...]:
        """Return what the texts are about."""
        return (
            *(self.intent, self.opener, self.topic, self.audience, self.platform, self.tone, self.rival),
            *(self.budget, self.words),
        )

    @property
    def failed(self) -> NDArray[np.bool_]:
        return self.outcome_luck < _FAILED

    @property
    def says_only_success(self) -> NDArray[np.bool_]:
        return self.outcome_luck > 1 - _SAYS_ONLY_SUCCESS


@dataclass(frozen=True)
class Outcome:
    """How well each execution was done. NaN: not scored; -1: success unknown."""

    quality: NDArray[np.float64]
    success: NDArray[np.int64]
    tags: NDArray[np.int64]
    duration_ms: NDArray[np.int64]


def draw(random: np.random.Generator) -> Drawn:
    """Return a whole slice, always: a shorter last one is cut from it, so that its first rows stay the same."""
    intent = random.choice(len(words.INTENTS), SLICE, p=[intent.share for intent in words.INTENTS])
    opener = (
        random.random(SLICE) * np.array([len(words.OPENERS[each.name]) for each in words.INTENTS])[intent]
    ).astype(int)
    topic = random.integers(len(words.TOPICS), size=SLICE)
    is_social = np.array([each.name == "social_post" for each in words.INTENTS])[intent]
    is_legal = np.array([each.is_legal for each in words.TOPICS])[topic]
    social = random.choice([words.PLATFORMS.index(name) for name in words.SOCIAL_PLATFORMS], SLICE)
    said = {
        "intent": intent,
        "opener": opener,
        "topic": topic,
        "audience": np.where(random.random(SLICE) < 0.6, random.integers(len(words.AUDIENCES), size=SLICE), -1),
        "clause": random.integers(len(words.AUDIENCE_CLAUSES), size=SLICE),
        "platform": np.where(is_social, social, random.integers(len(words.PLATFORMS), size=SLICE)),
        "tone": random.integers(len(words.TONES), size=SLICE),
        "rival": random.integers(len(words.RIVALS), size=SLICE),
        "budget": 100 * random.integers(5, 60, size=SLICE),
        "words": 50 * random.integers(3, 25, size=SLICE),
        "details": random.choice(len(DETAIL_SETS), SLICE, p=_DETAIL_SHARES),
    }
    # Some requests are made again soon after, word by word.
    origin = np.arange(SLICE)
    origin -= np.where(random.random(SLICE) < _REPEATED, np.minimum(random.integers(1, 50, size=SLICE), origin), 0)
    said = {name: column[origin] for name, column in said.items()}
    raw = random.bytes(16 * SLICE).hex()
    return Drawn(
        ids=[_uuid4(raw[start : start + 32]) for start in range(0, len(raw), 32)],
        jitter=random.random(SLICE),
        **said,
        is_reviewed=random.random(SLICE) < np.where(is_legal[origin], 0.5, 0.15),
        wording=random.integers(1 << 16, size=SLICE),
        model_luck=random.random(SLICE),
        noise=random.standard_normal(SLICE),
        success_luck=random.random(SLICE),
        outcome_luck=random.random(SLICE),
        score_luck=random.random(SLICE),
        tag_luck=random.random(SLICE),
        duration=random.lognormal(0, 0.45, SLICE),
    )


def _uuid4(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def models(luck: NDArray[np.float64], days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw the model of each: the older gives way to the base model, beside which a tuned one is tried in the last
    months.
    """
    older, base, tuned = (words.MODELS.index(name) for name in (words.OLDER_MODEL, words.BASE_MODEL, words.TUNED_MODEL))
    return np.where(
        (days < _OLDER_UNTIL_DAY) & (luck < 0.75),
        older,
        np.where((days >= _TUNED_FROM_DAY) & (luck < 0.4), tuned, base),
    )


def outcome(drawn: Drawn, traits: Traits, days: NDArray[np.int64]) -> Outcome:
    """Draw how well each execution went, and whether it succeeded."""
    expected = expected_quality(traits)
    # Noise on the log-odds: bounded and skewed towards the middle, like a beta distribution.
    odds = np.log(expected / (1 - expected)) + 0.55 * drawn.noise
    quality = np.round(1 / (1 + np.exp(-odds)), 3)
    quality = np.where(drawn.failed, np.round(quality * 0.3, 3), quality)
    succeeds = drawn.success_luck < 1 / (1 + np.exp(-9 * (quality - 0.42)))
    success = np.where(drawn.failed, 0, np.where(drawn.says_only_success, 1, succeeds)).astype(np.int64)
    is_unscored = drawn.score_luck < np.where(days >= DAYS - _LATELY_DAYS, _UNSCORED_LATELY, _UNSCORED)
    is_test = drawn.tag_luck < 0.02
    tags = (
        1 * (days < _DEVELOPMENT_DAYS)
        + 2 * (drawn.tag_luck > 0.994)
        + 4 * (~is_unscored & (quality < 0.35) & (drawn.success_luck < 0.7))
        + 8 * (~is_unscored & (quality > 0.82) & (drawn.tag_luck > 0.5) & (drawn.tag_luck < 0.75))
        + 16 * ((days >= _DEVELOPMENT_DAYS) & ~is_test)
        + 32 * is_test
    )
    usual = np.array([intent.median_ms for intent in words.INTENTS])[traits.intent]
    return Outcome(
        quality=np.where(is_unscored, np.nan, quality),
        success=np.where(is_unscored & (drawn.success_luck < 0.5), -1, success),
        tags=tags,
        duration_ms=(usual * drawn.duration * np.array([1.0, 1.3, 1.1])[traits.model]).astype(np.int64),
    )
