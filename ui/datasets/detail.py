"""One version: what it is, what it holds, where it came from, and what can be done with it."""

from collections.abc import Callable
from typing import Literal, cast

import streamlit as st

from core.datasets import exporting, lineage, snapshots
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples.filters import describe
from ui.datasets import charts, draft, export, overview, place, progress, verify
from ui.datasets import records as dataset_records
from ui.datasets.create import short_number, tokens_in_words
from ui.datasets.draft import GROUPS
from ui.parts import addresses, messages, session
from ui.parts.formatting import ago, count, exactly, plain, score, size
from ui.parts.messages import attempt

_TARGETS = {"plan": "the plan", "result": "the result", "both": "the plan and the result"}
_LEFT_OUT = {
    "excluded": "kept out by hand",
    "empty_request": "without a request",
    "no_plan": "no plan to learn from",
    "no_result": "no result to learn from",
    "duplicate": "exact duplicate",
}


def back() -> None:
    st.button(
        "All datasets", key="version_back", icon=":material/arrow_back:", type="tertiary", on_click=place.go_to_list
    )


def draw(db: Database, version: DatasetVersion, known: list[DatasetVersion]) -> None:
    back()
    _head(version, known, is_gone=version.id in progress.gone(db, [version]))
    if version.is_open:
        progress.draw(db, version)
    elif version.status == "failed":
        st.error(plain(f"This version was not frozen. {version.error or ''}"), icon=":material/error:")
    elif version.status == "cancelled":
        st.info("This version was stopped before it was frozen. Nothing of it is kept but how it was to be made.")
    elif version.status == "legacy":
        st.info("A file of the original system: listed, with what is known of it. Its records are not here.")
    _acts(db, version, known)
    if version.status == "frozen":
        verify.draw(db, version)
        _numbers(version)
        charts.draw(version)
        _views(db, version)
    elif version.choice is not None:
        _made(version)
    else:
        _legacy(version)


def _head(version: DatasetVersion, known: list[DatasetVersion], *, is_gone: bool) -> None:
    numbers = sorted({each.version for each in known if each.name == version.name} | {version.version}, reverse=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(plain(version.name), anchor=False, width="content")
        if len(numbers) > 1:
            # A key for each version: the choice must follow the URL, not what was chosen on another version.
            key = f"version_number_{version.id}"
            st.selectbox(
                "Version",
                numbers,
                index=numbers.index(version.version),
                key=key,
                width=140,
                label_visibility="collapsed",
                format_func=lambda number: f"Version {number}",
                on_change=lambda: place.go_to_version(version.name, st.session_state[key]),
            )
        else:
            st.text(f"Version {version.version}", width="content")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _badges(version, is_gone=is_gone)
        when = f"{ago(version.created_at)} ({exactly(version.created_at)})" if version.created_at else "some time ago"
        st.text(f"by {version.created_by or 'unknown'}, {when}", width="content")
    if version.description:
        st.text(version.description)


Colour = Literal["blue", "red", "gray", "orange"]


def _badges(version: DatasetVersion, *, is_gone: bool) -> None:
    kinds: dict[str, tuple[str, str, Colour]] = {
        "frozen": ("Frozen", ":material/ac_unit:", "blue"),
        "failed": ("Failed", ":material/error:", "red"),
        "cancelled": ("Stopped", ":material/block:", "gray"),
        "legacy": ("Original system", ":material/history:", "gray"),
    }
    building: tuple[str, str, Colour] = ("Building", ":material/hourglass_top:", "orange")
    label, icon, colour = kinds.get(version.status, ("Interrupted", *building[1:]) if is_gone else building)
    st.badge(label, icon=icon, color=colour)
    if version.verified_at:
        st.badge(f"Verified {ago(version.verified_at)}", icon=":material/verified:", color="green")
    if used := overview.used(version):
        st.badge(f"Used by {plain(used)}", icon=":material/model_training:", color="violet")
    if version.archived_at:
        st.badge("Archived", icon=":material/archive:", color="gray")


def _acts(db: Database, version: DatasetVersion, known: list[DatasetVersion]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="version_acts"):
        if version.status == "frozen":
            if st.button("Use for fine-tuning", key="version_train", type="primary", icon=":material/model_training:"):
                st.switch_page(addresses.FINE_TUNING, query_params=addresses.training_on(version.label))
            export.draw(version)
            verify.button(db, version)
            _compare(version, known)
        if version.choice is not None and not version.is_open:
            again = version.status in ("failed", "cancelled")
            st.button(
                "Change and try again" if again else "New version",
                key="version_again",
                icon=":material/add:",
                type="primary" if again else "secondary",
                help="Begins with the same filter, recipe and splits.",
                on_click=lambda: _again(version),
            )
        if not version.is_open:
            _archive(db, version)


def _again(version: DatasetVersion) -> None:
    assert version.choice is not None, "the button is not drawn for a file of the original system"
    place.go_to_new(draft.take_over(version))


def _compare(version: DatasetVersion, known: list[DatasetVersion]) -> None:
    others = [each for each in known if each.status == "frozen" and each.id != version.id]
    others.sort(key=lambda each: (each.name != version.name, -each.id))
    with st.popover("Compare", icon=":material/compare_arrows:", key="version_compare"):
        if not others:
            st.text("There is no other frozen version yet.")
            return
        labels = [each.label for each in others]
        other = st.selectbox("Compare with", labels, key=f"compare_with_{version.id}")
        st.button(
            "Compare them",
            key="compare_go",
            type="primary",
            on_click=lambda: _go_compare(version, others[labels.index(other)]),
        )


def _go_compare(version: DatasetVersion, other: DatasetVersion) -> None:
    """The older one on the left."""
    older, newer = sorted((version, other), key=lambda each: each.id)
    place.go_to_comparison(older.name, older.version, newer.label)


def _archive(db: Database, version: DatasetVersion) -> None:
    if version.archived_at:
        st.button(
            "Take out of the archive",
            key="version_unarchive",
            icon=":material/unarchive:",
            on_click=_try,
            args=(lambda: messages.done(_unarchived(db, version)),),
        )
    else:
        st.button(
            "Archive",
            key="version_archive",
            icon=":material/archive:",
            help="Takes it out of the list. It stays whole, and can be taken back.",
            on_click=_try,
            args=(lambda: _archived(db, version),),
        )


def _try(act: Callable[[], None]) -> None:
    attempt(act)


def _archived(db: Database, version: DatasetVersion) -> None:
    snapshots.archive(db, version.id, actor=session.actor(), reason="archived on the page")
    place.go_to_list()
    messages.done(f"Archived {version.label}.", undo=lambda: _unarchived(db, version))


def _unarchived(db: Database, version: DatasetVersion) -> str:
    snapshots.unarchive(db, version.id, actor=session.actor(), reason="taken back on the page")
    return f"{version.label} is in the list again."


def _legacy(version: DatasetVersion) -> None:
    with st.grid(2, min_column_width=120):
        st.metric("Records", f"{version.example_count:,}", border=True)
        st.metric("Average quality (0–1)", score(version.avg_quality), border=True)


def _numbers(version: DatasetVersion) -> None:
    manifest = version.manifest or {}
    tokens = manifest["tokens"]
    with st.grid(3, min_column_width=130):
        st.metric("Records", f"{version.example_count:,}", border=True)
        st.metric("Train", f"{manifest['counts']['train']:,}", border=True)
        rest = " / ".join(f"{manifest['counts'][name]:,}" for name in NAMES[1:])
        st.metric("Validation / test", rest, border=True)
        st.metric("Average quality (0–1)", score(version.avg_quality), border=True, help="Of those with a score.")
        st.metric(
            "Tokens" if tokens["method"] == "exact" else "Tokens, est.",
            short_number(tokens["all"]),
            border=True,
            help=tokens_in_words(tokens["all"], tokens["method"]),
        )
        st.metric("Size", size(version.size_bytes), border=True, help="Of all records as JSON lines.")


def _views(db: Database, version: DatasetVersion) -> None:
    """Only the open one is computed."""
    records, made, came, manifest = st.tabs(
        ["Records", "How it was made", "Lineage", "Manifest"], key="version_view", on_change="rerun"
    )
    if records.open:
        with records:
            _records(db, version)
    if made.open:
        with made:
            _made(version)
    if came.open:
        with came:
            _lineage(db, version)
    if manifest.open:
        with manifest:
            st.json(dict(version.manifest or {}), expanded=1)


def _records(db: Database, version: DatasetVersion) -> None:
    counts = (version.manifest or {})["counts"]
    filled: list[SplitName] = [name for name in NAMES if counts[name]]
    split = st.segmented_control(
        "Split",
        filled,
        default=filled[0],
        required=True,
        key="version_split",
        format_func=lambda name: f"{name.capitalize()}: {counts[name]:,}",
    )
    lines = exporting.first_lines(db, version, cast(SplitName, split))
    st.caption(f"The first {len(lines)} of {count(counts[split], 'record')}, as the model would see them.")
    dataset_records.draw(lines, key="version_records")


def _made(version: DatasetVersion) -> None:
    choice = version.choice
    assert choice is not None, "asked for versions of our own only"
    st.markdown("**Filter**")
    st.text(describe(choice.filter))
    st.page_link(
        addresses.DATA,
        label="Run this filter on today's data",
        icon=":material/table_chart:",
        query_params=addresses.examples(choice.filter),
    )
    st.markdown("**Recipe**")
    fields = ", ".join(field.replace("_", " ") for field in choice.recipe.fields)
    st.text(f"The model is shown: {fields}. It learns to answer with {_TARGETS[choice.recipe.target]}.")
    if choice.recipe.system_prompt:
        st.code(choice.recipe.system_prompt, language=None, wrap_lines=True)
    else:
        st.text("System prompt: the one each example was captured with, if any.")
    st.markdown("**Splits**")
    split = choice.split
    st.text(
        f"Train {split.train} %, validation {split.validation} %, test {split.test} %, seed {split.seed}; "
        f"examples with {GROUPS[split.group]} stay together."
    )
    if version.is_open:  # nothing is known yet
        return
    st.markdown("**Left out**")
    lines = [f"{number:,}: {_LEFT_OUT.get(reason, reason)}" for reason, number in version.left_out.items()]
    st.text("\n".join(lines) or "Nothing.")


def _lineage(db: Database, version: DatasetVersion) -> None:
    """Before, this version, after."""
    found = lineage.of(db, version.id)
    before, here, after = st.columns(3, gap="medium")
    with before.container(border=True, height="stretch"):
        st.markdown(":material/input: **From**")
        for source in found.sources:
            when = f", imported {exactly(source.at)}" if source.at else ""
            st.text(f"{count(source.count, 'record')} of {source.file_name or 'captured executions'}{when}")
    with here.container(border=True, height="stretch"):
        st.markdown(":material/ac_unit: **This version**")
        st.text(f"{version.label}\n{count(version.example_count, 'record')}")
        st.caption("Root hash")
        st.code(version.root_hash or "", language=None, wrap_lines=True)
    with after.container(border=True, height="stretch"):
        st.markdown(":material/output: **Used for**")
        for use in found.uses:
            made = f", made {use.result}" if use.result else ""
            name = use.job_id if use.state == "legacy" else f"Job {use.id}"
            st.text(f"{name}: {use.status}, {use.target_model}{made}")
            if use.state != "legacy":
                st.page_link(
                    addresses.FINE_TUNING,
                    label=f"Open job {use.id}",
                    icon=":material/model_training:",
                    query_params=addresses.job(use.id),
                )
        if version.file_path:
            st.text(f"Exported to {version.file_path}")
        if not found.uses:
            st.text("No fine-tuning yet. A job that is given this version will be listed here.")
