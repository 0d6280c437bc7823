"""Datasets: what do we train on? Versions, one of them, two compared, and a new one."""

from core.datasets import versions as datasets_versions
from core.errors import UnknownDataset
from ui.datasets import compare, create, detail, overview, progress
from ui.datasets import place as dataset_place
from ui.parts import session

db = session.database()
place = dataset_place.here()
versions = datasets_versions.versions(db, archived=True)

try:
    named = [datasets_versions.get(db, label) for label in (place.label, place.other) if label]
except UnknownDataset:
    overview.title()
    detail.back()
    raise  # the router says what is wrong

if place.view == "new":
    create.draw(db, versions)
elif place.view == "version":
    detail.draw(db, named[0], versions)
elif place.view == "compare":
    compare.draw(db, named[0], named[1])
else:
    overview.title()
    overview.draw(db, versions)
progress.watch(db, versions)
