"""The views of the drawer that change an example: its score, and its content with the reason."""

from typing import Any

import orjson
import streamlit as st

from core.database import Database
from core.errors import Conflict, InvalidExample, WhetstoneError
from core.examples import store
from ui import session
from ui.formatting import plain

_EDITING = "editing"
_OUTCOMES = {"Succeeded": True, "Failed": False, "Unknown": None}


def forget() -> None:
    """Let go of the copy that an edit started from."""
    st.session_state.pop(_EDITING, None)


def judge(db: Database, example: store.Example) -> None:
    with st.form(f"score_{example.id}", border=False):
        scored = st.toggle("Scored", value=example.quality_score is not None, key=f"score_known_{example.id}")
        value = st.slider(
            "Quality, 0 to 1", 0.0, 1.0, example.quality_score or 0.0, step=0.01, key=f"score_value_{example.id}"
        )
        names = {value: name for name, value in _OUTCOMES.items()}
        outcome = st.segmented_control(
            "Outcome", list(_OUTCOMES), default=names[example.success], required=True, key=f"score_outcome_{example.id}"
        )
        reason = st.text_input("Why", key=f"score_reason_{example.id}", placeholder="kept with the change")
        saved = st.form_submit_button("Save the score", key="score_save", type="primary")
    if saved:
        try:
            store.set_score(
                db,
                example.id,
                score=value if scored else None,
                success=_OUTCOMES[outcome],
                actor=session.actor(),
                reason=reason,
            )
        except WhetstoneError as error:
            st.error(plain(str(error)))
        else:
            st.success("Saved. What it was before stands in the history.")


def edit(db: Database, example: store.Example) -> None:
    """A form over the content as it was when editing began: what somebody else does meanwhile never wipes it out."""
    start: store.Example = st.session_state.setdefault(_EDITING, example)
    if start.id != example.id:
        start = st.session_state[_EDITING] = example
    mark = f"{start.id}_{start.revision}"
    with st.form(f"edit_{mark}", border=False):
        values = _fields(start, mark)
        reason = st.text_input("Why", key=f"edit_reason_{mark}", placeholder="kept with the change")
        saved = st.form_submit_button("Save as a new revision", key="edit_save", type="primary")
    if saved:
        _save(db, start, values, reason)
    if example.revision != start.revision:
        st.warning(f"Somebody else saved revision {example.revision} while you edit revision {start.revision}.")
        st.button("Leave my edit and load the new content", key="edit_reload", on_click=forget)


def _fields(start: store.Example, mark: str) -> dict[str, str]:
    area = st.text_area
    return {
        "user_request": area("Request", start.user_request, key=f"edit_request_{mark}", height=110),
        "intent": st.text_input("Intent", start.intent, key=f"edit_intent_{mark}", max_chars=200),
        "execution_plan": area("Plan", start.execution_plan or "", key=f"edit_plan_{mark}", height=180),
        "execution_result": area("Result", start.execution_result or "", key=f"edit_result_{mark}", height=180),
        "business_state": area(
            "Business state (JSON)", _json(start.business_state), key=f"edit_state_{mark}", height=110
        ),
        "context": area("Context (JSON)", _json(start.context), key=f"edit_context_{mark}", height=110),
    }


def _save(db: Database, start: store.Example, values: dict[str, str], reason: str) -> None:
    try:
        if not reason.strip():
            raise InvalidExample("Say in a few words why the content changes; the reason is kept with it.")
        changes = {field: _parsed(field, text) for field, text in values.items() if text != _shown(start, field)}
        after = store.edit(
            db, start.id, changes, expected_revision=start.revision, actor=session.actor(), reason=reason
        )
    except Conflict as error:
        st.error(plain(str(error)), icon=":material/group:")
    except WhetstoneError as error:
        st.error(plain(str(error)))
    else:
        if after.revision == start.revision:
            st.info("Nothing was changed, so there is no new revision.")
        else:
            st.session_state[_EDITING] = after
            st.success(f"Saved as revision {after.revision}. The former content stands in the history.")


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
