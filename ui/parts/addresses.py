"""Addresses: of pages, of what they show, and of files on this server, each with the workspace it is about.

`st.switch_page` and `st.page_link` take a page as a path from the folder of the script, and what it shows as
parameters.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

import streamlit as st

from core.commands import filters as commands
from core.commands.filters import CommandFilter
from core.datasets.exporting import Part
from core.datasets.rendering import Format
from core.datasets.versions import DatasetVersion
from core.db import PUBLIC
from core.examples.filters import PARAMETERS, Filter, to_query
from ui.parts import session

DATA = "../../pages/data.py"
DATASETS = "../../pages/datasets.py"
FINE_TUNING = "../../pages/fine_tuning.py"
IMPORTING = "../../pages/importing.py"
INSIGHTS = "../../pages/insights.py"
ORCHESTRATOR = "../../pages/orchestrator.py"
START = "../../pages/start.py"

#: Parameter of the page Data: the example whose drawer is open.
EXAMPLE = "example"

#: Parameters of the page Fine-tuning.
PART = "part"
TRAIN_ON = "train_on"
JOB = "job"
MODEL = "model"

#: Parameters of the page Insights.
TAB = "tab"
PATTERN = "pattern"

Query = dict[str, str | list[str]]


def workspace() -> dict[str, str]:
    """The parameter that a link in a tab of its own needs; none for the company's."""
    return {} if session.workspace() == PUBLIC else {"workspace": session.workspace()}


def examples(chosen: Filter) -> dict[str, list[str]]:
    """Show this filter on the page Data; one parameter at least, for none would mean "as it was"."""
    return to_query(chosen) or {PARAMETERS["exclude_tags"]: list(chosen.exclude_tags)}


def example_ids(ids: Sequence[int]) -> dict[str, list[str]]:
    """Show these examples on the page Data, whatever their tags."""
    return to_query(Filter(ids=tuple(ids), exclude_tags=()))


def example(example_id: int) -> Query:
    """Show one example on the page Data, in a tab of its own as well."""
    return {**example_ids([example_id]), **workspace()}


def new_dataset(chosen: Filter) -> Query:
    """Open the view of the page Datasets where this filter becomes a version."""
    return {"new": "1", **to_query(chosen)}


def training_on(label: str) -> dict[str, str]:
    """Begin a new job on this version, in a tab of its own as well."""
    return {PART: "train", TRAIN_ON: label, **workspace()}


def job(job_id: int) -> dict[str, str]:
    """Open a job."""
    return {PART: "jobs", JOB: str(job_id), **workspace()}


def link(chosen: Filter, path: str = "data") -> str:
    """The whole address of a page with this filter, to be sent to somebody."""
    return _with_query(f"{_base()}/{path}", to_query(chosen))


def example_link(example_id: int) -> str:
    """The whole address of an example in its drawer, to be sent to somebody."""
    return _with_query(f"{_base()}/data", {EXAMPLE: str(example_id)})


def _base() -> str:
    return (st.context.url or "").split("?")[0].rsplit("/", 1)[0]


def export_examples(target: Filter | Sequence[int], kind: str) -> str:
    """The file of these examples; a selection is a filter by ids."""
    chosen = target if isinstance(target, Filter) else Filter(ids=tuple(target), exclude_tags=())
    return _with_query("/api/examples/export", {"format": kind, **to_query(chosen)})


def export_commands(target: CommandFilter) -> str:
    return _with_query("/api/commands/export", commands.to_query(target))


def export_executions(*, ids: Sequence[str] = (), statuses: Sequence[str] = ()) -> str:
    chosen = {name: list(value) for name, value in (("id", ids), ("status", statuses)) if value}
    return _with_query("/api/executions/export", chosen)


def export_dataset(version: DatasetVersion, split: Part, kind: Format) -> str:
    path = f"/api/datasets/{quote(version.name, safe='')}/{version.version}/export"
    return _with_query(path, {"format": kind, "split": split})


def _with_query(path: str, query: Mapping[str, object]) -> str:
    whole = {**query, **workspace()}
    return f"{path}?{urlencode(whole, doseq=True)}" if whole else path
