"""Datasets: what do we train on? Versions, one of them, two compared, and a new one."""

import streamlit as st

from core.datasets import versions as datasets_versions
from ui.datasets import compare, create, detail, overview, progress
from ui.datasets import place as dataset_place
from ui.parts import session

db = session.database()
place = dataset_place.here()
versions = datasets_versions.versions(db, archived=True)

if place.view == "new":
    create.draw(db, versions)
elif place.view == "version":
    detail.draw(db, datasets_versions.get(db, place.label), versions)
elif place.view == "compare":
    compare.draw(db, datasets_versions.get(db, place.label), datasets_versions.get(db, place.other))
else:
    st.title("Datasets", anchor=False)
    st.caption("What do we train on?")
    overview.draw(db, versions)
progress.watch(db, versions)
