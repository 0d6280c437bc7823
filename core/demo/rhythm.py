"""When a company works: more every month, less at weekends and over the holidays, and in office hours."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

DAYS = 365
_HOURS = 24
_MS_PER_HOUR = 3_600_000
#: Monday to Sunday.
_WEEKDAYS = np.array([1.10, 1.18, 1.12, 1.05, 0.90, 0.30, 0.25])
_HOUR_WEIGHTS = np.array([1, 1, 1, 1, 1, 2, 6, 20, 55, 85, 95, 90, 60, 75, 90, 88, 75, 50, 25, 14, 10, 7, 4, 2], float)
#: The last month of the year is this many times as busy as the first.
_GROWTH = 3.0


@dataclass(frozen=True)
class Year:
    """The 365 days before the midnight at which `today` begins, in UTC."""

    today: dt.date

    @property
    def first(self) -> dt.date:
        return self.today - dt.timedelta(days=DAYS)

    @property
    def start(self) -> np.datetime64:
        return np.datetime64(self.first, "ms")

    @cached_property
    def day_weights(self) -> NDArray[np.float64]:
        """How busy each day is; they sum to 1."""
        dates = [self.first + dt.timedelta(days=day) for day in range(DAYS)]
        growth = _GROWTH ** np.linspace(0, 1, DAYS)
        weekdays = _WEEKDAYS[[date.weekday() for date in dates]]
        weights = growth * weekdays * np.array([_season(date) for date in dates])
        return weights / weights.sum()

    @cached_property
    def _hours_passed(self) -> NDArray[np.float64]:
        """The share of the year's work that is done at the beginning of each hour."""
        hours = np.outer(self.day_weights, _HOUR_WEIGHTS / _HOUR_WEIGHTS.sum()).ravel()
        return np.concatenate([[0.0], np.cumsum(hours / hours.sum())])

    def moments(self, shares: NDArray[np.float64]) -> NDArray[np.datetime64]:
        """Return the moments by which these shares (0 to 1) of the year's work are done, to the millisecond."""
        hours = np.interp(shares, self._hours_passed, np.arange(DAYS * _HOURS + 1.0))
        last = DAYS * _HOURS * _MS_PER_HOUR - 1
        return self.start + np.minimum((hours * _MS_PER_HOUR).astype(np.int64), last).astype("timedelta64[ms]")

    def day_numbers(self, moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """0 is the first day of the year."""
        return moments.astype("datetime64[D]").astype(np.int64) - self.start.astype("datetime64[D]").astype(np.int64)

    def months(self) -> list[dt.date]:
        """Return the first days of the complete months, from the one before the year begins: at any
        moment one is over.
        """
        months = [_add_months(self.first, number) for number in range(-1, 13)]
        return [month for month in months if _add_months(month, 1) <= self.today]


def weekdays(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """0 is Monday."""
    return (moments.astype("datetime64[D]").astype(np.int64) + 3) % 7


def hours(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the hour of the day, in UTC."""
    return moments.astype("datetime64[h]").astype(np.int64) % 24


def _season(date: dt.date) -> float:
    """Workshops are busiest in spring; little happens between the years and in August."""
    spring = 1 + 0.18 * np.sin(2 * np.pi * (date.timetuple().tm_yday - 30) / 365)
    if (date.month, date.day) >= (12, 23) or (date.month, date.day) <= (1, 2):
        return 0.45 * spring
    return 0.85 * spring if date.month == 8 else spring


def _add_months(date: dt.date, number: int) -> dt.date:
    month = date.month - 1 + number
    return dt.date(date.year + month // 12, month % 12 + 1, 1)
