"""All versions, the newest first, and the way to one of them, to two compared, and to a new one."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.splits import NAMES
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples.filters import Filter, describe
from ui.data import reads as cached
from ui.datasets import place, progress
from ui.parts import addresses
from ui.parts.formatting import ago, count, plain, size

_STATUS = {
    "legacy": "↩ original file",
    "queued": "◔ waiting",
    "building": "◑ building",
    "frozen": "❄ frozen",
    "failed": "✗ failed",
    "cancelled": "– stopped",
}
#: The grid is this high at most; more versions scroll.
_HIGHEST = 640


def title() -> None:
    st.title("Datasets", anchor=False)
    st.caption("What do we train on?")


def draw(db: Database, versions: list[DatasetVersion]) -> None:
    if not versions and cached.is_empty(db):
        _begin()
        return
    _new(db)
    archived = st.session_state.get("list_archived", False)
    shown = [version for version in versions if archived or version.archived_at is None]
    for version in shown:
        if version.is_open:
            progress.draw(db, version)
    if not versions:
        st.info(
            "No dataset yet. A dataset is a frozen, numbered choice of examples, ready to train on. "
            "Press “Create a dataset” above, or choose better examples on the Data page first."
        )
        return
    if shown:
        _numbers(shown)
        _table(shown, progress.gone(db, shown))
    if any(version.archived_at for version in versions):
        st.toggle("Show archived versions", key="list_archived", persist_state="session")


def _begin() -> None:
    st.info(
        "No dataset yet, and no examples to make one from. A dataset is a frozen, numbered choice of examples, "
        "ready to train on. Import examples first; then choose the best of them on the Data page."
    )
    if st.button("Import a file", key="list_import", type="primary", icon=":material/upload_file:"):
        st.switch_page(addresses.IMPORTING)


def _new(db: Database) -> None:
    """One click from the filter that the data page shows now."""
    chosen: Filter = st.session_state.get("filter", Filter())
    number = cached.count(db, chosen)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="list_new"):
        st.markdown(
            f"**From the current filter: {count(number, 'example')}** ({plain(describe(chosen))})", width="stretch"
        )
        st.page_link(addresses.DATA, label="Change the filter", icon=":material/filter_alt:")
        st.button(
            "Create a dataset",
            key="list_create",
            type="primary",
            icon=":material/add:",
            disabled=not number,
            on_click=lambda: place.go_to_new(chosen),
        )
        if not number:
            st.caption("No example matches the filter: change it first.", width="content")


def _numbers(versions: list[DatasetVersion]) -> None:
    frozen = [version for version in versions if version.status == "frozen"]
    with st.grid(4, min_column_width=130):
        st.metric("Datasets", f"{len({version.name for version in versions}):,}", border=True)
        st.metric("Frozen versions", f"{len(frozen):,}", border=True)
        st.metric(
            "Total records",
            f"{sum(version.example_count for version in frozen):,}",
            border=True,
            help="Of all frozen versions together: an example that is in two of them counts twice.",
        )
        verified = sum(1 for version in frozen if version.verified_at)
        st.metric(
            "Verified",
            f"{verified:,} of {len(frozen):,}",
            border=True,
            help="Rendered again, record by record, and found to be what was frozen.",
        )


def _table(versions: list[DatasetVersion], gone: frozenset[int]) -> None:
    st.subheader("Versions", anchor=False)
    places = tuple((version.name, version.version) for version in versions)

    def open_row() -> None:
        place.go_to_version(*places[st.session_state["list_open"].row])

    key = f"list_rows_{hash(places) & 0xFFFFFF:x}"  # a grid of its own for each list: a selection is of positions
    with st.container(key="versions_grid"):
        picked = st.dataframe(
            _frame(versions, gone),
            key=key,
            hide_index=True,
            height="auto" if len(versions) <= 10 else _HIGHEST,
            on_select="rerun",
            selection_mode="multi-row",
            placeholder="–",
            column_config=_columns(open_row),
            alt="Dataset versions: name, version, state, use, records, splits, quality, tokens, size, verified, who.",
        )
    _compare([versions[row] for row in picked.selection.rows if row < len(versions)])


def _compare(picked: Sequence[DatasetVersion]) -> None:
    frozen = [version for version in picked if version.status == "frozen"]
    ready = len(picked) == 2 and len(frozen) == 2
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compare",
            key="list_compare",
            icon=":material/compare_arrows:",
            disabled=not ready,
            on_click=lambda: _go_compare(picked),
        )
        only = frozen[0] if len(picked) == 1 and frozen else None
        if only and st.button(
            "Use for fine-tuning", key="list_train", type="primary", icon=":material/model_training:"
        ):
            st.switch_page(addresses.FINE_TUNING, query_params=addresses.training_on(only.label))
        if not ready:
            st.caption("To compare, select two frozen versions in the table.", width="content")


def _go_compare(picked: Sequence[DatasetVersion]) -> None:
    """The older one on the left."""
    older, newer = sorted(picked, key=lambda version: version.id)
    place.go_to_comparison(older.name, older.version, newer.label)


def _frame(versions: Sequence[DatasetVersion], gone: frozenset[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "open": ["Open"] * len(versions),
            "name": [version.name for version in versions],
            "version": [version.version for version in versions],
            "status": [_status(version, gone) for version in versions],
            "used": [f"by {used(version)}" if used(version) else None for version in versions],
            "records": pd.Series([_records(version) for version in versions], dtype="Int64"),
            "splits": [splits_in_words(version) for version in versions],
            "quality": pd.Series([version.avg_quality for version in versions], dtype="float64"),
            "tokens": [tokens(version) for version in versions],
            "size": [size(version.size_bytes) if version.size_bytes else None for version in versions],
            "verified": ["✓ " + ago(version.verified_at) if version.verified_at else None for version in versions],
            "by": [version.created_by for version in versions],
            "created": pd.Series([version.created_at for version in versions], dtype="datetime64[us, UTC]"),
            "description": [version.description for version in versions],
        }
    )


def _status(version: DatasetVersion, gone: frozenset[int]) -> str:
    if version.archived_at:
        return "▣ archived"
    return "◌ interrupted" if version.id in gone else _STATUS[version.status]


def used(version: DatasetVersion) -> str:
    """`job 3`, or the name that the original system gave its job; "" where none uses it."""
    return f"job {version.used_by}" if version.used_by else version.used_by_key


def _records(version: DatasetVersion) -> int | None:
    return version.example_count if version.status in ("frozen", "legacy") else None


def splits_in_words(version: DatasetVersion) -> str | None:
    """`3,280 / 410 / 410`: train, validation, test."""
    counts = (version.manifest or {}).get("counts")
    return " / ".join(f"{counts[name]:,}" for name in NAMES) if counts else None


def tokens(version: DatasetVersion) -> str | None:
    """With `about` before an estimate."""
    counted = (version.manifest or {}).get("tokens")
    if not counted:
        return None
    return f"{'' if counted['method'] == 'exact' else 'about '}{counted['all']:,}"


def _columns(open_row: Callable[[], None]) -> dict[str, Any]:
    config = st.column_config
    return {
        "open": config.ButtonColumn("", width=56, type="tertiary", key="list_open", on_click=open_row),
        "name": config.TextColumn("Dataset", width=150),
        "version": config.NumberColumn("Version", width=64),
        "status": config.TextColumn("State", width=92),
        "used": config.TextColumn("Used", width=76),
        "records": config.NumberColumn("Records", format="localized", width=74),
        "splits": config.TextColumn("Train / validation / test", width=158),
        "quality": config.ProgressColumn("Quality", min_value=0, max_value=1, format="%.2f", width=96),
        "tokens": config.TextColumn("Tokens", width=112, alignment="right"),
        "size": config.TextColumn("Size", width=85, alignment="right"),
        "verified": config.TextColumn("Verified", width=105),
        "by": config.TextColumn("By", width=90),
        "created": config.DatetimeColumn("Created (UTC)", format="YYYY-MM-DD HH:mm", width=130),
        "description": config.TextColumn("Description", width=220),
    }
