"""The curves of several jobs in one chart: each job has a colour, train is solid and validation dashed."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.db import Database
from core.tuning import jobs, series
from ui.parts.formatting import count
from ui.tuning import labels
from ui.tuning.jobs import charts
from ui.tuning.jobs.charts import Line

MOST = len(charts.COLOURS)


def draw(db: Database, ids: Sequence[int], deselect: Callable[[], None]) -> None:
    with st.container(border=True, key="tuning_compare"):
        if not ids:
            st.text("Nothing selected. Tick jobs in the table to see their curves in one chart.")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{count(len(ids), 'job')} selected", width="content")
            st.button("Deselect", key="tuning_deselect", type="tertiary", on_click=deselect)
        if len(ids) > MOST:
            st.caption(f"The newest {MOST} are drawn: more colours cannot be told apart.")
        _curves(db, sorted(ids, reverse=True)[:MOST])


def _curves(db: Database, ids: Sequence[int]) -> None:
    found = series.of(db, list(ids))
    named = [jobs.get(db, job_id) for job_id in ids]
    lines = [Line(f"#{job.id} {labels.name(job)}", found.get(job.id, {})) for job in named]
    names = charts.names(lines)
    if not names:
        st.text("None of these jobs has a curve: nothing was logged.")
        return
    name = names[0]
    if len(names) > 1:
        name = st.segmented_control(
            "Series",
            names,
            default=names[0],
            required=True,
            key="tuning_compare_series",
            format_func=lambda each: labels.series(each)[0],
            label_visibility="collapsed",
        )
    charts.draw(
        charts.several(lines, name or names[0]),
        key="tuning_compare_chart",
        alt=f"{labels.series(name or names[0])[0]} by training step of {count(len(lines), 'job')}: a colour for "
        "each job, train solid and validation dashed.",
    )
    without = [line.label for line in lines if not line.series.get(name) and not line.series.get(f"val_{name}")]
    if without:
        st.text(f"Without this curve: {', '.join(without)}.")
