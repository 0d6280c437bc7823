"""Orchestrator: what should happen next, and is it approved? Plans that wait, what moves, a request, then history."""

import streamlit as st

from core.deployments.preferences import preferences
from core.orchestrator import queries, trends
from ui.orchestrator import drawer, live, settings, submit, table
from ui.parts import session

st.title("Orchestrator")
st.caption("What should happen next, and is it approved?")

db = session.database()
seen = trends.version(db)
chosen = preferences(db)
numbers = queries.counts(db)

live.now(db, seen)
submit.draw(db)
left, right = st.columns(2, gap="large", vertical_alignment="center")
with left:
    live.numbers(db)
with right:
    settings.draw(db, chosen)
settings.details(db, chosen)
if numbers.total:
    table.draw(db, numbers)
else:
    submit.offer_example(db)
drawer.follow_url()
