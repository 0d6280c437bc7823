"""Means, trends and correlations, each with how sure it is: small groups are drawn towards the mean of all."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from core.history.records import FEW

#: So much of what is called clear may be chance.
LEVEL = 0.05
#: The 97.5 % point of the normal distribution.
_NORMAL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Group:
    """What is known of the values of one group; the variance is that of the sample, None of a single value."""

    name: str
    n: int
    mean: float
    variance: float | None


@dataclass(frozen=True)
class Estimate:
    """The mean of one group, and how sure it is."""

    n: int
    #: Of its own rows alone.
    mean: float
    #: Drawn towards the mean of all groups; `weight` is the part that its own rows have in it.
    value: float
    weight: float
    #: Its 95 % interval; None where no group has two rows, so that nobody knows how much rows differ.
    low: float | None
    high: float | None

    @property
    def is_few(self) -> bool:
        """Whether it rests on so few rows that it has to be said."""
        return self.n < FEW

    def shown(self, form: str = ",.0f") -> str:
        """In words, with interval and n, and with a warning where these are few."""
        between = "" if self.low is None or self.high is None else f", {self.low:{form}} to {self.high:{form}}"
        return f"{self.value:{form}} (n {self.n:,}{between}{f', under {FEW} rows' if self.is_few else ''})"


@dataclass(frozen=True)
class Trend:
    """The slope of a line through the values of a group, a month; its 95 % interval, None below three rows."""

    n: int
    slope: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Coefficient:
    """A correlation, its 95 % interval, and its p: alone, and corrected for all that were tried."""

    value: float
    low: float
    high: float
    p: float
    corrected: float = 1.0

    @property
    def is_clear(self) -> bool:
        return self.corrected < LEVEL


def shrunk(groups: Sequence[Group]) -> dict[str, Estimate]:
    """Return the estimate of each group under a random-effects model: m_i ~ N(μ_i, σ²/n_i), μ_i ~ N(μ, τ²).

    σ² = Σ(n_i − 1)s_i² / (N − k), the variance within groups, pooled;
    τ² = max(0, (Σn_i(m_i − m)² − (k − 1)σ²) / (N − Σn_i²/N)), between groups, by the method of moments; m: of all rows;
    w_i = τ² / (τ² + σ²/n_i); μ = Σw_i m_i / Σw_i, or m where τ² is 0; value_i = μ + w_i(m_i − μ);
    variance_i = w_i σ²/n_i + (1 − w_i)² Var(μ), with Var(μ) = τ²/Σw_i, or σ²/N; the interval takes t, N − k degrees.

    H. Bühlmann and E. Straub, Glaubwürdigkeit für Schadensätze (1970); C. N. Morris, Parametric Empirical Bayes
    Inference (JASA 78, 1983); τ²: S. R. Searle, G. Casella, C. E. McCulloch, Variance Components (1992), section 3.6.
    The interval takes τ² for known, so it is a little narrow where groups are few. A group alone is its own mean.
    """
    total, count = sum(group.n for group in groups), len(groups)
    freedom = total - count
    if not groups or freedom == 0:
        return {group.name: Estimate(group.n, group.mean, group.mean, 1.0, None, None) for group in groups}
    within = math.fsum((group.n - 1) * (group.variance or 0.0) for group in groups) / freedom
    centre = math.fsum(group.n * group.mean for group in groups) / total
    spread = math.fsum(group.n * (group.mean - centre) ** 2 for group in groups)
    rows = total - math.fsum(group.n**2 for group in groups) / total
    between = max(0.0, (spread - (len(groups) - 1) * within) / rows) if rows > 0 else 0.0
    weights = [_weight(between, within, group.n) if count > 1 else 1.0 for group in groups]
    # Where groups do not differ, or rows do not, the formulas' limits.
    if between > 0 and count > 1:
        centre = math.fsum(w * group.mean for w, group in zip(weights, groups, strict=True)) / math.fsum(weights)
        of_centre = between / math.fsum(weights)
    else:
        of_centre = within / total
    reach = _t(freedom)
    found = {}
    for weight, group in zip(weights, groups, strict=True):
        value = centre + weight * (group.mean - centre)
        half = reach * math.sqrt(weight * within / group.n + (1 - weight) ** 2 * of_centre)
        found[group.name] = Estimate(group.n, group.mean, value, weight, value - half, value + half)
    return found


def _weight(between: float, within: float, n: int) -> float:
    return between / (between + within / n) if between > 0 else 0.0


def _t(freedom: float) -> float:
    from scipy import special  # takes a moment to load, and scipy.stats seconds

    return float(special.stdtrit(freedom, 0.975))


def trend(n: int, slope: float | None, sxx: float | None, syy: float | None) -> Trend | None:
    """Return the slope of the least-squares line, with the interval of its t test; sxx, syy: sums of squares around the
    means.

    None where all rows have one moment.
    """
    if slope is None or not sxx or syy is None:
        return None
    if n < 3:
        return Trend(n, slope, None, None)
    rest = max(0.0, syy - slope * slope * sxx)
    half = _t(n - 2) * math.sqrt(rest / (n - 2) / sxx)
    return Trend(n, slope, slope - half, slope + half)


def coefficients(one: list[float], other: list[float]) -> tuple[Coefficient, Coefficient]:
    """Pearson's and Spearman's, not yet corrected.

    Not scipy.stats: it takes seconds to load and two milliseconds a pair, and a plan waits for hundreds of pairs.
    """
    half = _NORMAL / math.sqrt(len(one) - 3)
    r, rho = _correlated(one, other), _correlated(_ranks(one), _ranks(other))
    return (
        _coefficient(r, half, len(one)),
        _coefficient(rho, half * math.sqrt(1 + rho * rho / 2), len(one)),
    )


def _correlated(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Pearson's r, each series scaled first so that no square is too large or too small for a float."""
    deviations = []
    for values in (one, other):
        mean = math.fsum(values) / len(values)
        apart = [value - mean for value in values]
        length = math.hypot(*apart) or 1.0
        deviations.append([value / length for value in apart])
    return min(max(math.fsum(a * b for a, b in zip(*deviations, strict=True)), -1.0), 1.0)


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the place of each value in the order, from 1; equal ones share the mean of their places."""
    order = sorted(values)
    return [(bisect_left(order, value) + bisect_right(order, value) + 1) / 2 for value in values]


def _coefficient(r: float, half: float, n: int) -> Coefficient:
    """Return a coefficient with its interval, `half` to each side of its Fisher transform, and the p of its t test."""
    if abs(r) == 1:
        return Coefficient(r, r, r, 0.0)
    from scipy import special  # takes a moment to load

    t = r * math.sqrt((n - 2) / ((1 - r) * (1 + r)))
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return Coefficient(r, low, high, 2 * float(special.stdtr(n - 2, -abs(t))))
