"""The views of the drawer that change an example: its score, and its content with the reason.

Saving happens in callbacks, before anything is drawn, so that the head of the drawer shows what was saved.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson
import streamlit as st

from core.db import Database
from core.errors import InvalidExample, WhetstoneError
from core.examples import store
from ui.data import drafts
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


def judge(db: Database, example: store.Example, onward: Callable[[], object]) -> None:
    """The form of a score; `onward` turns to the next example."""
    # Not as the widget's own default, to which an emptied field would go back.
    st.session_state.setdefault(f"score_value_{example.id}", example.quality_score)
    with st.form(f"score_{example.id}", border=False):
        st.number_input(
            "Quality (0–1)",
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
        st.text_input("Reason (optional)", key=f"score_reason_{example.id}", placeholder="saved with the change")
        _said()
        with st.container(horizontal=True):
            st.form_submit_button("Save", key="score_save", type="primary", on_click=_score, args=(db, example.id))
            st.form_submit_button(
                "Save and next", key="score_save_next", on_click=_score, args=(db, example.id, onward)
            )


def _score(db: Database, example_id: int, onward: Callable[[], object] | None = None) -> None:
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
        if onward is not None:
            onward()
        _say("success", f"Saved #{example_id}. What it was before stands in the history.")


def edit(db: Database, example: store.Example) -> None:
    """Fields over the content as it was when editing began: what somebody else does meanwhile never wipes it out.

    No form: what is typed has to come here as each field is left, to be kept as a draft.
    """
    draft = drafts.of(db, example.id)
    start: store.Example = st.session_state.setdefault(_EDITING, draft.start if draft else example)
    if start.id != example.id:
        start = st.session_state[_EDITING] = draft.start if draft else example
    mark = f"{start.id}_{start.revision}"
    _fields(db, start, mark, draft.typed if draft else {})
    _said()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Save as a new revision", key="edit_save", type="primary", on_click=_save, args=(db, mark))
        if draft is not None:
            st.button("Discard draft", key="edit_discard", type="tertiary", on_click=_discard, args=(db, mark))
            st.caption("Draft kept, also when you leave.", width="content")
    if example.revision != start.revision:
        st.warning(f"Somebody else saved revision {example.revision} while you edit revision {start.revision}.")
        st.button("Discard my edit and load the new content", key="edit_reload", on_click=_discard, args=(db, mark))


#: Each field that can be edited, and the name of its widget.
_WIDGETS = {
    "user_request": "edit_request",
    "intent": "edit_intent",
    "execution_plan": "edit_plan",
    "execution_result": "edit_result",
    "business_state": "edit_state",
    "context": "edit_context",
}


_HEIGHTS = {"execution_plan": 260, "execution_result": 180}
_LABELS = {
    "user_request": "Request",
    "intent": "Intent",
    "execution_plan": "Plan",
    "execution_result": "Result",
    "business_state": "Business state (JSON)",
    "context": "Context (JSON)",
}


def _fields(db: Database, start: store.Example, mark: str, typed: Mapping[str, str]) -> None:
    def keep() -> None:
        values = {field: st.session_state[f"{name}_{mark}"] for field, name in _WIDGETS.items()}
        changed = {field: value for field, value in values.items() if value != _shown(start, field)}
        reason = {"reason": said} if (said := st.session_state[f"edit_reason_{mark}"]) else {}
        drafts.keep(db, start, changed | reason)

    for field, name in _WIDGETS.items():
        key = f"{name}_{mark}"
        st.session_state.setdefault(key, typed.get(field, _shown(start, field)))
        if field == "intent":
            st.text_input(_LABELS[field], key=key, max_chars=200, on_change=keep)
        else:
            st.text_area(_LABELS[field], key=key, height=_HEIGHTS.get(field, 110), on_change=keep)
    st.session_state.setdefault(f"edit_reason_{mark}", typed.get("reason", ""))
    st.text_input("Reason", key=f"edit_reason_{mark}", placeholder="saved with the change", on_change=keep)


def _discard(db: Database, mark: str) -> None:
    start: store.Example = st.session_state[_EDITING]
    drafts.drop(db, start.id)
    for name in (*_WIDGETS.values(), "edit_reason"):
        st.session_state.pop(f"{name}_{mark}", None)
    forget()


def _save(db: Database, mark: str) -> None:
    start: store.Example = st.session_state[_EDITING]
    typed = {field: st.session_state[f"{name}_{mark}"] for field, name in _WIDGETS.items()}
    reason: str = st.session_state[f"edit_reason_{mark}"]
    try:
        if not reason.strip():
            raise InvalidExample("Say in a few words why the content changes; the reason is kept with it.")
        changes = {field: _parsed(start, field, text) for field, text in typed.items() if text != _shown(start, field)}
        after = store.edit(
            db, start.id, changes, expected_revision=start.revision, actor=session.actor(), reason=reason
        )
    except WhetstoneError as error:
        _say("error", str(error))
        return
    st.session_state[_EDITING] = after
    drafts.drop(db, start.id)
    if after.revision == start.revision:
        _say("info", "Nothing was changed, so there is no new revision.")
    else:
        _say("success", f"Saved as revision {after.revision}. The former content stands in the history.")


def _shown(start: store.Example, field: str) -> str:
    value = getattr(start, field)
    if field == "execution_plan" and value and (written := _written(value)):
        return _json(written[0])
    return _json(value) if field in ("business_state", "context") else value or ""


#: How programs write JSON in one line.
_ONE_LINE: tuple[Callable[[Any], str], ...] = (
    lambda value: orjson.dumps(value).decode(),
    lambda value: json.dumps(value, ensure_ascii=False),
    json.dumps,
)


def _written(plan: str) -> tuple[Any, Callable[[Any], str]] | None:
    """The object in a plan that is JSON in one line, and what writes it so again, to the letter; None for any other."""
    try:
        value = orjson.loads(plan)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict | list):
        return None
    return next(((value, write) for write in _ONE_LINE if write(value) == plan), None)


def _json(value: Any) -> str:
    return "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _parsed(start: store.Example, field: str, text: str) -> Any:
    """What was typed, as what is stored. An emptied plan, result or context is none at all.

    A plan that was JSON in one line is stored so again, however it was indented to be read.
    """
    if (
        field == "execution_plan"
        and text.lstrip()[:1] in ("{", "[")
        and (written := _written(start.execution_plan or ""))
    ):
        return written[1](_loaded(field, text))
    if field not in ("business_state", "context"):
        return text if text or field in ("user_request", "intent") else None
    if not text.strip():
        return {} if field == "business_state" else None
    return _loaded(field, text)


def _loaded(field: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidExample(f"The {field.replace('_', ' ')} is not JSON: {error}.") from None
