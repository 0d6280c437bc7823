"""The way from first examples to a model of one's own, with what is done: on the page Start, in short beside it."""

from dataclasses import dataclass

import streamlit as st

from core import first_steps
from core.db import Database
from core.first_steps import FirstSteps
from ui.parts import addresses
from ui.parts.cached_read import cached_read


@dataclass(frozen=True)
class _Step:
    field: str
    title: str
    why: str
    page: str
    act: str
    query: tuple[tuple[str, str], ...] = ()


_STEPS = (
    _Step("imported", "Import", "Bring in what your agent did.", addresses.IMPORTING, "Import a file"),
    _Step("tagged", "Tag", "Mark what is good, and what is not to be learned.", addresses.DATA, "Open Data"),
    _Step("frozen", "Freeze", "Make a dataset version that never changes.", addresses.DATASETS, "Open Datasets"),
    _Step("trained", "Train", "Fine-tune a model on it, here or at a provider.", addresses.FINE_TUNING, "Open Train",
          ((addresses.PART, "train"),)),
    _Step("deployed", "Deploy", "Let the orchestrator plan with it.", addresses.FINE_TUNING, "Open Models",
          ((addresses.PART, "models"),)),
)  # fmt: skip


@cached_read(ttl=5)
def taken(db: Database) -> FirstSteps:
    return first_steps.taken(db)


def checklist(db: Database, *, buttons: bool) -> None:
    """Every step with its state, and the way to it; the next one's is primary."""
    steps = taken(db)
    following = next((step for step in _STEPS if not getattr(steps, step.field)), None)
    st.subheader(f"First steps: {steps.done} of {len(_STEPS)} done", anchor=False)
    with st.container(border=True, key="first_steps", gap="small"):
        for number, step in enumerate(_STEPS, start=1):
            done = getattr(steps, step.field)
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                icon = ":green[:material/check_circle:]" if done else ":gray[:material/radio_button_unchecked:]"
                state = " :gray[done]" if done else ""
                st.markdown(f"{icon} **{number}. {step.title}**{state}  \n{step.why}", width="stretch")
                kind = "primary" if step is following else "secondary"
                if buttons and st.button(step.act, key=f"step_{step.field}", type=kind):
                    st.switch_page(step.page, query_params={**dict(step.query), **addresses.workspace()})


def reminder(db: Database) -> None:
    """One line that leads to the checklist, until all of it is done."""
    steps = taken(db)
    if not steps.is_complete:
        st.page_link(
            addresses.START, label=f"First steps: {steps.done} of {len(_STEPS)}", icon=":material/checklist_rtl:"
        )
