"""Charts of the page. Names in them are captured text, and are escaped; a point is known by its position."""

import textwrap
from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from core.patterns import Kept
from ui.insights import labels
from ui.parts import charts
from ui.parts.formatting import percent

#: Characters of a line in what shows on hover; a narrow window holds it.
_LINE = 44


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
    figure = charts.framed(
        [points],
        "Lift against support (filled: in use)",
        "examples that have it (n, logarithmic)",
        "lift (1 is as all)",
        xaxis={"type": "log", "dtick": "D2"},
        yaxis={"rangemode": "tozero"},
    )
    figure.add_hline(y=1, line_dash="dot", line_color=charts.UNKNOWN)
    return figure.update_layout(height=320, hoverlabel={"align": "left"})
