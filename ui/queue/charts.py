"""Two curves of the last day: how long commands wait, and how many are done."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from core.commands.statistics import Hour, HourOfTimes
from core.db import Database
from ui.parts import charts
from ui.parts.formatting import span
from ui.queue import reads

_HEIGHT = 230
_LEAST_S = 0.01


def draw(db: Database) -> None:
    """Folded, and not even read until it is opened."""
    box = st.expander(
        "Waiting time and throughput, last 24 hours",
        icon=":material/monitoring:",
        key="queue_charts",
        on_change="rerun",
    )
    with box:
        if box.open:
            _curves(db)


def _curves(db: Database) -> None:
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch"):
        _waiting(reads.waiting(db))
    with right.container(border=True, height="stretch"):
        _throughput(reads.last_day(db))


def _waiting(hours: Sequence[HourOfTimes]) -> None:
    if not any(hour.attempts for hour in hours):
        st.markdown("**Waiting time**")
        st.text("No command was started in the last 24 hours.")
        return
    charts.draw(
        waiting_time(hours),
        key="chart_waiting",
        alt="Seconds between ready and started, by hour, over the last 24 hours: median and 95th percentile.",
    )


def _throughput(hours: Sequence[Hour]) -> None:
    if not any(hour.completed or hour.failed for hour in hours):
        st.markdown("**Throughput**")
        st.text("No command was finished in the last 24 hours.")
        return
    charts.draw(
        throughput(hours),
        key="chart_throughput",
        alt="Commands completed and failed, by hour, over the last 24 hours.",
    )


def waiting_time(hours: Sequence[HourOfTimes]) -> go.Figure:
    """From ready to started; hours without a start are gaps."""
    lines = [
        go.Scatter(
            x=[hour.at for hour in hours],
            y=[_drawn(getattr(hour, field)) for hour in hours],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"size": 5},
            customdata=[
                [f"{hour.at:%d %b, %H}:00", span(getattr(hour, field)), f"{hour.attempts:,}"] for hour in hours
            ],
            hovertemplate="%{customdata[0]}<br>" + name + " %{customdata[1]}<br>%{customdata[2]} started"
            "<extra></extra>",
        )
        for field, name, colour, dash in (
            ("wait_p50_s", "p50 (median)", charts.ACCENT, "solid"),
            ("wait_p95_s", "p95", charts.BAD, "dot"),
        )
    ]
    return _day(lines, "Waiting time", "seconds, log scale").update_yaxes(type="log", rangemode="normal", dtick=1)


def _drawn(seconds: float | None) -> float | None:
    """A log scale has no zero: whoever waits less than the shortest time that matters stands at it."""
    return None if seconds is None else max(seconds, _LEAST_S)


def throughput(hours: Sequence[Hour]) -> go.Figure:
    """What came to an end, stacked."""
    bars = [
        go.Bar(
            x=[hour.at for hour in hours],
            y=[getattr(hour, field) for hour in hours],
            name=field,
            marker_color=colour,
            customdata=[f"{hour.at:%d %b, %H}:00" for hour in hours],
            hovertemplate="%{customdata}<br>%{y:,} " + field + "<extra></extra>",
        )
        for field, colour in (("completed", charts.ACCENT), ("failed", charts.BAD))
    ]
    return _day(bars, "Throughput", "commands an hour").update_layout(barmode="stack")


def _day(traces: Sequence[go.Scatter | go.Bar], title: str, y: str) -> go.Figure:
    figure = charts.framed(traces, title, "hour (UTC)", y, xaxis={"nticks": 7}, yaxis={"rangemode": "tozero"})
    return figure.update_layout(
        height=_HEIGHT,
        margin_t=64,
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
