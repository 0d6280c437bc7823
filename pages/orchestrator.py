"""Orchestrator: what should be done next, and may it? Requests, plans that wait, what runs, and what came of it."""

import streamlit as st

from core.deployments.preferences import preferences
from core.orchestrator import queries, trends
from ui import (
    orchestrator_drawer,
    orchestrator_live,
    orchestrator_settings,
    orchestrator_submit,
    orchestrator_table,
    orchestrator_waiting,
    session,
)

st.title("Orchestrator")
st.caption("What should be done next, and may it?")

db = session.database()
seen = trends.version(db)
chosen = preferences(db)
numbers = queries.counts(db)

left, right = st.columns([5, 3], gap="large")
with left:
    orchestrator_submit.draw(db)
with right:
    orchestrator_settings.approval(db, chosen.approval_required)
    orchestrator_settings.planner(chosen)
orchestrator_settings.details(db, chosen)

orchestrator_live.draw(db, seen)
if numbers.total:
    orchestrator_waiting.draw(db, numbers.by_status["pending_approval"])
    orchestrator_table.draw(db, numbers)
else:
    orchestrator_submit.offer_example(db)
orchestrator_drawer.follow_url()
