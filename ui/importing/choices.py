"""What the analyst decides about a file, and what each decision does, before anything is written."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.examples import importing
from core.examples.importing import ImportOptions, Inspection, Preview, RowError, ScaleFinding
from core.examples.tags import BUILT_IN
from ui.parts import tables
from ui.parts.formatting import count, plain, shortened

_NO_COLUMN = "(no column)"
_SCALES = {
    "auto": "As detected",
    "1": "0 to 1: keep them",
    "thumbs": "Thumbs: -1 down, 0 neither, 1 up",
    "1-5": "Stars, 1 to 5: 1 becomes 0, 5 becomes 1",
    "5": "0 to 5: divide by 5",
    "10": "0 to 10: divide by 10",
    "100": "0 to 100: divide by 100",
    "mixed": "Mixed: convert each score by its own range",
}
_PLACEHOLDERS = {
    "auto": "Skip in executions, learn in datasets",
    "learn": "Learn: they are answers",
    "skip": "Skip: they only report completion",
}
_FORMULAS = {"refuse": "Reject row", "text": "Keep as text"}
#: What becomes of a row, in the words of the preview.
_OUTCOMES = {"new": "New", "returned": "Restored", "changed": "Changed", "same": "Unchanged"}
_NOT_TRAINABLE, _INVALID = "Not trainable", "Invalid"


def columns(found: Inspection) -> dict[str, str]:
    """Which column fills which field. What was recognised stands there already."""
    title = "Columns" if found.knows_request else "Columns: choose the request column"
    chosen = {}
    with st.expander(title, expanded=not found.knows_request, key="import_columns", icon=":material/view_column:"):
        st.caption("The column that fills each field of an example. Only the user request is required.")
        with st.grid(3, min_column_width=220):
            for field in sorted(found.fields, key=lambda name: name != "user_request"):
                chosen[field] = _column(field, found.fields[field], found)
    suggested = found.mapping
    # A field whose column was taken away has none: "" says so.
    return {field: column for field, column in chosen.items() if column != suggested.get(field, "")} | {
        field: column for field, column in suggested.items() if chosen.get(field) == column and not found.shape
    }


def _column(field: str, expects: str, found: Inspection) -> str:
    options = ["", *found.columns]
    suggested = found.mapping.get(field, "")
    return st.selectbox(
        _named(field),
        options,
        index=options.index(suggested) if suggested in options else 0,
        key=f"import_map_{field}_{hash(found.columns)}",
        format_func=lambda name: shortened(name, 60) or _NO_COLUMN,
        help=plain(expects),
    )


def _named(field: str) -> str:
    return field.replace("_", " ").capitalize()


def settings(found: Inspection) -> dict[str, Any]:
    """Tags for every new row, what to do with invalid rows, and with cells that a spreadsheet would run."""
    with (
        st.expander("Options", key="import_options", icon=":material/tune:"),
        st.grid(3, min_column_width=220, vertical_alignment="bottom"),
    ):
        tags = st.multiselect(
            "Tags for every new row",
            list(BUILT_IN),
            key="import_tags",
            accept_new_options=True,
            placeholder="none",
        )
        placeholders = st.selectbox(
            "Answers such as “success”",
            list(_PLACEHOLDERS),
            key="import_placeholders",
            help="Plans and results that are nothing but success, done, error, true, false, N/A, [] and the like.",
            format_func=_PLACEHOLDERS.__getitem__,
        )
        formulas = "refuse"
        if found.format == "csv":
            formulas = st.selectbox(
                "Cells with a formula",
                list(_FORMULAS),
                key="import_formulas",
                help="A spreadsheet that opens a later export would run them, for example `=cmd()`.",
                format_func=_FORMULAS.__getitem__,
            )
        skip = st.toggle("Skip invalid rows", key="import_skip", help="Otherwise one invalid row stops the import.")
        overwrite = st.toggle(
            "Overwrite reviews",
            key="import_overwrite",
            help="Scores and edits made here are replaced by those of the file. Otherwise they stay.",
        )
    return {
        "tags": tuple(tags),
        "formulas": formulas,
        "skip_invalid": skip,
        "overwrite": overwrite,
        "placeholders": placeholders,
    }


def first_rows(found: Inspection) -> None:
    """The first rows by field, as long as nobody looked at all of them; the raw ones where no request is known."""
    if found.records:
        frame = records(found.records).rename(columns=_named)
        st.dataframe(frame, key="import_first_rows", hide_index=True, height=tables.height(len(frame), 250))
    elif not found.knows_request:
        st.text("The file begins like this:")
        frame = pd.DataFrame([{name: _cell(value) for name, value in row.items()} for row in found.rows])
        st.dataframe(frame, key="import_raw_rows", hide_index=True, height=tables.height(len(frame), 250))
    else:
        st.text("None of the first rows can be imported.")
    failing(found.errors, total=len(found.errors), key="import_first_errors")


def preview(found: Preview) -> None:
    """The first rows with what would become of each, to be narrowed to one kind; invalid ones with their reason."""
    shown = [(_status(row), row) for row in found.sample]
    kinds = [kind for kind in (*_OUTCOMES.values(), _NOT_TRAINABLE) if any(kind in status for status, _ in shown)]
    rest = "" if len(shown) >= found.rows else f" :gray[(the first {len(shown):,} of {found.rows:,})]"
    st.markdown(f"**Rows**{rest}")
    options = [*kinds, *([_INVALID] if found.errors else [])]
    # Another file has other kinds, and its own choice.
    key = f"import_kind_{hash(tuple(options))}"
    kind = st.segmented_control("Show rows", options, key=key, label_visibility="collapsed")
    if kind == _INVALID or (found.errors and not shown):
        failing(found.errors, total=found.failing, key="import_errors")
        return
    rows = [
        {"row": row["row"], "status": ", ".join(status), "in the file": _score(row["source_score"]),
         "stored": _score(row["quality_score"]), **_told(row)}
        for status, row in shown
        if kind is None or kind in status
    ]  # fmt: skip
    if rows:
        # A column without a value says nothing.
        told = [name for name in rows[0] if any(row[name] != "" for row in rows)]
        frame = pd.DataFrame([{_named(name): row[name] for name in told} for row in rows])
        st.dataframe(
            frame,
            key="import_rows",
            hide_index=True,
            height=tables.height(len(frame), 420),
            column_config={
                "Row": st.column_config.NumberColumn("Row", width=60),
                "Status": st.column_config.TextColumn("Status", width=150),
                "In the file": st.column_config.TextColumn("Score in the file", width=120),
                "Stored": st.column_config.TextColumn("Score stored", width=110),
                "User request": st.column_config.TextColumn("User request", width=360),
                "Execution result": st.column_config.TextColumn("Execution result", width=300),
            },
        )
    if found.errors:
        failing(found.errors, total=found.failing, key="import_errors")


def _status(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (_OUTCOMES[row["outcome"]], *(() if row["is_trainable"] else (_NOT_TRAINABLE,)))


def _told(row: Mapping[str, Any]) -> dict[str, str]:
    """The fields but those that have columns of their own; the id last: a made one is long, and says least."""
    own = {"row", "outcome", "is_trainable", "quality_score", "source_score", "execution_id"}
    values = {name: _cell(value or "") for name, value in row.items() if name not in own}
    return {"user_request": values.pop("user_request"), **values, "execution_id": _cell(row["execution_id"])}


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def records(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as text; fields that none of them has are left out."""
    frame = pd.DataFrame([{name: _cell(value) for name, value in row.items()} for row in rows])
    frame = frame.loc[:, (frame != "").any()]
    # The id last: a made one is long, and says least.
    return frame[[*(name for name in frame if name != "execution_id"), *frame.columns.intersection(["execution_id"])]]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return shortened(", ".join(map(str, value)) if isinstance(value, list) else str(value), 300)


def scale(finding: ScaleFinding, used: str | None) -> None:
    """What the scores mean. The choice stands in the session, and is read before the file is checked."""
    if not finding.scored:
        return
    title = f"Score scale ({count(finding.scored, 'score')}, {finding.minimum:g} to {finding.maximum:g})"
    effects = {effect.scale: effect for effect in finding.effects}
    captions = [finding.explanation]
    for name in list(_SCALES)[1:]:
        effect = effects.get(name)  # type: ignore[call-overload]
        captions.append("" if effect is None else _effect(effect))
    with st.expander(title, expanded=used is None, key="import_scale_box", icon=":material/straighten:"):
        st.radio(
            "Scale of the scores",
            list(_SCALES),
            key="import_scale",
            format_func=_SCALES.__getitem__,
            captions=[plain(caption) for caption in captions],
            label_visibility="collapsed",
        )


def _effect(effect: importing.ScaleEffect) -> str:
    stored = (
        ""
        if effect.mean is None
        else f"; stored {effect.minimum:.2f} to {effect.maximum:.2f}, average {effect.mean:.2f}"
    )
    fits = f"{effect.rejected:,} out of range" if effect.rejected else "all valid"
    reads = "; ".join(effect.reads)
    return f"Changes {count(effect.changed, 'score')}, {fits}{stored}" + (f" ({reads})" if reads else "")


def wanted_scale() -> str:
    return st.session_state.get("import_scale", "auto")


def options(mapping: dict[str, str], chosen: dict[str, Any], decided: dict[str, Any]) -> ImportOptions:
    return ImportOptions(mapping=mapping, quality_scale=wanted_scale(), **chosen, **decided)


def summary(found: Preview) -> None:
    """What the import would do, in one line; and what of it teaches nothing, which is the first thing to know."""
    converted = next((each.changed for each in found.scale.effects if each.scale == found.scale_used), 0)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="import_counts"):
        st.markdown(f"**{count(found.rows, 'row')}**", width="content")
        st.badge(f"{found.new:,} new", icon=":material/add:", color="green" if found.new else "gray")
        st.badge(f"{found.changed:,} changed", color="blue" if found.changed else "gray")
        st.badge(f"{found.same:,} unchanged", color="gray")
        st.badge(f"{found.failing:,} invalid", icon=":material/error:", color="red" if found.failing else "gray")
        if converted:
            st.badge(f"{count(converted, 'score')} converted", icon=":material/straighten:", color="violet")
        if not found.nothing_to_learn:
            st.badge("all trainable", icon=":material/school:", color="green")
    if found.nothing_to_learn:
        st.warning(
            f"**{found.nothing_to_learn:,} of {count(found.rows, 'row')} not trainable**: no plan, and no result but a "
            "word such as “success”. They are imported and marked, and no dataset takes them.",
            icon=":material/school:",
        )


def remarks(found: Preview) -> None:
    """What else is to know: repeats, answers of one word, rows put aside, reviews that stay, tags and columns."""
    if found.duplicates:
        st.text(f"{count(found.duplicates, 'row')} repeated in the file, imported once.")
    if found.placeholders:
        taken = "learned as answers" if found.learns_placeholders else "not learned (see Options)"
        st.text(f"{count(found.placeholders, 'row')} with an answer such as “success” or “N/A”: {taken}.")
    if found.aside:
        st.text(f"{count(found.aside, 'row')} set aside: no examples, such as spans without a prompt.")
    if found.kept:
        keeps = "keeps" if found.kept == 1 else "keep"
        st.text(
            f"{count(found.kept, 'row')} {keeps} the score or edit made here. To take those of the file, switch on "
            "“Overwrite reviews”."
        )
    became(found.tags_became)
    unused(found.unused)


def became(tags: Mapping[str, str]) -> None:
    """Tags that are not stored as they are written."""
    if tags:
        st.markdown(f":material/sell: **{count(len(tags), 'tag')} normalised.**")
        frame = pd.DataFrame(list(tags.items()), columns=["In the file", "Tag"])
        st.dataframe(frame, key="import_tags_became", hide_index=True, height=tables.height(len(frame), 250))


def unused(names: Mapping[str, int]) -> None:
    """What the file holds that becomes no field; nothing of it is lost without a word."""
    if not names:
        return
    st.markdown(":material/info: **Columns not used.** To keep one, choose its field under Columns.")
    frame = pd.DataFrame(list(names.items()), columns=["In the file", "How many"])
    st.dataframe(frame, key="import_unused", hide_index=True, height=tables.height(len(frame), 250))


def failing(errors: tuple[RowError, ...], *, total: int, key: str) -> None:
    if not errors:
        return
    more = "" if total <= len(errors) else f" The first {len(errors):,} are shown."
    st.markdown(f":material/error: **{count(total, 'invalid row')}.**{more}")
    frame = pd.DataFrame(errors, columns=["Row", "Field", "Value", "Expected"])
    st.dataframe(frame, key=key, hide_index=True, height=tables.height(len(frame), 250))
