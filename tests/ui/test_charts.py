"""What the axes of a chart say."""

import datetime as dt
from typing import Any

import plotly.graph_objects as go
import pytest

from core.examples.filters import Filter, parse
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
        ("2026-02-10", "2026-04-20", (dt.date(2026, 2, 1), dt.date(2026, 4, 1))),
        ("2026-03-20", "2026-03-28", (dt.date(2026, 3, 1), dt.date(2026, 3, 1))),
        ("2025-01-01", "2025-01-20", None),
    ],
)
def test_a_drag_over_months_takes_those_whose_middle_it_covers_or_the_one_it_is_in(
    monkeypatch: pytest.MonkeyPatch, first: str, last: str, expected: tuple[dt.date, dt.date] | None
) -> None:
    taken: list[tuple[dt.date, dt.date]] = []
    monkeypatch.setattr(data_charts, "_between", lambda *ends: taken.append(ends))
    months = tuple(Month(dt.date(2026, number, 1), 1, 0, 0, None) for number in range(1, 7))
    ends = [dt.datetime.fromisoformat(f"{day}T12:00Z").timestamp() * 1000 for day in (first, last)]

    data_charts._dragged(months, ends[0], ends[1])

    assert taken == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), [0, 1, 2, 3]),
        (Filter(quality_min=0.5), [2, 3]),
        (Filter(quality_min=0.25, quality_max=0.5), [1]),
        (Filter(quality_min=0.3, quality_max=0.31), [1]),
        (Filter(unscored="only"), []),
    ],
)
def test_the_bars_in_colour_are_those_of_the_filter(chosen: Filter, expected: list[int]) -> None:
    rows = data_charts.quality_rows([1] * 20, chosen)
    assert sorted({row["bin"] // 5 for row in rows if row["chosen"] == "yes"}) == expected


def test_a_chosen_bar_is_shown_though_others_are_larger() -> None:
    groups = [Group(f"g{number}", 100 - number, None, None) for number in range(20)]
    shown = data_charts.shown_groups(groups, ["g15"])
    assert [group.name for group in shown] == ["g0", "g1", "g2", "g3", "g4", "g15"]
    assert data_charts.shown_groups(groups, ["g1"]) == groups[:6]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, True), ("2026-02-01", None, True), ("2026-03-01", None, False), (None, "2026-02-01", False)],
)
def test_a_month_is_in_colour_where_some_of_it_is_chosen(start: str | None, end: str | None, expected: bool) -> None:
    chosen = parse({"created_from": start, "created_to": end})
    assert data_charts.is_inside(dt.date(2026, 2, 1), chosen) is expected
