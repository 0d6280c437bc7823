"""The three charts of the data page, in a band that folds. Each shows its own dimension whole, the chosen part of it in
colour: a click chooses one bar, with Shift or Ctrl one more, a drag a span.

Names in them are captured text, which Vega draws as letters; a bar is known by its position, never by its name.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import orjson
import streamlit as st

from core.db import Database
from core.examples.filters import Dimension, Filter, without
from core.examples.statistics import BINS, Group, ModelMonth, Month
from ui.data import bars, reads
from ui.data.filter_bar import FILTER
from ui.parts.charts import ACCENT, BAD, UNKNOWN
from ui.parts.formatting import percent, score

_GROUPS = 6
_MODELS = 5
_LINES = (ACCENT, BAD, "#2F7BC4", "#8C6BD1", "#B08900")

By = Literal["intent", "tag", "model", "agent"]
_FIELDS: dict[By, str] = {
    "intent": "intents",
    "tag": "include_tags",
    "model": "source_models",
    "agent": "source_agents",
}
Over = Literal["outcome", "quality"]
_OVER: dict[Over, str] = {"outcome": "Months by outcome", "quality": "Quality by model and month"}


def fold() -> None:
    """The button that folds the band. Until it is pressed, the width of the screen decides."""
    shown: bool | None = st.session_state.get("charts_shown")
    mark = "_auto" if shown is None else ""
    if shown is not False:
        st.button(
            "Hide charts",
            key=f"charts_hide{mark}",
            icon=":material/expand_less:",
            type="tertiary",
            on_click=lambda: _show(False),
        )
    if not shown:
        st.button(
            "Show charts",
            key=f"charts_show{mark}",
            icon=":material/expand_more:",
            type="tertiary",
            on_click=lambda: _show(True),
        )


def _show(shown: bool) -> None:
    st.session_state["charts_shown"] = shown


def draw(db: Database, chosen: Filter) -> None:
    shown: bool | None = st.session_state.get("charts_shown")
    if shown is False:
        return
    with st.container(key="charts_band_auto" if shown is None else "charts_band"):
        quality, groups, months = st.columns([3, 3, 4], gap="small")
        with quality.container(key="chart_quality", gap="xxsmall"):
            _quality(db, chosen)
        with groups.container(key="chart_groups", gap="xxsmall"):
            _groups(db, chosen)
        with months.container(key="chart_months", gap="xxsmall"):
            _months(db, chosen)


def _quality(db: Database, chosen: Filter) -> None:
    seen = reads.overview(db, without(chosen, "quality"))
    with st.container(height=38, border=False, vertical_alignment="center"):
        unscored = seen.filtered - seen.scored
        st.markdown("**Quality**" + (f" :gray[· {unscored:,} unscored]" if unscored else ""))
    if not seen.scored:
        st.text("None of these examples has a score.")
        return
    rows = quality_rows(seen.histogram, chosen)
    x = {"field": "low", "type": "quantitative", "bin": "binned", "title": None, "scale": {"domain": [0, 1]}}
    x["axis"] = {"values": [0, 0.2, 0.4, 0.6, 0.8, 1], "format": ".1f"}
    layer = {
        "mark": {"type": "bar", "cursor": "pointer"},
        "encoding": {
            "x": x,
            "x2": {"field": "high"},
            "y": bars.count_axis(seen.histogram, "y"),
            "color": bars.colour(),
            "tooltip": [{"field": "span", "title": "quality"}, bars.EXAMPLES],
        },
    }
    bars.draw(
        "quality",
        [row for row in rows if row["number"]],
        layer,
        alt="Histogram of quality scores from 0 to 1 in 20 bars. Click or drag over bars to filter by quality.",
        picked=[row["bin"] for row in rows if row["chosen"] == "yes" and chosen.takes_unscored == "hide"],
        field="bin",
        x="low",
        on_clear=lambda: _clear("quality"),
        on_pick=lambda bins: _quality_between(min(bins) / BINS, (max(bins) + 1) / BINS),
        on_drag=lambda low, high: _quality_between(round(low * BINS) / BINS, round(high * BINS) / BINS),
    )


def quality_rows(histogram: Sequence[int], chosen: Filter) -> list[dict[str, Any]]:
    """A row for each bin; it is chosen where it lies within the filter's bounds."""
    low = 0.0 if chosen.quality_min is None else chosen.quality_min
    high = 1.0 if chosen.quality_max is None else chosen.quality_max
    rows = []
    for position, number in enumerate(histogram):
        start, end = position / BINS, (position + 1) / BINS
        inside = chosen.takes_unscored != "only" and low < end - 1e-9 and start + 1e-9 < high
        rows.append(
            {
                "bin": position,
                "low": start,
                "high": end,
                "span": f"{start:.2f} to {end:.2f}",
                "number": number,
                "chosen": "yes" if inside else "no",
            }
        )
    return rows


def _quality_between(low: float, high: float) -> None:
    low, high = max(0.0, min(low, 0.95)), min(1.0, max(high, 0.05))
    if high <= low:  # a drag within one bar means that bar
        high = low + 0.05
    whole = low <= 0 and high >= 1
    FILTER.change(
        quality_min=None if whole else round(low, 2), quality_max=None if whole else round(high, 2), unscored=None
    )


def _groups(db: Database, chosen: Filter) -> None:
    names: dict[By, str] = {"intent": "Intents", "tag": "Tags", "model": "Models", "agent": "Agents"}
    by: By = st.selectbox(
        "Bars by",
        list(names),
        key="charts_by",
        format_func=names.__getitem__,
        label_visibility="collapsed",
        bind="query-params",
        width=150,
    )
    whole = without(chosen, by)
    seen = reads.by_agent(db, whole) if by == "agent" else getattr(reads.overview(db, whole), f"by_{by}")
    if not seen:
        st.text("None of these examples has one.")
        return
    field = _FIELDS[by]
    picked: Sequence[str] = getattr(chosen, field)
    shown = shown_groups(seen, picked)
    rows = [
        {
            "place": place,
            "name": group.name or "(none)",
            "number": group.count,
            "quality": score(group.average_quality),
            "success": percent(group.success_rate),
            "chosen": "yes" if not picked or group.name in picked else "no",
        }
        for place, group in enumerate(shown)
    ]
    y = {"field": "place", "type": "ordinal", "title": None}
    # Bars are known by their place: two names may look alike, and Vega would take them for one.
    y["axis"] = {
        "labelExpr": _labels([str(row["name"]) for row in rows]),
        "labelLimit": 130,
        "ticks": False,
        "labelOverlap": False,
        "labelFlush": False,
        "labelBound": False,
        "labelFontSize": 11,
    }
    layer = {
        "mark": {"type": "bar", "cursor": "pointer"},
        "encoding": {
            "x": bars.count_axis([group.count for group in shown], "x"),
            "y": y,
            "color": bars.colour(),
            "tooltip": [
                {"field": "name", "title": by},
                bars.EXAMPLES,
                {"field": "quality", "title": "average quality"},
                {"field": "success", "title": "success rate"},
            ],
        },
    }
    bars.draw(
        by,
        rows,
        layer,
        alt=f"Examples by {by}. Click a bar to filter by it, with Shift or Ctrl to add it.",
        picked=[place for place, group in enumerate(shown) if group.name in picked],
        field="place",
        on_clear=lambda: _clear(by),
        on_pick=lambda places: FILTER.change(**{field: [shown[place].name for place in places]}),
    )


def shown_groups(groups: Sequence[Group], picked: Sequence[str]) -> list[Group]:
    """The largest, and what is chosen among the smaller ones in the place of the last of them."""
    small = [group for group in groups[_GROUPS:] if group.name in picked][:_GROUPS]
    return [*groups[: _GROUPS - len(small)], *small]


def _labels(names: Sequence[str]) -> str:
    """An expression that gives the label of each place. The names are written as JSON, so that nothing in them is read
    as an expression."""
    return f"{orjson.dumps(names).decode()}[datum.value]"


def _months(db: Database, chosen: Filter) -> None:
    over: Over = st.selectbox(
        "Months show",
        list(_OVER),
        key="charts_over",
        format_func=_OVER.__getitem__,
        label_visibility="collapsed",
        bind="query-params",
        width=250,
    )
    whole = without(chosen, "month")
    if over == "quality":
        _models(reads.quality_of_models(db, whole))
        return
    months = reads.overview(db, whole).by_month
    inside = [is_inside(month.month, chosen) for month in months]
    rows = [
        {
            "place": place,
            "month": f"{month.month:%Y-%m-%d}",
            "end": f"{_next_month(month.month):%Y-%m-%d}",
            "said": f"{month.month:%B %Y}",
            "outcome": name,
            "number": getattr(month, name),
            "chosen": name if inside[place] else "no",
        }
        for place, month in enumerate(months)
        for name in ("succeeded", "failed", "unknown")
        if getattr(month, name)
    ]
    domain, colours = ["succeeded", "failed", "unknown", "no"], [ACCENT, BAD, UNKNOWN, bars.REST]
    legend = {"values": domain[:3], "orient": "top", "title": None, "offset": 0, "padding": 0, "labelFontSize": 11}
    layer = {
        "mark": {"type": "bar", "cursor": "pointer", "binSpacing": 2},
        "encoding": {
            "x": {**bars.month_axis(), "bin": "binned"},
            "x2": {"field": "end"},
            "y": {**bars.count_axis([month.count for month in months], "y"), "stack": True},
            "color": {
                "field": "chosen",
                "type": "nominal",
                "scale": {"domain": domain, "range": colours},
                "legend": legend,
            },
            "order": {"field": "outcome", "sort": "descending"},
            "tooltip": [{"field": "said", "title": "month"}, {"field": "outcome"}, bars.EXAMPLES],
        },
    }
    bars.draw(
        "month",
        rows,
        layer,
        alt="Examples by month, stacked by outcome. Click or drag over months to filter by date.",
        picked=[place for place in range(len(months)) if inside[place] and (chosen.created_from or chosen.created_to)],
        field="place",
        x="month",
        on_clear=lambda: _clear("month"),
        on_pick=lambda places: _between(months[min(places)].month, months[max(places)].month),
        on_drag=lambda low, high: _dragged(months, low, high),
    )


def is_inside(month: dt.date, chosen: Filter) -> bool:
    """Whether some of the month lies within the filter's dates."""
    begins, ends = _midnight(month), _midnight(_next_month(month))
    after = chosen.created_from is None or chosen.created_from < ends
    return after and (chosen.created_to is None or begins < chosen.created_to)


def _dragged(months: Sequence[Month], low: float, high: float) -> None:
    """Every month whose middle lies under the brush; a drag within one bar means that bar. In ms since 1970."""
    first, last = (dt.datetime.fromtimestamp(end / 1000, dt.UTC) for end in sorted((low, high)))
    under = [each.month for each in months if first <= _midnight(each.month.replace(day=15)) <= last]
    under = under or [
        each.month for each in months if _midnight(each.month) <= first < _midnight(_next_month(each.month))
    ]
    if under:
        _between(under[0], under[-1])


def _models(months: Sequence[ModelMonth]) -> None:
    """One line a model, of those that have most; nothing to press."""
    if not months:
        st.text("None of these examples has a score.")
        return
    weights: dict[str, int] = {}
    for each in months:
        weights[each.model] = weights.get(each.model, 0) + each.scored
    models = sorted(weights, key=lambda name: (-weights[name], name))[:_MODELS]
    rows = [
        {
            "model": each.model or "(none)",
            "month": f"{each.month:%Y-%m-%d}",
            "said": f"{each.month:%B %Y}",
            "quality": round(each.average_quality, 4),
            "number": each.scored,
        }
        for each in months
        if each.model in models
    ]
    spec = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"size": 24}, "strokeWidth": 2},
        "encoding": {
            "x": bars.month_axis(),
            "y": {
                "field": "quality",
                "type": "quantitative",
                "title": "average quality",
                "scale": {"domain": [0, 1]},
                "axis": {"tickCount": 5, **bars.TITLE},
            },
            "color": {
                "field": "model",
                "type": "nominal",
                "legend": {
                    "orient": "top",
                    "title": None,
                    "labelLimit": 84,
                    "offset": 0,
                    "padding": 0,
                    "labelFontSize": 11,
                },
                "scale": {"domain": [name or "(none)" for name in models], "range": list(_LINES[: len(models)])},
            },
            "tooltip": [
                {"field": "model"},
                {"field": "said", "title": "month"},
                {"field": "quality", "title": "average quality", "format": ".2f"},
                {"field": "number", "title": "scored", "format": ",d"},
            ],
        },
    }
    alt = "Average quality by month, one line for each model."
    st.vega_lite_chart(spec, key="chart_models", height=bars.HEIGHT, alt=alt)


def _between(first: dt.date, last: dt.date) -> None:
    FILTER.change(created_from=_midnight(first), created_to=_midnight(_next_month(last)))


def _next_month(month: dt.date) -> dt.date:
    return month + dt.timedelta(days=calendar.monthrange(month.year, month.month)[1])


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _clear(dimension: Dimension) -> None:
    FILTER.choose(without(st.session_state[FILTER.key], dimension))
