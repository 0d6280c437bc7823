"""Jobs: what runs now with its curve, then every job there ever was."""

from collections.abc import Sequence

import streamlit as st

from core.db import Database
from core.tuning import jobs, series
from core.tuning.jobs import Job, JobEvent
from ui.parts.formatting import ago, count, exactly, shortened
from ui.tuning import labels, place
from ui.tuning.jobs import acts, charts, table
from ui.tuning.jobs.charts import Line

#: So many open jobs are drawn with curve and events; more stand in the table.
_SHOWN = 4
_EVENTS = 4


def draw(db: Database) -> None:
    found = jobs.open_jobs(db)
    if not found and not jobs.page(db, limit=1, archived=True).rows:
        _begin()
        return
    _running(db, found)
    table.draw(db)


def _begin() -> None:
    st.info(
        "No job yet. This page will show each one with its progress, its loss curve and what the provider says, and "
        "afterwards its final cost and the resulting model.",
        icon=":material/model_training:",
    )
    st.button("New job", key="tuning_first", type="primary", icon=":material/add:", on_click=place.go, args=("train",))


def _running(db: Database, found: Sequence[Job]) -> None:
    if not found:
        return
    st.subheader(f"Running: {count(len(found), 'job')}", anchor=False)
    curves = series.of(db, [job.id for job in found[:_SHOWN]])
    for job in sorted(found[:_SHOWN], key=lambda job: (not job.needs_person, job.state != "running")):
        with st.container(border=True, key=f"tuning_job_{job.id}"):
            _one(db, job, Line(labels.name(job), curves.get(job.id, {})))
    if len(found) > _SHOWN:
        st.caption(f"and {len(found) - _SHOWN:,} more; the table below lists them.")


def _one(db: Database, job: Job, line: Line) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(job)
        st.text(f"{shortened(labels.name(job), 60)} · {subtitle(job)}", width="stretch")
        st.button(
            f"Open job {job.id}",
            key=f"tuning_open_{job.id}",
            icon=":material/open_in_full:",
            on_click=acts.open_job,
            args=(job.id,),
        )
    if not job.needs_person:
        progress(job, line)
    acts.draw(db, job, "page")
    happened = jobs.newest_events(db, job.id, limit=_EVENTS)
    if not has_curve(line):
        _happened(happened)
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        charts.draw(
            charts.one(line, "loss"), key=f"tuning_curve_{job.id}", alt=f"Loss by training step: {_ends(line)}."
        )
    with right:
        _happened(happened)


def _happened(events: Sequence[JobEvent]) -> None:
    st.markdown("**Events, newest first**")
    lines(events)


def has_curve(line: Line) -> bool:
    return bool(line.series.get("loss") or line.series.get("val_loss"))


def badge(job: Job) -> None:
    word, _, icon, colour = labels.STATE[job.state]
    st.badge(word, icon=icon, color=colour)
    if job.wants is not None:
        st.badge(f"asked to {job.wants}", icon=":material/pending:", color="orange")


def subtitle(job: Job) -> str:
    """Where, on what, since when."""
    return f"{labels.provider(job.provider)} · {job.base_model} · {job.dataset_label} · begun {ago(job.created_at)}"


def progress(job: Job, line: Line) -> None:
    """The bar with its words, and the latest values beside it."""
    share, said = labels.progress(job)
    if job.total_steps:
        st.progress(share, said)
    else:
        st.text(said)
    parts = []
    for name, unit in (("loss", ""), ("val_loss", ""), ("tokens_per_s", " tokens/s")):
        values = line.series.get(name)
        if values:
            label = {"loss": "train loss ", "val_loss": "validation loss "}.get(name, "")
            number = f"{values[-1][1]:,.0f}" if unit else f"{values[-1][1]:.4g}"
            parts.append(f"{label}{number}{unit}")
    now = [f"Now: {' · '.join(parts)}"] if parts else []
    if job.provider_status:
        now.append(f"{labels.short(job.provider)} says: {shortened(job.provider_status, 160)}")
    if now:
        st.text("\n".join(now))


def _ends(line: Line) -> str:
    """The curve in words: `train from 2.1 to 0.31`."""
    parts = [
        f"{said} from {values[0][1]:.4g} to {values[-1][1]:.4g}"
        for name, said in (("loss", "train"), ("val_loss", "validation"))
        if (values := line.series.get(name))
    ]
    return ", ".join(parts)


def lines(events: Sequence[JobEvent]) -> None:
    """Words of a provider are text and nothing else."""
    st.text("\n".join(event_line(each) for each in events) or "Nothing happened yet.")


def event_line(event: JobEvent, *, whole: bool = False) -> str:
    what = labels.state_word(event.state) or event.kind
    sign = {"error": "✗ ", "warning": "! ", "checkpoint": "⚑ ", "asked": "→ "}.get(event.kind, "")
    words = event.message if whole else shortened(event.message, 160)
    when = exactly(event.at) if whole else ago(event.at)
    said = f"{what}: {words}" if event.kind == "state" and words else words or what
    return f"{when} · {sign}{said}" + (f" · {event.actor}" if whole and event.actor else "")
