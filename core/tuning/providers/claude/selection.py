"""Choosing: which candidate answers best, and whether that is more than luck."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

from core import metrics
from core.errors import TuningRefused
from core.metrics import Mean
from core.tuning.providers.claude.answers import BatchAnswer
from core.tuning.providers.claude.options import LEAST_ROWS

#: A candidate is compared when it answered this share of the records.
_ENOUGH = 0.8
#: Standard errors that are luck in 95 of 100 samples.
_LUCK = 1.96
BASE = 0


@dataclass(frozen=True)
class Entry:
    """A candidate with its figures. `value` is what counts: 1 for an exact answer, else how similar it is."""

    candidate: int
    value: Mean
    exact: Mean
    similarity: Mean
    #: Share of answers that are JSON, of those for which JSON was expected.
    json_valid: Mean
    #: The difference to the bare model on the same records.
    gain: Mean
    #: Of how many answers the end is missing, which the model declined, and of which there is none.
    cut: int
    declined: int
    missing: int
    #: Whether it had enough answers to be compared.
    is_compared: bool


@dataclass(frozen=True)
class CandidateChoice:
    """The chosen candidate, the records that were compared, and the figures of all."""

    candidate: int
    rows: tuple[int, ...]
    entries: tuple[Entry, ...]

    def entry(self, candidate: int) -> Entry:
        return next(each for each in self.entries if each.candidate == candidate)


def choose(
    answers: Mapping[tuple[int, int], BatchAnswer],
    expected: Mapping[int, str],
    costs: Sequence[int],
    *,
    least_rows: int = LEAST_ROWS,
    seed: int = 0,
) -> CandidateChoice:
    """Return the best candidate on the records that all compared candidates answered.

    `answers` by candidate and row, `expected` by row, `costs`: what showing each candidate takes, in tokens; 0 is the
    bare model. The simplest candidate wins whose distance to the best one may be luck (within 1.96 standard errors of
    the difference, record by record); but never one with a lower mean than the bare model. Raises `TuningRefused` for
    too few answers.
    """
    scores = {
        place: metrics.score(answer.text, expected[place[1]])
        for place, answer in answers.items()
        if answer.kind == "succeeded"
    }
    compared = [index for index in range(len(costs)) if _answered(scores, index) >= max(1, _ENOUGH * len(expected))]
    rows = tuple(sorted(row for row in expected if all((index, row) in scores for index in compared)))
    if BASE not in compared or len(rows) < least_rows:
        raise TuningRefused(
            f"Of {len(expected):,} records only {len(rows) if BASE in compared else _answered(scores, BASE):,} were "
            f"answered by every candidate; at least {least_rows:,} are needed."
        )
    values = {index: [_value(scores[index, row]) for row in rows] for index in compared}
    entries = tuple(
        _entry(index, answers, scores, expected, rows if index in compared else (), values.get(BASE, []), seed)
        for index in range(len(costs))
    )
    return CandidateChoice(_simplest(values, costs), rows, entries)


def _answered(scores: Mapping[tuple[int, int], metrics.Score], candidate: int) -> int:
    return sum(1 for index, _ in scores if index == candidate)


def _value(score: metrics.Score) -> float:
    return 1.0 if score.exact else score.similarity


def _simplest(values: Mapping[int, Sequence[float]], costs: Sequence[int]) -> int:
    means = {index: math.fsum(column) / len(column) for index, column in values.items()}
    by_cost = sorted(values, key=lambda index: (costs[index], index))
    best = max(by_cost, key=lambda index: means[index])
    return next(
        index
        for index in by_cost
        if means[index] >= means[BASE] and means[best] - means[index] <= _noise(values[best], values[index])
    )


def _noise(one: Sequence[float], other: Sequence[float]) -> float:
    """How large a mean difference may be by luck."""
    differences = [left - right for left, right in zip(one, other, strict=True)]
    return _LUCK * stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0


def _entry(
    candidate: int,
    answers: Mapping[tuple[int, int], BatchAnswer],
    scores: Mapping[tuple[int, int], metrics.Score],
    expected: Mapping[int, str],
    rows: Sequence[int],
    base: Sequence[float],
    seed: int,
) -> Entry:
    counted = [scores[candidate, row] for row in rows]
    given = [answers[candidate, row] for row in expected if (candidate, row) in answers]
    values = [_value(each) for each in counted]
    return Entry(
        candidate=candidate,
        value=metrics.mean_of(values, seed=seed),
        exact=metrics.share_of([each.exact for each in counted]),
        similarity=metrics.mean_of([each.similarity for each in counted], seed=seed),
        json_valid=metrics.share_of([each.json_valid for each in counted if each.json_valid is not None]),
        gain=metrics.difference(values, base, seed=seed) if values else metrics.mean_of([]),
        cut=sum(each.ending in ("max_tokens", "model_context_window_exceeded") for each in given),
        declined=sum(each.ending == "refusal" for each in given),
        missing=len(expected) - sum((candidate, row) in scores for row in expected),
        is_compared=bool(rows),
    )
