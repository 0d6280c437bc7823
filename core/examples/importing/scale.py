"""Which scale the scores of a file are on. Nothing is ever clipped: a score fits, is divided, or fails its row."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.errors import ImportRefused
from core.examples.importing.models import Scale, ScaleEffect, ScaleFinding

SCALES: tuple[Scale, ...] = ("1", "10", "100", "mixed")

#: What a score is divided by, by the band it is in: up to 1, up to 10, up to 100. None: it fails its row.
DIVISORS: dict[Scale, tuple[int | None, int | None, int | None]] = {
    "1": (1, None, None),
    "10": (10, 10, None),
    "100": (100, 100, 100),
    "mixed": (1, 10, 100),
}


@dataclass
class Band:
    """Scores of one size."""

    count: int = 0
    zeros: int = 0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf


@dataclass
class Scores:
    """What is kept of the scores while they stream by."""

    bands: tuple[Band, Band, Band] = field(default_factory=lambda: (Band(), Band(), Band()))
    #: Above 0 and below 1: on a scale of 10 or 100 nobody gives such a score.
    fractions: int = 0

    def add(self, score: float) -> None:
        band = self.bands[0 if score <= 1 else 1 if score <= 10 else 2]
        band.count += 1
        band.total += score
        band.minimum = min(band.minimum, score)
        band.maximum = max(band.maximum, score)
        if score <= 1:
            band.zeros += score == 0
            self.fractions += 0 < score < 1


def detect_scale(values: Iterable[float | None]) -> ScaleFinding:
    """The finding for a stream of scores, each from 0 to 100; None is not scored."""
    scores = Scores()
    for value in values:
        if value is not None:
            scores.add(value)
    return found(scores)


def found(scores: Scores) -> ScaleFinding:
    """What the scores mean, and what each way of reading them would do."""
    scale, explanation = _judged(scores)
    filled = [band for band in scores.bands if band.count]
    return ScaleFinding(
        scale=scale,
        explanation=explanation,
        scored=sum(band.count for band in filled),
        minimum=min((band.minimum for band in filled), default=None),
        maximum=max((band.maximum for band in filled), default=None),
        effects=tuple(_effect(scores, choice) for choice in SCALES),
    )


def _judged(scores: Scores) -> tuple[Scale | None, str]:
    small, middle, large = scores.bands
    if not small.count + middle.count + large.count:
        return "1", "No row has a score."
    if not middle.count + large.count:
        return "1", "All scores are between 0 and 1 and are kept as they are."
    highest = max(middle.maximum, large.maximum)
    if large.count and scores.fractions:
        return None, (
            f"{scores.fractions:,} scores lie between 0 and 1 and {large.count:,} above 10, up to {highest:g}: "
            "the file mixes scales. Choose 100 if all are percent, or mixed to divide each by its own size."
        )
    if large.count:
        return "100", f"Scores reach {highest:g} and none lies between 0 and 1: read as 0 to 100, all divided by 100."
    if scores.fractions:
        return "mixed", (
            f"Two scales are mixed: {small.count:,} scores of at most 1 are kept, "
            f"{middle.count:,} above 1, up to {highest:g}, are divided by 10."
        )
    return "10", f"Scores reach {highest:g} and none lies between 0 and 1: read as 0 to 10, all divided by 10."


def _effect(scores: Scores, scale: Scale) -> ScaleEffect:
    kept = [(band, by) for band, by in zip(scores.bands, DIVISORS[scale], strict=True) if band.count and by]
    count = sum(band.count for band, _ in kept)
    return ScaleEffect(
        scale=scale,
        changed=sum(band.count - band.zeros for band, by in kept if by != 1),
        rejected=sum(band.count for band in scores.bands) - count,
        minimum=min((band.minimum / by for band, by in kept), default=None),
        mean=sum(band.total / by for band, by in kept) / count if count else None,
        maximum=max((band.maximum / by for band, by in kept), default=None),
    )


def chosen(finding: ScaleFinding, wanted: str) -> Scale:
    """The scale to use. Raises `ImportRefused` where nothing was chosen and it cannot be told."""
    if wanted in SCALES:
        return wanted  # pyright: ignore[reportReturnType]
    if finding.scale is None:
        raise ImportRefused(
            f"The scale of the scores is not clear. {finding.explanation} Nothing was changed.",
            field="quality_score",
            expected="a quality scale: 1, 10, 100 or mixed",
        )
    return finding.scale


def highest(scale: Scale) -> int:
    """The highest score that fits."""
    return 100 if scale == "mixed" else int(scale)


def divided(scale: Scale, column: str) -> str:
    """The score on the common scale, in SQL; NULL where it does not fit."""
    # numeric: 6.84 becomes 0.684, where floating point makes 0.6839999999999999.
    parts = (f"({column}::numeric / {by})::float8" if by else "NULL" for by in DIVISORS[scale])
    small, middle, large = (column if by == 1 else part for by, part in zip(DIVISORS[scale], parts, strict=True))
    return f"CASE WHEN {column} <= 1 THEN {small} WHEN {column} <= 10 THEN {middle} ELSE {large} END"
