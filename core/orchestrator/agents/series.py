"""Monthly figures as series, and the arithmetic on them."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from core.history import PeriodValue


@dataclass(frozen=True)
class LinearFit:
    """y = intercept + slope · x over x = 0, 1, 2, …; `s` is the residual standard error."""

    slope: float
    intercept: float
    s: float


@dataclass(frozen=True)
class Predicted:
    """A value to come, with its 95 % interval."""

    value: float
    low: float
    high: float


def common(every: Mapping[str, list[PeriodValue]], names: Sequence[str]) -> list[dt.date]:
    """Return the periods for which all of `names` have a value."""
    return sorted(set.intersection(*({point.start for point in every[name]} for name in names)))


def value_at(points: Sequence[PeriodValue], start: dt.date) -> float:
    """Return the value of the period that begins at `start`; there is one."""
    return next(point.value for point in points if point.start == start)


def compound_rate(first: float, last: float, periods: int) -> float | None:
    """(last / first) ** (1 / periods) - 1; None where a value is not above zero."""
    return (last / first) ** (1 / periods) - 1 if first > 0 and last > 0 and periods > 0 else None


def line(values: Sequence[float]) -> LinearFit:
    """Return the straight line through at least two values that leaves the least squares."""
    n, x_mean, y_mean = len(values), (len(values) - 1) / 2, fmean(values)
    sxx = sum((x - x_mean) ** 2 for x in range(n))
    slope = sum((x - x_mean) * (y - y_mean) for x, y in enumerate(values)) / sxx
    intercept = y_mean - slope * x_mean
    rest = sum((y - intercept - slope * x) ** 2 for x, y in enumerate(values))
    return LinearFit(slope, intercept, math.sqrt(rest / (n - 2)) if n > 2 else 0.0)


def predict(values: Sequence[float], ahead: int) -> Predicted:
    """Return the value `ahead` periods after the last, with its 95 % prediction interval; needs three values."""
    fitted, n = line(values), len(values)
    x, x_mean = n - 1 + ahead, (n - 1) / 2
    sxx = sum((each - x_mean) ** 2 for each in range(n))
    value = fitted.intercept + fitted.slope * x
    half = t_quantile(n - 2) * fitted.s * math.sqrt(1 + 1 / n + (x - x_mean) ** 2 / sxx)
    return Predicted(value, value - half, value + half)


#: 97.5 % points of Student's t for 1 to 30 degrees of freedom.
_T = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
)  # fmt: skip


def t_quantile(freedom: int) -> float:
    """Return the 97.5 % point of Student's t; above 30 degrees the first terms of the expansion around the normal's."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Mean and its 95 % interval by Student's t; None for less than two values."""
    if len(values) < 2:
        return None
    mean = fmean(values)
    s = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = t_quantile(len(values) - 1) * s / math.sqrt(len(values))
    return mean, mean - half, mean + half
