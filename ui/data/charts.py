"""The three charts of the data page, and what a click or a brush in them filters by."""

import datetime as dt

import streamlit as st

from core.examples.filters import Filter
from core.examples.statistics import Month, Statistics
from ui.data import filter_bar
from ui.parts import charts

_INTENTS = 12


def draw(numbers: Statistics, chosen: Filter) -> None:
    quality, intents, months = st.columns([3, 3, 4], gap="small")
    with quality.container(border=True, height="stretch"):
        _quality(numbers)
    with intents.container(border=True, height="stretch"):
        _intents(numbers, chosen)
    with months.container(border=True, height="stretch"):
        _months(numbers.by_month)


def _quality(numbers: Statistics) -> None:
    if not numbers.scored:
        st.markdown("**Quality**")
        st.text("None of these examples has a score.")
        return
    charts.draw(
        charts.quality_histogram(numbers.histogram),
        key="chart_quality",
        alt="Histogram of quality scores from 0 to 1 in 20 bars. Drag over bars to filter by quality.",
        on_brush=lambda low, high: _quality_between(round(low * 20) / 20, round(high * 20) / 20),
    )
    st.caption(f"{numbers.scored:,} have a score. Drag over bars to filter.")


def _quality_between(low: float, high: float) -> None:
    low, high = max(0.0, min(low, 0.95)), min(1.0, max(high, 0.05))
    if high <= low:  # a drag within one bar means that bar
        high = low + 0.05
    whole = low <= 0 and high >= 1
    filter_bar.FILTER.change(
        quality_min=None if whole else round(low, 2), quality_max=None if whole else round(high, 2)
    )


def _intents(numbers: Statistics, chosen: Filter) -> None:
    groups = numbers.by_intent[:_INTENTS]
    charts.draw(
        charts.by_intent(groups),
        key="chart_intents",
        alt="Examples by intent. Click a bar to filter by that intent, again to take it off.",
        on_click=lambda bar: filter_bar.FILTER.change(intents=sorted({*chosen.intents} ^ {groups[bar].name})),
    )
    more = len(numbers.by_intent) - len(groups)
    st.caption("Click a bar to filter." + (f" {more:,} smaller intents are not shown." if more else ""))


def _months(months: tuple[Month, ...]) -> None:
    charts.draw(
        charts.timeline(months),
        key="chart_months",
        alt="Examples by month, stacked by outcome. Drag over months to filter by date.",
        on_brush=lambda first, last: _brushed(months, str(first), str(last)),
    )
    st.caption("Drag over months to filter.")


def _brushed(months: tuple[Month, ...], first: str, last: str) -> None:
    """Every month whose middle lies under the brush; a drag within one bar means that bar.

    Plotly gives the ends as dates, with or without a time.
    """
    low, high = sorted((first[:10], last[:10]))
    under = [month.month for month in months if low <= f"{month.month:%Y-%m}-15" <= high]
    under = under or [month.month for month in months if f"{month.month:%Y-%m}" == low[:7]]
    if under:
        _between(under[0], under[-1])


def _between(first: dt.date, last: dt.date) -> None:
    end = (last.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    filter_bar.FILTER.change(created_from=_midnight(first.replace(day=1)), created_to=_midnight(end))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
