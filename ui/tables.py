"""Grids. A cell shows captured text as it is: the grid draws it, nothing reads it as Markdown or HTML."""

from collections.abc import Sequence

import orjson
import pandas as pd
import streamlit as st

from core.audit import Entry


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
        height=min(38 + 35 * len(lines), 720),
        alt="Audit log: when, who, what, to which thing, how many rows, why, before and after.",
        column_config={
            "when": st.column_config.DatetimeColumn("When (UTC)", format="YYYY-MM-DD HH:mm:ss", width="medium"),
            "who": st.column_config.TextColumn("Who", width="small"),
            "what": st.column_config.TextColumn("What", width="small"),
            "to": st.column_config.TextColumn("To"),
            "rows": st.column_config.NumberColumn("Rows", format="localized", width="small"),
            "why": st.column_config.TextColumn("Why"),
            "before": st.column_config.TextColumn("Before"),
            "after": st.column_config.TextColumn("After"),
        },
    )


def _json(value: object) -> str:
    return "" if value is None else orjson.dumps(value).decode()
