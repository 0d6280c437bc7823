"""The original system's address of what is Fine-tuning here: goes on to it, with whatever the link says."""

import streamlit as st

from ui.parts import addresses

given = {name: st.query_params.get_all(name) for name in st.query_params}
st.switch_page(addresses.FINE_TUNING, query_params=given)
