"""Change a plan before it is approved: as a table of steps, or as the JSON that it is. What cannot be run is said step
by step, as the core says it, and cannot be approved.

The draft stands in the session: the drawer looks again every few seconds, and nothing of what was written may be lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.db import Database
from core.errors import InvalidPlan, PlanProblem
from core.orchestrator import plans
from core.orchestrator.agents import SHAPE
from core.orchestrator.records import Execution
from ui.orchestrator import acts
from ui.parts.formatting import count

_KEY = "orch_draft"
_AS = "orch_edit_as"
_WHAT = [f"{agent}.{action}" for agent, actions in SHAPE.items() for action in actions]
_TABLE, _JSON = "Steps", "JSON"


@dataclass
class Draft:
    """What the open editor began with; each change of editor begins a new `round` with what the one before held."""

    of: str
    #: Values of a plan; text only where it is no plan by its form.
    values: Any
    form: str = _TABLE
    round: int = 0
    #: What the open editor holds now: values of a plan, or text.
    now: Any = field(default=None)
    #: Why the other editor could not be opened.
    refused: bool = False

    def key(self, part: str) -> str:
        return f"orch_edit_{part}_{self.round}"


def forget() -> None:
    st.session_state.pop(_KEY, None)
    st.session_state.pop(_AS, None)


def draw(db: Database, execution: Execution) -> None:
    if execution.status != "pending_approval" or execution.plan is None:
        _too_late()
        return
    draft = _draft(execution)
    _follow(draft)
    st.segmented_control("Edit as", [_TABLE, _JSON], required=True, key=_AS, label_visibility="collapsed")
    if draft.refused:
        st.text("This JSON has no list of steps, so it cannot be shown as a table. Put it right first.")
    # Both editors in one place: what is still on its way for one must not find that its place is gone.
    intent, editor = st.container(), st.container(key="orch_edit_table")
    if draft.form == _TABLE:
        intent.text_input("Kind of work", str(draft.values.get("intent") or ""), key=draft.key("intent"))
        _table(editor, draft)
    else:
        editor.text_area("The plan as JSON", _as_text(draft.values), key=draft.key("json"), height=360)
    draft.now = _held(draft)
    problems = _problems(draft.now)
    _say(problems)
    _what_there_is()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Approve the edited plan",
            key="orch_edit_approve",
            type="primary",
            icon=":material/thumb_up:",
            disabled=bool(problems),
            on_click=lambda: _approve(db, execution, draft),
        )
        st.button("Start over", key="orch_edit_reset", icon=":material/undo:", on_click=forget)
        if problems:
            st.caption("Fix the problems above first.", width="content")


def _draft(execution: Execution) -> Draft:
    draft: Draft | None = st.session_state.get(_KEY)
    if draft is None or draft.of != execution.execution_id:
        assert execution.plan is not None, "only a plan is edited"
        draft = st.session_state[_KEY] = Draft(execution.execution_id, plans.to_json(execution.plan))
        st.session_state[_AS] = draft.form
    return draft


def _follow(draft: Draft) -> None:
    """Open the editor that was chosen, with what was written in the other one.

    By comparing, and not in a callback: what a browser still says of a widget that is gone would call it again.
    """
    chosen = st.session_state.setdefault(_AS, draft.form)
    if chosen == draft.form:
        return
    values = _read(_held(draft))
    draft.refused = chosen == _TABLE and not isinstance(values, Mapping)
    if draft.refused:
        st.session_state[_AS] = draft.form
    else:
        draft.values, draft.form, draft.round = values, chosen, draft.round + 1


def _held(draft: Draft) -> Any:
    """What the open editor holds, by the browser's last word: values of a plan, or text."""
    if draft.form == _JSON:
        return st.session_state.get(draft.key("json"), _as_text(draft.values))
    changes = st.session_state.get(draft.key("steps")) or {}
    rows = changed(_rows(draft.values["steps"]), changes)
    intent = st.session_state.get(draft.key("intent"), draft.values.get("intent"))
    return {"intent": intent or "", "steps": [_step(row) for row in rows]}


def _read(now: Any) -> Any:
    """Values of a plan where there are any; else the text as it is."""
    if not isinstance(now, str):
        return now
    try:
        values = orjson.loads(now)
    except orjson.JSONDecodeError:
        return now
    steps = values.get("steps") if isinstance(values, dict) else None
    return values if isinstance(steps, list) and all(isinstance(step, dict) for step in steps) else now


def _as_text(values: Any) -> str:
    return values if isinstance(values, str) else orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()


def _table(place: DeltaGenerator, draft: Draft) -> None:
    config = st.column_config
    place.data_editor(
        pd.DataFrame(_rows(draft.values["steps"]), columns=["id", "what", "reason", "depends_on", "payload"]),
        key=draft.key("steps"),
        num_rows="dynamic",
        hide_index=True,
        column_config={
            "id": config.TextColumn("Step", width=90, help="A short name, used once."),
            "what": config.SelectboxColumn("Agent and action", options=_WHAT, width=190),
            "reason": config.TextColumn("Why", width=230),
            "depends_on": config.ListColumn("After", width=130, help="The steps whose results it needs."),
            "payload": config.TextColumn("Input (JSON)", width=330),
        },
        alt="Steps of the plan: name, agent and action, why, after which steps, payload as JSON.",
    )


def _rows(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(step.get("id") or ""),
            "what": f"{step.get('agent')}.{step.get('action')}",
            "reason": str(step.get("reason") or ""),
            "depends_on": [str(name) for name in step.get("depends_on") or ()],
            "payload": _payload_text(step.get("payload")),
        }
        for step in steps
    ]


def changed(rows: Sequence[Mapping[str, Any]], changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a grid with what was edited, added and deleted in it."""
    edited = {int(row): cells for row, cells in changes.get("edited_rows", {}).items()}
    gone = {int(row) for row in changes.get("deleted_rows", ())}
    kept = [{**row, **edited.get(place, {})} for place, row in enumerate(rows) if place not in gone]
    return kept + [dict(row) for row in changes.get("added_rows", ())]


def _payload_text(payload: Any) -> str:
    return payload if isinstance(payload, str) else orjson.dumps(payload or {}).decode()


def _step(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as `parse` reads it; what is empty stays empty, so that it is said."""
    agent, _, action = _text(row.get("what")).partition(".")
    return {
        "id": _text(row.get("id")),
        "agent": agent,
        "action": action,
        "payload": _payload(_text(row.get("payload"))),
        "reason": _text(row.get("reason")),
        "depends_on": [str(name) for name in row.get("depends_on") or ()],
    }


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else ""


def _payload(text: str) -> Any:
    """Text that is not JSON is kept as text: then it is said that it must be an object."""
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return text


def _problems(now: Any) -> Sequence[PlanProblem]:
    try:
        plans.parse(now, SHAPE)
    except InvalidPlan as error:
        return error.problems
    return ()


def _say(problems: Sequence[PlanProblem]) -> None:
    """One line a problem: the step, the field, and what to do. They quote what was written, so they are text."""
    if not problems:
        st.caption(":material/check: This plan can be run.")
        return
    with st.container(border=True, key="orch_edit_problems"):
        st.markdown(f":material/error: **{count(len(problems), 'problem')} to fix**")
        st.text("\n".join(f"{_where(problem)}: {problem.sentence}" for problem in problems))


def _where(problem: PlanProblem) -> str:
    return f"Step {problem.step}, {problem.field}" if problem.step else f"The plan, {problem.field}"


def _what_there_is() -> None:
    with st.expander("Agents, their actions and inputs", icon=":material/help:"):
        for agent, actions in SHAPE.items():
            for name, action in actions.items():
                st.text(f"{agent}.{name}: {action.description}")
                st.code(orjson.dumps(action.example).decode(), language="json", wrap_lines=True)


def _approve(db: Database, execution: Execution, draft: Draft) -> None:
    if acts.in_drawer(
        lambda: acts.approve(db, execution.execution_id, plan=plans.parse(_held(draft), SHAPE)),
        "Approved as edited: its steps are queued.",
    ):
        forget()
        st.session_state["orch_view"] = "Plan"


def _too_late() -> None:
    """Somebody decided while this was written: nothing of it is used, and nothing of it is lost."""
    st.text("This plan can no longer be edited; above stands what was decided, by whom and when.")
    draft: Draft | None = st.session_state.get(_KEY)
    if draft is not None and draft.now is not None:
        st.text("What you had written, to copy:")
        st.code(_as_text(draft.now), language="json", wrap_lines=True)
