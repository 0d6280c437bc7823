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
from ui.parts import addresses, session
from ui.parts.drawer import Drawer
from ui.parts.formatting import ago, exactly, plain, score

_SAID = "drawer_said"
#: The example that was scored last with one key, as it was before, and what it got.
_RATED = "drawer_rated"

_VIEWS: dict[str, Callable[[Database, store.Example], None]] = {
    "Read": drawer_views.read,
    "As the model sees it": drawer_views.as_the_model_sees_it,
    "Score": lambda db, example: drawer_edit.judge(db, example, lambda: DRAWER.advance(example.id)),
    "Edit": drawer_edit.edit,
    "History": drawer_views.history,
}


def show(example_id: int) -> None:
    DRAWER.show(example_id)


def _draw(example_id: str) -> None:
    db = session.database()
    if not (example_id.isascii() and example_id.isdecimal()):
        st.error(plain(f"There is no example {example_id}: an example has a number."))
        return
    try:
        example = store.get(db, int(example_id))
        DRAWER.neighbours(example.id, f"#{example.id}")
        _head(db, example)
        _rating(db, example)
        _said()
        view = st.pills(
            "View", list(_VIEWS), default="Read", required=True, key="drawer_view", label_visibility="collapsed"
        )
        _VIEWS[view](db, example)
    except WhetstoneError as error:
        st.error(plain(str(error)))


def _leave() -> None:
    st.session_state.pop(_SAID, None)
    st.session_state.pop(_RATED, None)
    drawer_edit.forget()


DRAWER = Drawer(
    "data",
    "Example",
    _draw,
    parameter=addresses.EXAMPLE,
    leave=_leave,
    holds=lambda: st.session_state.get("drawer_view") == "Edit",
)


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
                help=f"Removes the tag {plain(tag)}." if there else f"Adds the tag {plain(tag)}.",
                on_click=lambda tag=tag: _toggle(db, example, tag),
            )
        with st.popover("Link", icon=":material/link:", key="drawer_link", type="tertiary"):
            st.code(addresses.example_link(example.id), language=None, wrap_lines=True)


def _rating(db: Database, example: store.Example) -> None:
    """One key scores it and shows the next one."""
    last: tuple[store.Example, float] | None = st.session_state.get(_RATED)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="drawer_rating"):
        st.text("Score", width="content")
        for number, mark in enumerate(store.RATINGS, 1):
            st.button(
                f"{mark:.2f}",
                key=f"drawer_rate_{number}",
                shortcut=str(number),
                type="primary" if example.quality_score == mark else "secondary",
                help=f"Scores it {mark:.2f}.",
                on_click=lambda mark=mark: _rate(db, example, mark),
            )
        st.toggle("then next", value=True, key="drawer_then_next", persist_state="session")
        if last is not None:
            st.button(
                f"Undo #{last[0].id}: {last[1]:.2f}",
                key="drawer_rate_undo",
                icon=":material/undo:",
                type="tertiary",
                shortcut="U",
                help=f"It was {score(last[0].quality_score)} before.",
                on_click=lambda: _unrate(db, last[0]),
            )


def _rate(db: Database, example: store.Example, mark: float) -> None:
    def act() -> None:
        store.set_score(db, example.id, score=mark, success=example.success, actor=session.actor(), reason="")

    if _tried(act):
        if st.session_state.get("drawer_then_next", True):
            DRAWER.advance(example.id)
        st.session_state[_RATED] = (example, mark)


def _unrate(db: Database, before: store.Example) -> None:
    def act() -> None:
        was = before.quality_score, before.success
        store.set_score(db, before.id, score=was[0], success=was[1], actor=session.actor(), reason="undone")

    if _tried(act):
        st.session_state.pop(_RATED, None)
        DRAWER.show(before.id)


def _tried(act: Callable[[], None]) -> bool:
    """Do it; what went wrong is said in the drawer."""
    try:
        act()
    except WhetstoneError as error:
        st.session_state[_SAID] = str(error)
        return False
    st.session_state.pop(_SAID, None)
    return True


def _toggle(db: Database, example: store.Example, tag: str) -> None:
    _retag(db, example, sorted(set(example.tags) ^ {tag}))


def _retag(db: Database, example: store.Example, wanted: Sequence[str]) -> None:
    added, removed = set(wanted) - set(example.tags), set(example.tags) - set(wanted)

    def act() -> None:
        for change, tags in ((tagging.add_tags, added), (tagging.remove_tags, removed)):
            if tags:
                change(db, [example.id], tags, actor=session.actor(), reason="in the drawer")

    _tried(act)


def _said() -> None:
    said = st.session_state.get(_SAID)
    if said:
        st.error(plain(said))
