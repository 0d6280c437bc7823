"""The tab History: what each of the five sources holds and how old it is, the way to bring more in, and the results
that examples get out of it."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import history
from core.db import Database
from core.history.records import Freshness
from ui.insights import backfill, history_import, labels
from ui.parts.formatting import ago
from ui.parts.tables import height

TITLES: dict[history.Source, str] = {
    "tasks": "Tasks of the past",
    "posts": "Published posts",
    "social": "Social analytics",
    "web": "Web analytics",
    "finance": "Business figures",
}


def draw(db: Database) -> None:
    found = history.sources(db)
    if not any(each.rows for each in found):
        st.info(
            "No history yet. What the company did before (tasks, posts, how they were received, visits, figures of the "
            "business) makes the next plan better, and is what topics, platforms and correlations are told from. "
            "Import a file below: CSV, JSON, JSONL, Parquet or Arrow.",
            icon=":material/history:",
        )
    _sources(found)
    history_import.draw(db)
    backfill.draw(db)


def _sources(found: Sequence[Freshness]) -> None:
    config = st.column_config
    st.dataframe(
        pd.DataFrame(
            {
                "source": [TITLES[each.source] for each in found],
                "rows": [each.rows for each in found],
                "few": [labels.few(each.rows) for each in found],
                "newest": [ago(each.last) if each.last else None for each in found],
                "note": [each.note for each in found],
                "first": pd.Series([each.first for each in found], dtype="datetime64[us, UTC]"),
                "last": pd.Series([each.last for each in found], dtype="datetime64[us, UTC]"),
                "imports": [each.imports for each in found],
                "imported": pd.Series([each.imported_at for each in found], dtype="datetime64[us, UTC]"),
            }
        ),
        key="history_sources",
        hide_index=True,
        height=height(len(found), 300),
        placeholder="–",
        column_config={
            "source": config.TextColumn("Source", width=150),
            "rows": config.NumberColumn("Rows", format="localized", width=80),
            "few": config.TextColumn("Few", width=76, help="What rests on fewer than 30 rows can say little."),
            "newest": config.TextColumn("Newest row", width=104, help="How old the newest row is, by its own date."),
            "note": config.TextColumn("To be known", width=300),
            "first": config.DatetimeColumn("From", format="YYYY-MM-DD", width=96),
            "last": config.DatetimeColumn("To", format="YYYY-MM-DD", width=96),
            "imports": config.NumberColumn("Imports", width=72),
            "imported": config.DatetimeColumn("Last import (UTC)", format="YYYY-MM-DD HH:mm", width=136),
        },
        alt="The five sources: rows, mark for few, age of the newest row, what has to be known, first and last date, "
        "imports, last import.",
    )
