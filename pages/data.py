"""Data: what do we have? Numbers, filter, charts, table, and acts on what was chosen."""

import streamlit as st

from ui.data import bulk, cards, charts, drawer, filter_bar, reads, table
from ui.frame import ASSETS
from ui.parts import addresses, session
from ui.parts.watch import watch

EVERY_S = 10

st.html(ASSETS / "data.css")
db = session.database()
seen = reads.version(db)
chosen = filter_bar.FILTER.chosen(arrived=session.arrived())
drawer.DRAWER.follow_url()
numbers = reads.overview(db, chosen)

with st.container(gap="xsmall", key="data_page"):
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.title("Data", anchor=False, width="content")
        st.caption("What do we have?", width="content")
    if not numbers.total:
        st.info("No examples yet. This page will show them with their quality, outcome and tags, to filter and to tag.")
        if st.button("Import a file", key="data_import", type="primary", icon=":material/upload_file:"):
            st.switch_page(addresses.IMPORTING)
    else:
        cards.draw(numbers)
        filter_bar.draw(db, chosen, beside=charts.fold)
        if numbers.filtered:
            charts.draw(db, chosen)
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="filter_acts"):
                bulk.draw_filter_acts(db, chosen, numbers.filtered)
                view = table.controls()
            table.draw(db, chosen, numbers.filtered, view)
            bulk.draw_selection_acts(db, chosen, numbers.filtered)
        else:
            st.info("No example matches this filter. Widen it above, or press Reset.")
watch(EVERY_S, lambda: reads.version(db) != seen)
