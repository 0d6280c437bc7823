"""First start: what Whetstone is, and the ways to begin. A workspace with examples goes on to its data."""

import streamlit as st

from core.runtime.process import RUNNING
from ui import demo
from ui.data.reads import is_empty
from ui.parts import addresses, session

if not is_empty(session.database()):
    st.switch_page(addresses.DATA)

st.title("Turn your agent's work into a better model")
st.caption("Whetstone collects what your AI co-founder did, lets you keep the best of it, and trains on that.")

with st.grid(3, min_column_width=240, gap="medium"):
    with st.container(border=True, height="stretch"):
        st.subheader(":material/science: Load the demo company", anchor=False)
        st.markdown(
            "A year of invented executions to play with, in a workspace of its own. One click removes it again."
        )
        demo.offer(RUNNING.database())
    with st.container(border=True, height="stretch"):
        st.subheader(":material/upload_file: Import my executions", anchor=False)
        st.markdown("CSV, JSON, JSONL or Parquet. You see what will happen to every row before anything is written.")
        if st.button("Import a file", key="go_import", width="stretch"):
            st.switch_page(addresses.IMPORTING)
    with st.container(border=True, height="stretch"):
        st.subheader(":material/database: Connect my database", anchor=False)
        st.markdown(
            "Set `DATABASE_URL` to a PostgreSQL of version 15 or newer, such as the one below, then start again. "
            "The tables of an original system found there move in by themselves."
        )
        st.code("postgresql://user@host/db", language=None)

st.space("small")
with st.grid(3, min_column_width=240, gap="medium"):
    st.markdown(":material/cloud_off: **Sends nothing anywhere.** No telemetry; no request leaves this computer.")
    st.markdown(":material/restore: **Never deletes an example.** Tags hide, and every change can be undone.")
    st.markdown(":material/payments: **Never spends without asking.** You see the price before anything costs money.")
