"""What is said of a combination of items: how often it goes well, against the rest, and how sure that is.

Everything is worked out for all combinations at once. n: examples that have it; good: those of them that did well;
rows, all_good: the same of all examples.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
#: Below this many expected in a cell, Fisher's exact test instead of the chi-square test.
_FEW = 5
_Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True)
class Sides:
    """Counts on both sides: with the combination, and without it."""

    n: NDArray[np.int64]
    good: NDArray[np.int64]
    rows: int
    all_good: int

    @property
    def confidence(self) -> Floats:
        """The share that does well: P(good | items)."""
        return self.good / self.n

    @property
    def rest(self) -> Floats:
        """The share that does well among those without it."""
        return (self.all_good - self.good) / np.maximum(self.rows - self.n, 1)

    @property
    def lift(self) -> Floats:
        """confidence ÷ P(good); 1 is no difference."""
        return self.confidence / (self.all_good / self.rows)

    @property
    def leverage(self) -> Floats:
        """P(items and good) − P(items) · P(good)."""
        return self.good / self.rows - self.n / self.rows * (self.all_good / self.rows)


def p_values(of: Sides) -> Floats:
    """Two-sided p of no association: chi-square without correction; Fisher's exact where a cell is expected below 5."""
    n, good, rows, all_good = of.n.astype(float), of.good.astype(float), of.rows, of.all_good
    bad = rows - all_good
    expected = np.minimum.reduce([n * all_good, n * bad, (rows - n) * all_good, (rows - n) * bad]) / rows
    with np.errstate(divide="ignore", invalid="ignore"):
        square = rows * (good * rows - n * all_good) ** 2 / (n * (rows - n) * all_good * bad)
    found = stats.chi2.sf(np.nan_to_num(square), 1)
    exact: dict[tuple[int, int], float] = {}
    for at in np.flatnonzero(expected < _FEW):
        key = (int(of.n[at]), int(of.good[at]))
        if key not in exact:
            exact[key] = _fisher(*key, rows, all_good)
        found[at] = exact[key]
    return np.minimum(found, 1.0)


def _fisher(n: int, good: int, rows: int, all_good: int) -> float:
    table = [[good, n - good], [all_good - good, rows - n - all_good + good]]
    _odds, p = stats.fisher_exact(table)
    return float(p)  # pyright: ignore[reportArgumentType] (its stubs know no types)


def adjusted(p: Floats) -> Floats:
    """Benjamini and Hochberg (1995): p values for the share of false findings among all that were tried."""
    return stats.false_discovery_control(p) if len(p) else p


def difference_interval(of: Sides) -> tuple[Floats, Floats]:
    """95 % interval of confidence − rest: Newcombe's hybrid score interval (1998, method 10)."""
    low_1, high_1 = _wilson(of.confidence, of.n)
    low_2, high_2 = _wilson(of.rest, of.rows - of.n)
    difference = of.confidence - of.rest
    return (
        difference - np.sqrt((of.confidence - low_1) ** 2 + (high_2 - of.rest) ** 2),
        difference + np.sqrt((high_1 - of.confidence) ** 2 + (of.rest - low_2) ** 2),
    )


def _wilson(share: Floats, n: Any) -> tuple[Floats, Floats]:
    size = np.maximum(n, 1)
    denominator = 1 + _Z * _Z / size
    centre = (share + _Z * _Z / (2 * size)) / denominator
    half = _Z * np.sqrt(share * (1 - share) / size + _Z * _Z / (4 * size * size)) / denominator
    return centre - half, centre + half


@dataclass(frozen=True)
class Mean:
    """A difference of two means, and its 95 % interval; None where a side has fewer than two values."""

    value: float
    low: float
    high: float


def mean_difference(quality: Floats, holds: NDArray[np.bool_]) -> Mean | None:
    """Mean quality with the items less the mean without them, with Welch's interval (1947): unequal variances, degrees
    of freedom by Welch and Satterthwaite.
    """
    scored = ~np.isnan(quality)
    sides = quality[holds & scored], quality[~holds & scored]
    if min(map(len, sides)) < 2:
        return None
    value = float(sides[0].mean() - sides[1].mean())
    errors = [float(side.var(ddof=1)) / len(side) for side in sides]  # of the means, squared
    error = sum(errors)
    if error == 0:  # all values of each side are the same
        return Mean(value, value, value)
    freedom = error**2 / sum(each**2 / (len(side) - 1) for each, side in zip(errors, sides, strict=True))
    half = float(stats.t.ppf(0.975, freedom)) * error**0.5
    return Mean(value, value - half, value + half)
