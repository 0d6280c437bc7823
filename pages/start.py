"""Start: what Whetstone is, the ways to begin, and the first steps. A visit to a workspace with data begins at Data."""

import streamlit as st

from core.runtime.process import RUNNING
from ui import demo, first_steps
from ui.data.reads import is_empty
from ui.parts import addresses, session

db = session.database()
empty = is_empty(db)
if not empty and session.is_first_page():
    st.switch_page(addresses.DATA)

st.title("Turn your agent's work into a better model", anchor=False)
st.caption("Whetstone collects what your AI co-founder did, lets you keep the best of it, and trains on that.")

if not empty:
    first_steps.checklist(db, buttons=True)
with st.grid(3, min_column_width=240, gap="medium"):
    with st.container(border=True, height="stretch"):
        st.subheader(":material/science: Look around", anchor=False)
        st.markdown("A year of invented work on every page, in a workspace of its own. One click removes it again.")
        demo.offer(RUNNING.database(), primary=empty)
    with st.container(border=True, height="stretch"):
        st.subheader(":material/upload_file: Import my executions", anchor=False)
        st.markdown("CSV, JSON, JSONL or Parquet. You see what changes before anything is written.")
        if st.button("Import a file", key="go_import", width="stretch"):
            st.switch_page(addresses.IMPORTING)
    with st.container(border=True, height="stretch"):
        st.subheader(":material/database: Connect my database", anchor=False)
        st.markdown(
            "PostgreSQL 15 or newer. Put its address into this command and start with it. Existing tables of the "
            "original system are migrated automatically."
        )
        st.code("DATABASE_URL=postgresql://user@host/db python3 start.py", language=None, wrap_lines=True)
        with st.popover("On Windows", key="start_windows"):
            st.code('$env:DATABASE_URL = "postgresql://user@host/db"\npy start.py', language=None)

st.space("small")
if empty:  # the cards above are the ways to the first of them
    first_steps.checklist(db, buttons=False)
with st.grid(3, min_column_width=240, gap="medium"):
    st.markdown(":material/cloud_off: **Sends nothing anywhere.** No telemetry; no request leaves this computer.")
    st.markdown(":material/restore: **Never deletes an example.** Tags hide, and every change can be undone.")
    st.markdown(":material/payments: **Never spends without asking.** You see the price before anything costs money.")
