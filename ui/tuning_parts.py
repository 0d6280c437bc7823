"""The parts of the fine-tuning page, one of which is shown."""

from importlib import import_module
from importlib.util import find_spec

import streamlit as st

from core.database import Database
from ui import tuning_budget, tuning_place, tuning_reads
from ui.tuning_place import PARTS, TITLES, Part

_KEY = "tuning_parts"
_DRAWN_BY: dict[Part, str] = {
    "train": "ui.tuning_new",
    "jobs": "ui.tuning_jobs",
    "models": "ui.model_list",
    "playground": "ui.model_playground",
}


def chosen(db: Database) -> Part:
    """What the address says, or what was shown last; else jobs while some run, and the way to a new one."""
    found = tuning_place.part("jobs" if tuning_reads.open_now(db) else "train")
    return found if find_spec(_DRAWN_BY[found]) else "train"


def choose(db: Database, part: Part) -> None:
    """The choice of the part, and beside it what holds for all of them."""
    number = tuning_reads.open_now(db)
    st.session_state[_KEY] = part
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.segmented_control(
            "Part of the page",
            [each for each in PARTS if find_spec(_DRAWN_BY[each])],
            required=True,
            key=_KEY,
            label_visibility="collapsed",
            format_func=lambda each: f"{TITLES[each]} ({number:,})" if each == "jobs" and number else TITLES[each],
            on_change=lambda: tuning_place.go(st.session_state[_KEY]),
            width="content",
        )
        tuning_budget.draw(db)


def draw(db: Database, part: Part) -> None:
    import_module(_DRAWN_BY[part]).draw(db)
