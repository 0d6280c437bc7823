"""The numbers on top of the data page, each with its course over the months."""

import streamlit as st

from core.examples.statistics import WEEKS, Statistics
from ui.parts.formatting import percent, score

_MONTHS = 12


def draw(numbers: Statistics) -> None:
    months = numbers.by_month[-_MONTHS:]
    totals = [month.succeeded + month.failed + month.unknown for month in months]
    judged = [month for month in months if month.succeeded + month.failed]
    with st.grid(5, min_column_width=150):
        st.metric(
            "Examples",
            f"{numbers.total:,}",
            border=True,
            height="stretch",
            chart_data=_weeks(numbers.total_by_week),
            chart_type="bar",
            help="Everything in this workspace that is not withdrawn, whatever its tags. "
            f"Bars: new ones in each of the last {WEEKS} weeks.",
        )
        st.metric(
            "In this filter",
            f"{numbers.filtered:,}",
            border=True,
            height="stretch",
            chart_data=totals if len(totals) > 1 else None,
            chart_type="bar",
            help="Bars: examples a month, the last twelve months.",
        )
        st.metric(
            "Quality, 0 to 1",
            score(numbers.average_quality),
            border=True,
            height="stretch",
            chart_data=_course([month.average_quality for month in months]),
            help=f"Average over the {numbers.scored:,} that have a score. Line: by month.",
        )
        st.metric(
            "Success rate",
            percent(numbers.success_rate),
            border=True,
            height="stretch",
            chart_data=_course([month.succeeded / (month.succeeded + month.failed) for month in judged]),
            help="Of those whose outcome is known. Line: by month.",
        )
        st.metric(
            "New this week",
            f"{numbers.new_this_week:,}",
            border=True,
            height="stretch",
            chart_data=_weeks(numbers.by_week),
            chart_type="bar",
            help=f"In this filter, created in the last seven days. Bars: the last {WEEKS} weeks.",
        )


def _course(values: list[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return known if len(known) > 1 else None


def _weeks(counts: tuple[int, ...]) -> list[int] | None:
    return list(counts) if any(counts) else None
