"""What the scores of a file mean. Nothing is ever clipped: a score fits its scale, or it fails its row.

A scale is taken without asking only where the distribution of the scores leaves one reading; their maximum alone never
does: five stars are the best of 1 to 5 and the middle of 0 to 10.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.errors import ImportRefused
from core.examples.importing.models import Scale, ScaleEffect, ScaleFinding, Unfit

#: The scales that are offered; any other is written as LOWEST-HIGHEST, such as 1-7.
OFFERED: tuple[Scale, ...] = ("1", "thumbs", "1-5", "5", "10", "100", "mixed")
_RANGE = re.compile(r"(\d{1,3}(?:\.\d+)?)-(\d{1,3}(?:\.\d+)?)")
#: How a file says that nobody scored a row.
NO_NUMBER = frozenset(
    (
        "",
        "nan",
        "-nan",
        "inf",
        "-inf",
        "+inf",
        "infinity",
        "-infinity",
        "+infinity",
        "none",
        "null",
        "n/a",
        "na",
        "-",
        "#n/a",
        "#na",
        "#value!",
        "#div/0!",
        "#null!",
        "<na>",
        "nat",
    )
)
_THUMBS = dict.fromkeys(
    ("👍", "up", "thumbs up", "thumbs_up", "thumbs-up", "thumbsup", "like", "true"), 1.0
) | dict.fromkeys(("👎", "down", "thumbs down", "thumbs_down", "thumbs-down", "thumbsdown", "dislike", "false"), 0.0)
#: What a thumb may have behind it: a shade of skin, or that it is shown as a picture.
_SHADES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
_NUMBER = re.compile(r"([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?|[+-]?[.,]\d+)\s*(%?)")
_EXPECTED = "a number from 0 to 100"


class Certain(float):
    """A score that says itself what it means, such as 85 % or a thumb; the number is the one in the file."""

    #: The same from 0 to 1.
    score: float


def _certain(written: float, score: float) -> Certain:
    made = Certain(written)
    made.score = score
    return made


def score(value: Any) -> float | None:
    """Return a score as the file has it, on whatever scale; None where nobody scored."""
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, bool):
        return _certain(float(value), float(value))
    if isinstance(value, str):
        return _of_text(value.strip())
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        raise Unfit(_EXPECTED) from None
    return None if math.isinf(number) else _in_bounds(number)


def _of_text(said: str) -> float | None:
    if said.isascii() and said.replace(".", "", 1).isdecimal():
        return _in_bounds(float(said))  # as most are
    number = _NUMBER.fullmatch(said)
    if number is None:
        folded = _SHADES.sub("", said.lower())
        if folded in NO_NUMBER:
            return None
        if folded in _THUMBS:
            return _certain(_THUMBS[folded], _THUMBS[folded])
        raise Unfit(_EXPECTED)
    # 0,85: a comma with digits behind it groups thousands only above 100, where no score is.
    written = _in_bounds(float(number[1].replace(",", ".")))
    if not number[2]:
        return written
    if written < 0:
        raise Unfit("a number from 0 to 100 %")
    return _certain(written, float(f"{written / 100:.15g}"))


def _in_bounds(number: float) -> float:
    if not (0 <= number <= 100 or number == -1):
        raise Unfit(_EXPECTED)
    return number + 0.0  # -0.0 is 0.0


@dataclass(frozen=True)
class Reading:
    """How one score becomes one from 0 to 1: less `lowest`, divided by `span`."""

    lowest: float
    span: float

    def fits(self, score: float) -> bool:
        return self.lowest <= score <= self.lowest + self.span

    def read(self, score: float) -> float:
        return float(f"{(score - self.lowest) / self.span:.15g}")

    @property
    def words(self) -> str:
        return f"{self.lowest:g} to {self.lowest + self.span:g}"


#: Where scales of agreement end that have no 10: nobody who scores from 1 to 10 gives everything but the best grades.
_LIKERT = (6, 7, 9)
#: The sizes that scores of a mixed column have, and how each is read.
_SIZES = (Reading(0, 1), Reading(0, 10), Reading(0, 100))


def readings(scale: Scale) -> tuple[Reading, ...]:
    """How a scale reads: by one rule, or each score by the first whose range it fits."""
    if scale == "mixed":
        return _SIZES
    if scale == "thumbs":
        return (Reading(-1, 2),)
    if found := _RANGE.fullmatch(scale):
        lowest, highest = float(found[1]), float(found[2])
        return (Reading(lowest, highest - lowest),)
    return (Reading(0, float(scale)),)


def is_scale(said: str) -> bool:
    """Whether it names a scale: one that is offered, or a range such as 1-7."""
    found = _RANGE.fullmatch(said)
    return said in OFFERED or bool(found and float(found[1]) < float(found[2]) <= 100)


@dataclass
class Scores:
    """What is kept of the scores while they stream by: how often each occurs, and where first."""

    #: So many different scores are told apart; more of them are fractions of a model's, and a sample of them is enough.
    DIFFERENT = 20_000

    counts: dict[float, int] = field(default_factory=dict)
    rows: dict[float, list[int]] = field(default_factory=dict)
    #: Those that say themselves what they mean, by what they mean.
    certain: dict[float, int] = field(default_factory=dict)
    total: int = 0

    def add(self, score: float, row: int = 0) -> None:
        self.total += 1
        if isinstance(score, Certain):
            self.certain[score.score] = self.certain.get(score.score, 0) + 1
            return
        known = self.counts.get(score)
        if known is None:
            # Rounded, so that a million different fractions take no memory of their own.
            score = score if len(self.counts) < self.DIFFERENT else float(f"{score:.2g}")
            known = self.counts.get(score, 0)
        self.counts[score] = known + 1
        first = self.rows.setdefault(score, [])
        if len(first) < 3:
            first.append(row)


def detect_scale(values: Iterable[float | None]) -> ScaleFinding:
    """Return the finding for a stream of scores; None is not scored."""
    scores = Scores()
    for row, value in enumerate(values, 1):
        if value is not None:
            scores.add(value, row)
    return found(scores)


def found(scores: Scores, wanted: str = "auto") -> ScaleFinding:
    """Return what the scores mean, and what each way of reading them would do; `wanted` is one way more."""
    scale, explanation = _judged(scores)
    choices = OFFERED if wanted in (*OFFERED, "auto") else (*OFFERED, wanted)
    if scale is None and max(scores.counts, default=0) in _LIKERT:
        choices = (*dict.fromkeys((f"1-{max(scores.counts):g}", *choices)),)
    every = [*scores.counts, *scores.certain]
    return ScaleFinding(
        scale=scale,
        explanation=explanation,
        scored=scores.total,
        minimum=min(every, default=None),
        maximum=max(every, default=None),
        effects=tuple(_effect(scores, choice) for choice in choices),
    )


def _judged(scores: Scores) -> tuple[Scale | None, str]:
    """Return the one scale that the distribution leaves, or None, and why."""
    counts = scores.counts
    if not counts:
        said = (
            "All scores say themselves what they mean: per cent, or thumbs."
            if scores.certain
            else "No row has a score."
        )
        return "1", said
    highest, lowest = max(counts), min(counts)
    if lowest < 0:
        return _with_minus(scores, set(counts))
    if highest <= 1:
        return "1", "All scores are between 0 and 1 and are kept as they are."
    fractions = sum(count for score, count in counts.items() if 0 < score < 1)
    if highest > 10:
        return _above_ten(scores, highest, fractions)
    if fractions:
        return _fractions_below(scores, highest, fractions)
    if highest <= 5:
        return None, (
            f"Scores such as {_such_as(scores)} go up to {highest:g}: they may be stars from 1 to 5, of which "
            f"{highest:g} is {Reading(1, 4).read(highest):g}, or scores from 0 to 10, of which it is {highest / 10:g}."
        )
    if highest in _LIKERT and set(counts) == set(range(1, int(highest) + 1)) and scores.total >= 3 * highest:
        return None, (
            f"Scores are the whole numbers from 1 to {highest:g}, and each of them occurs: they may be of a scale from "
            f"1 to {highest:g}, of which {highest:g} is 1, or scores from 0 to 10, of which it is {highest / 10:g}."
        )
    return "10", f"Scores reach {highest:g} and none lies between 0 and 1: read as 0 to 10, all divided by 10."


def _with_minus(scores: Scores, different: set[float]) -> tuple[Scale | None, str]:
    if different <= {-1, 0, 1}:
        return "thumbs", "Scores are -1, 0 and 1: read as thumbs down, neither (0.5) and up."
    return None, (
        f"{_named(scores, lambda score: score < 0)} beside {_such_as(scores)}: -1 may be a thumb, or mean that nobody "
        "scored. Choose thumbs, or a scale on which the rows with -1 fail."
    )


def _above_ten(scores: Scores, highest: float, fractions: int) -> tuple[Scale | None, str]:
    counts = scores.counts
    if fractions:
        return None, (
            f"{_named(scores, lambda score: 0 < score < 1)} beside {_named(scores, lambda score: score > 10)}: the "
            "file mixes scales. Choose 100 if all are percent, or mixed to divide each by its own size."
        )
    if highest <= 20:
        return None, (
            f"Scores such as {_such_as(scores)} go up to {highest:g}: they may be percent, or of a scale such as 0-20."
        )
    low = sum(count for score, count in counts.items() if 0 < score <= 10)
    between = sum(count for score, count in counts.items() if 10 < score <= 30)
    if low and between * 2 < low:
        return None, (
            f"{_named(scores, lambda score: 0 < score <= 10)} beside {_named(scores, lambda score: score > 10)}, and "
            "little between them: two scales may be mixed. Choose 100 if all are percent, or mixed to divide each by "
            "its own size."
        )
    return "100", f"Scores reach {highest:g} and none lies between 0 and 1: read as 0 to 100, all divided by 100."


def _fractions_below(scores: Scores, highest: float, fractions: int) -> tuple[Scale | None, str]:
    """Fractions beside scores up to 10. Two scales only where a gap parts them, and no half points explain it."""
    counts = scores.counts
    between = any(1 < score <= 3 for score in counts)
    if between or all(score * 2 == int(score * 2) for score in counts) or highest <= 5:
        return None, (
            f"{_named(scores, lambda score: 0 < score < 1)} beside {_named(scores, lambda score: score > 1)}: they may "
            "be one scale, or two. Choose 10 or 5 if all are of one, or mixed to divide each by its own size."
        )
    small = sum(count for score, count in counts.items() if score <= 1)
    large = sum(counts.values()) - small
    return "mixed", (
        f"Two scales are mixed: {small:,} scores of at most 1 are kept, "
        f"{large:,} above 1, up to {highest:g}, are divided by 10."
    )


def _such_as(scores: Scores, limit: int = 3) -> str:
    often = sorted(scores.counts, key=lambda score: -scores.counts[score])[:limit]
    return ", ".join(f"{score:g}" for score in often)


def _named(scores: Scores, chosen: Any) -> str:
    """How many scores are of one kind, with the first of them: "4 scores such as 7 (row 1)"."""
    found = [score for score in scores.counts if chosen(score)]
    count = sum(scores.counts[score] for score in found)
    examples = ", ".join(f"{score:g} (row {scores.rows[score][0]})" for score in found[:3])
    return f"{count:,} {'score' if count == 1 else 'scores'} such as {examples}"


def _effect(scores: Scores, scale: Scale) -> ScaleEffect:
    ways = readings(scale)
    stored: list[tuple[float, int]] = list(scores.certain.items())
    changed = rejected = 0
    groups: dict[Reading, list[tuple[float, float, int]]] = {}
    for score, count in scores.counts.items():
        way = next((way for way in ways if way.fits(score)), None)
        if way is None:
            rejected += count
            continue
        read = way.read(score)
        changed += count if read != score else 0
        stored.append((read, count))
        groups.setdefault(way, []).append((score, read, count))
    kept = sum(count for _, count in stored)
    return ScaleEffect(
        scale=scale,
        changed=changed,
        rejected=rejected,
        minimum=min((value for value, _ in stored), default=None),
        mean=math.fsum(value * count for value, count in stored) / kept if kept else None,
        maximum=max((value for value, _ in stored), default=None),
        reads=tuple(_read_as(scores, way, groups[way]) for way in ways if way in groups),
    )


def _read_as(scores: Scores, way: Reading, group: list[tuple[float, float, int]]) -> str:
    """Which rows are read how: "4 scores as 0 to 10: 7 is 0.7 (row 1), …"."""
    examples = ", ".join(f"{score:g} is {read:g} (row {scores.rows[score][0]})" for score, read, _ in group[:3])
    count = sum(number for *_, number in group)
    return f"{count:,} {'score' if count == 1 else 'scores'} as {way.words}: {examples}" + (
        ", …" if len(group) > 3 else ""
    )


def chosen(finding: ScaleFinding, wanted: str) -> Scale:
    """Return the scale to use. Raises `ImportRefused` where nothing was chosen and it cannot be told."""
    if wanted != "auto":
        return wanted
    if finding.scale is None:
        fitting = [effect for effect in finding.effects if not effect.rejected]
        ways = "; ".join(f"--quality-scale {effect.scale} ({effect.reads[0]})" for effect in fitting if effect.reads)
        raise ImportRefused(
            f"The scale of the scores is not clear. {finding.explanation} Say what they mean: {ways}. "
            "Nothing was changed.",
            field="quality_score",
            expected="a quality scale: " + ", ".join(OFFERED),
        )
    return finding.scale


def bounds(scale: Scale) -> tuple[float, float]:
    """Return the lowest and the highest score that fit."""
    ways = readings(scale)
    return ways[0].lowest, ways[-1].lowest + ways[-1].span


def divided(scale: Scale, row: str, score: str = "quality_score", certain: str = "certain_score") -> str:
    """Return the score of a staged row on the common scale, in SQL; `score` and `certain` are the
    columns that hold it.
    """
    column = f"{row}.{score}"
    # numeric: 6.84 becomes 0.684, where floating point makes 0.6839999999999999.
    *before, last = (
        (
            way.lowest + way.span,
            column if way == _SIZES[0] else f"(({column}::numeric - {way.lowest:g}) / {way.span:g})::float8",
        )
        for way in readings(scale)
    )
    cases = "".join(f"WHEN {column} <= {highest:g} THEN {read} " for highest, read in before)
    by_scale = f"CASE {cases}ELSE {last[1]} END" if cases else last[1]
    return f"coalesce({row}.{certain}, {by_scale})"
