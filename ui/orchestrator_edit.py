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

from core.database import Database
from core.errors import InvalidPlan, PlanProblem
from core.orchestrator import plans
from core.orchestrator.agents import SHAPE
from core.orchestrator.records import Execution
from ui import orchestrator_acts
from ui.formatting import count

_KEY = "orch_draft"
_COLUMNS = ("id", "what", "reason", "depends_on", "payload")
_WHAT = [f"{agent}.{action}" for agent, actions in SHAPE.items() for action in actions]
_TABLE, _JSON = "Steps", "JSON"


@dataclass
class Draft:
    """What the editors began with; each change of editor begins a new `round` with what the one before held."""

    of: str
    values: Any
    round: int = 0
    #: What the open editor holds now: values of a plan, or text.
    now: Any = field(default=None)


def forget() -> None:
    st.session_state.pop(_KEY, None)


def draw(db: Database, execution: Execution) -> None:
    if execution.status != "pending_approval" or execution.plan is None:
        _too_late()
        return
    draft = _draft(execution)
    form = st.segmented_control(
        "Edit as", [_TABLE, _JSON], default=_TABLE, required=True, key=f"orch_edit_as_{draft.round}",
        label_visibility="collapsed", on_change=_changed_editor, args=(draft,),
    )  # fmt: skip
    draft.now = _table(draft) if _form(draft, form) == _TABLE else _json(draft)
    problems = _problems(draft.now)
    _say(problems)
    _what_there_is()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Approve the edited plan", key="orch_edit_approve", type="primary", icon=":material/thumb_up:",
                  disabled=bool(problems), on_click=lambda: _approve(db, execution, draft))  # fmt: skip
        st.button("Start over", key="orch_edit_reset", icon=":material/undo:", on_click=forget)
        if problems:
            st.caption("What is wrong above has to be put right first.", width="content")


def _draft(execution: Execution) -> Draft:
    draft: Draft | None = st.session_state.get(_KEY)
    if draft is None or draft.of != execution.execution_id:
        assert execution.plan is not None, "only a plan is edited"
        draft = st.session_state[_KEY] = Draft(execution.execution_id, plans.to_json(execution.plan))
    return draft


def _form(draft: Draft, form: str) -> str:
    """A text that is no plan by its form stays text: there would be no steps to show in a table."""
    if form == _TABLE and not isinstance(draft.values, Mapping):
        st.text("This JSON has no list of steps, so it cannot be shown as a table. Put it right first.")
        return _JSON
    return form


def _changed_editor(draft: Draft) -> None:
    """What was written goes along into the other editor."""
    draft.values, chosen = _read(draft.now), st.session_state[f"orch_edit_as_{draft.round}"]
    draft.round += 1
    st.session_state[f"orch_edit_as_{draft.round}"] = chosen


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


def _table(draft: Draft) -> dict[str, Any]:
    config = st.column_config
    intent = st.text_input("Kind of work", str(draft.values.get("intent", "")), key=f"orch_edit_intent_{draft.round}")
    with st.container(key="orch_edit_table"):
        edited = st.data_editor(
            _frame(draft.values["steps"]),
            key=f"orch_edit_steps_{draft.round}",
            num_rows="dynamic",
            hide_index=True,
            column_config={
                "id": config.TextColumn("Step", width=90, help="A short name, used once."),
                "what": config.SelectboxColumn("Agent and action", options=_WHAT, width=190),
                "reason": config.TextColumn("Why", width=230),
                "depends_on": config.ListColumn("After", width=130, help="The steps whose results it needs."),
                "payload": config.TextColumn("What it is told (JSON)", width=330),
            },
            alt="Steps of the plan: name, agent and action, why, after which steps, payload as JSON.",
        )
    return {"intent": intent, "steps": [_step(row) for row in edited.to_dict("records")]}


def _frame(steps: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        {
            "id": str(step.get("id") or ""),
            "what": f"{step.get('agent')}.{step.get('action')}",
            "reason": str(step.get("reason") or ""),
            "depends_on": [str(name) for name in step.get("depends_on") or ()],
            "payload": _payload_text(step.get("payload")),
        }
        for step in steps
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _payload_text(payload: Any) -> str:
    return payload if isinstance(payload, str) else orjson.dumps(payload or {}).decode()


def _step(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as `parse` reads it; what is empty stays empty, so that it is said."""
    agent, _, action = _text(row["what"]).partition(".")
    named = row["depends_on"]
    return {
        "id": _text(row["id"]),
        "agent": agent,
        "action": action,
        "payload": _payload(_text(row["payload"])),
        "reason": _text(row["reason"]),
        "depends_on": [str(name) for name in named] if isinstance(named, list | tuple) else [],
    }


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else ""


def _payload(text: str) -> Any:
    """Text that is not JSON is kept as text: then it is said that it must be an object."""
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return text


def _json(draft: Draft) -> str:
    values = draft.values
    text = values if isinstance(values, str) else orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()
    return st.text_area("The plan as JSON", text, key=f"orch_edit_json_{draft.round}", height=360)


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
        st.markdown(f":material/error: **{count(len(problems), 'thing')} to put right**")
        st.text("\n".join(f"{_where(problem)}: {problem.sentence}" for problem in problems))


def _where(problem: PlanProblem) -> str:
    return f"Step {problem.step}, {problem.field}" if problem.step else f"The plan, {problem.field}"


def _what_there_is() -> None:
    with st.expander("What each agent can do, and what it has to be told", icon=":material/help:"):
        for agent, actions in SHAPE.items():
            for name, action in actions.items():
                st.text(f"{agent}.{name}: {action.description}")
                st.code(orjson.dumps(action.example).decode(), language="json", wrap_lines=True)


def _approve(db: Database, execution: Execution, draft: Draft) -> None:
    if orchestrator_acts.in_drawer(
        lambda: orchestrator_acts.approve(db, execution.execution_id, plan=plans.parse(draft.now, SHAPE)),
        "Approved as edited: its steps went into the queue.",
    ):
        forget()
        st.session_state["orch_view"] = "Plan"


def _too_late() -> None:
    """Somebody decided while this was written: nothing of it is used, and nothing of it is lost."""
    st.text("This plan can no longer be edited; above stands what was decided, by whom and when.")
    draft: Draft | None = st.session_state.get(_KEY)
    if draft is not None and draft.now is not None:
        st.text("What you had written, to copy:")
        written = (
            draft.now if isinstance(draft.now, str) else orjson.dumps(draft.now, option=orjson.OPT_INDENT_2).decode()
        )
        st.code(written, language="json", wrap_lines=True)
