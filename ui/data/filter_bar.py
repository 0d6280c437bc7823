"""The filter of the page: widgets above, the address beside, one `Filter` in the session between them."""

import datetime as dt
from typing import Any

import streamlit as st

from core.datasets.defaults import TAKEN
from core.db import Database
from core.errors import WhetstoneError
from core.examples import saved
from core.examples.filters import PARAMETERS, VERDICTS, Filter, describe, from_query, parse, to_query
from core.examples.tags import BUILT_IN
from ui.data import reads
from ui.parts import addresses, messages, session
from ui.parts.formatting import plain
from ui.parts.url_filter import UrlFilter

FILTER: UrlFilter[Filter] = UrlFilter(
    "filter", "examples", tuple(PARAMETERS.values()), Filter, from_query, to_query, parse
)
_OUTCOMES = {None: "All", True: "Succeeded", False: "Failed"}
_GOOD = "Succeeded or judged good"
_DAY = dt.timedelta(days=1)


def draw(db: Database, current: Filter) -> None:
    """The widgets. They show `current`, whoever changed it last."""
    options = reads.choices(db)
    _seed(current)
    with st.container(key="filter_bar", border=True):
        with st.grid(4, min_column_width=150, vertical_alignment="bottom"):
            _words_and_quality()
            _choice("intents", "Intent", options.intents, current.intents)
            _outcome(current)
            _tags("include_tags", "Has all tags", options.tags, current.include_tags)
            _tags("exclude_tags", "Has none of the tags", options.tags, current.exclude_tags)
            _dates()
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _more(options.source_agents, options.source_models, current)
            _saved(db, current)
            with st.popover("Copy link", icon=":material/link:", key="filter_link"):
                st.code(addresses.link(current), language=None, wrap_lines=True)
            st.button(
                "Reset", key="filter_reset", icon=":material/restart_alt:", on_click=lambda: FILTER.choose(Filter())
            )
        st.caption(plain(describe(current)))


def _seed(current: Filter) -> None:
    """Give each widget its value, but only where it differs: setting it anew would wipe out what is being typed."""
    values = {
        "f_words": current.words,
        "f_quality": (
            0.0 if current.quality_min is None else current.quality_min,
            1.0 if current.quality_max is None else current.quality_max,
        ),
        "f_intents": list(current.intents),
        "f_success": _outcome_of(current),
        "f_include_tags": list(current.include_tags),
        "f_exclude_tags": list(current.exclude_tags),
        "f_from": current.created_from.date() if current.created_from else None,
        "f_to": _last_day(current.created_to),
        "f_source_agents": list(current.source_agents),
        "f_source_models": list(current.source_models),
        "f_trainable": current.trainable,
    }
    for key, value in values.items():
        if key not in st.session_state or st.session_state[key] != value:
            st.session_state[key] = value


def _last_day(end: dt.datetime | None) -> dt.date | None:
    """The filter ends before a moment; people think of the last day that is included."""
    return None if end is None else (end - dt.timedelta(microseconds=1)).date()


def _words_and_quality() -> None:
    st.text_input(
        "Words in the request",
        key="f_words",
        placeholder="for example: launch thread",
        max_chars=1_000,
        on_change=lambda: FILTER.change(words=st.session_state["f_words"]),
    )
    st.slider("Quality, 0 to 1", 0.0, 1.0, step=0.01, key="f_quality", on_change=_quality_changed)


def _quality_changed() -> None:
    low, high = st.session_state["f_quality"]
    # The whole range means "whatever the quality", unscored examples included.
    FILTER.change(quality_min=None if low == 0 else low, quality_max=None if high == 1 else high)


def _choice(field: str, label: str, known: list[str], current: tuple[str, ...]) -> None:
    key = f"f_{field}"
    st.multiselect(
        label,
        sorted({*known, *current}),
        key=key,
        placeholder="any",
        format_func=lambda name: name or "(none)",
        on_change=lambda: FILTER.change(**{field: st.session_state[key]}),
    )


def _tags(field: str, label: str, known: list[str], current: tuple[str, ...]) -> None:
    key = f"f_{field}"
    st.multiselect(
        label,
        list(dict.fromkeys([*BUILT_IN, *known, *current])),
        key=key,
        placeholder="any",
        on_change=lambda: FILTER.change(**{field: st.session_state[key]}),
    )


def _outcome(current: Filter) -> None:
    meant: dict[str, dict[str, Any]] = {
        label: {"success": value, "verdicts": ()} for value, label in _OUTCOMES.items()
    } | {_GOOD: {"success": None, "verdicts": TAKEN}}
    # A link may ask for more than the list offers.
    meant.setdefault(_outcome_of(current), {"success": current.success, "verdicts": current.verdicts})
    st.selectbox(
        "Outcome", list(meant), key="f_success", on_change=lambda: FILTER.change(**meant[st.session_state["f_success"]])
    )


def _outcome_of(current: Filter) -> str:
    if not current.verdicts:
        return _OUTCOMES[current.success]
    if current.success is None and current.verdicts == TAKEN:
        return _GOOD
    words = " or ".join(word for name, word in VERDICTS.items() if name in current.verdicts)
    sure = "" if current.success is None else f"{_OUTCOMES[current.success]}, "
    return f"{sure}{words}".capitalize()


def _dates() -> None:
    st.date_input(
        "From (UTC)",
        value=None,
        key="f_from",
        format="YYYY-MM-DD",
        on_change=lambda: FILTER.change(created_from=_start_of(st.session_state["f_from"])),
    )
    st.date_input(
        "To, that day included",
        value=None,
        key="f_to",
        format="YYYY-MM-DD",
        on_change=lambda: FILTER.change(created_to=_start_of(st.session_state["f_to"], days_later=1)),
    )


def _start_of(day: dt.date | None, days_later: int = 0) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time(), dt.UTC) + days_later * _DAY


def _more(agents: list[str], models: list[str], current: Filter) -> None:
    used = bool(current.source_agents) + bool(current.source_models) + current.trainable + (current.ids is not None)
    with st.popover(f"More · {used}" if used else "More", icon=":material/tune:", key="filter_more"):
        _choice("source_agents", "Agent", agents, current.source_agents)
        _choice("source_models", "Model", models, current.source_models)
        st.toggle(
            "Only what a model could learn from",
            key="f_trainable",
            help="Leaves out rows whose plan and result say nothing, for example only “success”.",
            on_change=lambda: FILTER.change(trainable=st.session_state["f_trainable"]),
        )
        if current.ids is not None:
            st.text(f"{len(current.ids):,} examples chosen by hand")
            st.button("Forget the choice by hand", key="filter_ids_clear", on_click=lambda: FILTER.change(ids=None))


def _saved(db: Database, current: Filter) -> None:
    with st.popover("Saved filters", icon=":material/bookmark:", key="filter_saved"):
        kept = {entry.name: entry for entry in saved.list_filters(db)}
        if kept:
            name = st.selectbox("Saved filter", list(kept), key="saved_name")
            with st.container(horizontal=True):
                st.button("Use it", key="saved_use", type="primary", on_click=lambda: FILTER.choose(kept[name].filter))
                st.button("Delete it", key="saved_delete", on_click=lambda: _forget(db, name))
        else:
            st.text("Nothing saved yet. Set a filter, give it a name, and find it here next time.")
        st.text_input("Save the current filter as", key="saved_new", max_chars=80, placeholder="a name")
        st.button("Save", key="saved_save", on_click=lambda: _keep(db, st.session_state["saved_new"], current))


def _keep(db: Database, name: str, current: Filter) -> None:
    def act() -> None:
        saved.save_filter(db, name, current, actor=session.actor(), reason="saved on the page")
        messages.done(f"Saved the filter “{name.strip()}”.")
        st.session_state["saved_new"] = ""

    messages.attempt(act)


def _forget(db: Database, name: str) -> None:
    def act() -> None:
        gone = saved.delete_filter(db, name, actor=session.actor(), reason="deleted on the page")
        messages.done(f"Deleted the saved filter “{name}”.", undo=lambda: _restore(db, gone))

    messages.attempt(act)


def _restore(db: Database, gone: saved.SavedFilter) -> str:
    try:
        saved.save_filter(db, gone.name, gone.filter, actor=session.actor(), reason="deletion undone")
    except WhetstoneError as error:
        return str(error)
    return f"The saved filter “{gone.name}” is back."
