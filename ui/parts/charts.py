"""Charts in which a click or a brush becomes a filter. Colours come from the theme, so light and dark both hold.

Names in them are captured text: Plotly reads a little HTML in labels, so they are escaped; and a bar is known by its
position, never by its label.
"""

import calendar
import datetime as dt
import html
from collections.abc import Callable, Sequence
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from core.examples.statistics import Group, Month

Clicked = Callable[[int], None]
#: Both ends on the x axis, as Plotly gives them: numbers, or dates as text.
Brushed = Callable[[Any, Any], None]

_HEIGHT = 280
#: One set for light and dark: each has a contrast of 3 or more against both backgrounds. (The theme's own palette is
#: not in force on the first run of a process: Streamlit installs its Plotly template with its first chart.)
ACCENT, BAD, UNKNOWN = "#1F9488", "#D9772B", "#8A9692"
_LAYOUT: dict[str, Any] = {
    "height": _HEIGHT,
    "margin": {"l": 8, "r": 8, "t": 40, "b": 8},
    "bargap": 0.08,
    "showlegend": False,
    "xaxis": {"fixedrange": True, "automargin": True},
    "yaxis": {"fixedrange": True, "automargin": True},
}
_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}


def label(name: str, length: int = 28) -> str:
    """A captured name as a label of a chart."""
    short = name if len(name) <= length else name[: length - 1] + "…"
    return html.escape(short) or "(none)"


def whole(highest: int) -> dict[str, Any]:
    """Ticks of an axis that counts things: never half a thing, and 2k rather than 2000."""
    if highest < 5:
        return {"dtick": 1}
    return {"tickformat": "~s"} if highest >= 1_000 else {}


def quality_histogram(counts: Sequence[int]) -> go.Figure:
    """How many examples have which quality; one bar for each twentieth."""
    width = 1 / len(counts)
    middles = [width * (position + 0.5) for position in range(len(counts))]
    spans = [f"{width * position:.2f} to {width * (position + 1):.2f}" for position in range(len(counts))]
    bars = go.Bar(
        marker_color=ACCENT,
        x=middles,
        y=list(counts),
        width=width * 0.92,
        customdata=spans,
        hovertemplate="quality %{customdata}<br>%{y:,} examples<extra></extra>",
    )
    return framed(
        [bars],
        "Quality",
        "quality score (0 to 1)",
        "examples",
        xaxis={"range": [0, 1], "dtick": 0.2},
        yaxis=whole(max(counts, default=0)),
    )


def by_intent(groups: Sequence[Group]) -> go.Figure:
    """The largest intents, largest on top."""
    bars = go.Bar(
        marker_color=ACCENT,
        x=[group.count for group in groups],
        y=list(range(len(groups))),
        orientation="h",
        customdata=[
            [
                label(group.name, 60),
                "–" if group.average_quality is None else f"{group.average_quality:.2f}",
                "–" if group.success_rate is None else f"{group.success_rate * 100:.0f} %",
            ]
            for group in groups
        ],
        hovertemplate="%{customdata[0]}<br>%{x:,} examples<br>quality %{customdata[1]}, "
        "success %{customdata[2]}<extra></extra>",
    )
    ticks = {"tickvals": list(range(len(groups))), "ticktext": [label(group.name) for group in groups]}
    # Few, for they stand side by side in a narrow card.
    x = {"tickangle": 0, "nticks": 3, **whole(max((group.count for group in groups), default=0))}
    return framed(
        [bars], "Intents", "examples", "", xaxis=x, yaxis={**ticks, "range": [max(len(groups), 6) - 0.5, -0.5]}
    )


def timeline(months: Sequence[Month]) -> go.Figure:
    """Examples a month, by outcome."""
    starts = [month.month for month in months]
    widths = [calendar.monthrange(day.year, day.month)[1] * 86_400_000 * 0.9 for day in starts]
    middles = [dt.datetime(day.year, day.month, 15, tzinfo=dt.UTC).date() for day in starts]
    parts = [
        go.Bar(
            x=middles,
            y=[getattr(month, field) for month in months],
            width=widths,
            name=name,
            marker_color=colour,
            customdata=[f"{day:%B %Y}" for day in starts],
            hovertemplate="%{customdata}<br>%{y:,} " + name + "<extra></extra>",
        )
        for field, name, colour in (
            ("succeeded", "succeeded", ACCENT),
            ("failed", "failed", BAD),
            ("unknown", "unknown", UNKNOWN),
        )
    ]
    highest = max((month.succeeded + month.failed + month.unknown for month in months), default=0)
    figure = framed(parts, "Months, by outcome", "month created (UTC)", "examples", yaxis=whole(highest))
    return figure.update_layout(
        barmode="stack",
        showlegend=True,
        # A narrow card breaks the legend into two lines; there is room for both between title and plot.
        margin_t=84,
        height=_HEIGHT + 20,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )


def draw(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    on_click: Clicked | None = None,
    on_brush: Brushed | None = None,
) -> None:
    """Draw it. `on_click` gets the position of a bar, `on_brush` both ends of what was dragged over on the x axis.

    One of them only: Streamlit passes no clicks on from a chart in which a drag selects.
    """
    assert on_click is None or on_brush is None, "a chart is clicked or brushed, not both"
    modes: list[Literal["points", "box"]] = [*(["points"] if on_click else []), *(["box"] if on_brush else [])]
    # A drag would otherwise zoom; here it chooses, sideways only.
    figure.update_layout(dragmode="select" if on_brush else False, selectdirection="h")

    def selected() -> None:
        selection = st.session_state[key].selection
        if on_brush and selection.box:
            low, high = selection.box[0]["x"]
            on_brush(*sorted((low, high)))
        elif on_click and selection.points:
            on_click(selection.points[0]["point_index"])

    if not modes:
        st.plotly_chart(figure, key=key, config=_CONFIG, alt=alt)
        return
    st.plotly_chart(figure, key=key, on_select=selected, selection_mode=modes, config=_CONFIG, alt=alt)


def framed(traces: Sequence[Any], title: str, x: str, y: str, **axes: dict[str, Any]) -> go.Figure:
    """The traces with a title and named axes, in the form of every chart here."""
    figure = go.Figure(list(traces)).update_layout(
        **_LAYOUT, title={"text": title, "x": 0, "xanchor": "left", "y": 0.97, "yanchor": "top"}
    )
    figure.update_xaxes(title=x, **axes.get("xaxis", {}))
    return figure.update_yaxes(title=y, **axes.get("yaxis", {}))
