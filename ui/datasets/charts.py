"""Charts of a frozen version, and of the drift between two. Built on the shared ones, so that they look alike."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from core.datasets.comparison import Share
from core.datasets.splits import NAMES
from core.datasets.versions import DatasetVersion
from core.examples.statistics import Group
from ui.parts import charts

_INTENTS = 12
_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}


def draw(version: DatasetVersion) -> None:
    """Quality, intents and splits, from the manifest."""
    manifest = version.manifest or {}
    quality, intents, splits = st.columns([4, 4, 3], gap="small")
    with quality.container(border=True, height="stretch"):
        _quality(version)
    with intents.container(border=True, height="stretch"):
        found = sorted(manifest.get("intents", {}).items(), key=lambda pair: -pair[1])
        show(bars("Intents", found[:_INTENTS], "records"), "version_intents", "Records by intent, largest first.")
        if len(found) > _INTENTS:
            st.caption(f"{len(found) - _INTENTS:,} smaller intents are not shown.")
    with splits.container(border=True, height="stretch"):
        counts = manifest.get("counts", {})
        rows = [(name, counts.get(name, 0)) for name in NAMES]
        show(bars("Splits", rows, "records"), "version_splits", "Records in train, validation and test.")


def _quality(version: DatasetVersion) -> None:
    if not any(version.histogram):
        st.markdown("**Quality**")
        st.text("None of these records has a score.")
        return
    figure = charts.quality_histogram(version.histogram)
    show(figure, "version_quality", "Histogram of quality scores from 0 to 1 in 20 bars.")
    if version.unscored:
        st.caption(f"{version.unscored:,} have no score and are not in the chart.")


def bars(title: str, rows: Sequence[tuple[str, int]], unit: str) -> go.Figure:
    """Lying bars, in the order given."""
    figure = charts.by_intent([Group(name, number, None, None) for name, number in rows])
    figure.update_traces(hovertemplate=f"%{{customdata[0]}}<br>%{{x:,}} {unit}<extra></extra>")
    return figure.update_layout(title_text=title).update_xaxes(title=unit)


def drift(title: str, shares: Sequence[Share], left: str, right: str, *, axis: str) -> go.Figure:
    """Two bars a value, in percent of each version's records."""
    names = [charts.label(share.name, 20) for share in shares]
    parts = [
        go.Bar(
            name=charts.label(label, 24),
            x=[share * 100 for share in values],
            y=list(range(len(shares))),
            orientation="h",
            marker_color=colour,
            customdata=names,
            text=[f"{share * 100:.1f} %" for share in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{customdata}<br>%{x:.1f} %<extra></extra>",
        )
        for label, colour, values in (
            (left, charts.UNKNOWN, [share.left for share in shares]),
            (right, charts.ACCENT, [share.right for share in shares]),
        )
    ]
    figure = go.Figure(parts).update_layout(
        height=max(240, 110 + 34 * len(shares)),
        margin={"l": 8, "r": 8, "t": 72, "b": 8},
        barmode="group",
        title={"text": title, "x": 0, "xanchor": "left", "y": 0.98, "yanchor": "top"},
        legend={"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "itemclick": False},
    )
    # The value of the longest bar stands behind it, and needs room there.
    longest = max((max(share.left, share.right) for share in shares), default=0) * 100
    figure.update_xaxes(title="% of the records", fixedrange=True, automargin=True, range=[0, longest * 1.45 or 1])
    ticks = {"tickvals": list(range(len(shares))), "ticktext": names}
    return figure.update_yaxes(title=axis, autorange="reversed", fixedrange=True, automargin=True, **ticks)


def show(figure: go.Figure, key: str, alt: str) -> None:
    st.plotly_chart(figure.update_layout(dragmode=False), key=key, config=_CONFIG, alt=alt)
