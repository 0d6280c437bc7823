"""The table of patterns. It sorts by a click on a heading; positions stay those of the rows that are given."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.patterns import Kept
from ui.insights import labels, pattern_drawer
from ui.parts.formatting import shortened
from ui.parts.grid import Grid

GRID: Grid[str] = Grid("pattern", "pattern_table")


def draw(shown: Sequence[Kept]) -> None:
    GRID.draw(
        [each.id for each in shown],
        _frame(shown),
        _columns(),
        open_one=pattern_drawer.show,
        highest=480,
        choosable=False,
        alt="Patterns: state, what its examples have, by what they do well, lift, number of examples, mark for few, "
        "difference in points with interval, share that did well, share of the rest, whether it holds on new data, "
        "change of quality, when last found. The first column opens one.",
    )


def _frame(shown: Sequence[Kept]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": [labels.SIGNS[each.state] for each in shown],
            "rule": [shortened(labels.rule(each), 300) for each in shown],
            "well": [labels.well(each) for each in shown],
            "lift": pd.Series([each.lift for each in shown], dtype="float64"),
            "n": pd.Series([each.n for each in shown], dtype="Int64"),
            "few": [labels.few(each.n) for each in shown],
            "points": [labels.points(each) for each in shown],
            "confidence": _percent([each.confidence for each in shown]),
            "rest": _percent([each.rest for each in shown]),
            "held": [labels.held(each) for each in shown],
            "quality": pd.Series([each.quality for each in shown], dtype="float64"),
            "validated": pd.Series([each.validated_at for each in shown], dtype="datetime64[us, UTC]"),
        }
    )


def _percent(shares: Sequence[float | None]) -> pd.Series:
    return pd.Series([None if share is None else 100 * share for share in shares], dtype="float64")


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "state": config.TextColumn("State", width=84),
        "rule": config.TextColumn("Examples …", width=310),
        "well": config.TextColumn("do well by", width=112, help="What “did well” is."),
        "lift": config.NumberColumn("Lift", format="%.2f", width=58, help="How many times as often as all."),
        "n": config.NumberColumn("n", format="localized", width=62, help="Examples that have it: its support."),
        "few": config.TextColumn("Few", width=72, help="A figure that rests on fewer than 30 rows can say little."),
        "points": config.TextColumn("Points (95 %)", width=128, help="The difference of both shares, with interval."),
        "confidence": config.NumberColumn(
            "Did well", format="%.0f %%", width=76, help="The share of them that did well: its confidence."
        ),
        "rest": config.NumberColumn("The rest", format="%.0f %%", width=76),
        "held": config.TextColumn(
            "Holds on new data", width=128, help="Tried again on the half of the examples it was not found on."
        ),
        "quality": config.NumberColumn("Quality", format="%+.2f", width=72, help="Mean quality less that of the rest."),
        "validated": config.DatetimeColumn("Last found (UTC)", format="YYYY-MM-DD HH:mm", width=130),
    }
