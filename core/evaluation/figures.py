"""What the answers of an evaluation are worth together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core import metrics
from core.metrics import Mean


@dataclass(frozen=True)
class ScoredAnswer:
    """An answer, as far as figures need it. `error`: in one word what was wrong with it, or ""."""

    output: str
    expected: str
    exact: bool
    similarity: float | None
    error: str
    duration_ms: int | None


def of(answers: Sequence[ScoredAnswer]) -> dict[str, Any]:
    """Plain JSON values: means with their intervals, how often something went wrong, and how long answers took.

    `json_valid` is over the records whose expected answer is JSON; None where none is. An answer that is not there
    counts as wrong in every figure.
    """
    asked_json = [answer for answer in answers if metrics.is_json(answer.expected)]
    times = [answer.duration_ms for answer in answers if answer.duration_ms is not None]
    return {
        "exact": _plain(metrics.share_of([answer.exact for answer in answers])),
        "similarity": _plain(metrics.mean_of([answer.similarity or 0.0 for answer in answers])),
        "json_valid": _plain(metrics.share_of([metrics.is_json(answer.output) for answer in asked_json]))
        if asked_json
        else None,
        "errors": dict(Counter(answer.error for answer in answers if answer.error)),
        "latency_ms": {"p50": _at(times, 50), "p95": _at(times, 95)},
    }


def _plain(mean: Mean) -> dict[str, Any]:
    return {name: round(value, 6) for name, value in asdict(mean).items()}


def _at(times: Sequence[int], percent: int) -> int | None:
    return round(float(np.percentile(times, percent))) if times else None
