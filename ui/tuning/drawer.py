"""One job in a drawer, open at `?job=12`: how far it is, its curve, what happened, what was chosen, what it cost, and
where it came from and led to.

What providers say goes through st.text, st.code and grids and nothing else.
"""

from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import OperationalError

from core import models, shortages
from core.bounds import id_in
from core.db import Database
from core.errors import UnknownJob, WhetstoneError
from core.tuning import jobs
from core.tuning.jobs import Job
from ui.models import conversations as model_conversations
from ui.parts import addresses, modals, session
from ui.parts.formatting import plain
from ui.tuning import acts, labels, table, views
from ui.tuning import jobs as tuning_jobs

EVERY_S = 5
_OPEN = "tuning_open"
_VIEW = "tuning_view"

_VIEWS: dict[str, Callable[[Database, Job], None]] = {
    "Curve": views.curve,
    "Events": views.events,
    "Choices": views.choices,
    "Cost": views.cost,
    "Lineage": views.lineage,
}


def follow_url() -> None:
    """Open what the address names, also after a question that took the drawer's place; close what it left."""
    asked, is_open = st.query_params.get(addresses.JOB), st.session_state.get(_OPEN)
    if asked and not modals.is_open():
        st.session_state[_OPEN] = asked
        modals.show(_window, parameter=addresses.JOB)
    elif asked and is_open:
        st.session_state[_OPEN] = asked
    elif not asked and is_open:
        modals.close()
        st.session_state.pop(_OPEN, None)


def _window() -> None:
    st.dialog("Fine-tuning job", width=760, position="right", on_dismiss=_close)(_draw)()


def _close() -> None:
    modals.close()
    st.session_state.pop(_OPEN, None)
    if addresses.JOB in st.query_params:
        del st.query_params[addresses.JOB]


def _draw() -> None:
    if _OPEN not in st.session_state:  # closed while an answer was on its way
        return
    db, asked = session.database(), st.session_state[_OPEN]
    modals.keep_up(addresses.JOB, asked)
    _way(asked)
    try:
        job = _read(db, asked)
        seen = signature(job)
        _head(db, job)
        first = "Events" if job.state in ("failed", "blocked", "expired") else "Curve"
        view = st.pills("View", list(_VIEWS), default=first, required=True, key=_VIEW, label_visibility="collapsed")
        _VIEWS[view or "Curve"](db, job)
        if job.is_open:
            _watch(asked, seen)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except OperationalError as error:
        told = shortages.sentence(error)
        st.error(plain(told or "The database does not answer at the moment; this looks again by itself."))
        _watch(asked, None)


@st.fragment(run_every=EVERY_S)
def _watch(asked: str, seen: object) -> None:
    """Draw the drawer anew when something happened to the job, and only then. `seen` None: it could not be read."""
    if st.session_state.get(_OPEN) != asked:
        return
    try:
        changed = signature(_read(session.database(), asked)) != seen
    except (OperationalError, WhetstoneError):
        changed = seen is not None
    if changed:
        st.rerun()


def signature(job: Job) -> object:
    """Differs when there is something new to see."""
    return job.state, job.phase, job.done_steps, job.wants, job.provider_status, job.needs_person, job.archived_at


def _read(db: Database, asked: str) -> Job:
    """Whatever stands in an address may be anything."""
    number = id_in(asked)
    if number is None:
        raise UnknownJob("The link names no job; look for it in the list of the workspace.")
    return jobs.get(db, number)


def _way(asked: str) -> None:
    ids = [str(each) for each in table.on_page()]
    if asked not in ids:
        return
    here = ids.index(asked)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.text(f"{here + 1} of {len(ids)} on this page", width="content")
        with st.container(horizontal=True, width="content"):
            _step("Previous", "P", ids[here - 1] if here else None)
            _step("Next", "N", ids[here + 1] if here + 1 < len(ids) else None)


def _step(label: str, shortcut: str, to: str | None) -> None:
    st.button(
        label,
        key=f"tuning_drawer_{label.lower()}",
        shortcut=shortcut,
        disabled=to is None,
        help="There is none on this page of the table." if to is None else None,
        on_click=lambda: _go(to),
    )


def _go(to: str | None) -> None:
    if to is not None:
        st.session_state[_OPEN] = to
        st.query_params[addresses.JOB] = to


def _head(db: Database, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        tuning_jobs.badge(job)
        st.text(f"Job {job.id} · {labels.name(job)}", width="content")
    st.text(tuning_jobs.subtitle(job) + f" · by {job.created_by}")
    if job.is_open and not job.needs_person:
        share, said = labels.progress(job)
        st.progress(share, said)
    views.trouble(job)
    if job.model_id is not None:
        model_conversations.stopped(models.get(db, job.model_id))
    acts.draw(db, job, "drawer")
    if not job.is_open:
        views.onward(db, job)
