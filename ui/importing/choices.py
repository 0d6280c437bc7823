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
    "1": "They run from 0 to 1: keep them",
    "thumbs": "Thumbs: -1 is down, 0 neither, 1 up",
    "1-5": "Stars from 1 to 5: 1 is the worst, 0; 5 the best, 1",
    "5": "They run from 0 to 5: divide by 5",
    "10": "They run from 0 to 10: divide by 10",
    "100": "They run from 0 to 100: divide by 100",
    "mixed": "Mixed: divide each by the scale its own size speaks for",
}
_PLACEHOLDERS = {
    "auto": "Skip them in executions, learn them in datasets",
    "learn": "Learn them: they are answers",
    "skip": "Skip them: they only say that something was done",
}
_FORMULAS = {"refuse": "Refuse the row", "text": "Keep it as text"}


def columns(found: Inspection) -> dict[str, str]:
    """Which column fills which field. What was recognised stands there already."""
    title = "Columns" if found.knows_request else "Columns: choose the one that holds the request"
    chosen = {}
    with st.expander(title, expanded=not found.shape or not found.knows_request, key="import_columns"):
        st.caption(
            "Each field of an example, and the column of the file that fills it. Only the user request is needed."
        )
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
    """Tags for every new row, what to do with failing rows, and with cells that a spreadsheet would run."""
    with st.grid(3, min_column_width=220, vertical_alignment="bottom"):
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
        skip = st.toggle(
            "Leave failing rows out", key="import_skip", help="Otherwise one failing row stops the import."
        )
        overwrite = st.toggle(
            "Overwrite reviews",
            key="import_overwrite",
            help="The file stands above what a person scored or edited here. Otherwise that stays.",
        )
    return {
        "tags": tuple(tags),
        "formulas": formulas,
        "skip_invalid": skip,
        "overwrite": overwrite,
        "placeholders": placeholders,
    }


def first_rows(found: Inspection) -> None:
    """The live preview: the first rows by field, with the scores as the file has them; the scale is chosen below."""
    what = (
        f"{found.shape} in {found.format.upper()}"
        if found.shape
        else f"{found.format.upper()}, its kind not recognised"
    )
    st.markdown(f"**First rows, by field** :gray[({plain(what)}; scores as in the file)]")
    if found.records:
        frame = records(found.records).rename(columns=_named)
        st.dataframe(frame, key="import_first_rows", hide_index=True, height=tables.height(len(frame), 250))
    elif not found.knows_request:
        st.text("Nothing to show until the column with the request is chosen. The file itself begins like this:")
        frame = pd.DataFrame([{name: _cell(value) for name, value in row.items()} for row in found.rows])
        st.dataframe(frame, key="import_raw_rows", hide_index=True, height=tables.height(len(frame), 250))
    else:
        st.text("None of the first rows can be imported.")


def first_failures(found: Inspection) -> None:
    """Those of the first rows, as long as nobody looked at all of them."""
    failing(found.errors, total=len(found.errors), key="import_first_errors")


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


def scale(finding: ScaleFinding) -> None:
    """What the scores mean. The choice stands in the session, and is read before the file is checked."""
    if not finding.scored:
        st.text("The file holds no scores, so its rows come in unscored.")
        return
    effects = {effect.scale: effect for effect in finding.effects}
    captions = [finding.explanation]
    for name in list(_SCALES)[1:]:
        effect = effects.get(name)  # type: ignore[call-overload]
        captions.append("" if effect is None else _effect(effect))
    st.radio(
        f"What the {count(finding.scored, 'score')} mean, from {finding.minimum:g} to {finding.maximum:g}",
        list(_SCALES),
        key="import_scale",
        format_func=_SCALES.__getitem__,
        captions=[plain(caption) for caption in captions],
    )


def _effect(effect: importing.ScaleEffect) -> str:
    stored = (
        ""
        if effect.mean is None
        else f"; stored then from {effect.minimum:.2f} to {effect.maximum:.2f}, on average {effect.mean:.2f}"
    )
    fails = f"{count(effect.rejected, 'row')} would not fit and fail" if effect.rejected else "every row fits"
    reads = "; ".join(effect.reads)
    return f"{count(effect.changed, 'score')} would change, {fails}{stored}" + (f" ({reads})" if reads else "")


def wanted_scale() -> str:
    return st.session_state.get("import_scale", "auto")


def options(mapping: dict[str, str], chosen: dict[str, Any], decided: dict[str, Any]) -> ImportOptions:
    return ImportOptions(mapping=mapping, quality_scale=wanted_scale(), **chosen, **decided)


def summary(found: Preview) -> None:
    """What the import would do to every row of the file."""
    with st.grid(3, min_column_width=130):
        st.metric("Rows in the file", f"{found.rows:,}", border=True)
        st.metric("New", f"{found.new:,}", border=True)
        st.metric(
            "Changed", f"{found.changed:,}", border=True, help="Known rows whose record differs: kept as a revision."
        )
        st.metric("Already there", f"{found.same:,}", border=True)
        st.metric("Failing", f"{found.failing:,}", border=True)
        st.metric(
            "Nothing to learn",
            f"{found.nothing_to_learn:,}",
            border=True,
            help="Come in, but marked: no plan, and a result such as “success”.",
        )
    if found.duplicates:
        st.text(f"{count(found.duplicates, 'row')} of the file repeat an earlier row and are taken once.")
    if found.placeholders:
        taken = "taken as answers" if found.learns_placeholders else "taken for no answers; above, you can change that"
        st.text(f"{count(found.placeholders, 'row')} with an answer such as “success” or “N/A”: {taken}.")
    if found.aside:
        st.text(f"{count(found.aside, 'row')} are no examples, such as spans without a prompt, and are put aside.")
    if found.kept:
        st.text(
            f"{count(found.kept, 'row')} keep what a person scored or edited here. "
            "“Overwrite reviews” takes what the file says instead."
        )
    became(found.tags_became)
    unused(found.unused)
    failing(found.errors, total=found.failing, key="import_errors")


def became(tags: Mapping[str, str]) -> None:
    """Tags that are not stored as they are written."""
    if tags:
        st.markdown(f":material/sell: **{count(len(tags), 'tag')} written otherwise.**")
        frame = pd.DataFrame(list(tags.items()), columns=["In the file", "Tag"])
        st.dataframe(frame, key="import_tags_became", hide_index=True, height=tables.height(len(frame), 250))


def unused(names: Mapping[str, int]) -> None:
    """What the file holds that becomes no field; nothing of it is lost without a word."""
    if not names:
        return
    st.markdown(":material/info: **Not used.** To keep a column, choose its field above.")
    frame = pd.DataFrame(list(names.items()), columns=["In the file", "How many"])
    st.dataframe(frame, key="import_unused", hide_index=True, height=tables.height(len(frame), 250))


def failing(errors: tuple[RowError, ...], *, total: int, key: str) -> None:
    if not errors:
        return
    more = "" if total <= len(errors) else f" The first {len(errors):,} are shown."
    st.markdown(f":material/error: **{count(total, 'row')} cannot be imported.**{more}")
    frame = pd.DataFrame(errors, columns=["Row", "Field", "Value", "Expected"])
    st.dataframe(frame, key=key, hide_index=True, height=tables.height(len(frame), 250))
