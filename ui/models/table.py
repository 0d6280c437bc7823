"""Every model in a grid: what it is, where it comes from, what it is worth, and whether it answers.

As in the other tables, positions become ids at once, and each set of rows gets a grid of its own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation import Evaluation
from core.models import Model
from ui.models import drawer
from ui.models import labels as model_labels
from ui.parts.tables import height

_SELECTED = "model_selected"


def selected() -> tuple[int, ...]:
    """The ids of the models that are ticked."""
    return tuple(sorted(st.session_state.get(_SELECTED, ())))


def draw(shown: Sequence[Model], scores: Mapping[int, Evaluation], labels: Mapping[int, str]) -> None:
    """`scores`: the last evaluation of each model; `labels`: dataset versions by their ids."""
    st.subheader("Models", anchor=False)
    ids = tuple(each.id for each in shown)
    kept: set[int] = st.session_state.setdefault(_SELECTED, set())
    kept &= set(ids)
    positions = [position for position, model_id in enumerate(ids) if model_id in kept]
    key = f"model_rows_{hashlib.blake2b(repr(ids).encode(), digest_size=6).hexdigest()}"

    def choose() -> None:
        picked = st.session_state[key].selection.rows
        st.session_state[_SELECTED] = {ids[position] for position in picked if position < len(ids)}

    def open_row() -> None:
        drawer.show(ids[st.session_state["model_open_row"].row])

    with st.container(key="model_table"):
        st.dataframe(
            _frame(shown, scores, labels),
            key=key,
            hide_index=True,
            height=height(len(shown), 560),
            on_select=choose,
            selection_mode="multi-row",
            selection_default={"selection": {"rows": positions}},
            column_config=_columns(open_row),
            placeholder="–",
            alt="Models: in use, name, kind, share of exactly right answers with interval and n, likeness, what that "
            "was measured on, whether it answers, base, dataset, cost, when, who. The first column opens one.",
        )


def _frame(shown: Sequence[Model], scores: Mapping[int, Evaluation], labels: Mapping[int, str]) -> pd.DataFrame:
    found = [scores.get(each.id) for each in shown]
    return pd.DataFrame(
        {
            "open": ["Open"] * len(shown),
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


def _columns(open_row: Any) -> dict[str, Any]:
    config = st.column_config
    return {
        "open": config.ButtonColumn("", width=56, type="tertiary", key="model_open_row", on_click=open_row),
        "in_use": config.TextColumn("", width=82),
        "name": config.TextColumn("Model", width=170),
        "kind": config.TextColumn("Kind", width=130),
        "score": config.TextColumn("Exactly right", width=215, alignment="right",
                                   help="Share of answers that say the same as expected, with its 95 % interval."),
        "likeness": config.ProgressColumn("Likeness", min_value=0, max_value=1, format="%.2f", width=96,
                                          help="By characters (chrF), 0 to 1."),
        "measured": config.TextColumn("Measured on", width=150),
        "serving": config.TextColumn("Answers", width=140),
        "base": config.TextColumn("Base", width=150),
        "dataset": config.TextColumn("Trained on", width=130),
        "cost": config.TextColumn("Cost", width=84, alignment="right", help="What making it did cost."),
        "created": config.DatetimeColumn("Since (UTC)", format="YYYY-MM-DD HH:mm", width=130),
        "by": config.TextColumn("By", width=80),
    }  # fmt: skip
