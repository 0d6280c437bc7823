"""The tab Patterns: how the mining stands, all patterns in a table and in a chart, and whether hints help."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import patterns
from core.db import Database
from core.patterns import Kept, State
from ui.data import reads as examples
from ui.insights import charts, hints, labels, mining, pattern_drawer, reads
from ui.parts import addresses
from ui.parts.formatting import count, plain, shortened
from ui.parts.grid import Grid

GRID: Grid[str] = Grid("pattern", "pattern_table")
_CHOSEN = "pattern_states"
_SHOWN_FIRST: tuple[State, ...] = ("new", "accepted")


def draw(db: Database) -> None:
    pattern_drawer.DRAWER.follow_url()
    latest = reads.mining(db)
    seen = reads.version(db, latest)  # before what it is the version of
    found = reads.all_patterns(db)
    runs = patterns.runs(db)
    if not found and not runs and examples.is_empty(db):
        _nothing_to_mine()
        return
    _cards(found, runs)
    mining.draw(db, latest, seen)
    mining.last(runs)
    if found:
        shown = _filter(found)
        _shown(shown)
    hints.draw(db)
    mining.history(runs)


def _nothing_to_mine() -> None:
    st.info(
        "No examples yet. This tab will show what goes with good work: which intents, topics, agents, plans and times "
        "do better than the rest, how sure that is, and the examples that it rests on. Import executions first.",
        icon=":material/insights:",
    )
    st.page_link(addresses.IMPORTING, label="Import executions", icon=":material/upload_file:")


def _cards(found: Sequence[Kept], runs: Sequence[patterns.Run]) -> None:
    numbers = Counter(each.state for each in found)
    with st.grid(4, min_column_width=150):
        st.metric("In use", f"{numbers['accepted']:,}", border=True, help="Accepted: the planner is told of them.")
        st.metric("To decide on", f"{numbers['new']:,}", border=True, help="Found, and neither accepted nor retired.")
        st.metric(
            "Decayed", f"{numbers['decayed']:,}", border=True, help="Not found any more by the latest run that looked."
        )
        st.metric(
            "Examples looked at",
            f"{max(runs[0].examples.values(), default=0):,}" if runs else "–",
            border=True,
            help="By the latest run: those with a score, or of which success is known.",
        )


def _filter(found: Sequence[Kept]) -> list[Kept]:
    numbers = Counter(each.state for each in found)
    st.subheader("Patterns", anchor=False)
    # Always the same four, so that what is accepted does not vanish with a choice that was made before.
    chosen = st.pills(
        "State",
        list(labels.STATES),
        selection_mode="multi",
        default=_SHOWN_FIRST,
        key=_CHOSEN,
        format_func=lambda state: f"{labels.STATES[state][0]} ({numbers[state]:,})",
        label_visibility="collapsed",
        persist_state="session",
    )
    return [each for each in found if each.state in chosen]


def _shown(shown: Sequence[Kept]) -> None:
    if not shown:
        GRID.draw_none()
        st.info("No pattern is in a state that is chosen above.")
        return
    _table(shown)
    st.caption(
        f"{count(len(shown), 'pattern')}, the surest first; click a heading for another order. "
        "A pattern is an association, and not a cause."
    )
    if len(shown) >= reads.MOST:
        st.caption(f"The surest {reads.MOST:,} are shown.")
    drawn = [each for each in shown if each.n is not None and each.lift is not None]
    if drawn:
        with st.container(border=True, key="insights_lift"):
            charts.draw_lift(drawn, pattern_drawer.show)
    if len(drawn) < len(shown):
        st.caption(plain(f"{count(len(shown) - len(drawn), 'pattern')} without a lift cannot be drawn."))


def _table(shown: Sequence[Kept]) -> None:
    """It sorts by a click on a heading; positions stay those of the rows that are given."""
    GRID.draw(
        [each.id for each in shown],
        _frame(shown),
        _columns(),
        open_one=pattern_drawer.show,
        highest=480,
        choosable=False,
        alt="Patterns: state, what its examples have, by what they do well, lift, number of examples, mark for few, "
        "difference in points with interval, share that did well, share of the rest, whether it holds on new data, "
        "change of quality, when last found. The first column opens one.",
    )


def _frame(shown: Sequence[Kept]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": [labels.SIGNS[each.state] for each in shown],
            "rule": [shortened(labels.rule(each), 300) for each in shown],
            "well": [labels.well(each) for each in shown],
            "lift": pd.Series([each.lift for each in shown], dtype="float64"),
            "n": pd.Series([each.n for each in shown], dtype="Int64"),
            "few": [labels.few(each.n) for each in shown],
            "points": [labels.points(each) for each in shown],
            "confidence": _percent([each.confidence for each in shown]),
            "rest": _percent([each.rest for each in shown]),
            "held": [labels.held(each) for each in shown],
            "quality": pd.Series([each.quality for each in shown], dtype="float64"),
            "validated": pd.Series([each.validated_at for each in shown], dtype="datetime64[us, UTC]"),
        }
    )


def _percent(shares: Sequence[float | None]) -> pd.Series:
    return pd.Series([None if share is None else 100 * share for share in shares], dtype="float64")


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "state": config.TextColumn("State", width=84),
        "rule": config.TextColumn("Examples …", width=310),
        "well": config.TextColumn("do well by", width=112, help="What “did well” is."),
        "lift": config.NumberColumn("Lift", format="%.2f", width=58, help="How many times as often as all."),
        "n": config.NumberColumn("n", format="localized", width=62, help="Examples that have it: its support."),
        "few": config.TextColumn("Few", width=72, help="A figure that rests on fewer than 30 rows can say little."),
        "points": config.TextColumn("Points (95 %)", width=128, help="The difference of both shares, with interval."),
        "confidence": config.NumberColumn(
            "Did well", format="%.0f %%", width=76, help="The share of them that did well: its confidence."
        ),
        "rest": config.NumberColumn("The rest", format="%.0f %%", width=76),
        "held": config.TextColumn(
            "Holds on new data", width=128, help="Tried again on the half of the examples it was not found on."
        ),
        "quality": config.NumberColumn("Quality", format="%+.2f", width=72, help="Mean quality less that of the rest."),
        "validated": config.DatetimeColumn("Last found (UTC)", format="YYYY-MM-DD HH:mm", width=130),
    }
