"""Small open bases for one's own machine, side by side: size, licence, memory and time here; a click takes one."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.datasets.versions import DatasetVersion
from core.db import Database
from core.tuning import facts
from core.tuning.providers.local import starters
from core.tuning.providers.local.starters import RECOMMENDED, Starter
from ui.parts.formatting import size
from ui.parts.tables import height
from ui.tuning import labels

__all__ = ["RECOMMENDED", "Starter", "draw", "of", "recommended"]
_ROWS = "tuning_small_bases"


def of(db: Database, dataset: DatasetVersion) -> tuple[Starter, ...]:
    """Return them for this version's records."""
    return starters.starters(facts.of(db, dataset))


def recommended(small: Sequence[Starter]) -> Starter | None:
    return next((each for each in small if each.name == RECOMMENDED), None)


def draw(small: Sequence[Starter], key: str) -> None:
    """The table; `key` is that of the box which holds the name of the base."""

    def take() -> None:
        rows = st.session_state[_ROWS].selection.rows
        if rows:
            st.session_state[key] = small[rows[0]].name

    st.dataframe(
        pd.DataFrame(
            {
                "title": [each.title for each in small],
                "download": [size(each.download_bytes) for each in small],
                "memory": [size(each.memory_bytes) for each in small],
                "time": [f"about {labels.roughly(each.seconds)}" for each in small],
                "licence": [each.licence for each in small],
                "name": [each.name for each in small],
            }
        ),
        key=_ROWS,
        hide_index=True,
        height=height(len(small), 400),
        on_select=take,
        selection_mode="single-row",
        column_config={
            "title": st.column_config.TextColumn("Small base", width=130),
            "download": st.column_config.TextColumn("Download", width=90, alignment="right"),
            "memory": st.column_config.TextColumn("Memory here", width=105, alignment="right"),
            "time": st.column_config.TextColumn("Time here", width=120, alignment="right"),
            "licence": st.column_config.TextColumn("Licence", width=100),
            "name": st.column_config.TextColumn("Name", width=300),
        },
        alt="Small base models: download, memory and time here, licence, name. A row that is picked becomes the base.",
    )
    st.caption(
        "Memory and time by a rule for this dataset on this processor with default settings; “Check now” measures "
        "three real steps. A graphics card is many times faster."
    )
