"""Which model is in use, since when, by whom and why, and the ways back from it."""

import streamlit as st

from core import deployments
from core.db import Database
from core.deployments import Deployment
from core.deployments.preferences import preferences
from ui.models import acts, labels
from ui.parts.formatting import ago, exactly, plain

_SHOWN = 20


def draw(db: Database) -> None:
    now = deployments.current(db)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="model_in_use"):
        if now is None:
            _by_hand(db)
        else:
            _deployed(db, now)


def _by_hand(db: Database) -> None:
    model = preferences(db).planner_model
    if model is None:
        said = "**In use: the built-in planner**, which works by rules and without a model. Deploy a model to use it."
    else:
        said = f"**In use: {plain(str(model))}**, set by hand on the Orchestrator page. Deploy a model to replace it."
    st.markdown(said, width="stretch")


def _deployed(db: Database, now: Deployment) -> None:
    before = deployments.before(db)
    with st.container(width="stretch", gap="xxsmall"):
        word = labels.kind_word(now.kind)
        st.markdown(f"**▲ In use: {plain(now.model_name)}** ({word}), called {plain(now.call_name)}")
        why = f": {now.reason}" if now.reason else ""
        st.caption(plain(f"Deployed by {now.actor} {ago(now.at)} ({exactly(now.at)}){why}"))
    with st.container(horizontal=True, width="content", gap="small"):
        st.button(
            f"Roll back to {plain(str(before))}",
            key="model_rollback",
            icon=":material/undo:",
            on_click=lambda: before and acts.ask_rollback(db, now.model_name, before),
        )
        st.button(
            "Undeploy",
            key="model_undeploy",
            icon=":material/power_settings_new:",
            on_click=lambda: acts.ask_undeploy(db, now.model_name),
        )


def history(db: Database) -> None:
    """Every time that a model was in use, with who and why; only while it is open it is read."""
    box = st.expander("History of deployments", icon=":material/history:", key="model_history", on_change="rerun")
    with box:
        if not box.open:
            return
        found = deployments.history(db, limit=_SHOWN)
        if not found:
            st.text("No model has been deployed yet.")
        for each in found:
            st.text(told(each))
        if len(found) == _SHOWN:
            st.caption(f"The last {_SHOWN}. `python -m core model NAME` tells all of one model.")


def told(each: Deployment) -> str:
    """One deployment in a line or two."""
    until = "in use now" if each.ended_at is None else f"until {exactly(each.ended_at)}"
    back = " · brought back by a roll back" if each.restores else ""
    why = f" · {each.reason}" if each.reason else ""
    lines = [f"{each.model_name} from {exactly(each.at)}, {until} · by {each.actor}{back}{why}"]
    if each.ended_at is not None:
        lines.append(f"    ended by {each.ended_by}: {each.end_reason or 'no reason given'}")
    return "\n".join(lines)
