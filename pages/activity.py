"""Activity: who changed what, and why? The audit log as sentences, the newest first."""

import streamlit as st

from core import audit
from ui.activity import table
from ui.parts import addresses, session

st.title("Activity", anchor=False)
st.caption("Every change, who made it, and why.")

db = session.database()
if audit.entries(db, limit=1):
    table.draw(db, table.chosen(db))
else:
    st.info(
        "No activity in this workspace yet. Imports, tags, edits, dataset versions and runs will be listed here.",
        icon=":material/history:",
    )
    if st.button("Import a file", key="activity_import", type="primary", icon=":material/upload_file:"):
        st.switch_page(addresses.IMPORTING)
