"""The bar of acts on commands: those selected by hand, or all of the filter, also what is on other pages."""

from collections.abc import Mapping

import streamlit as st

from core.commands.choices import ABLE
from core.commands.filters import CommandFilter
from core.commands.models import Status
from core.commands.verbs import Verb
from core.db import Database
from ui.parts import addresses
from ui.parts.formatting import count
from ui.queue import acts, reads, selection
from ui.queue.labels import by_status
from ui.queue.selection import GRID

#: More ids than this do not fit into an address.
_IDS_IN_URL = 2_000
_BUTTONS: tuple[tuple[Verb, str, str], ...] = (
    ("resume", ":material/play_arrow:", "Let paused commands go on."),
    ("pause", ":material/pause:", "Hold pending commands; running ones are asked to pause."),
    ("retry", ":material/replay:", "Give failed and cancelled commands a new round of attempts."),
)
_GRAVE: tuple[tuple[Verb, str, str], ...] = (
    ("cancel", ":material/block:", "Cancel what has not ended. You are asked first, with the exact count."),
    ("delete", ":material/delete:", "Remove what is not running. You are asked first, with the exact count."),
)


def draw(db: Database, chosen: CommandFilter, total: int, version: int) -> None:
    ids = GRID.selected()
    whole = selection.is_whole(chosen)
    with st.container(border=True, key="queue_bar"):
        if not ids and not whole:
            _nothing(chosen, total)
            return
        target = chosen if whole else CommandFilter(ids=ids)
        numbers = reads.by_status(db, target, version)
        _head(chosen, total, ids, numbers, whole=whole)
        with st.container(horizontal=True, gap="small"):
            for verb, icon, help_ in _BUTTONS:
                _button(db, verb, icon, help_, target, numbers, ask=whole and verb == "retry")
            _export(target, sum(numbers.values()))
            for verb, icon, help_ in _GRAVE:
                _button(db, verb, icon, help_, target, numbers, ask=True)


def _nothing(chosen: CommandFilter, total: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text("No rows selected. Tick rows to pause, resume, cancel, retry, export or delete them.")
        _select_whole(chosen, total)


def _head(
    chosen: CommandFilter, total: int, ids: tuple[int, ...], numbers: Mapping[Status, int], *, whole: bool
) -> None:
    there = sum(numbers.values())
    gone = 0 if whole else len(ids) - there
    said = f"All {there:,} matching selected" if whole else f"{len(ids):,} selected"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{said}: {by_status(numbers)}" + (f", {gone:,} gone" if gone else ""), width="content")
        if not whole:
            _select_whole(chosen, total)
        st.button("Deselect", key="queue_deselect", type="tertiary", on_click=selection.deselect)


def _select_whole(chosen: CommandFilter, total: int) -> None:
    st.button(
        f"Select all {total:,} matching",
        key="queue_select_all",
        type="tertiary",
        icon=":material/select_all:",
        help="Also those on other pages of the table.",
        on_click=lambda: selection.select_whole(chosen),
    )


def _button(
    db: Database,
    verb: Verb,
    icon: str,
    explained: str,
    target: CommandFilter,
    numbers: Mapping[Status, int],
    *,
    ask: bool,
) -> None:
    able = any(numbers[status] for status in ABLE[verb])
    act = acts.asked if ask else acts.at_once
    st.button(
        verb.capitalize(),
        key=f"queue_{verb}",
        icon=icon,
        disabled=not able,
        help=explained if able else _need(verb),
        on_click=lambda: act(db, verb, target),
    )


def _need(verb: Verb) -> str:
    return f"Select a {' or '.join(ABLE[verb])} command."


def _export(target: CommandFilter, number: int) -> None:
    long = target.ids is not None and len(target.ids) > _IDS_IN_URL
    st.link_button(
        "Export JSON",
        "" if long else addresses.export_commands(target),
        key="queue_export",
        icon=":material/download:",
        disabled=long or not number,
        help=f"Select all of a filter instead: {_IDS_IN_URL:,} chosen by hand are the most that fit into a link."
        if long
        else f"{count(number, 'command')} with attempts and steps, streamed: any size works.",
    )
