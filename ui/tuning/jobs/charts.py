"""Curves of training: one job with train and validation, or several jobs in one chart.

Names of jobs are people's own text: Plotly reads a little HTML in labels, so they are escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ui.parts import charts
from ui.tuning import labels

#: One for each job. Each has a contrast of 3 or more against both backgrounds, light and dark.
COLOURS = (charts.ACCENT, charts.BAD, "#4A86C8", "#8C73C9", "#A8831A", "#C0569B")
_HEIGHT = 300
_MARKED = 60
_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}

Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Line:
    """The curves of one job, by the name of the series."""

    label: str
    series: Mapping[str, Curve]


def names(lines: Sequence[Line]) -> list[str]:
    """The series that can be drawn, loss first; a validation series belongs to that of its training."""
    found = {name.removeprefix("val_") for line in lines for name, curve in line.series.items() if curve}
    known = list(labels.SERIES)
    return sorted(found, key=lambda name: (known.index(name) if name in known else len(known), name))


def one(line: Line, name: str) -> go.Figure:
    """Train and validation of one job."""
    traces = [
        _trace(line.series[key], said, colour, dash)
        for key, said, colour, dash in (
            (name, "train", charts.ACCENT, "solid"),
            (f"val_{name}", "validation", charts.BAD, "dash"),
        )
        if line.series.get(key)
    ]
    title, axis = labels.series(name)
    return _framed(traces, title, axis)


def several(lines: Sequence[Line], name: str) -> go.Figure:
    """A colour for each job; train is a solid line, validation a dashed one of the same colour."""
    traces = []
    for line, colour in zip(lines, COLOURS, strict=False):
        label = charts.label(line.label, 40)
        for key, said, dash in ((name, "train", "solid"), (f"val_{name}", "validation", "dash")):
            if line.series.get(key):
                trace = _trace(line.series[key], f"{label}, {said}", colour, dash)
                traces.append(trace.update(legendgroup=label))
    title, axis = labels.series(name)
    return _framed(traces, f"{title} by job", axis)


def draw(figure: go.Figure, *, key: str, alt: str) -> None:
    st.plotly_chart(figure.update_layout(dragmode=False), key=key, config=_CONFIG, alt=alt)


def _trace(curve: Curve, label: str, colour: str, dash: str) -> go.Scatter:
    few = len(curve) <= _MARKED
    return go.Scatter(
        x=[step for step, _ in curve],
        y=[value for _, value in curve],
        name=label,
        mode="lines+markers" if few else "lines",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"size": 5},
        hovertemplate=label + "<br>step %{x:,}<br>%{y:.4~g}<extra></extra>",
    )


def _framed(traces: Sequence[Any], title: str, axis: str) -> go.Figure:
    figure = charts.framed(traces, title, "training step", axis, xaxis={"nticks": 8, "tickformat": ",d"})
    return figure.update_layout(
        height=_HEIGHT + 22 * max(0, len(traces) - 4),
        margin_t=64 + 22 * max(0, len(traces) // 4),
        showlegend=True,
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
