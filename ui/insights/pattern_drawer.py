"""One pattern in a drawer, open at `?pattern=ID`: its sentence and figures, what is decided on it, the examples that
bear it out and those that speak against it, and what became of it.

Sentences hold names out of captured text: they go through st.text and grids and nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.exc import OperationalError

from core import patterns
from core.db import Database
from core.errors import WhetstoneError
from core.examples.filters import Filter
from core.examples.store import ExampleRow
from core.history import FEW
from core.patterns import Kept
from ui.insights import labels, reads
from ui.parts import addresses, messages, session
from ui.parts.drawer import Drawer, unavailable
from ui.parts.formatting import ago, count, percent, plain, shortened
from ui.parts.tables import height

EVERY_S = 3
_VIEW, _REASON = "pattern_view", "pattern_reason"
Act = Callable[..., Kept]
_LISTED = 10


def show(pattern_id: str) -> None:
    DRAWER.show(pattern_id)


def _draw(asked: str) -> None:
    db = session.database()
    try:
        pattern, seen = patterns.get(db, asked), patterns.version(db)
        DRAWER.neighbours(asked)
        _head(pattern)
        _decide(db, pattern)
        view = st.pills("View", list(_VIEWS), default="Figures", required=True, key=_VIEW, label_visibility="collapsed")
        _VIEWS[view or "Figures"](db, pattern)
        _watch(db, asked, seen)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except OperationalError as error:
        unavailable(error)
        _watch(db, asked, None)


def _watch(db: Database, asked: str, seen: str | None) -> None:
    DRAWER.watch(EVERY_S, asked, seen, lambda: patterns.version(db))


def _leave() -> None:
    """The reason that was being written was for the pattern that was shown."""
    st.session_state.pop(_REASON, None)


DRAWER = Drawer("pattern", "Pattern", _draw, addresses.PATTERN, _leave)


def _head(pattern: Kept) -> None:
    word, icon, colour = labels.STATES[pattern.state]
    with st.container(horizontal=True, gap="small"):
        st.badge(word, icon=icon, color=colour)
        if pattern.lift is not None and pattern.lift > 1:
            st.badge("does better", icon=":material/trending_up:", color="green")
        elif pattern.lift is not None and pattern.lift < 1:
            st.badge("does worse", icon=":material/trending_down:", color="orange")
        if pattern.n is not None and (few := labels.few(pattern.n)):
            st.badge(f"{few} examples", icon=":material/warning:", color="orange")
    st.text(pattern.sentence or "It has no sentence.")
    st.caption("An association, and not a cause.")


def _decide(db: Database, pattern: Kept) -> None:
    """What can be decided now, and the reason that stays in its history."""
    st.text_input("Why (kept in its history, may stay empty)", key=_REASON, max_chars=500)

    def button(label: str, icon: str, act: Callable[[Database, Kept], None], kind: Any = "secondary") -> None:
        key = f"pattern_{label.lower().replace(' ', '_')}"
        st.button(label, key=key, icon=icon, type=kind, on_click=lambda: act(db, pattern))

    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="pattern_acts"):
        if pattern.state == "new":
            button("Accept", ":material/check:", _accept, "primary")
        if pattern.state == "accepted":
            button("Stop telling", ":material/voice_over_off:", _unaccept)
        if pattern.state == "retired":
            button("Restore", ":material/unarchive:", _restore)
        else:
            button("Retire", ":material/archive:", _retire)
    st.caption(_MEANS[pattern.state])
    notice = messages.latest()
    if notice is not None:
        (st.error if notice.failed else st.success)(plain(notice.text))


def _accept(db: Database, pattern: Kept) -> None:
    _decided(db, pattern, patterns.accept, patterns.unaccept, "The planner is told of it from now on")


def _unaccept(db: Database, pattern: Kept) -> None:
    _decided(db, pattern, patterns.unaccept, patterns.accept, "The planner is not told of it any more")


def _retire(db: Database, pattern: Kept) -> None:
    _decided(db, pattern, patterns.retire, patterns.restore, "Retired, also for when it is found again")


def _restore(db: Database, pattern: Kept) -> None:
    _decided(db, pattern, patterns.restore, patterns.retire, "In the list again")


def _decided(db: Database, pattern: Kept, act: Act, opposite: Act, said: str) -> None:
    """With Undo, since every decision has an opposite."""
    # Not as it was drawn: who types and clicks at once sends both together.
    reason = st.session_state.get(_REASON, "").strip()

    def do() -> None:
        act(db, pattern.id, actor=session.actor(), reason=reason or "on the insights page")
        messages.done(f"{said}: {shortened(pattern.sentence, 90)}", undo=undone)

    def undone() -> str:
        opposite(db, pattern.id, actor=session.actor(), reason="undone on the insights page")
        return f"Undone: {shortened(pattern.sentence, 90)}"

    messages.attempt(do)


_MEANS: dict[patterns.State, str] = {
    "new": "Accept: the planner is told of it for requests that it bears on. Retire: out of the list, for good.",
    "accepted": "The planner is told of it for requests that it bears on.",
    "decayed": "The latest run did not find it any more, so the planner is not told of it, unless it is found again.",
    "retired": "Out of the list and out of the planner's hints, also when it is found again.",
}


def _figures(_db: Database, pattern: Kept) -> None:
    if pattern.filter is None:
        st.info("The original system wrote this pattern; more figures than these are not known of it.")
    rows = [
        ("Examples that have it", None if pattern.n is None else f"{pattern.n:,}"),
        ("Did well, of those", _share(pattern.confidence)),
        ("Did well, of the rest", _share(pattern.rest)),
        ("Difference in points (95 % interval)", labels.points(pattern)),
        ("Lift", None if pattern.lift is None else f"{pattern.lift:.2f} times as often as all"),
        ("Leverage", None if pattern.leverage is None else f"{pattern.leverage:+.4f}"),
        ("Mean quality less that of the rest (95 % interval)", labels.quality(pattern)),
        ("p where it was found, corrected", _p(pattern.p_found)),
        ("p on the other half, corrected", _p(pattern.p_held_out)),
        ("What “did well” is", labels.well(pattern) or None),
        ("Found", None if pattern.discovered_at is None else ago(pattern.discovered_at)),
        ("Last found again", None if pattern.validated_at is None else ago(pattern.validated_at)),
        ("Runs that found it", f"{pattern.validations:,}"),
        ("Accepted by", pattern.accepted_by or None),
    ]
    frame = pd.DataFrame([(name, value) for name, value in rows if value is not None], columns=["figure", "value"])
    st.dataframe(
        frame,
        key="pattern_figures",
        hide_index=True,
        height=height(len(frame), 640),
        column_config={
            "figure": st.column_config.TextColumn("Figure", width=300),
            "value": st.column_config.TextColumn("Value", width=320),
        },
        alt="Figures of the pattern, each with its value.",
    )


def _share(share: float | None) -> str | None:
    return None if share is None else percent(share)


def _p(p: float | None) -> str | None:
    return None if p is None else labels.probability(p)


def _examples(db: Database, pattern: Kept) -> None:
    if pattern.filter is None:
        st.info("The original system wrote this pattern, and not by which rule, so its examples are not known.")
        return
    for did_well, title in ((True, "Bear it out" if _is_better(pattern) else "Did well all the same"),
                            (False, "Speak against it" if _is_better(pattern) else "Bear it out")):  # fmt: skip
        _listed(db, pattern, did_well, title)


def _is_better(pattern: Kept) -> bool:
    return pattern.lift is None or pattern.lift >= 1


def _listed(db: Database, pattern: Kept, did_well: bool, title: str) -> None:
    ids = reads.example_ids(db, pattern.id, did_well)
    many = len(ids) > reads.IDS_IN_URL
    shown = ids[: reads.IDS_IN_URL]
    kind = "well" if did_well else "not"
    of = f"over {reads.IDS_IN_URL:,} examples" if many else count(len(ids), "example")
    not_well = "did not succeed, or nobody knows" if pattern.outcome == "success" else "did not do well"
    how = "did well" if did_well else not_well
    with st.container(border=True, key=f"pattern_examples_{kind}"):
        st.markdown(f"**{title}**")
        st.text(f"{of} that {how}" + (f"; {labels.FEW_MARK} rows." if 0 < len(ids) < FEW else "."))
        if not ids:
            return
        _rows(patterns.examples_of(db, pattern, did_well=did_well, limit=_LISTED), kind)
        with st.container(horizontal=True, gap="medium"):
            some = f"the first {len(shown):,}" if many else "all"
            st.page_link(
                addresses.DATA,
                label=f"Show {some} on the page Data",
                icon=":material/table_chart:",
                query_params=addresses.example_ids(shown),
            )
            st.page_link(
                addresses.DATASETS,
                label="Make a dataset of them",
                icon=":material/dataset:",
                query_params=addresses.new_dataset(Filter(ids=shown, exclude_tags=())),
            )


def _rows(rows: Sequence[ExampleRow], kind: str) -> None:
    st.dataframe(
        pd.DataFrame(
            {
                "request": [row.request for row in rows],
                "intent": [row.intent for row in rows],
                "quality": pd.Series([row.quality_score for row in rows], dtype="float64"),
                "created": pd.Series([row.created_at for row in rows], dtype="datetime64[us, UTC]"),
            }
        ),
        key=f"pattern_rows_{kind}",
        hide_index=True,
        height=height(len(rows), 370),
        placeholder="–",
        column_config={
            "request": st.column_config.TextColumn("Request", width=330),
            "intent": st.column_config.TextColumn("Intent", width=110),
            "quality": st.column_config.NumberColumn("Quality", format="%.2f", width=70),
            "created": st.column_config.DatetimeColumn("Created (UTC)", format="YYYY-MM-DD", width=100),
        },
        alt="The newest of these examples: request, intent, quality, date.",
    )


def _history(db: Database, pattern: Kept) -> None:
    found = patterns.history(db, pattern.id)
    if not found:
        st.text("Nothing is recorded of it: it was there before patterns were mined here.")
        return
    figures = [each.figures or {} for each in found]
    st.dataframe(
        pd.DataFrame(
            {
                "at": pd.Series([each.at for each in found], dtype="datetime64[us, UTC]"),
                "event": [each.event for each in found],
                "n": pd.Series([each.get("n") for each in figures], dtype="Int64"),
                "lift": pd.Series([each.get("lift") for each in figures], dtype="float64"),
                "actor": [each.actor for each in found],
                "reason": [each.reason for each in found],
            }
        ),
        key="pattern_history",
        hide_index=True,
        height=height(len(found), 480),
        placeholder="–",
        column_config={
            "at": st.column_config.DatetimeColumn("When (UTC)", format="YYYY-MM-DD HH:mm", width=130),
            "event": st.column_config.TextColumn("What", width=90),
            "n": st.column_config.NumberColumn("n", format="localized", width=60),
            "lift": st.column_config.NumberColumn("Lift", format="%.2f", width=60),
            "actor": st.column_config.TextColumn("Who", width=90),
            "reason": st.column_config.TextColumn("Why", width=220),
        },
        alt="What became of the pattern: when, what, n and lift then, who, why.",
    )


_VIEWS: dict[str, Callable[[Database, Kept], None]] = {
    "Figures": _figures,
    "Examples": _examples,
    "History": _history,
}
