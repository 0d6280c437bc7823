"""Queue: is work flowing? Numbers, curves, filter, table, and acts on what was chosen."""

import time

import streamlit as st

from core.commands import choices, store
from ui import (
    queue_bar,
    queue_charts,
    queue_empty,
    queue_filter,
    queue_live,
    queue_report,
    queue_table,
    session,
)

st.title("Queue")
st.caption("Is work flowing?")

db = session.database()
seen, drawn_at = choices.version(db), time.monotonic()
chosen = queue_filter.chosen(arrived=session.arrived())

queue_live.draw(db, seen, drawn_at)
total = store.count(db, chosen)
if not total and queue_empty.is_empty(db):
    queue_report.draw()
    queue_empty.draw()
else:
    queue_charts.draw(db)
    queue_filter.draw(db, chosen)
    if total:
        queue_table.draw(db, chosen, total)
    else:
        st.info("No command matches this filter. Widen it above, or press Reset.")
    queue_report.draw()
    if total:
        queue_bar.draw(db, chosen, total, seen)
queue_empty.rules()
