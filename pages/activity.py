"""Activity: who did what, and why? The audit log, the newest line first."""

import streamlit as st

from core import audit
from ui.parts import session
from ui.parts.tables import audit_table

PAGE = 100

st.title("Activity")
st.caption("Who did what, and why? Every change is written here in the same transaction as the change itself.")

db = session.database()
seen: list[int] = st.session_state.setdefault("activity_pages", [])
lines = audit.entries(db, before=seen[-1] if seen else None, limit=PAGE)
if not lines and not seen:
    st.info("Nothing happened in this workspace yet. Imports, tags, edits and dataset versions will be listed here.")
    st.stop()
audit_table(lines, key="activity")
with st.container(horizontal=True):
    if seen and st.button("Newer", key="activity_newer", icon=":material/chevron_left:"):
        seen.pop()
        st.rerun()
    if len(lines) == PAGE and st.button("Older", key="activity_older", icon=":material/chevron_right:"):
        seen.append(lines[-1].id)
        st.rerun()
