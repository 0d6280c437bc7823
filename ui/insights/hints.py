"""Whether hints help: the switch of the experiment, and what it has shown so far."""

import streamlit as st

from core.db import Database
from core.history import FEW
from core.patterns import experiment
from ui.insights import reads
from ui.parts import messages, session

_SWITCH = "hints_experiment"


def draw(db: Database) -> None:
    effect = reads.effect(db)
    st.session_state[_SWITCH] = experiment.is_on(db)
    with st.container(border=True, key="insights_hints"):
        st.markdown("**Do patterns help the planner?**")
        st.toggle(
            "Plan a random half of the requests without them",
            key=_SWITCH,
            on_change=lambda: _switch(db, st.session_state[_SWITCH]),
            help="The half is drawn by the execution's id, and each execution says whether patterns were withheld.",
        )
        st.text(effect.sentence)
        if effect.difference is not None and min(effect.with_n, effect.without_n) < FEW:
            st.caption(f"A side has fewer than {FEW} executions: this can say little.")


def _switch(db: Database, on: bool) -> None:
    def act() -> None:
        experiment.switch(db, on, actor=session.actor(), reason="on the insights page")
        messages.done("Half of the requests is planned without patterns from now on." if on else "The experiment ends.")

    messages.attempt(act)
