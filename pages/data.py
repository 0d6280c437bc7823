"""Data: what do we have? Numbers, filter, charts, table, and acts on what was chosen."""

import streamlit as st

from ui import bulk, cached, data_charts, example_table, filter_bar, metric_cards, refresh, session

st.title("Data")
st.caption("What do we have?")

db = session.database()
seen = cached.version(db)
chosen = filter_bar.chosen(arrived=session.arrived())
numbers = cached.overview(db, chosen)

if not numbers.total:
    st.info("No examples yet. This page will show them with their quality, outcome and tags, to filter and to tag.")
    if st.button("Import a file", key="data_import", type="primary", icon=":material/upload_file:"):
        st.switch_page("../pages/importing.py")
else:
    metric_cards.draw(numbers)
    filter_bar.draw(db, chosen)
    if numbers.filtered:
        data_charts.draw(numbers, chosen)
        example_table.draw(db, chosen, numbers.filtered)
        bulk.draw(db, chosen, numbers.filtered)
    else:
        st.info("No example matches this filter. Widen it above, or press Reset.")
refresh.watch(db, seen)
