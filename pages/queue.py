"""Queue: is work flowing? A verdict, numbers that filter, the table, acts on what was chosen, and curves below."""

import time

import streamlit as st

from core.commands import choices, store
from ui.parts import session
from ui.queue import bar, charts, empty, filter_bar, live, report, table

with st.container(horizontal=True, vertical_alignment="center"):
    st.title("Queue", width="content")
    st.caption("Is work flowing?", width="content")
    empty.rules()

db = session.database()
seen, drawn_at = choices.version(db), time.monotonic()
chosen = filter_bar.FILTER.chosen(arrived=session.arrived())

live.draw(db, seen, drawn_at)
total = store.count(db, chosen)
if not total and empty.is_empty(db):
    report.draw()
    empty.draw()
else:
    filter_bar.draw(db, chosen, table.controls)
    if total:
        table.draw(db, chosen, total)
    else:
        st.info("No command matches this filter. Widen it above, or press Reset.")
    report.draw()
    if total:
        bar.draw(db, chosen, total, seen)
    charts.draw(db)
