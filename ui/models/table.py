"""Every model in a grid: what it is, where it comes from, what it is worth, and whether it answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation import Evaluation
from core.models import Model
from ui.models import drawer
from ui.models import labels as model_labels
from ui.parts.grid import Grid

GRID: Grid[int] = Grid("model", "model_table")


def draw(shown: Sequence[Model], scores: Mapping[int, Evaluation], labels: Mapping[int, str]) -> None:
    """`scores`: the last evaluation of each model; `labels`: dataset versions by their ids."""
    st.subheader("Models", anchor=False)
    ids = [each.id for each in shown]
    GRID.keep(ids)
    GRID.draw(
        ids,
        _frame(shown, scores, labels),
        _columns(),
        open_one=drawer.show,
        highest=560,
        alt="Models: in use, name, kind, share of exactly right answers with interval and n, likeness, what that "
        "was measured on, whether it answers, base, dataset, cost, when, who. The first column opens one.",
    )


def _frame(shown: Sequence[Model], scores: Mapping[int, Evaluation], labels: Mapping[int, str]) -> pd.DataFrame:
    found = [scores.get(each.id) for each in shown]
    return pd.DataFrame(
        {
            "in_use": ["▲ in use" if each.in_use else "▣ archived" if each.archived_at else "" for each in shown],
            "name": [each.name for each in shown],
            "kind": [model_labels.kind(each) for each in shown],
            "score": [model_labels.score(each) for each in found],
            "likeness": pd.Series([model_labels.likeness(each) for each in found], dtype="float64"),
            "measured": [f"{each.dataset_label} {each.split}" if each else None for each in found],
            "serving": [model_labels.serving(each) for each in shown],
            "base": [each.base_model for each in shown],
            "dataset": [labels.get(each.dataset_id or 0) for each in shown],
            "cost": [None if each.kind == "base" else model_labels.money(each.cost_usd) for each in shown],
            "created": pd.Series([each.created_at for each in shown], dtype="datetime64[us, UTC]"),
            "by": [each.created_by for each in shown],
        }
    )


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "in_use": config.TextColumn("", width=82),
        "name": config.TextColumn("Model", width=170),
        "kind": config.TextColumn("Kind", width=130),
        "score": config.TextColumn(
            "Exactly right",
            width=215,
            alignment="right",
            help="Share of answers that say the same as expected, with its 95 % interval.",
        ),
        "likeness": config.ProgressColumn(
            "Likeness", min_value=0, max_value=1, format="%.2f", width=96, help="By characters (chrF), 0 to 1."
        ),
        "measured": config.TextColumn("Measured on", width=150),
        "serving": config.TextColumn("Answers", width=140),
        "base": config.TextColumn("Base", width=150),
        "dataset": config.TextColumn("Trained on", width=130),
        "cost": config.TextColumn("Cost", width=84, alignment="right", help="What making it did cost."),
        "created": config.DatetimeColumn("Since (UTC)", format="YYYY-MM-DD HH:mm", width=130),
        "by": config.TextColumn("By", width=80),
    }
