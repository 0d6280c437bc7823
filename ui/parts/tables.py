"""Grids. A cell shows captured text as it is: the grid draws it, nothing reads it as Markdown or HTML."""

from collections.abc import Sequence
from typing import Literal

import orjson
import pandas as pd
import streamlit as st

from core.audit import Entry

#: What a row takes at most, at the size of letters in `.streamlit/config.toml`.
_ROW = 33


def height(rows: int, highest: int) -> int | Literal["content"]:
    """As high as its rows, so that no empty ones follow; from `highest` pixels on it scrolls."""
    return "content" if (rows + 1) * _ROW <= highest else highest


def audit_table(lines: Sequence[Entry], *, key: str) -> None:
    frame = pd.DataFrame(
        {
            "when": [line.at for line in lines],
            "who": [line.actor for line in lines],
            "what": [line.action for line in lines],
            "to": [f"{line.subject} {line.subject_id}".strip() for line in lines],
            "rows": [line.row_count for line in lines],
            "why": [line.reason for line in lines],
            "before": [_json(line.before) for line in lines],
            "after": [_json(line.after) for line in lines],
        }
    )
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        height=height(len(lines), 720),
        placeholder="–",
        alt="Audit log: when, who, what, to which thing, how many rows, why, before and after.",
        column_config={
            "when": st.column_config.DatetimeColumn("When (UTC)", format="YYYY-MM-DD HH:mm:ss", width=142),
            "who": st.column_config.TextColumn("Who", width=96),
            "what": st.column_config.TextColumn("What", width=95),
            "to": st.column_config.TextColumn("To", width=130),
            "rows": st.column_config.NumberColumn("Rows", format="localized", width=70),
            "why": st.column_config.TextColumn("Why", width=230),
            "before": st.column_config.TextColumn("Before", width=200),
            "after": st.column_config.TextColumn("After", width=300),
        },
    )


def _json(value: object) -> str:
    return "" if value is None else orjson.dumps(value).decode()
