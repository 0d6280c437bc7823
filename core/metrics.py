"""How good an answer is, beside the one that was expected: plain functions, the same wherever answers are compared."""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

#: chrF as Popović (2015, "chrF: character n-gram F-score for automatic MT evaluation", WMT) advises and as sacreBLEU 2
#: computes it: n-grams of up to six characters without white space, recall counted twice as much as precision.
_LONGEST_GRAM = 6
_BETA = 2
_MISSING = object()
#: Two standard errors to each side, as for 95 %.
_Z = 1.959964
_DRAWS = 2_000
#: Above so many values a mean is as good as normal, and resampling would only take memory.
_MANY = 1_000


@dataclass(frozen=True)
class Score:
    """One answer beside the expected one."""

    exact: bool
    #: 0.0 to 1.0, by characters.
    similarity: float
    #: Whether the answer is JSON; None where the expected one is none, so that nothing was asked for.
    json_valid: bool | None


@dataclass(frozen=True)
class Mean:
    """A mean of `n` values with the interval in which it lies in 95 of 100 samples of this size; 0 for no values."""

    mean: float
    low: float
    high: float
    n: int


def score(answer: str, expected: str) -> Score:
    """Everything that is measured of one answer."""
    wanted = _json(expected)
    given = _json(answer)
    return Score(
        exact=_is_exact(answer, given, expected, wanted),
        similarity=similarity(answer, expected),
        json_valid=None if wanted is _MISSING else given is not _MISSING,
    )


def is_exact(answer: str, expected: str) -> bool:
    """Whether both say the same: white space and Unicode composition aside, and as values where both are JSON.

    Upper and lower case differ: names, codes and addresses are among what is compared.
    """
    return _is_exact(answer, _json(answer), expected, _json(expected))


def is_json(text: str) -> bool:
    """Whether the text, without a Markdown fence around it, is a JSON object or list."""
    return _json(text) is not _MISSING


def normalised(text: str) -> str:
    """Return the text with composed letters, and one blank for any white space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def similarity(answer: str, expected: str) -> float:
    """chrF between 0.0 and 1.0; 1.0 for two texts without any character, 0.0 where only one is."""
    given = "".join(unicodedata.normalize("NFC", answer).split())
    wanted = "".join(unicodedata.normalize("NFC", expected).split())
    if not given or not wanted:
        return float(given == wanted)
    shares = [_shares(given, wanted, n) for n in range(1, min(_LONGEST_GRAM, len(given), len(wanted)) + 1)]
    precision, recall = (math.fsum(column) / len(shares) for column in zip(*shares, strict=True))
    if not precision + recall:
        return 0.0
    weight = _BETA**2
    return min(1.0, (1 + weight) * precision * recall / (weight * precision + recall))


def mean_of(values: Sequence[float], *, seed: int = 0) -> Mean:
    """Return the mean, and its interval by the bootstrap (percentiles of resampled means), the same for the same
    `seed`.
    """
    if not values:
        return Mean(0.0, 0.0, 0.0, 0)
    sample = np.asarray(values, dtype=float)
    if len(sample) > _MANY:
        spread = _Z * float(sample.std(ddof=1)) / math.sqrt(len(sample))
        return Mean(float(sample.mean()), float(sample.mean()) - spread, float(sample.mean()) + spread, len(sample))
    drawn = np.random.default_rng(seed).integers(0, len(sample), (_DRAWS, len(sample)))
    low, high = np.quantile(sample[drawn].mean(axis=1), (0.025, 0.975))
    return Mean(float(sample.mean()), float(low), float(high), len(sample))


def share_of(flags: Sequence[bool]) -> Mean:
    """Return a share with Wilson's interval, which holds for few answers and for shares near 0 and 1 too."""
    n = len(flags)
    if not n:
        return Mean(0.0, 0.0, 0.0, 0)
    share = sum(flags) / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    spread = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Mean(share, max(0.0, centre - spread), min(1.0, centre + spread), n)


def difference(after: Sequence[float], before: Sequence[float], *, seed: int = 0) -> Mean:
    """Return the mean difference of two models on the same rows, row by row, with its interval."""
    return mean_of([new - old for new, old in zip(after, before, strict=True)], seed=seed)


def chance(after: Sequence[bool], before: Sequence[bool]) -> float:
    """McNemar's exact test on the same rows: how likely so uneven a change is if neither model were better."""
    better = sum(new and not old for new, old in zip(after, before, strict=True))
    worse = sum(old and not new for new, old in zip(after, before, strict=True))
    changed = better + worse
    tail = sum(math.comb(changed, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**changed)


def _shares(given: str, wanted: str, n: int) -> tuple[float, float]:
    """Precision and recall of the n-grams."""
    ours, theirs = _grams(given, n), _grams(wanted, n)
    both = (ours & theirs).total()
    return both / (len(given) - n + 1), both / (len(wanted) - n + 1)


def _grams(text: str, n: int) -> Counter[str]:
    return Counter(text[start : start + n] for start in range(len(text) - n + 1))


def _is_exact(answer: str, given: Any, expected: str, wanted: Any) -> bool:
    if given is not _MISSING and wanted is not _MISSING:
        # Through bytes, because True == 1 in Python and not in JSON.
        return _canonical(given) == _canonical(wanted)
    return normalised(answer) == normalised(expected)


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _json(text: str) -> Any:
    """Return the object or list that the text is, or `_MISSING`; a bare number or word is text here."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        stripped = stripped[stripped.index("\n") : -3].strip()
    if stripped[:1] not in ("{", "["):
        return _MISSING
    try:
        return orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return _MISSING
