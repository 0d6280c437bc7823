"""The page keeps up with its jobs: it looks again every few seconds, is drawn anew only when something changed, and
says when a job has ended."""

import streamlit as st

from core.db import Database
from core.tuning import jobs
from core.tuning.jobs import Job
from ui.parts import watch as watcher
from ui.parts.formatting import plain, shortened
from ui.tuning import labels, reads
from ui.tuning.place import Part

EVERY_S = 10
#: When nothing runs, only others can begin something.
IDLE_EVERY_S = 30
_KNOWN = "tuning_known_open"


def seen(db: Database, part: Part) -> object:
    """What is shown: of jobs everything where they are listed, elsewhere only their states."""
    return jobs.version(db) if part == "jobs" else tuple(sorted(jobs.counts(db).items()))


def watch(db: Database, part: Part, before: object) -> None:
    """Draw the page anew when it shows something else than `before`; the models say themselves that they do."""
    every = EVERY_S if reads.open_now(db) else IDLE_EVERY_S
    watcher.watch(every, lambda: seen(db, part) != before, label=part != "models", then=reads.recount)


def follow(job_id: int) -> None:
    """Say its end, even if that comes before this page looks again."""
    st.session_state.setdefault(_KNOWN, set()).add(job_id)


def say_ended(db: Database) -> None:
    """A toast for each job that was open when this session last looked and is not any more."""
    now = {job.id for job in jobs.open_jobs(db)}
    before: set[int] = st.session_state.get(_KNOWN, set())
    for job_id in sorted(before - now):
        _toast(jobs.get(db, job_id))
        # Only now: a run may be broken off at any call that draws, and then the next one says it.
        st.session_state[_KNOWN] = before = before - {job_id}
    st.session_state[_KNOWN] = now


def _toast(job: Job) -> None:
    word, _, icon, _ = labels.STATE[job.state]
    st.toast(plain(f"Job {job.id} has ended: {word}. {shortened(labels.name(job), 80)}"), icon=icon, duration="long")
