"""Datasets: what do we train on? Versions, one of them, two compared, and a new one."""

import streamlit as st

from core.datasets import versions as datasets_versions
from ui import dataset_compare, dataset_create, dataset_detail, dataset_list, dataset_place, dataset_progress, session

st.title("Datasets")
st.caption("What do we train on?")

db = session.database()
place = dataset_place.here()
versions = datasets_versions.versions(db, archived=True)

if place.view == "new":
    dataset_create.draw(db, versions)
elif place.view == "version":
    dataset_detail.draw(db, datasets_versions.get(db, place.label), versions)
elif place.view == "compare":
    dataset_compare.draw(db, datasets_versions.get(db, place.label), datasets_versions.get(db, place.other))
else:
    dataset_list.draw(db, versions)
dataset_progress.watch(db, versions)
