"""The parts of the fine-tuning page, one of which is shown."""

from collections.abc import Callable

import streamlit as st

from core.db import Database
from ui.models import overview as model_list
from ui.models import playground as model_playground
from ui.tuning import budget, new, place, reads
from ui.tuning.jobs import overview as jobs
from ui.tuning.place import PARTS, TITLES, Part

_KEY = "tuning_parts"
_DRAW: dict[Part, Callable[[Database], None]] = {
    "train": new.draw,
    "jobs": jobs.draw,
    "models": model_list.draw,
    "playground": model_playground.draw,
    "costs": budget.draw,
}


def chosen(db: Database) -> Part:
    """What the address says, or what was shown last; else jobs while some run, and the way to a new one."""
    return place.part("jobs" if reads.open_now(db) else "train")


def choose(db: Database, part: Part) -> None:
    """The choice of the part."""
    number = reads.open_now(db)
    st.session_state[_KEY] = part
    st.segmented_control(
        "Part of the page",
        PARTS,
        required=True,
        key=_KEY,
        label_visibility="collapsed",
        format_func=lambda each: f"{TITLES[each]} ({number:,})" if each == "jobs" and number else TITLES[each],
        on_change=lambda: place.chosen(st.session_state[_KEY]),
        width="content",
    )


def draw(db: Database, part: Part) -> None:
    _DRAW[part](db)
