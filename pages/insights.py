"""Insights: what works for us, and how sure are we? Patterns of good work, and what the company's history says."""

import streamlit as st

from ui.insights import tabs
from ui.parts import session

st.title("Insights")
st.caption("What works for us, and how sure are we?")

db = session.database()
tab = tabs.chosen()
tabs.choose(tab)
tabs.draw(db, tab)
