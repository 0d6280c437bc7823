"""The tab Platforms: what a post usually gets on each, and when posts were answered most."""

import html
import zoneinfo
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.db import Database
from core.history import FEW
from core.history.effectiveness import HOURS, Platform, Slot, Times
from ui.insights import charts, empty, labels, reads
from ui.parts import charts as parts
from ui.parts.formatting import count, shortened
from ui.parts.tables import height

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ALL = ""
_BEST = 3


def draw(db: Database) -> None:
    found = reads.platforms(db)
    if not found:
        empty.draw(
            "No post with a platform is recorded. This tab will show what a post usually gets on each platform, "
            "which is what a single post is measured against, and the times of the week at which posts were "
            "answered most. It rests on the company's history, which is imported.",
            icon=":material/share:",
        )
        return
    _baselines(found)
    _times(db, [each.name for each in found])


def _baselines(found: Sequence[Platform]) -> None:
    known = [charts.Dot(each.name, each.engagement) for each in found if each.engagement is not None]
    if known:
        with st.container(border=True, key="insights_platforms"):
            parts.draw(
                charts.dots(known[:20], "Engagement by platform (hollow: under 30 rows)", "answers per view", ".2%"),
                key="chart_platforms",
                alt="Engagement on each platform with its 95 % interval; hollow under 30 rows.",
            )
    config = st.column_config
    st.dataframe(
        pd.DataFrame(
            {
                "platform": [each.name for each in found],
                "posts": [each.posts for each in found],
                "few": [labels.few(each.posts) for each in found],
                "median": pd.Series([each.median_views for each in found], dtype="float64"),
                "views": [each.views.shown() if each.views else None for each in found],
                "engagement": [each.engagement.shown(".2%") if each.engagement else None for each in found],
            }
        ),
        key="platform_table",
        hide_index=True,
        height=height(len(found), 420),
        placeholder="–",
        column_config={
            "platform": config.TextColumn("Platform", width=150),
            "posts": config.NumberColumn("Posts (n)", format="localized", width=84),
            "few": config.TextColumn("Few", width=76, help="A figure that rests on fewer than 30 rows can say little."),
            "median": config.NumberColumn("Views, median", format="%.0f", width=112),
            "views": config.TextColumn("Views, mean (n, 95 %)", width=260),
            "engagement": config.TextColumn("Answers per view (n, 95 %)", width=280),
        },
        alt="Platforms: posts, mark for few, median and mean of the views, answers per view, each with interval.",
    )


def _times(db: Database, names: Sequence[str]) -> None:
    st.subheader("Best times to publish", anchor=False)
    with st.container(horizontal=True, gap="small"):
        platform = st.selectbox(
            "Platform",
            [_ALL, *names],
            key="times_platform",
            format_func=lambda name: "All platforms" if name == _ALL else shortened(name, 60),
            width=240,
        )
        zone = st.selectbox("Time zone", _zones(), index=0, key="times_zone", persist_state="session", width=240)
    found = reads.times(db, platform or _ALL, zone or "UTC")
    if not found.slots:
        st.info(found.note, icon=":material/schedule:")
        return
    with st.container(border=True, key="insights_times"):
        parts.draw(
            charts.heat(
                _cells(found), "Answers per view against the platform's usual", f"hours of the day ({found.zone})"
            ),
            key="chart_times",
            alt="By weekday and hours of the day, how many times the usual posts were answered; a star marks under 30.",
        )
    few = f"Every cell rests on fewer than {FEW} posts" if _all_few(found) else f"* rests on fewer than {FEW} posts"
    st.caption(f"1.00 is as usual on the post's own platform; small groups are drawn towards it. {few}.")
    for slot in [each for each in found.slots if each.is_better][:_BEST]:
        st.text(f"✓ {_when(slot)}: {slot.engagement.shown('.2f')} times the usual.")
    if found.note:
        st.text(found.note)
    st.caption(f"{count(found.posts, 'post')} with a date and counted answers.")


@st.cache_data(max_entries=1, show_spinner=False)
def _zones() -> list[str]:
    return ["UTC", *sorted(name for name in zoneinfo.available_timezones() if "/" in name and "Etc/" not in name)]


def _when(slot: Slot) -> str:
    return f"{_DAYS[slot.weekday - 1]}, {slot.hour}:00 to {slot.hour + HOURS}:00"


def _cells(found: Times) -> charts.Cells:
    by_place = {(slot.weekday, slot.hour): slot for slot in found.slots}
    hours = list(range(0, 24, HOURS))
    marked = not _all_few(found)
    grid = [[by_place.get((day, hour)) for hour in hours] for day in range(1, 8)]
    return charts.Cells(
        rows=_DAYS,
        columns=[f"{hour}–{hour + HOURS}" for hour in hours],
        values=[[slot.engagement.value if slot else None for slot in row] for row in grid],
        texts=[[_cell(slot, marked) if slot else "" for slot in row] for row in grid],
        hovers=[
            [html.escape(f"{_when(slot)}: {slot.engagement.shown('.2f')}") if slot else "" for slot in row]
            for row in grid
        ],
        middle=1.0,
        reach=0.5,
    )


def _all_few(found: Times) -> bool:
    """Then one sentence says it better than a mark in every cell."""
    return all(slot.engagement.is_few for slot in found.slots)


def _cell(slot: Slot, marked: bool) -> str:
    return f"{slot.engagement.value:.2f}{'*' if marked and slot.engagement.is_few else ''}"
