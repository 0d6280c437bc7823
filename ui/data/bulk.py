"""The bar of acts on many examples: the selected ones, or all in the filter.

Tagging can be undone, so on a selection it happens at once; on a whole filter it is asked first, with the exact count.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import streamlit as st

from core.datasets import defaults, snapshots
from core.datasets.defaults import Outlook
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples import tagging
from core.examples.filters import Filter
from core.examples.tags import BUILT_IN
from core.runtime.process import RUNNING
from ui.data import reads
from ui.data.table import GRID
from ui.parts import addresses, messages, modals, session
from ui.parts.formatting import count, plain

REASON = "on the data page"


def draw(db: Database, chosen: Filter, total: int) -> None:
    ids = GRID.selected()
    with st.container(border=True, key="bulk_bar"):
        whole = _scope(ids, total)
        target: Filter | tuple[int, ...] = chosen if whole else ids
        number = total if whole else len(ids)
        with st.container(horizontal=True, gap="small"):
            _tag(db, "add", target, number)
            _tag(db, "remove", target, number)
            _button(db, "Approve", "MANUAL_APPROVED", ":material/thumb_up:", target, number)
            _button(db, "Exclude", "EXCLUDE", ":material/visibility_off:", target, number)
            _export(target, number)
            with modals.popover("More", icon=":material/more_horiz:", key="bulk_more"):
                _old_data(db)
                _by_quality(db, chosen)
        _dataset(db, target)


def _scope(ids: Sequence[int], total: int) -> bool:
    """Whether the acts are about the whole filter. Without a selection there is nothing else to be about."""
    if not ids:
        st.text(f"Nothing selected: these act on all {count(total, 'example')} in the filter.")
        return True
    with st.container(horizontal=True, vertical_alignment="center"):
        scope = st.segmented_control(
            "Act on",
            ["selected", "filter"],
            default="selected",
            required=True,
            key="bulk_scope",
            label_visibility="collapsed",
            format_func=lambda name: f"{len(ids):,} selected" if name == "selected" else f"all {total:,} in filter",
        )
        st.button("Clear selection", key="bulk_clear", type="tertiary", on_click=GRID.deselect)
    return scope == "filter"


def change_tags(
    db: Database, verb: tagging.Verb, target: Filter | Sequence[int], tags: Sequence[str], *, reason: str = REASON
) -> None:
    """Tag, say how many really changed, and offer undo."""
    act = tagging.add_tags if verb == "add" else tagging.remove_tags
    _said(db, act(db, target, tags, actor=session.actor(), reason=reason))


def _said(db: Database, change: tagging.TagChange) -> None:
    names = ", ".join(change.tags)
    how = f"now have {names}" if change.verb == "add" else f"no longer have {names}"
    if not change.count:
        messages.done(f"Nothing to change: {names} was already {'there' if change.verb == 'add' else 'absent'}.")
        return
    said = f"{count(change.count, 'example')} {how if change.count != 1 else how.replace('have', 'has', 1)}."
    messages.done(said, undo=lambda: _undo(db, change))


def _undo(db: Database, change: tagging.TagChange) -> str:
    number = tagging.undo_tags(db, change.id, actor=session.actor())
    return f"Undone: {count(number, 'example')} as before."


def _begin(target: Filter | Sequence[int], number: int, doing: str, act: Callable[[], None]) -> None:
    """At once for a selection; asked first for a filter, which may hold far more than one sees."""
    if isinstance(target, Filter):
        modals.ask(
            f"{doing}?",
            f"This is about all {count(number, 'example')} in the filter. It can be undone.",
            yes=f"{doing}: {count(number, 'example')}",
            act=act,
        )
    else:
        modals.close_popovers()
        messages.attempt(act)


def _tag(db: Database, verb: tagging.Verb, target: Filter | Sequence[int], number: int) -> None:
    word = "Add tags" if verb == "add" else "Remove tags"
    icon = ":material/new_label:" if verb == "add" else ":material/label_off:"
    with modals.popover(word, icon=icon, key=f"bulk_{verb}"):
        names = st.multiselect(
            word,
            list(dict.fromkeys([*BUILT_IN, *reads.choices(db).tags])),
            key=f"bulk_{verb}_names",
            accept_new_options=verb == "add",
            placeholder="choose, or type A-Z, 0-9, _" if verb == "add" else "choose",
        )
        for name in names:
            if name in BUILT_IN:
                st.caption(f"{name.replace('_', ' ')}: {BUILT_IN[name]}")
        st.button(
            f"{word}: {count(number, 'example')}",
            key=f"bulk_{verb}_go",
            type="primary",
            disabled=not names,
            help=None if names else "Choose at least one tag first.",
            on_click=lambda: _begin(target, number, word, lambda: change_tags(db, verb, target, names)),
        )


def _button(db: Database, word: str, tag: str, icon: str, target: Filter | Sequence[int], number: int) -> None:
    st.button(
        word,
        key=f"bulk_{word.lower()}",
        icon=icon,
        help=f"Adds the tag {tag.replace('_', ' ')}: {BUILT_IN[tag]}.",
        on_click=lambda: _begin(target, number, word, lambda: change_tags(db, "add", target, [tag])),
    )


def _export(target: Filter | Sequence[int], number: int) -> None:
    with st.popover("Export", icon=":material/download:", key="bulk_export"):
        st.text(f"{count(number, 'example')}, streamed: any size works.")
        for kind, label in (("jsonl", "JSON Lines"), ("csv", "CSV")):
            st.link_button(
                label, addresses.export_examples(target, kind), key=f"bulk_export_{kind}", icon=":material/download:"
            )


def _dataset(db: Database, target: Filter | Sequence[int]) -> None:
    """At once with safe defaults, or reviewed first; what the defaults leave out stands beside the button."""
    # What is chosen by hand gets the defaults too: a row of the table does not show whether it teaches anything.
    chosen = target if isinstance(target, Filter) else Filter(ids=tuple(target))
    found = reads.outlook(db, chosen)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bulk_dataset_bar"):
        if st.button(
            "Create dataset",
            key="bulk_dataset",
            icon=":material/dataset:",
            type="primary",
            disabled=not found.kept,
            help=f"Freezes {count(found.kept, 'example')} now. Undo archives it."
            if found.kept
            else "Nothing here is taken by default. Review first, and let in what you want.",
        ):
            _freeze_now(db, found)
        if st.button(
            "Review first",
            key="bulk_review",
            icon=":material/fact_check:",
            help="Shows what it would hold and what stands against it, and lets you change everything.",
        ):
            st.switch_page(addresses.DATASETS, query_params=addresses.new_dataset(chosen))
        st.caption(plain(f"A new dataset takes {defaults.describe_outlook(found)}"), width="stretch")


def _freeze_now(db: Database, found: Outlook) -> None:
    """Ask for it and go where its progress is shown. It is frozen in the background."""
    asked: list[DatasetVersion] = []

    def act() -> None:
        target = defaults.propose_target(db, found.filter)
        version = snapshots.request(
            db,
            defaults.propose_name(db, found.filter, target),
            filter=found.filter,
            recipe=Recipe(target=target),
            split=Split(),
            actor=session.actor(),
        )
        if RUNNING.background is not None:
            RUNNING.background.wake()
        asked.append(version)
        left = f"; {found.gone:,} {'is' if found.gone == 1 else 'are'} left out" if found.gone else ""
        said = f"Creating {version.label} from {found.kept:,} of {count(found.total, 'example')}{left}."
        messages.done(said, undo=lambda: _archive(db, version))

    if messages.attempt(act):
        name, number = asked[0].name, asked[0].version
        st.switch_page(addresses.DATASETS, query_params={"dataset": name, "version": str(number)})
    st.rerun()  # the notice says why not


def _archive(db: Database, version: DatasetVersion) -> str:
    snapshots.archive(db, version.id, actor=session.actor(), reason="creation undone on the page")
    return f"{version.label} is archived; “Show archived versions” on the datasets page brings it back."


def _old_data(db: Database) -> None:
    with st.container(key="bulk_old"):
        st.markdown("**Tag old data as development**")
        day = st.date_input("Created before (UTC)", value=None, key="bulk_old_day", format="YYYY-MM-DD")
        before = Filter(exclude_tags=("DEVELOPMENT",), created_to=_midnight(day)) if day else None
        number = reads.count(db, before) if before else 0
        st.text(
            f"{count(number, 'example')} from before {day} without DEVELOPMENT."
            if day
            else "Choose the day your real work began; what is older is counted here first."
        )

        def act() -> None:
            change = tagging.tag_created_between(
                db,
                None,
                _midnight(day) if day else None,
                ["DEVELOPMENT"],
                actor=session.actor(),
                reason=f"old data: created before {day}",
            )
            _said(db, change)

        st.button(
            "Tag as DEVELOPMENT",
            key="bulk_old_go",
            type="primary",
            disabled=not number,
            help=None if number else "Choose a date that has examples before it.",
            on_click=lambda: modals.ask(
                "Tag old data as development?",
                f"{count(number, 'example')} created before {day} will get the tag DEVELOPMENT. It can be undone.",
                yes=f"Tag {count(number, 'example')}",
                act=act,
            ),
        )


def _by_quality(db: Database, chosen: Filter) -> None:
    with st.container(key="bulk_quality"):
        st.markdown("**Tag by quality, in this filter**")
        low, high = st.slider("Quality from, to", 0.0, 1.0, (0.0, 0.4), step=0.05, key="bulk_quality_range")
        tag = st.selectbox("Tag", list(BUILT_IN), index=list(BUILT_IN).index("LOW_QUALITY"), key="bulk_quality_tag")
        lows = [score for score in (chosen.quality_min, low) if score is not None]
        highs = [score for score in (chosen.quality_max, high) if score is not None]
        empty = max(lows) > min(highs)
        within = None if empty else chosen.model_copy(update={"quality_min": max(lows), "quality_max": min(highs)})
        number = reads.count(db, within) if within else 0
        st.text(f"{count(number, 'example')} of the filter scored {low:.2f} to {high:.2f}.")

        def act() -> None:
            _said(
                db,
                tagging.tag_by_quality(
                    db,
                    low,
                    high,
                    [tag],
                    within=chosen,
                    actor=session.actor(),
                    reason=f"quality {low:.2f} to {high:.2f}",
                ),
            )

        st.button(
            f"Tag {count(number, 'example')}",
            key="bulk_quality_go",
            type="primary",
            disabled=not number,
            help=None if number else "No example of the filter scored in this range.",
            on_click=lambda: modals.ask(
                "Tag by quality?",
                f"{count(number, 'example')} will get the tag {tag}. It can be undone.",
                yes=f"Tag {count(number, 'example')}",
                act=act,
            ),
        )


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
