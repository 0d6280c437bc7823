"""Bars of Vega that are clicked and dragged over: what is chosen in colour, the rest of the dimension grey."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from ui.parts.charts import ACCENT

#: In pixels; with the line above it a chart is 184 high.
HEIGHT = 146
#: What is not chosen: there, but not loud; legible on light and dark.
REST = "#8A969280"
EXAMPLES = {"field": "number", "title": "examples", "format": ",d"}
#: An axis says what it counts in small letters: the band is low.
TITLE = {"titleFontSize": 10, "titlePadding": 2, "titleFontWeight": "normal"}
_PICK, _DRAG = "pick", "drag"


def month_axis() -> dict[str, Any]:
    """Months on the x axis, in UTC."""
    axis = {"tickCount": 6, "labelOverlap": True, "formatType": "utc", "format": "%b %y"}
    return {"field": "month", "type": "temporal", "scale": {"type": "utc"}, "title": None, "axis": axis}


def count_axis(counts: Sequence[int], side: str) -> dict[str, Any]:
    """An axis of whole things, 2k rather than 2000."""
    axis: dict[str, Any] = {"tickCount": 3, "format": "~s", "tickMinStep": 1, **TITLE}
    if side == "x":
        axis["grid"] = False
    return {
        "field": "number",
        "type": "quantitative",
        "title": "examples",
        "axis": axis,
        "scale": {"domainMin": 0, "domainMax": max(1, max(counts, default=1))},
    }


def colour() -> dict[str, Any]:
    scale = {"domain": ["yes", "no"], "range": [ACCENT, REST]}
    return {"field": "chosen", "type": "nominal", "scale": scale, "legend": None}


def draw(
    name: str,
    rows: Sequence[dict[str, Any]],
    layer: dict[str, Any],
    *,
    alt: str,
    picked: Sequence[int],
    field: str,
    on_pick: Callable[[list[int]], None],
    on_clear: Callable[[], None],
    x: str | None = None,
    on_drag: Callable[[float, float], None] | None = None,
) -> None:
    """Draw it. `picked` are the bars that the filter has chosen, by their `field`: a click with Shift adds to them.

    A click beside the bars, or on the only chosen one with Shift, calls `on_clear`. Another choice gets a chart of
    its own, which begins with what is chosen: a selection of Vega is kept by the browser.
    """
    toggle = "event.shiftKey || event.ctrlKey || event.metaKey"
    params: list[dict[str, Any]] = [
        {
            "name": _PICK,
            "select": {"type": "point", "fields": [field], "toggle": toggle},
            "value": [{field: place} for place in picked],
        }
    ]
    if x is not None:
        params.append({"name": _DRAG, "select": {"type": "interval", "encodings": ["x"]}})
    mark = hashlib.blake2b(repr((picked, [row[field] for row in rows])).encode(), digest_size=6).hexdigest()
    key = f"chart_{name}_{mark}"

    def selected() -> None:
        selection = st.session_state[key].selection
        span = list(selection.get(_DRAG, {}).values())
        points = [int(point[field]) for point in selection.get(_PICK, ())]
        if on_drag is not None and span and len(span[0]) == 2:
            on_drag(*sorted(span[0]))
        elif points or picked:
            on_pick(points) if points else on_clear()

    spec = {"data": {"values": list(rows)}, "params": params, **layer}
    st.vega_lite_chart(spec, key=key, height=HEIGHT, on_select=selected, alt=alt)
