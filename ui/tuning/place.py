"""Where on the fine-tuning page the visitor is. All of it stands in the URL, so that every view can be linked to.

`?part=jobs`: the part that is shown; `&train_on=NAME@3`: the version a new job trains on; `&job=12`: a job's drawer.
"""

import time
from typing import Literal, get_args

import streamlit as st

from ui.parts import addresses

Part = Literal["train", "jobs", "models", "playground", "costs"]
PARTS: tuple[Part, ...] = get_args(Part)
TITLES: dict[Part, str] = {
    "train": "Train",
    "jobs": "Jobs",
    "models": "Models",
    "playground": "Playground",
    "costs": "Costs",
}
_KEPT = "tuning_part"
_LED = "tuning_led"
#: Seconds in which a browser has heard where it was led.
_HEARD_S = 2.0


def part(otherwise: Part) -> Part:
    """What the address says, else what was shown last in this session, else `otherwise`."""
    asked = st.query_params.get(addresses.PART)
    if asked is None and addresses.JOB in st.query_params:
        asked = "jobs"
    elif asked is None and addresses.TRAIN_ON in st.query_params:
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
    if st.query_params.get(addresses.PART) != to:
        st.query_params[addresses.PART] = to


def train_on(label: str) -> None:
    st.query_params[addresses.TRAIN_ON] = label
