"""Where on the fine-tuning page the visitor is. All of it stands in the URL, so that every view can be linked to.

`?part=jobs`: the part that is shown; `&train_on=NAME@3`: the version a new job trains on; `&job=12`: a job's drawer.
"""

import time
from typing import Literal, get_args

import streamlit as st

from core.db import PUBLIC
from ui import session

Part = Literal["train", "jobs", "models", "playground"]
PARTS: tuple[Part, ...] = get_args(Part)
TITLES: dict[Part, str] = {"train": "Train", "jobs": "Jobs", "models": "Models", "playground": "Playground"}
PAGE = "../pages/fine_tuning.py"
TRAIN_ON = "train_on"
JOB = "job"
_PART = "part"
_KEPT = "tuning_part"
_LED = "tuning_led"
#: Seconds in which a browser has heard where it was led.
_HEARD_S = 2.0


def training_on(label: str) -> dict[str, str]:
    """URL parameters that begin a new job on this version, in a tab of its own as well."""
    return {_PART: "train", TRAIN_ON: label, **workspace()}


def of_job(job_id: int) -> dict[str, str]:
    """URL parameters that open a job."""
    return {_PART: "jobs", JOB: str(job_id), **workspace()}


def workspace() -> dict[str, str]:
    return {} if session.workspace() == PUBLIC else {"workspace": session.workspace()}


def part(otherwise: Part) -> Part:
    """What the address says, else what was shown last in this session, else `otherwise`."""
    asked = st.query_params.get(_PART)
    if asked is None and JOB in st.query_params:
        asked = "jobs"
    elif asked is None and TRAIN_ON in st.query_params:
        asked = "train"
    elif asked is None:
        asked = st.session_state.get(_KEPT)
    found = PARTS[PARTS.index(asked)] if asked in PARTS else otherwise
    _led_to(found)
    return found


def chosen(to: Part) -> None:
    """The control says that it was moved. Just after the page itself led to another part, that is not so: a browser
    that has not heard of it yet still sends what it showed before."""
    before, at = st.session_state.get(_LED, (None, 0.0))
    if to != before or time.monotonic() - at > _HEARD_S:
        st.session_state[_KEPT] = to
        _write(to)


def go(to: Part) -> None:
    """Lead to this part, from the next run on."""
    _led_to(to)
    _write(to)


def _led_to(to: Part) -> None:
    before = st.session_state.get(_KEPT)
    if before not in (None, to):
        st.session_state[_LED] = before, time.monotonic()
    st.session_state[_KEPT] = to


def _write(to: Part) -> None:
    if st.query_params.get(_PART) != to:
        st.query_params[_PART] = to


def train_on(label: str) -> None:
    st.query_params[TRAIN_ON] = label
