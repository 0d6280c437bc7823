"""Queue: is work flowing? Numbers, curves, filter, table, and acts on what was chosen."""

import time

import streamlit as st

from core.commands import choices, store
from ui.parts import session
from ui.queue import bar, charts, empty, filter_bar, live, report, table

st.title("Queue")
st.caption("Is work flowing?")

db = session.database()
seen, drawn_at = choices.version(db), time.monotonic()
chosen = filter_bar.FILTER.chosen(arrived=session.arrived())

live.draw(db, seen, drawn_at)
total = store.count(db, chosen)
if not total and empty.is_empty(db):
    report.draw()
    empty.draw()
else:
    charts.draw(db)
    filter_bar.draw(db, chosen)
    if total:
        table.draw(db, chosen, total)
    else:
        st.info("No command matches this filter. Widen it above, or press Reset.")
    report.draw()
    if total:
        bar.draw(db, chosen, total, seen)
empty.rules()
