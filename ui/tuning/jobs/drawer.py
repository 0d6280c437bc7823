"""One job in a drawer, open at `?job=12`: how far it is, its curve, what happened, what was chosen, what it cost, and
where it came from and led to.

What providers say goes through st.text, st.code and grids and nothing else.
"""

from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import OperationalError

from core import models
from core.bounds import id_in
from core.db import Database
from core.errors import UnknownJob, WhetstoneError
from core.tuning import jobs
from core.tuning.jobs import Job
from ui.models import conversations as model_conversations
from ui.parts import addresses, session
from ui.parts.drawer import Drawer, unavailable
from ui.parts.formatting import plain
from ui.tuning import labels
from ui.tuning.jobs import acts, overview, views

EVERY_S = 5
_VIEW = "tuning_view"

_VIEWS: dict[str, Callable[[Database, Job], None]] = {
    "Curve": views.curve,
    "Events": views.events,
    "Choices": views.choices,
    "Cost": views.cost,
    "Lineage": views.lineage,
}


def _draw(asked: str) -> None:
    db = session.database()
    DRAWER.neighbours(asked)
    try:
        job = _read(db, asked)
        seen = signature(job)
        _head(db, job)
        first = "Events" if job.state in ("failed", "blocked", "expired") else "Curve"
        view = st.pills("View", list(_VIEWS), default=first, required=True, key=_VIEW, label_visibility="collapsed")
        _VIEWS[view or "Curve"](db, job)
        if job.is_open:
            _watch(db, asked, seen)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except OperationalError as error:
        unavailable(error)
        _watch(db, asked, None)


def _watch(db: Database, asked: str, seen: object) -> None:
    DRAWER.watch(EVERY_S, asked, seen, lambda: signature(_read(db, asked)))


DRAWER = Drawer("tuning", "Fine-tuning job", _draw, addresses.JOB)


def signature(job: Job) -> object:
    """Differs when there is something new to see."""
    return job.state, job.phase, job.done_steps, job.wants, job.provider_status, job.needs_person, job.archived_at


def _read(db: Database, asked: str) -> Job:
    """Whatever stands in an address may be anything."""
    number = id_in(asked)
    if number is None:
        raise UnknownJob("The link names no job; look for it in the list of the workspace.")
    return jobs.get(db, number)


def _head(db: Database, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        overview.badge(job)
        st.text(f"Job {job.id} · {labels.name(job)}", width="content")
    st.text(overview.subtitle(job) + f" · by {job.created_by}")
    if job.is_open and not job.needs_person:
        share, said = labels.progress(job)
        st.progress(share, said)
    views.trouble(job)
    if job.model_id is not None:
        model_conversations.stopped(models.get(db, job.model_id))
    acts.draw(db, job, "drawer")
    if not job.is_open:
        views.onward(db, job)
