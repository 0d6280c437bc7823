"""What the drawer of a job shows, view by view."""

from decimal import Decimal
from typing import Any

import streamlit as st

from core.datasets import versions
from core.db import Database
from core.errors import UnknownDataset
from core.tuning import jobs, series
from core.tuning.jobs import Job
from core.tuning.providers import registry
from ui.parts import addresses, modals
from ui.parts.formatting import ago, exactly, span
from ui.tuning import labels, new
from ui.tuning.jobs import acts, charts, overview
from ui.tuning.jobs.charts import Line

_MOST_EVENTS = 200
_LONGEST = 4_000


def trouble(job: Job) -> None:
    """Why it did not work: the provider's own words, and what to do."""
    if not job.error or job.state in ("succeeded", "cancelled"):
        return
    if job.is_open:
        st.text("The last trouble, in the provider's words:")
    else:
        code = f" (code {job.error_code})" if job.error_code else ""
        st.text(f"{labels.STATE[job.state][0].capitalize()}. In the provider's own words{code}:")
    st.code(job.error[:_LONGEST], language=None, wrap_lines=True)
    if job.advice:
        st.text(f"What to do: {job.advice}")


def onward(db: Database, job: Job) -> None:
    """What can be done with a job that has ended."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            "Use these settings for a new job",
            key="tuning_reuse",
            icon=":material/content_copy:",
            on_click=lambda: _reuse(db, job),
        )
        if job.archived_at is None:
            st.button(
                "Archive",
                key="tuning_archive",
                icon=":material/archive:",
                help="Takes it out of the list. It stays on record, and can be taken back.",
                on_click=lambda: acts.archive(db, job),
            )
        else:
            st.button(
                "Take out of the archive",
                key="tuning_unarchive",
                icon=":material/unarchive:",
                on_click=lambda: acts.unarchive(db, job),
            )


def _reuse(db: Database, job: Job) -> None:
    if new.again(db, job.spec, job.dataset_id) and addresses.JOB in st.query_params:
        del st.query_params[addresses.JOB]


def curve(db: Database, job: Job) -> None:
    """Every series that was logged, one at a time."""
    line = Line(labels.name(job), series.of(db, [job.id]).get(job.id, {}))
    names = charts.names([line])
    if not names:
        trains = acts.able(job).trains
        st.text(
            "No value was logged yet."
            if job.is_open and trains
            else "Nothing was logged."
            if trains
            else "A profile is not trained, so there is no curve."
        )
        return
    name = names[0]
    if len(names) > 1:
        name = (
            st.pills(
                "Series",
                names,
                default=names[0],
                required=True,
                key="tuning_series",
                format_func=lambda each: labels.series(each)[0],
                label_visibility="collapsed",
            )
            or names[0]
        )
    if name not in names:
        name = names[0]
    title, axis = labels.series(name)
    charts.draw(charts.one(line, name), key="tuning_drawer_curve", alt=f"{title} by training step: {axis}.")


def events(db: Database, job: Job) -> None:
    """All that happened, the newest first, with exact times."""
    found = jobs.newest_events(db, job.id, limit=_MOST_EVENTS)
    st.code(
        "\n".join(overview.event_line(each, whole=True) for each in found) or "Nothing happened yet.",
        language=None,
        wrap_lines=True,
    )
    if len(found) == _MOST_EVENTS:
        st.caption(f"The newest {_MOST_EVENTS}.")


def choices(_db: Database, job: Job) -> None:
    """What was chosen, in the words of the form, and what the provider knows the job by."""
    titles = {
        each.name: each.label for each in registry.provider(job.provider).settings_for(job.base_model, job.method)
    }
    facts = {
        "Dataset version": job.dataset_label,
        "Provider": labels.provider(job.provider),
        "Base model": job.base_model,
        "Method": labels.METHOD[job.method],
        "Name": job.name or "made from the dataset",
        **{titles.get(name, name): _value(value) for name, value in job.spec.settings.items()},
        "Asked for": f"{exactly(job.created_at)} by {job.created_by}"
        + (f", time {job.repeat + 1}" if job.repeat else ""),
        "Sent to the provider": exactly(job.submitted_at) if job.submitted_at else "not yet",
        "Known there as": job.remote_id or "–",
        "Marker": job.key,
    }
    if job.host:
        facts["Runs on"] = job.host
    st.dataframe(
        [{"what": name, "value": value} for name, value in facts.items()],
        hide_index=True,
        height="content",
        column_config={
            "what": st.column_config.TextColumn("What", width=190),
            "value": st.column_config.TextColumn("Value", width=480),
        },
        alt="What was chosen for this job, and what the provider knows it by.",
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "–" if value in ("", None) else str(value)


def cost(_db: Database, job: Job) -> None:
    """Before and after."""
    with st.grid(2, min_column_width=200):
        st.metric("Estimated before", labels.money_range(job.estimated_low, job.estimated_high), border=True)
        st.metric("Actual", _actual(job), border=True, help=_why_not(job))
        st.metric(
            "Tokens estimated",
            "not known" if job.tokens_estimated is None else f"{job.tokens_estimated:,}",
            border=True,
        )
        st.metric(
            "Tokens trained", "not known" if job.tokens_trained is None else f"{job.tokens_trained:,}", border=True
        )
        st.metric("Took", span(labels.took(job)), border=True)
    if job.actual_cost is not None and job.estimated_high is not None and job.actual_cost > job.estimated_high:
        st.text(f"It cost {_more(job.actual_cost, job.estimated_high)} more than the most that was estimated.")


def _actual(job: Job) -> str:
    if job.actual_cost is not None:
        return labels.money(job.actual_cost)
    return "not yet" if job.is_open else "not known"


def _why_not(job: Job) -> str | None:
    if job.actual_cost is None and job.state in ("cancelled", "failed", "expired"):
        return "The provider has not said what it charged. What was trained until the end may be charged."
    return None


def _more(actual: Decimal, most: Decimal) -> str:
    return labels.money(actual - most)


def lineage(db: Database, job: Job) -> None:
    """From the dataset version to the model."""
    with st.container(border=True):
        st.markdown(":material/dataset: **Dataset version**")
        try:
            version = versions.get(db, job.dataset_id)
            st.text(f"{version.label}, {version.example_count:,} records")
            st.page_link(
                addresses.DATASETS,
                label="Open it",
                icon=":material/dataset:",
                query_params={"dataset": version.name, "version": str(version.version), **addresses.workspace()},
            )
        except UnknownDataset:
            st.text(job.dataset_label)
    with st.container(border=True):
        st.markdown(":material/model_training: **This job**")
        st.text(f"Job {job.id}, {labels.state(job.state)}" + (f", {ago(job.ended_at)}" if job.ended_at else ""))
    with st.container(border=True):
        st.markdown(":material/deployed_code: **Model**")
        if job.model_id is None:
            st.text("None yet." if job.is_open else "None came of it.")
            return
        st.text(job.model_name)
        st.button(
            "Open it under Models",
            key="tuning_open_model",
            icon=":material/deployed_code:",
            on_click=_open_model,
            args=(job.model_id,),
        )


def _open_model(model_id: int) -> None:
    modals.close()
    st.query_params.from_dict({"part": "models", "model": str(model_id), **addresses.workspace()})
