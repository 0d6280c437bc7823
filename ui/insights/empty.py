"""What a tab says while the company has no history, and the way to bring some in."""

import streamlit as st

from ui.parts import addresses


def draw(sentence: str, *, icon: str) -> None:
    st.info(sentence, icon=icon)
    st.page_link(
        addresses.INSIGHTS,
        label="Import history",
        icon=":material/upload_file:",
        query_params={addresses.TAB: "history"},
    )
