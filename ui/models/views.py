"""What a model's drawer shows: where it comes from, what it is made of, when it was in use, and what is noted."""

from collections.abc import Mapping
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from core import deployments
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.deployments import lineage
from core.deployments.lineage import JobLine
from core.models import Model
from ui.models import acts, conversations, in_use, labels
from ui.parts import addresses, modals, session
from ui.parts.formatting import ago, count, exactly
from ui.parts.tables import height

_LONGEST = 4_000
#: Examples of a profile that are shown; the rest is in its artefact.
_EXAMPLES = 5


def lineage_of(db: Database, model: Model) -> None:
    """From the examples to the deployments, one box after the other."""
    found = lineage.of(db, model.id)
    if model.kind == "base":
        with st.container(border=True):
            st.markdown(":material/deployed_code: **A base as its provider has it**")
            st.text("Nothing here made it: no examples, no dataset, no job.")
    else:
        _dataset(found.dataset, found.examples)
        _job(found.job, model)
    with st.container(border=True):
        st.markdown(":material/model_training: **This model**")
        st.text(f"{model.name}, {labels.kind_word(model.kind)} · cost {_cost(model)}")
    with st.container(border=True):
        st.markdown(":material/fact_check: **Evaluations**")
        done = [each for each in found.evaluations if each.state == "done"]
        st.text(
            "\n".join(f"{each.dataset_label} {each.split}: {labels.score(each)}" for each in done[:5])
            or "None yet: under Evaluations it can answer a test split."
        )
    with st.container(border=True):
        st.markdown(":material/rocket_launch: **Deployments**")
        number = count(len(found.deployments), "deployment")
        st.text(f"{number}{', in use now' if model.in_use else ''}" if found.deployments else "It was never in use.")


def _dataset(version: DatasetVersion | None, examples: Mapping[Any, int]) -> None:
    with st.container(border=True):
        st.markdown(":material/table_chart: **Examples**")
        counts = ", ".join(f"{number:,} to {_USE[name]}" for name, number in examples.items())
        st.text(counts or "Not known here.")
    with st.container(border=True):
        st.markdown(":material/dataset: **Dataset version**")
        if version is None:
            st.text("Not known here.")
            return
        st.text(f"{version.label}, root hash {(version.root_hash or '')[:12]}…")
        place = {"dataset": version.name, "version": str(version.version), **_workspace()}
        st.page_link(addresses.DATASETS, label="Open it", icon=":material/dataset:", query_params=place)


_USE = {"train": "train on", "validation": "validate with", "test": "test with"}


def _job(job: JobLine | None, model: Model) -> None:
    with st.container(border=True):
        st.markdown(":material/work: **Job**")
        if job is None:
            st.text("Not known here.")
            return
        ended = f", ended {ago(job.ended_at)} ({exactly(job.ended_at)})" if job.ended_at else ""
        st.text(f"Job {job.id} by {job.created_by}: {job.state}{ended} · {job.provider} · {job.base_model}")
        st.button("Open the job", key="model_open_job", icon=":material/work:", on_click=_open_job, args=(model,))


def _open_job(model: Model) -> None:
    """The drawer closes with it: the next run finds no model in the address."""
    modals.close()
    st.query_params.from_dict({"part": "jobs", "job": str(model.job_id), **_workspace()})


def _workspace() -> dict[str, str]:
    return {"workspace": session.workspace()} if "workspace" in st.query_params else {}


def _cost(model: Model) -> str:
    return "nothing here" if model.kind == "base" else labels.money(model.cost_usd)


def made_of(db: Database, model: Model) -> None:
    """Parameters, checkpoints, artefacts with their hashes; of a profile, its prompt."""
    del db
    if model.profile is not None:
        _profile(model.profile)
    conversations.section(model)
    if model.parameters:
        st.markdown("**Parameters**")
        st.code(_json(model.parameters), language="json", wrap_lines=True)
    if model.artefacts:
        st.markdown("**Artefacts**")
        _grid(model.artefacts, "model_artefacts", "Artefacts: names, hashes and whatever else is known of each.")
    if model.checkpoints:
        st.markdown("**Checkpoints**")
        _grid(model.checkpoints, "model_checkpoints", "Checkpoints: step, figures and whatever else is known of each.")
    if not (model.parameters or model.artefacts or model.checkpoints or model.profile):
        st.text("Nothing is kept of it here: it is at its provider, as it came.")


def _profile(profile: Mapping[str, Any]) -> None:
    st.markdown("**System prompt**")
    st.code(_cut(str(profile.get("system") or "(none)")), language=None, wrap_lines=True)
    examples = list(profile.get("examples") or ())
    st.markdown(f"**{count(len(examples), 'example')} before each question**")
    for each in examples[:_EXAMPLES]:
        st.code(_cut(f"User: {each['user']}\n\nAssistant: {each['assistant']}"), language=None, wrap_lines=True)
    if len(examples) > _EXAMPLES:
        st.caption(f"And {len(examples) - _EXAMPLES:,} more.")


def _grid(rows: Any, key: str, alt: str) -> None:
    frame = pd.DataFrame([{name: _cell(value) for name, value in row.items()} for row in rows])
    st.dataframe(frame, key=key, hide_index=True, height=height(len(frame), 300), placeholder="–", alt=alt)


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, dict | list) else value


def deployed(db: Database, model: Model) -> None:
    """Every time that it was in use, with who and why."""
    found = deployments.history(db, model_id=model.id)
    if not found:
        st.text("It was never in use.")
    for each in found:
        with st.container(border=True):
            st.text(in_use.told(each))


def notes(db: Database, model: Model) -> None:
    """Its name, and what people noted about it."""
    with st.form(f"model_notes_{model.id}", border=False):
        name = st.text_input("Name", model.name, key=f"model_name_{model.id}_{hash(model.name)}", max_chars=200)
        written = st.text_area(
            "Notes", model.notes, key=f"model_notes_text_{model.id}_{hash(model.notes)}", height=220, max_chars=20_000
        )
        if st.form_submit_button("Save", key="model_notes_save", icon=":material/save:"):
            acts.save_notes(db, model, name, written)
            st.rerun()


def _json(value: Any) -> str:
    return _cut(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def _cut(text: str) -> str:
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}\n… {more:,} more characters"
