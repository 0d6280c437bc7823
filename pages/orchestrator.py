"""Orchestrator: what should be done next, and may it? Requests, plans that wait, what runs, and what came of it."""

import streamlit as st

from core.deployments.preferences import preferences
from core.orchestrator import queries, trends
from ui.orchestrator import drawer, live, settings, submit, table, waiting
from ui.parts import session

st.title("Orchestrator")
st.caption("What should be done next, and may it?")

db = session.database()
seen = trends.version(db)
chosen = preferences(db)
numbers = queries.counts(db)

left, right = st.columns([5, 3], gap="large")
with left:
    submit.draw(db)
with right:
    settings.approval(db, chosen.approval_required)
    settings.planner(chosen)
settings.details(db, chosen)

live.draw(db, seen)
if numbers.total:
    waiting.draw(db, numbers.by_status["pending_approval"])
    table.draw(db, numbers)
else:
    submit.offer_example(db)
drawer.follow_url()
