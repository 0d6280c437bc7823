"""The views of the drawer that change an example: its score, and its content with the reason.

Saving happens in callbacks, before anything is drawn, so that the head of the drawer shows what was saved.
"""

from typing import Any, Literal

import orjson
import streamlit as st

from core.db import Database
from core.errors import InvalidExample, WhetstoneError
from core.examples import store
from ui.parts import session
from ui.parts.formatting import plain

_EDITING = "editing"
_SAID = "drawer_saved"
_OUTCOMES = {"Succeeded": True, "Failed": False, "Unknown": None}


def forget() -> None:
    """Let go of the copy that an edit started from, and of what was said about the last one."""
    st.session_state.pop(_EDITING, None)
    st.session_state.pop(_SAID, None)


def _say(kind: Literal["success", "info", "error"], sentence: str) -> None:
    st.session_state[_SAID] = (kind, sentence)


def _said() -> None:
    """Above the button that was pressed, so that it is in sight however long the form is; said once."""
    kind, sentence = st.session_state.pop(_SAID, (None, ""))
    if kind is not None:
        box = {"success": st.success, "info": st.info, "error": st.error}[kind]
        box(plain(sentence))


def judge(db: Database, example: store.Example) -> None:
    # Not as the widget's own default, to which an emptied field would go back.
    st.session_state.setdefault(f"score_value_{example.id}", example.quality_score)
    with st.form(f"score_{example.id}", border=False):
        st.number_input(
            "Quality, 0 to 1",
            0.0,
            1.0,
            value=None,
            step=0.05,
            format="%.2f",
            key=f"score_value_{example.id}",
            placeholder="not scored; empty means no score",
        )
        names = {value: name for name, value in _OUTCOMES.items()}
        st.segmented_control(
            "Outcome", list(_OUTCOMES), default=names[example.success], required=True, key=f"score_outcome_{example.id}"
        )
        st.text_input("Why", key=f"score_reason_{example.id}", placeholder="kept with the change")
        _said()
        st.form_submit_button(
            "Save the score", key="score_save", type="primary", on_click=_score, args=(db, example.id)
        )


def _score(db: Database, example_id: int) -> None:
    state = st.session_state
    try:
        store.set_score(
            db,
            example_id,
            score=state[f"score_value_{example_id}"],
            success=_OUTCOMES[state[f"score_outcome_{example_id}"]],
            actor=session.actor(),
            reason=state[f"score_reason_{example_id}"],
        )
    except WhetstoneError as error:
        _say("error", str(error))
    else:
        _say("success", "Saved. What it was before stands in the history.")


def edit(db: Database, example: store.Example) -> None:
    """A form over the content as it was when editing began: what somebody else does meanwhile never wipes it out."""
    start: store.Example = st.session_state.setdefault(_EDITING, example)
    if start.id != example.id:
        start = st.session_state[_EDITING] = example
    mark = f"{start.id}_{start.revision}"
    with st.form(f"edit_{mark}", border=False):
        _fields(start, mark)
        st.text_input("Why", key=f"edit_reason_{mark}", placeholder="kept with the change")
        _said()
        st.form_submit_button(
            "Save as a new revision", key="edit_save", type="primary", on_click=_save, args=(db, mark)
        )
    if example.revision != start.revision:
        st.warning(f"Somebody else saved revision {example.revision} while you edit revision {start.revision}.")
        st.button("Leave my edit and load the new content", key="edit_reload", on_click=forget)


#: Each field that can be edited, and the name of its widget.
_WIDGETS = {
    "user_request": "edit_request",
    "intent": "edit_intent",
    "execution_plan": "edit_plan",
    "execution_result": "edit_result",
    "business_state": "edit_state",
    "context": "edit_context",
}


def _fields(start: store.Example, mark: str) -> None:
    st.text_area("Request", start.user_request, key=f"edit_request_{mark}", height=110)
    st.text_input("Intent", start.intent, key=f"edit_intent_{mark}", max_chars=200)
    st.text_area("Plan", start.execution_plan or "", key=f"edit_plan_{mark}", height=180)
    st.text_area("Result", start.execution_result or "", key=f"edit_result_{mark}", height=180)
    st.text_area("Business state (JSON)", _json(start.business_state), key=f"edit_state_{mark}", height=110)
    st.text_area("Context (JSON)", _json(start.context), key=f"edit_context_{mark}", height=110)


def _save(db: Database, mark: str) -> None:
    start: store.Example = st.session_state[_EDITING]
    typed = {field: st.session_state[f"{name}_{mark}"] for field, name in _WIDGETS.items()}
    reason: str = st.session_state[f"edit_reason_{mark}"]
    try:
        if not reason.strip():
            raise InvalidExample("Say in a few words why the content changes; the reason is kept with it.")
        changes = {field: _parsed(field, text) for field, text in typed.items() if text != _shown(start, field)}
        after = store.edit(
            db, start.id, changes, expected_revision=start.revision, actor=session.actor(), reason=reason
        )
    except WhetstoneError as error:
        _say("error", str(error))
        return
    st.session_state[_EDITING] = after
    if after.revision == start.revision:
        _say("info", "Nothing was changed, so there is no new revision.")
    else:
        _say("success", f"Saved as revision {after.revision}. The former content stands in the history.")


def _shown(start: store.Example, field: str) -> str:
    value = getattr(start, field)
    return _json(value) if field in ("business_state", "context") else value or ""


def _json(value: Any) -> str:
    return "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _parsed(field: str, text: str) -> Any:
    """What was typed, as what is stored. An emptied plan, result or context is none at all."""
    if field not in ("business_state", "context"):
        return text if text or field in ("user_request", "intent") else None
    if not text.strip():
        return {} if field == "business_state" else None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidExample(f"The {field.replace('_', ' ')} is not JSON: {error}.") from None
