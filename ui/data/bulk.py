"""Acts on many examples: on the whole filter above the table, on the selected ones in a bar at the lower edge.

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
from ui.parts.action_bar import action_bar
from ui.parts.formatting import count, plain

REASON = "on the data page"


def draw_filter_acts(db: Database, chosen: Filter, total: int) -> None:
    """Above the table: how many there are, and what can be done with all of them."""
    st.markdown(f"**{total:,}** in this filter", width="content")
    _dataset(db, chosen, total)
    if not GRID.selected():
        with modals.popover("Tag all", key="bulk_all"):
            st.caption(f"No rows selected. Actions apply to all {count(total, 'filtered example')}.")
            _tag(db, "add", chosen, total)
            _tag(db, "remove", chosen, total)
            with st.container(horizontal=True, gap="small"):
                _verdicts(db, chosen, total)
    _export(chosen, total, "filter")
    with modals.popover("Clean up", key="bulk_more"):
        _old_data(db)
        st.divider()
        _by_quality(db, chosen)


def draw_selection_acts(db: Database, chosen: Filter, total: int) -> None:
    """At the lower edge, as soon as something is ticked."""
    ids = GRID.selected()
    if not ids:
        return
    with action_bar("bulk", len(ids), clear=GRID.deselect, total=total) as whole:
        target: Filter | tuple[int, ...] = chosen if whole else ids
        number = total if whole else len(ids)
        with modals.popover("Tag", icon=":material/new_label:", key="bulk_tag"):
            _tag(db, "add", target, number)
            _tag(db, "remove", target, number)
        _verdicts(db, target, number)
        _export(target, number, "selected")
        if not whole:
            _dataset(db, Filter(ids=ids), len(ids))


def _verdicts(db: Database, target: Filter | Sequence[int], number: int) -> None:
    _button(db, "Approve", "MANUAL_APPROVED", ":material/thumb_up:", target, number)
    _button(db, "Exclude", "EXCLUDE", ":material/visibility_off:", target, number)


def change_tags(
    db: Database, verb: tagging.Verb, target: Filter | Sequence[int], tags: Sequence[str], *, reason: str = REASON
) -> None:
    """Tag, say how many really changed, and offer undo."""
    act = tagging.add_tags if verb == "add" else tagging.remove_tags
    _said(db, act(db, target, tags, actor=session.actor(), reason=reason))


def _said(db: Database, change: tagging.TagChange) -> None:
    names = ", ".join(change.tags)
    if not change.count:
        messages.done(f"No change: they {'already have' if change.verb == 'add' else 'do not have'} {names}.")
        return
    number = count(change.count, "example")
    said = f"Tagged {number} with {names}." if change.verb == "add" else f"Removed {names} from {number}."
    messages.done(said, undo=lambda: _undo(db, change))


def _undo(db: Database, change: tagging.TagChange) -> str:
    number = tagging.undo_tags(db, change.id, actor=session.actor())
    return f"Undone: {count(number, 'example')} as before."


def _begin(target: Filter | Sequence[int], number: int, doing: str, act: Callable[[], None]) -> None:
    """At once for a selection; asked first for a filter, which may hold far more than one sees."""
    if isinstance(target, Filter):
        modals.ask(
            f"{doing}?",
            f"This affects all {count(number, 'filtered example')}. It can be undone.",
            yes=f"{doing}: {count(number, 'example')}",
            act=act,
        )
    else:
        modals.close_popovers()
        messages.attempt(act)


def _tag(db: Database, verb: tagging.Verb, target: Filter | Sequence[int], number: int) -> None:
    word = "Add tags" if verb == "add" else "Remove tags"
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
        f"{'Tag' if verb == 'add' else 'Untag'} {count(number, 'example')}",
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


def _export(target: Filter | Sequence[int], number: int, which: str) -> None:
    with st.popover("Export", key=f"bulk_export_{which}"):
        st.text(f"{count(number, 'example')}, whole rows, any size.")
        for kind, label in (("jsonl", "JSON Lines"), ("csv", "CSV")):
            st.link_button(
                label,
                addresses.export_examples(target, kind),
                key=f"bulk_export_{which}_{kind}",
                icon=":material/download:",
            )


def _dataset(db: Database, chosen: Filter, total: int) -> None:
    """At once with safe defaults, or reviewed first; what the defaults leave out stands in the button's help.

    What is chosen by hand gets the defaults too: a row of the table does not show whether it teaches anything.
    """
    found = reads.outlook(db, chosen)
    which = "dataset" if chosen.ids is None else "selected"
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        if st.button(
            f"Freeze {found.kept:,} → dataset",
            key=f"bulk_{which}",
            icon=":material/ac_unit:",
            type="primary" if chosen.ids is None else "secondary",
            disabled=not found.kept,
            help=f"A new dataset takes {plain(defaults.describe_outlook(found))} Undo archives it."
            if found.kept
            else "Nothing here is taken by default. Review first, and let in what you want.",
        ):
            _freeze_now(db, found, total)
        if chosen.ids is None and st.button(
            "Review first",
            key="bulk_review",
            help="Shows what it would hold and what is left out, and lets you change everything.",
        ):
            st.switch_page(addresses.DATASETS, query_params=addresses.new_dataset(chosen))


def _freeze_now(db: Database, found: Outlook, total: int) -> None:
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
        gone = total - found.kept
        left = f"; {gone:,} {'is' if gone == 1 else 'are'} left out" if gone else ""
        said = f"Creating {version.label} from {found.kept:,} of {count(total, 'example')}{left}."
        messages.done(said, undo=lambda: _archive(db, version))

    if messages.attempt(act):
        name, number = asked[0].name, asked[0].version
        st.switch_page(addresses.DATASETS, query_params={"dataset": name, "version": str(number)})
    st.rerun()  # the notice says why not


def _archive(db: Database, version: DatasetVersion) -> str:
    snapshots.archive(db, version.id, actor=session.actor(), reason="creation undone on the page")
    return f"{version.label} is archived; “Show archived versions” on the datasets page brings it back."


_SPANS = (30, 90, 180)


def _old_data(db: Database) -> None:
    """Tagged at once, for it can be undone; how many there are stands on each button."""
    with st.container(key="bulk_old"):
        st.markdown("**Tag old data as DEVELOPMENT**")
        today = dt.datetime.now(dt.UTC).date()
        with st.container(horizontal=True, gap="xsmall"):
            for days in _SPANS:
                day = today - dt.timedelta(days=days)
                _tag_older(db, day, f"older than {days} days", key=f"bulk_old_{days}")
        day = st.date_input("or created before (UTC)", value=None, key="bulk_old_day", format="YYYY-MM-DD")
        if day:
            _tag_older(db, day, f"before {day}", key="bulk_old_go")
        else:
            st.caption("Pick the day production began; everything older will be tagged.")


def _tag_older(db: Database, day: dt.date, said: str, *, key: str) -> None:
    number = reads.count(db, Filter(exclude_tags=("DEVELOPMENT",), created_to=_midnight(day)))

    def act() -> None:
        change = tagging.tag_created_between(
            db, None, _midnight(day), ["DEVELOPMENT"], actor=session.actor(), reason=f"old data: created before {day}"
        )
        _said(db, change)

    def clicked() -> None:
        modals.close_popovers()
        messages.attempt(act)

    st.button(
        f"{number:,} {said}",
        key=key,
        disabled=not number,
        help=f"Created before {day} and without DEVELOPMENT." if number else f"Nothing is {said} without DEVELOPMENT.",
        on_click=clicked,
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
