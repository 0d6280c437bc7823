"""What the axes of a chart say."""

import datetime as dt
from typing import Any

import plotly.graph_objects as go
import pytest

from core.examples.statistics import Group, Month
from ui.data import charts as data_charts
from ui.parts import charts


@pytest.mark.parametrize(
    ("highest", "ticks"), [(0, {"dtick": 1}), (4, {"dtick": 1}), (5, {}), (999, {}), (1_000, {"tickformat": "~s"})]
)
def test_an_axis_of_counts_has_whole_and_short_ticks(highest: int, ticks: dict[str, object]) -> None:
    assert charts.whole(highest) == ticks


def test_the_charts_that_count_use_such_an_axis() -> None:
    assert axis(charts.quality_histogram([0, 1, 2]), "yaxis")["dtick"] == 1
    assert axis(charts.by_intent([Group("post", 7_473, None, None)]), "xaxis")["tickformat"] == "~s"
    assert axis(charts.timeline([]), "yaxis")["dtick"] == 1


def axis(figure: go.Figure, name: str) -> dict[str, Any]:
    return figure.to_dict()["layout"][name]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-02-10 12:00", "2026-04-20", (dt.date(2026, 2, 1), dt.date(2026, 4, 1))),
        ("2026-03-20", "2026-03-28 01:00:00.5", (dt.date(2026, 3, 1), dt.date(2026, 3, 1))),
        ("2025-01-01", "2025-01-20", None),
    ],
)
def test_a_brush_over_months_takes_those_whose_middle_it_covers_or_the_one_it_is_in(
    monkeypatch: pytest.MonkeyPatch, first: str, last: str, expected: tuple[dt.date, dt.date] | None
) -> None:
    taken: list[tuple[dt.date, dt.date]] = []
    monkeypatch.setattr(data_charts, "_between", lambda *ends: taken.append(ends))
    months = tuple(Month(dt.date(2026, number, 1), 1, 0, 0, None) for number in range(1, 7))

    data_charts._brushed(months, first, last)

    assert taken == ([expected] if expected else [])
