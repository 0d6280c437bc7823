"""Charts of the page. Names in them are captured text, and are escaped; a point is known by its position."""

import datetime as dt
import html
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly import subplots

from core.history.estimates import Estimate
from core.patterns import Kept
from ui.insights import labels
from ui.parts import charts
from ui.parts.formatting import percent

#: Characters of a line in what shows on hover; a narrow window holds it.
_LINE = 44
#: Ticks of the logarithmic axis; three to ten, so that a narrow chart holds them.
_DECADES = [each for power in range(1, 8) for each in (10**power, 3 * 10**power)]


def wrapped(sentence: str, lines: int = 6) -> str:
    """Captured text in short lines for what shows on hover."""
    found = textwrap.wrap(" ".join(sentence.split()), _LINE) or ["(no sentence)"]
    kept = found[:lines]
    if len(found) > lines:
        kept[-1] = kept[-1][: _LINE - 1] + "…"
    return "<br>".join(charts.label(line, _LINE) for line in kept)


def draw_lift(shown: Sequence[Kept], open_one: Callable[[str], None]) -> None:
    """Lift against support; a click opens the pattern."""
    charts.draw(
        lift(shown),
        key="chart_lift",
        alt="Patterns by the number of their examples and by lift: above 1 does better than all, below 1 worse. "
        "Click a point to open its pattern.",
        on_click=lambda at: open_one(shown[at].id),
    )


def lift(shown: Sequence[Kept]) -> go.Figure:
    points = go.Scatter(
        x=[each.n for each in shown],
        y=[each.lift for each in shown],
        mode="markers",
        marker={
            "size": 12,
            "color": [charts.ACCENT if (each.lift or 0) > 1 else charts.BAD for each in shown],
            "symbol": ["circle" if each.state == "accepted" else "circle-open" for each in shown],
            "line": {"width": 2},
        },
        customdata=[[wrapped(each.sentence), labels.STATES[each.state][0], percent(each.confidence)] for each in shown],
        hovertemplate="%{customdata[0]}<br>n %{x:,}, lift %{y:.2f}, does well in %{customdata[2]}; %{customdata[1]}"
        "<extra></extra>",
    )
    highest = max(each.lift or 0 for each in shown)
    figure = charts.framed(
        [points],
        "Lift against support (filled: in use)",
        "examples that have it (n, logarithmic)",
        "lift (1 is as all)",
        xaxis={"type": "log", "tickvals": _DECADES, "ticktext": [f"{each:,}" for each in _DECADES]},
        yaxis={"range": [-0.15 * highest / 2, 1.1 * highest]},
    )
    figure.add_hline(y=1, line_dash="dot", line_color=charts.UNKNOWN)
    return figure.update_layout(height=320, hoverlabel={"align": "left"})


@dataclass(frozen=True)
class Dot:
    """One estimate of a chart of dots; `name` is captured text."""

    name: str
    estimate: Estimate


@dataclass(frozen=True)
class Cells:
    """A map of values around `middle`, which is neither good nor bad; None where nothing is known. `texts` stands in
    the cells, `hovers` beside the pointer."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    hovers: Sequence[Sequence[str]]
    middle: float
    reach: float


def dots(shown: Sequence[Dot], title: str, x: str, form: str) -> go.Figure:
    """Estimates as dots with their 95 % intervals, the first on top; hollow where they rest on few rows."""
    names = [charts.label(each.name, 26) for each in shown]
    found = [each.estimate for each in shown]
    points = go.Scatter(
        x=[each.value for each in found],
        y=list(range(len(shown))),
        mode="markers",
        marker={
            "size": 11,
            "color": charts.ACCENT,
            "symbol": ["circle-open" if each.is_few else "circle" for each in found],
            "line": {"width": 2},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [(each.high or each.value) - each.value for each in found],
            "arrayminus": [each.value - (each.value if each.low is None else each.low) for each in found],
            "color": charts.UNKNOWN,
            "thickness": 2,
            "width": 4,
        },
        customdata=[[charts.label(each.name, 60), html.escape(each.estimate.shown(form))] for each in shown],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    )
    figure = charts.framed(
        [points],
        title,
        x,
        "",
        xaxis={"tickformat": ".1%" if form.endswith("%") else "~s", "nticks": 5},
        yaxis={
            "tickvals": list(range(len(shown))),
            "ticktext": names,
            "range": [len(shown) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure.update_layout(height=110 + 26 * max(len(shown), 3), hoverlabel={"align": "left"})


#: Opaque in the middle, too, so that one colour of letters has contrast on every cell, in light and in dark.
_DIVERGING = [[0, charts.BAD], [0.5, "#C9D2CF"], [1, charts.ACCENT]]
_ON_CELLS = "#101816"


def heat(cells: Cells, title: str, x: str) -> go.Figure:
    """A map of cells; rows from top to bottom."""
    drawn = go.Heatmap(
        z=cells.values,
        x=list(cells.columns),
        y=list(range(len(cells.rows))),
        text=cells.texts,
        texttemplate="%{text}",
        textfont={"color": _ON_CELLS},
        customdata=cells.hovers,
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=_DIVERGING,
        zmid=cells.middle,
        zmin=cells.middle - cells.reach,
        zmax=cells.middle + cells.reach,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
    )
    ticks = {
        "tickvals": list(range(len(cells.rows))),
        "ticktext": [charts.label(name, 24) for name in cells.rows],
        "range": [len(cells.rows) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }
    figure = charts.framed(
        [drawn], title, x, "", xaxis={"type": "category", "tickangle": 0, "showgrid": False}, yaxis=ticks
    )
    return figure.update_layout(height=120 + 34 * len(cells.rows), hoverlabel={"align": "left"})


@dataclass(frozen=True)
class Line:
    """One series by months; `name` is captured text."""

    name: str
    months: Sequence[dt.date]
    values: Sequence[float]


def _ticks(line: Line) -> str:
    """4k rather than 4000, and 0.75 rather than 750m."""
    return "~s" if max(map(abs, line.values), default=0) >= 1_000 else ",.3~g"


def two_series(upper: Line, lower: Line) -> go.Figure:
    """Two series over the same months, each on a scale of its own, so that nothing seems to agree by its scale."""
    figure = subplots.make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.16)
    for row, (line, colour) in enumerate(((upper, charts.ACCENT), (lower, charts.BAD)), 1):
        figure.add_trace(
            go.Scatter(
                x=list(line.months),
                y=list(line.values),
                mode="lines+markers",
                line={"color": colour},
                marker={"size": 6},
                hovertemplate="%{x|%B %Y}<br>%{y:,.4~g}<extra></extra>",
            ),
            row=row,
            col=1,
        )
        figure.update_yaxes(fixedrange=True, automargin=True, nticks=4, tickformat=_ticks(line), row=row, col=1)
        figure.add_annotation(
            text=charts.label(line.name, 48),
            xref="paper",
            yref=f"y{'' if row == 1 else row} domain",
            x=0,
            y=1.04,
            yanchor="bottom",
            xanchor="left",
            showarrow=False,
            font={"color": colour},
        )
    figure.update_xaxes(fixedrange=True)
    return figure.update_layout(height=360, margin={"l": 8, "r": 8, "t": 36, "b": 8}, showlegend=False)
