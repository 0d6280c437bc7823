"""Data: what do we have? Numbers, filter, charts, table, and acts on what was chosen."""

import streamlit as st

from ui.data import bulk, cards, charts, filter_bar, reads, table
from ui.parts import addresses, session
from ui.parts.watch import watch

EVERY_S = 10

st.title("Data")
st.caption("What do we have?")

db = session.database()
seen = reads.version(db)
chosen = filter_bar.FILTER.chosen(arrived=session.arrived())
numbers = reads.overview(db, chosen)

if not numbers.total:
    st.info("No examples yet. This page will show them with their quality, outcome and tags, to filter and to tag.")
    if st.button("Import a file", key="data_import", type="primary", icon=":material/upload_file:"):
        st.switch_page(addresses.IMPORTING)
else:
    cards.draw(numbers)
    filter_bar.draw(db, chosen)
    if numbers.filtered:
        charts.draw(numbers, chosen)
        table.draw(db, chosen, numbers.filtered)
        bulk.draw(db, chosen, numbers.filtered)
    else:
        st.info("No example matches this filter. Widen it above, or press Reset.")
watch(10, lambda: reads.version(db) != seen)
