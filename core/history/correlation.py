"""Figures of the business beside the performance of content, month by month. What goes together need not be a cause."""

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, text

from core.db import Database
from core.history.estimates import Coefficient, coefficients
from core.history.published import MEASURED
from core.history.records import FEW

#: How many months the figure is moved against the content: 2 is two months later than the content.
LAGS = range(-3, 4)
#: Fewer months than this show nothing: three points lie on a line often enough.
LEAST = 6
NOT_A_CAUSE = "What goes together is not a cause."
Of = Literal["values", "changes"]
Series = Mapping[dt.date, float]


@dataclass(frozen=True)
class Correlation:
    """One figure of the business against one of the content, moved by `lag` months."""

    business: str
    content: str
    lag: int
    n: int
    pearson: Coefficient
    spearman: Coefficient

    @property
    def is_clear(self) -> bool:
        """Whether both say so, after the correction."""
        return self.pearson.is_clear and self.spearman.is_clear

    @property
    def sentence(self) -> str:
        moved = {0: "in the same month"}.get(self.lag, f"{abs(self.lag)} month{'s' if abs(self.lag) > 1 else ''}")
        moved += "" if not self.lag else " later" if self.lag > 0 else " earlier"
        of = self.pearson
        way = ("rises" if of.value > 0 else "falls") if self.is_clear else "is not shown to move"
        few = f" Only {self.n} months: under {FEW}, one month may turn it." if self.n < FEW else ""
        return (
            f"{self.business} {way} with {self.content} {moved} (r {of.value:+.2f}, {of.low:+.2f} to {of.high:+.2f}, "
            f"n {self.n} months). {NOT_A_CAUSE}{few}"
        )


@dataclass(frozen=True)
class Correlations:
    """All pairs and lags that could be tried, the surest first."""

    of: Of
    tried: int
    found: tuple[Correlation, ...]
    #: Pairs that could not be tried, and why.
    left_out: Mapping[str, str]
    note: str

    @property
    def clear(self) -> tuple[Correlation, ...]:
        return tuple(each for each in self.found if each.is_clear)


@dataclass(frozen=True)
class Monthly:
    """The series that are compared, by their names; a month that nobody measured is in none."""

    content: Mapping[str, Series]
    business: Mapping[str, Series]


#: The content of each whole month.
_CONTENT = text(
    f"""
    WITH {MEASURED}
    SELECT date_trunc('month', published_at)::date AS month, 'posts' AS name, count(*)::float8 AS value FROM measured
    WHERE published_at < date_trunc('month', CAST(:as_of AS timestamptz)) GROUP BY 1
    UNION ALL
    SELECT date_trunc('month', published_at)::date, 'views of a post', avg(views)::float8 FROM measured
    WHERE published_at < date_trunc('month', CAST(:as_of AS timestamptz)) GROUP BY 1
    UNION ALL
    SELECT date_trunc('month', published_at)::date, 'engagement of a post', avg(rate)::float8 FROM measured
    WHERE published_at < date_trunc('month', CAST(:as_of AS timestamptz)) GROUP BY 1
    UNION ALL
    SELECT date_trunc('month', completed_at)::date, 'quality of a task', avg(quality_score)::float8
    FROM orchestrator_historical_tasks
    WHERE completed_at < date_trunc('month', CAST(:as_of AS timestamptz)) GROUP BY 1
    UNION ALL
    SELECT date_trunc('month', tracked_date)::date, 'visits', sum(sessions)::float8 FROM web_analytics
    WHERE tracked_date < date_trunc('month', CAST(:as_of AS timestamptz)) GROUP BY 1"""
)
#: Each figure of each whole month, as it was last recorded; of several periods in a month, their mean.
_BUSINESS = text(
    """
    SELECT date_trunc('month', period_start)::date AS month, name, avg(value) AS value FROM (
        SELECT DISTINCT ON (metric_type, currency, period_start, period_end) period_start,
               concat_ws(' in ', metric_type, nullif(currency, '')) AS name, metric_value::float8 AS value
        FROM financial_metrics
        WHERE metric_type <> '' AND metric_value IS NOT NULL AND recorded_at <= :as_of
          AND period_start < date_trunc('month', CAST(:as_of AS timestamptz))
          AND (period_end IS NULL OR period_end - period_start <= 31)
        ORDER BY metric_type, currency, period_start, period_end, recorded_at DESC, id DESC
    ) AS f GROUP BY 1, 2"""
)


def correlations(db: Database, *, of: Of = "changes", as_of: dt.datetime | None = None) -> Correlations:
    """Try every figure against every measure of content at every lag.

    `of` changes: the differences to the month before and not the values, because two series that both grow agree
    without any connection, and their changes do not. Months that are not over count for nothing, nor do periods longer
    than one.
    """
    with db.reading() as connection:
        return correlations_in(connection, as_of or dt.datetime.now(dt.UTC), of=of)


def correlations_in(connection: Connection, moment: dt.datetime, *, of: Of = "changes") -> Correlations:
    """Return the same on the caller's connection."""
    found = _monthly(connection, moment)
    return _remembered(_fixed(found.content), _fixed(found.business), of)


_Fixed = tuple[tuple[str, tuple[tuple[dt.date, float], ...]], ...]


def _fixed(named: Mapping[str, Series]) -> _Fixed:
    return tuple((name, tuple(series.items())) for name, series in named.items())


@lru_cache(maxsize=4)
def _remembered(content: _Fixed, business: _Fixed, of: Of) -> Correlations:
    """As `compared`: whole months stay the same from one plan to the next, and so does what can be said of them."""
    return compared(*({name: dict(series) for name, series in each} for each in (content, business)), of=of)


def monthly(db: Database, *, as_of: dt.datetime | None = None) -> Monthly:
    """Return what is compared: each measure of content and each figure of the business, by whole months."""
    with db.reading() as connection:
        return _monthly(connection, as_of or dt.datetime.now(dt.UTC))


def _monthly(connection: Connection, moment: dt.datetime) -> Monthly:
    content, business = (_series(connection.execute(query, {"as_of": moment})) for query in (_CONTENT, _BUSINESS))
    if "posts" in content:  # a month between without posts has none, which is known
        content["posts"] = {month: content["posts"].get(month, 0.0) for month in _between(content["posts"])}
    return Monthly(content, business)


def _series(rows: Any) -> dict[str, dict[dt.date, float]]:
    found: dict[str, dict[dt.date, float]] = defaultdict(dict)
    for month, name, value in rows:
        if value is not None:
            found[name][month] = value
    return dict(found)


def _between(series: Series) -> list[dt.date]:
    months = [min(series)]
    while months[-1] < max(series):
        months.append(later(months[-1], 1))
    return months


def later(month: dt.date, months: int) -> dt.date:
    """Return the first day of a month so many months later."""
    number = month.year * 12 + month.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)


def compared(content: Mapping[str, Series], business: Mapping[str, Series], *, of: Of) -> Correlations:
    """Return the correlations of each pair of series at each lag, corrected for all of them together.

    Pearson's r with Fisher's interval (1921); Spearman's ρ with that of D. G. Bonett and T. A. Wright (Psychometrika
    65, 2000): standard error √((1 + ρ²/2)/(n − 3)) of the transformed. Both p values of all pairs and lags are
    corrected by Y. Benjamini and D. Yekutieli (2001), which holds however the tests depend on each other, as lags do.
    """
    if of == "changes":
        content, business = ({name: _changes(each) for name, each in them.items()} for them in (content, business))
    found: list[Correlation] = []
    left_out: dict[str, str] = {}
    for name in sorted(business):
        for other in sorted(content):
            tried = [_correlation(name, other, lag, business[name], content[other]) for lag in LAGS]
            fitting = [each for each in tried if isinstance(each, Correlation)]
            found += fitting
            if not fitting:
                reasons = Counter(each for each in tried if isinstance(each, str))
                left_out[f"{name} and {other}"] = reasons.most_common(1)[0][0]
    found = _corrected(found)
    found.sort(key=lambda each: (max(each.pearson.corrected, each.spearman.corrected), each.pearson.p, abs(each.lag)))
    return Correlations(of, 2 * len(found), tuple(found), left_out, _note(content, business, found, of))


def _changes(series: Series) -> dict[dt.date, float]:
    before = {later(month, 1): value for month, value in series.items()}
    return {month: value - before[month] for month, value in series.items() if month in before}


def paired(business: Series, content: Series, lag: int) -> tuple[list[float], list[float]]:
    """Both values of each month that has both; that of the business is taken `lag` months later."""
    months = [month for month in sorted(content) if later(month, lag) in business]
    return [business[later(month, lag)] for month in months], [content[month] for month in months]


def _correlation(name: str, other: str, lag: int, business: Series, content: Series) -> Correlation | str:
    figures, measures = paired(business, content, lag)
    if len(figures) < LEAST:
        return f"{len(figures)} months have both; fewer than {LEAST} show nothing"
    for values, which in ((figures, name), (measures, other)):
        if min(values) == max(values):
            return f"{which} is the same in all {len(values)} months"
    return Correlation(name, other, lag, len(figures), *coefficients(figures, measures))


def _corrected(found: list[Correlation]) -> list[Correlation]:
    """By Benjamini and Yekutieli, all p values of both kinds together."""
    p = [each.pearson.p for each in found] + [each.spearman.p for each in found]
    factor = len(p) * math.fsum(1 / place for place in range(1, len(p) + 1))
    corrected = [1.0] * len(p)
    least = 1.0
    for place, at in reversed(list(enumerate(sorted(range(len(p)), key=p.__getitem__), start=1))):
        least = corrected[at] = min(least, p[at] * factor / place)
    half = len(found)
    return [
        replace(
            each,
            pearson=replace(each.pearson, corrected=corrected[at]),
            spearman=replace(each.spearman, corrected=corrected[half + at]),
        )
        for at, each in enumerate(found)
    ]


def _note(content: Mapping[str, Series], business: Mapping[str, Series], found: list[Correlation], of: Of) -> str:
    if not business or not content:
        missing = "figure of the business" if not business else "post, task or visit"
        return f"No {missing} of a whole month is recorded, so there is nothing to compare."
    if not found:
        return f"No pair has {LEAST} months in common in which both change, so nothing can be told."
    said = [f"{2 * len(found):,} correlations were tried, and p values are corrected for that. {NOT_A_CAUSE}"]
    months = max(each.n for each in found)
    if months < FEW:
        said.append(f"All of this rests on at most {months} months, fewer than {FEW}: it can say little.")
    if of == "values":
        said.append("Two series that both grow agree without any connection: believe their changes, and not this.")
    return " ".join(said)
