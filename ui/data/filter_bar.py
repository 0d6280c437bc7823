"""The filter of the page: widgets above, the address beside, one `Filter` in the session between them."""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from core.datasets.defaults import TAKEN
from core.db import Database
from core.errors import WhetstoneError
from core.examples import saved
from core.examples.filters import PARAMETERS, VERDICTS, Filter, from_query, parse, to_query
from core.examples.store import Choices
from core.examples.tags import BUILT_IN
from ui.data import reads
from ui.parts import addresses, messages, session
from ui.parts.formatting import count, plain, shortened
from ui.parts.url_filter import UrlFilter

FILTER: UrlFilter[Filter] = UrlFilter(
    "filter", "examples", tuple(PARAMETERS.values()), Filter, from_query, to_query, parse
)
_OUTCOMES = {None: "All", True: "Succeeded", False: "Failed"}
_UNSCORED = {"keep": "keep", "hide": "hide", "only": "only"}
_GOOD = "Succeeded or judged good"
_DAY = dt.timedelta(days=1)


def draw(db: Database, current: Filter, *, beside: Callable[[], None]) -> None:
    """The widgets, and below them what is set as chips. They show `current`, whoever changed it last;
    `beside` draws what else stands at the right of the chips."""
    options = reads.choices(db)
    _seed(current)
    with st.container(key="filter_bar", gap="xsmall"):
        words, quality, intents, more = st.columns([4, 2, 3, 1.4], gap="xsmall", vertical_alignment="center")
        with words:
            st.text_input(
                "Search requests",
                key="f_words",
                placeholder="Search requests, for example: warranty repairs",
                max_chars=1_000,
                icon=":material/search:",
                label_visibility="collapsed",
                on_change=lambda: FILTER.change(words=st.session_state["f_words"]),
            )
        with quality:
            _quality(current)
        with intents:
            _choice("intents", "Intent", options.intents, current.intents, placeholder="Any intent", shown=False)
        with more:
            _more(db, options, current)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="filter_chips"):
            _chips(db, current)
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
                beside()
                _saved(db, current)
                with st.popover("Copy link", icon=":material/link:", key="filter_link", type="tertiary"):
                    st.code(addresses.link(current), language=None, wrap_lines=True)
                if current != Filter():
                    st.button(
                        "Reset",
                        key="filter_reset",
                        icon=":material/restart_alt:",
                        type="tertiary",
                        on_click=lambda: FILTER.choose(Filter()),
                    )


def _seed(current: Filter) -> None:
    """Give each widget its value. What is typed into is set only where it differs: else that would be wiped out. What
    stands in a popover is set on every run: the browser makes it when it is opened, and looks at the last run alone."""
    values = {
        "f_words": current.words,
        "f_quality": (
            0.0 if current.quality_min is None else current.quality_min,
            1.0 if current.quality_max is None else current.quality_max,
        ),
        "f_intents": list(current.intents),
        "f_success": _outcome_of(current),
        "f_from": current.created_from.date() if current.created_from else None,
        "f_to": _last_day(current.created_to),
        "f_source_agents": list(current.source_agents),
        "f_source_models": list(current.source_models),
        "f_trainable": current.trainable,
        "f_unscored": current.takes_unscored,
    }
    for key, value in values.items():
        is_open = key in ("f_words", "f_intents")
        if not is_open or key not in st.session_state or st.session_state[key] != value:
            st.session_state[key] = value


def _last_day(end: dt.datetime | None) -> dt.date | None:
    """The filter ends before a moment; people think of the last day that is included."""
    return None if end is None else (end - dt.timedelta(microseconds=1)).date()


def _quality(current: Filter) -> None:
    low, high = current.quality_min or 0, 1 if current.quality_max is None else current.quality_max
    is_set = current.quality_min is not None or current.quality_max is not None or current.unscored == "only"
    said = "unscored" if current.unscored == "only" else f"{low:.2f} to {high:.2f}"
    with st.popover(
        f"Quality: {said if is_set else 'any'}", icon=":material/grade:", key="filter_quality", width="stretch"
    ):
        st.slider("Quality (0–1)", 0.0, 1.0, step=0.01, key="f_quality", on_change=_quality_changed)
        st.segmented_control(
            "Unscored",
            list(_UNSCORED),
            required=True,
            key="f_unscored",
            format_func=_UNSCORED.__getitem__,
            help="Examples without a score, whatever the range above.",
            on_change=_unscored_changed,
        )


def _quality_changed() -> None:
    low, high = st.session_state["f_quality"]
    current: Filter = st.session_state[FILTER.key]
    # The whole range means "whatever the quality"; what was said of unscored examples stays, but for "only".
    kept = current.takes_unscored if current.takes_unscored != "only" else None
    FILTER.change(quality_min=None if low == 0 else low, quality_max=None if high == 1 else high, unscored=kept)


def _unscored_changed() -> None:
    wanted = st.session_state["f_unscored"]
    bounds = {"quality_min": None, "quality_max": None} if wanted == "only" else {}
    FILTER.change(unscored=wanted, **bounds)


def _choice(
    field: str, label: str, known: list[str], current: tuple[str, ...], *, placeholder: str = "any", shown: bool = True
) -> None:
    key = f"f_{field}"
    st.multiselect(
        label,
        sorted({*known, *current}),
        key=key,
        placeholder=placeholder,
        format_func=lambda name: name or "(none)",
        label_visibility="visible" if shown else "collapsed",
        on_change=lambda: FILTER.change(**{field: st.session_state[key]}),
    )


def _tags(field: str, label: str, counts: Mapping[str, int], known: list[str], current: tuple[str, ...]) -> None:
    # The browser knows an option by its words: with another count in them a choice would be lost, and the filter with
    # it. So other counts make another widget, which begins with what the filter says.
    options = list(dict.fromkeys([*BUILT_IN, *known, *current]))
    words = {name: f"{name} {counts.get(name, 0):,}" for name in options}
    key = f"f_{field}_{hashlib.blake2b(repr(words).encode(), digest_size=6).hexdigest()}"
    st.session_state[key] = list(current)
    st.multiselect(
        label,
        options,
        key=key,
        placeholder="any",
        format_func=words.__getitem__,
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
        "To (inclusive, UTC)",
        value=None,
        key="f_to",
        format="YYYY-MM-DD",
        on_change=lambda: FILTER.change(created_to=_start_of(st.session_state["f_to"], days_later=1)),
    )


def _start_of(day: dt.date | None, days_later: int = 0) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time(), dt.UTC) + days_later * _DAY


def _more(db: Database, options: Choices, current: Filter) -> None:
    with st.popover("More", icon=":material/tune:", key="filter_more", width="stretch"):
        counts = {group.name: group.count for group in reads.overview(db, _untagged(current)).by_tag}
        _outcome(current)
        _tags("include_tags", "Tags include", counts, options.tags, current.include_tags)
        _tags("exclude_tags", "Tags exclude", counts, options.tags, current.exclude_tags)
        with st.container(horizontal=True):
            _dates()
        _choice("source_agents", "Agent", options.source_agents, current.source_agents)
        _choice("source_models", "Model", options.source_models, current.source_models)
        st.toggle(
            "Trainable only",
            key="f_trainable",
            help="Leaves out rows whose plan and result say nothing, for example only “success”.",
            on_change=lambda: FILTER.change(trainable=st.session_state["f_trainable"]),
        )


def _untagged(current: Filter) -> Filter:
    """The rest of the filter: what a tag would find in it."""
    return current.model_copy(update={"include_tags": (), "exclude_tags": ()})


def _chips(db: Database, current: Filter) -> None:
    """What the filter asks, each to be taken off; what it hides by default is said quietly."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for name, (said, fields) in _asked(current).items():
            st.button(
                plain(shortened(said, 40)),
                key=f"chip_{name}",
                icon=":material/close:",
                icon_position="right",
                help="Take this off the filter.",
                on_click=lambda fields=fields: FILTER.change(**fields),
            )
        if current.exclude_tags == Filter().exclude_tags and current.ids is None:
            hidden = reads.count(db, current.model_copy(update={"exclude_tags": ()})) - reads.count(db, current)
            if hidden:
                st.caption(f"hiding {hidden:,} EXCLUDE", width="content")
                st.button("show", key="chip_show", type="tertiary", on_click=lambda: FILTER.change(exclude_tags=()))


def _asked(current: Filter) -> dict[str, tuple[str, dict[str, Any]]]:
    """What differs from the default: in words, and the fields without it. Intents, tags and the like one by one."""
    default, found = Filter(), dict[str, tuple[str, dict[str, Any]]]()
    if current.words:
        found["words"] = (f"“{current.words}”", {"words": ""})
    low, high = current.quality_min or 0, 1 if current.quality_max is None else current.quality_max
    said = {"only": "unscored", "keep": f"quality {low:.2f} to {high:.2f}, or unscored", "hide": "scored"}
    bounds = {"quality_min": None, "quality_max": None, "unscored": None}
    if current.quality_min is not None or current.quality_max is not None or current.unscored in ("only", "hide"):
        is_plain = current.takes_unscored == "hide" and (low, high) != (0, 1)
        found["quality"] = (f"quality {low:.2f} to {high:.2f}" if is_plain else said[current.takes_unscored], bounds)
    if current.success is not None or current.verdicts:
        found["outcome"] = (_outcome_of(current), {"success": None, "verdicts": ()})
    for field, label in (
        ("intents", ""),
        ("include_tags", ""),
        ("exclude_tags", "without "),
        ("source_agents", "agent "),
        ("source_models", "model "),
    ):
        values: tuple[str, ...] = getattr(current, field)
        if values == getattr(default, field):
            continue
        if not values:  # what is hidden by default is shown
            found[field] = ("EXCLUDE shown", {field: getattr(default, field)})
        for place, value in enumerate(values):
            rest = tuple(each for each in values if each != value)
            found[f"{field}_{place}"] = (f"{label}{value or '(none)'}", {field: rest})
    if current.created_from:
        found["from"] = (f"from {current.created_from:%Y-%m-%d}", {"created_from": None})
    if current.created_to:
        found["to"] = (f"to {_last_day(current.created_to):%Y-%m-%d}", {"created_to": None})
    if current.trainable:
        found["trainable"] = ("trainable", {"trainable": False})
    if current.ids is not None:
        found["ids"] = (f"{count(len(current.ids), 'example')} chosen by hand", {"ids": None})
    return found


def _saved(db: Database, current: Filter) -> None:
    with st.popover("Saved", icon=":material/bookmark:", key="filter_saved", type="tertiary", help="Saved filters"):
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
