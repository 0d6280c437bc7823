"""Two versions side by side: the older one left, the newer one right, what became of the one in the middle."""

import streamlit as st

from core.datasets import comparison
from core.datasets.comparison import Comparison, Gap, Rows, Share
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples.filters import describe
from ui.datasets import charts, place
from ui.parts import addresses
from ui.parts.formatting import plain, score

_DRIFTED = 12


def draw(db: Database, left: DatasetVersion, right: DatasetVersion) -> None:
    st.button(
        f"Back to {plain(left.label)}",
        key="compare_back",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=lambda: place.go_to_version(left.name, left.version),
    )
    st.title(plain(f"{left.label} and {right.label}"), anchor=False)
    st.button(
        "Swap sides",
        key="compare_swap",
        icon=":material/swap_horiz:",
        on_click=lambda: place.go_to_comparison(right.name, right.version, left.label),
    )
    found = comparison.compare(db, left, right)
    before, middle, after = st.columns([3, 4, 3], gap="medium")
    with before.container(border=True, height="stretch"):
        _side(found.left, found.tokens[0])
    with middle.container(border=True, height="stretch"):
        _difference(found)
    with after.container(border=True, height="stretch"):
        _side(found.right, found.tokens[1])
    _drift(found)


def _side(version: DatasetVersion, tokens: int) -> None:
    st.markdown(f"**{plain(version.label)}**")
    st.metric("Records", f"{version.example_count:,}")
    st.metric("Average quality (0–1)", score(version.avg_quality))
    st.metric("Tokens", f"{tokens:,}")
    if version.choice is not None:
        st.caption("Filter")
        st.text(describe(version.choice.filter))
    st.button(
        "Open",
        key=f"compare_open_{version.id}",
        icon=":material/open_in_new:",
        on_click=lambda: place.go_to_version(version.name, version.version),
    )


def _difference(found: Comparison) -> None:
    st.markdown(f"**Changes from {plain(found.left.label)} to {plain(found.right.label)}**")
    st.text(_balance(found))
    _rows("added", ":green[:material/add:]", "added", found.added)
    _rows("removed", ":red[:material/remove:]", "removed", found.removed)
    _rows("changed", ":orange[:material/edit:]", "with changed content", found.changed)
    _rows("moved", ":violet[:material/move_down:]", "moved to another split", found.moved_split)
    st.markdown(f":material/check: **{found.same:,}** the same, in the same split")
    if found.settings_changed:
        st.markdown(f"Different settings: {plain(', '.join(found.settings_changed))}.")
    else:
        st.markdown("Same settings: filter, recipe and splits are equal.")


def _balance(found: Comparison) -> str:
    left, right = found.left, found.right
    parts = [f"{right.example_count - left.example_count:+,} records"]
    if left.avg_quality is not None and right.avg_quality is not None:
        parts.append(f"{right.avg_quality - left.avg_quality:+.3f} quality{_chance(found.quality_gap)}")
    return ", ".join([*parts, f"{found.tokens[1] - found.tokens[0]:+,} tokens"])


def _chance(gap: Gap | None) -> str:
    if gap is None:
        return ""
    verdict = "within chance; " if gap.is_chance else ""
    return f" ({verdict}95 % interval {gap.low:+.3f} to {gap.high:+.3f})"


def _rows(key: str, icon: str, words: str, rows: Rows) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"{icon} **{rows.count:,}** {words}", width="content")
        if rows.ids:
            which = "them" if len(rows.ids) == rows.count else f"the first {len(rows.ids):,}"
            if st.button(f"Open {which}", key=f"compare_rows_{key}", type="tertiary"):
                st.switch_page(addresses.DATA, query_params=addresses.example_ids(rows.ids))


def _drift(found: Comparison) -> None:
    st.subheader("Drift", anchor=False)
    st.caption("What share of each version's records has which intent, tag and quality; the largest differences first.")
    left, right = found.left.label, found.right.label
    intents, tags, quality = st.columns(3, gap="small")
    with intents.container(border=True, height="stretch"):
        _shares("Intents", found.intents, left, right, "intent", "compare_intents")
    with tags.container(border=True, height="stretch"):
        _shares("Tags", found.tags, left, right, "tag", "compare_tags")
    with quality.container(border=True, height="stretch"):
        filled = [share for share in found.quality if share.left or share.right]
        _shares("Quality", filled, left, right, "quality score", "compare_quality")
    _lengths(found)


def _shares(title: str, shares: list[Share] | tuple[Share, ...], left: str, right: str, axis: str, key: str) -> None:
    if not shares:
        st.markdown(f"**{title}**")
        st.text("Nothing to compare: neither version has any.")
        return
    figure = charts.drift(title, shares[:20] if key == "compare_quality" else shares[:_DRIFTED], left, right, axis=axis)
    charts.show(figure, key, f"{title}: share of the records of both versions.")


def _lengths(found: Comparison) -> None:
    def median(shares: tuple[Share, ...]) -> str:
        middle = next((share for share in shares if share.name == "50%"), None)
        return "–" if middle is None else f"{middle.left:,.0f} → {middle.right:,.0f} characters"

    with st.grid(2, min_column_width=220):
        st.metric("Length of the request, median", median(found.request_length), border=True)
        st.metric("Length of the answer, median", median(found.target_length), border=True)
