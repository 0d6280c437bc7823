"""How a score came about, part by part, and the way to overrule it with a reason."""

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from core.db import Database
from core.orchestrator.records import Execution
from core.orchestrator.scoring.rubric import JUDGE
from ui.orchestrator import acts, labels
from ui.parts.formatting import plain, score

Outcome = Literal["success", "no success", "not known"]
_OUTCOMES: dict[Outcome, bool | None] = {"success": True, "no success": False, "not known": None}


def draw(db: Database, execution: Execution) -> None:
    if execution.is_open:
        st.text("It is scored when it has ended.")
        return
    parts = execution.score_parts or []
    _scored(execution)
    if parts:
        _rubric(execution, parts)
    else:
        st.text("It has no form: nothing of it was carried out to its end.")
    if execution.override:
        _overruled(execution.override)
    _override(db, execution)


def _rubric(execution: Execution, parts: list[dict[str, Any]]) -> None:
    counted = [part for part in parts if part["score"] is not None and part["name"] != JUDGE]
    terms = " + ".join(f"{score(part['score'])} × {part['weight']:.0%}" for part in counted)
    st.text(f"Form: {score(execution.form)} = {terms}" if terms else "No part of the form applies.")
    st.caption("Form is how a text is made, by rules. It is never the score: nonsense can be of good form.")
    if execution.status == "failed":
        st.text("A failed execution is no success, whatever its score.")
    for part in parts:
        with st.container(border=True, key=f"orch_part_{part['name']}", gap="xsmall"):
            _part(part)


def _scored(execution: Execution) -> None:
    if execution.score is None and execution.success is None:
        st.text("Score: not known. Nobody has judged it yet, so no model learns from it.")
    elif execution.scored_by:
        st.text(f"Score: {score(execution.score)}, {labels.SUCCESS[execution.success]}, by {execution.scored_by}")


def _part(part: Mapping[str, Any]) -> None:
    name, value = str(part["name"]).capitalize(), part["score"]
    if value is None:
        st.text(f"{name}: none" if part["name"] == JUDGE else f"{name}: left out, its weight went to the others")
    else:
        said = score(value) if part["name"] == JUDGE else f"{score(value)} × weight {part['weight']:.0%}"
        st.progress(float(value), text=f"**{plain(name)}** {plain(said)}")
    st.text(str(part["reason"]))
    st.caption(plain(f"Formula: {part['formula']}"))
    if part.get("cost_usd") is not None or name == "Judge":
        st.text(f"Cost of the judgement: {labels.cost(part.get('cost_usd'))}")


def _overruled(override: Mapping[str, Any]) -> None:
    was = override.get("replaced") or {}
    with st.container(border=True, key="orch_overruled"):
        st.text(
            f"Overruled by {override.get('actor')} on {str(override.get('at'))[:16].replace('T', ' ')} UTC: "
            f"{_both(override)}, before {_both(was)}.\nReason: {override.get('reason')}"
        )


def _both(values: Mapping[str, Any]) -> str:
    return f"{score(values.get('score'))}, {labels.SUCCESS[values.get('success')]}"


def _override(db: Database, execution: Execution) -> None:
    id_ = execution.execution_id
    with (
        st.expander("Overrule the score", icon=":material/edit:", key="orch_override_open"),
        st.form(f"orch_override_form_{id_}", border=False),
    ):
        st.number_input("Score, 0 to 1", 0.0, 1.0, execution.score, 0.05, key=f"orch_override_score_{id_}")
        st.selectbox(
            "Outcome",
            list(_OUTCOMES),
            index=list(_OUTCOMES.values()).index(execution.success),
            key=f"orch_override_success_{id_}",
        )
        st.text_input("Why (kept with it)", key=f"orch_override_reason_{id_}")
        st.form_submit_button(
            "Overrule", key="orch_override", icon=":material/gavel:", on_click=_overrule, args=(db, id_)
        )


def _overrule(db: Database, execution_id: str) -> None:
    value, outcome, reason = (
        st.session_state[f"orch_override_{name}_{execution_id}"] for name in ("score", "success", "reason")
    )
    acts.in_drawer(
        lambda: acts.override(db, execution_id, score=value, success=_OUTCOMES[outcome], reason=reason),
        "The score is yours now, here and on the example.",
    )
