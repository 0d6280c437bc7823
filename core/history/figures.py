"""Figures of the business as they were known at a moment: the latest of each, and the values of all its periods."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from core.db import Database

#: A figure that was corrected counts as it was last recorded.
_RECORDED = """
    SELECT DISTINCT ON (metric_type, period_start, period_end) metric_type AS name, metric_value::float8 AS value,
           coalesce(currency, '') AS currency, period_start, period_end
    FROM financial_metrics
    WHERE recorded_at <= :as_of AND metric_type <> '' AND metric_value IS NOT NULL AND period_start IS NOT NULL
    ORDER BY metric_type, period_start, period_end, recorded_at DESC, id DESC
"""
_LATEST = text(
    f"""
    SELECT name, value, currency, period_start, before, n FROM (
        SELECT name, value, currency, period_start, lag(value) OVER earlier AS before, count(*) OVER whole AS n,
               row_number() OVER (PARTITION BY name ORDER BY period_start DESC, period_end) AS place
        FROM ({_RECORDED}) AS f
        WINDOW earlier AS (PARTITION BY name ORDER BY period_start, period_end DESC), whole AS (PARTITION BY name)
    ) AS latest WHERE place = 1 ORDER BY name LIMIT 24"""
)
_SERIES = text(
    f"SELECT name, value, currency, period_start FROM ({_RECORDED}) AS f WHERE name = ANY (:names)"
    " ORDER BY name, period_start, period_end DESC"
)
_NAMES = text(f"SELECT DISTINCT name FROM ({_RECORDED}) AS f ORDER BY name LIMIT 50")


@dataclass(frozen=True)
class LatestFigure:
    """One figure of the business: its latest value and the one of the period before."""

    name: str
    value: float
    currency: str
    period: str
    before: float | None
    #: Against the period before; 0.1 is 10 % more.
    change: float | None
    n: int

    @property
    def sentence(self) -> str:
        change = "" if self.change is None else f" ({self.change:+.1%})"
        return f"{self.name.replace('_', ' ')} {amount(self.value, self.currency)}{change}"


@dataclass(frozen=True)
class Figures:
    """The latest figures of the business, with the period before."""

    n: int
    note: str
    items: tuple[LatestFigure, ...] = ()

    def named(self, name: str) -> LatestFigure | None:
        """Return the figure of this name."""
        return next((figure for figure in self.items if figure.name == name), None)


@dataclass(frozen=True)
class PeriodValue:
    """The value of one period."""

    start: dt.date
    value: float
    currency: str

    @property
    def month(self) -> str:
        return f"{self.start:%B %Y}"

    def is_year_before(self, other: "PeriodValue") -> bool:
        return (self.start.year + 1, self.start.month) == (other.start.year, other.start.month)


def latest(connection: Connection, *, as_of: dt.datetime) -> Figures:
    """Return the latest value of every figure that was recorded by `as_of`."""
    items = tuple(
        LatestFigure(
            row.name,
            row.value,
            row.currency,
            f"{row.period_start:%B %Y}",
            row.before,
            round(row.value / row.before - 1, 4) if row.before else None,
            row.n,
        )
        for row in connection.execute(_LATEST, {"as_of": as_of})
    )
    if not items:
        return Figures(0, "No business figure is recorded, so the plan rests on none.")
    said = "; ".join(figure.sentence for figure in items)
    return Figures(len(items), f"Latest figures ({items[0].period}): {said}.", items)


def series(db: Database, names: Sequence[str], *, as_of: dt.datetime) -> dict[str, list[PeriodValue]]:
    """Return the recorded values of each figure in order of their periods, as they were known at `as_of`."""
    found: dict[str, dict[dt.date, PeriodValue]] = {}
    with db.connect() as connection:
        for row in connection.execute(_SERIES, {"names": list(names), "as_of": as_of}):
            # Of periods that begin together, a month and its year, the shortest counts.
            found.setdefault(row.name, {})[row.period_start] = PeriodValue(row.period_start, row.value, row.currency)
    return {name: list(points.values()) for name, points in found.items()}


def figure_names(db: Database, *, as_of: dt.datetime) -> list[str]:
    """Return the figures that were recorded by `as_of`; at most 50."""
    with db.connect() as connection:
        return list(connection.execute(_NAMES, {"as_of": as_of}).scalars())


def amount(value: float, currency: str = "") -> str:
    """Return a figure for people: money with its currency, shares with their places, counts whole."""
    if currency:
        sign = "$" if currency == "USD" else f"{currency} "
        whole = f"{abs(value):,.0f}" if abs(value) >= 100 else f"{abs(value):,.2f}"
        return f"{'-' if value < 0 else ''}{sign}{whole}"
    if value != int(value) and abs(value) < 1:
        return f"{value:.1%}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
