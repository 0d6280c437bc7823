"""One example in a drawer: read it, judge it, mend it, see what it was before and what a model would see.

Everything in it is captured text: it goes through st.text, st.code and st.json and nothing else.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from core.db import Database
from core.errors import WhetstoneError
from core.examples import store, tagging
from core.examples.tags import BUILT_IN
from ui.data import drawer_edit, drawer_views, reads
from ui.parts import session
from ui.parts.drawer import Drawer
from ui.parts.formatting import ago, exactly, plain, score

_SAID = "drawer_said"

_VIEWS: dict[str, Callable[[Database, store.Example], None]] = {
    "Read": drawer_views.read,
    "As the model sees it": drawer_views.as_the_model_sees_it,
    "Score": drawer_edit.judge,
    "Edit": drawer_edit.edit,
    "History": drawer_views.history,
}


def show(example_id: int) -> None:
    DRAWER.show(example_id)


def _draw(example_id: int) -> None:
    db = session.database()
    try:
        example = store.get(db, example_id)
        DRAWER.neighbours(example.id, f"Number {example.id}")
        _head(db, example)
        _said()
        view = st.pills(
            "View", list(_VIEWS), default="Read", required=True, key="drawer_view", label_visibility="collapsed"
        )
        _VIEWS[view](db, example)
    except WhetstoneError as error:
        st.error(plain(str(error)))


def _leave() -> None:
    st.session_state.pop(_SAID, None)
    drawer_edit.forget()


DRAWER = Drawer("data", "Example", _draw, leave=_leave)


def _head(db: Database, example: store.Example) -> None:
    success = {True: "succeeded", False: "failed", None: "outcome unknown"}[example.success]
    found = "" if example.source_score is None else f" (its source says {example.source_score:g})"
    st.text(
        f"{ago(example.created_at)} ({exactly(example.created_at)})\n"
        f"Quality {score(example.quality_score)}{found} · {success} · intent {example.intent or 'none'} · "
        f"agent {example.source_agent or 'none'} · model {example.source_model or 'none'}"
    )
    _tags(db, example)


def _tags(db: Database, example: store.Example) -> None:
    key = f"drawer_tags_{example.id}"
    if st.session_state.get(key) != example.tags:
        st.session_state[key] = list(example.tags)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # As wide as a narrow window, where both buttons then stand in a line of their own.
        with st.container(width="stretch"):
            st.multiselect(
                "Tags",
                list(dict.fromkeys([*BUILT_IN, *reads.choices(db).tags, *example.tags])),
                key=key,
                accept_new_options=True,
                placeholder="none",
                on_change=lambda: _retag(db, example, st.session_state[key]),
            )
        _verdicts(db, example)


def _verdicts(db: Database, example: store.Example) -> None:
    with st.container(horizontal=True, width="content"):
        for word, tag, shortcut, icon in (
            ("Approve", "MANUAL_APPROVED", "A", ":material/thumb_up:"),
            ("Exclude", "EXCLUDE", "X", ":material/visibility_off:"),
        ):
            there = tag in example.tags
            st.button(
                f"{word}d" if there else word,
                key=f"drawer_{word.lower()}",
                icon=icon,
                shortcut=shortcut,
                type="primary" if there else "secondary",
                help=f"Takes the tag {plain(tag)} off again." if there else f"Adds the tag {plain(tag)}.",
                on_click=lambda tag=tag: _toggle(db, example, tag),
            )


def _toggle(db: Database, example: store.Example, tag: str) -> None:
    _retag(db, example, sorted(set(example.tags) ^ {tag}))


def _retag(db: Database, example: store.Example, wanted: Sequence[str]) -> None:
    added, removed = set(wanted) - set(example.tags), set(example.tags) - set(wanted)
    try:
        for act, tags in ((tagging.add_tags, added), (tagging.remove_tags, removed)):
            if tags:
                act(db, [example.id], tags, actor=session.actor(), reason="in the drawer")
    except WhetstoneError as error:
        st.session_state[_SAID] = str(error)
    else:
        st.session_state.pop(_SAID, None)


def _said() -> None:
    said = st.session_state.get(_SAID)
    if said:
        st.error(plain(said))
