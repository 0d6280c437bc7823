"""A file of history: read the way the import reads it, shown before anything is written, and undone as one act."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core import history
from core.db import Database
from core.errors import ImportRefused, WhetstoneError
from core.examples.importing.models import Undecided
from core.history import SHAPES, Files, Options
from core.history.imports import Imported, Preview
from core.history.undoing import PastImport, Undone
from ui.importing import choices, questions, run, source
from ui.insights import reads
from ui.parts import messages, session
from ui.parts.formatting import ago, count, exactly, plain, shortened, size
from ui.parts.tables import height

_CHECKED = "history_checked"
#: Above this, a file is checked when asked, not with every change of an option.
_AT_ONCE_BYTES = 20_000_000
_SHOWN = 10


def draw(db: Database) -> None:
    st.subheader("Import history", anchor=False)
    paths = source.choose()
    if paths:
        try:
            _work_on(db, paths)
        except Undecided as question:
            questions.ask(question)
        except WhetstoneError as error:
            st.error(plain(str(error)), icon=":material/block:")
    _former(db)


def _work_on(db: Database, paths: list[Path]) -> None:
    """From the files to their import, as far as the choices made allow."""
    decided = questions.answers(paths)
    questions.answered(paths)
    supply = Files(paths, encoding=decided.pop("encoding", "auto"))
    options = _options(decided)
    found = _checked(db, paths, supply, options)
    if found is None:
        return
    _summary(found)
    if found.question is not None:
        asked = found.question
        questions.ask_scale(asked.field, asked.asked, asked.choices, options.scales)
        return
    _offer(db, supply, options, found)


def _options(decided: dict[str, Any]) -> Options:
    """What was answered about the file, and what is chosen beside it."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        chosen = st.selectbox(
            "What the file holds",
            ["auto", *history.SOURCES],
            key="history_source",
            format_func=lambda name: "By its columns" if name == "auto" else f"Each row is a {SHAPES[name].noun}",
            width=320,
        )
        skip = st.toggle("Skip invalid rows", key="history_skip")
    if chosen != "auto":
        decided["source"] = chosen
    return Options(**decided, skip_invalid=skip)


def _checked(db: Database, paths: Sequence[Path], supply: Files, options: Options) -> Preview | None:
    """What the import would do; remembered until the files, an option or the history changes."""
    try:
        seen = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    except OSError:
        raise ImportRefused("A file is not there any more; choose it again.") from None
    key = (seen, supply.encoding, options.model_dump_json(), db.schema, repr(history.sources(db)))
    known = st.session_state.get(_CHECKED)
    if known is not None and known[0] == key:
        return known[1]
    whole = sum(each[1] for each in seen)
    if whole > _AT_ONCE_BYTES and not st.button(f"Check all rows ({size(whole)})", key="history_check", type="primary"):
        st.text("That is much to read, so it is read when you say so. Nothing is written by it.")
        return None
    bar = st.progress(0.0, "Reading the file…")
    try:
        found = history.preview_import(db, supply, options, progress=run.progress_on(bar, "read"))
    finally:
        bar.empty()
    st.session_state[_CHECKED] = (key, found)
    return found


def _summary(found: Preview) -> None:
    st.text(f"Each row is a {SHAPES[found.source].noun}.")
    with st.grid(4, min_column_width=120):
        st.metric("New", f"{found.new:,}", border=True)
        st.metric("Changed", f"{found.changed:,}", border=True, help="Known rows that the file says otherwise.")
        st.metric("Unchanged", f"{found.same:,}", border=True)
        st.metric("Invalid", f"{found.failing:,}", border=True)
    if found.duplicates:
        st.text(f"{count(found.duplicates, 'row')} of the file repeat an earlier row and are taken once.")
    if any(found.statuses):
        st.text(f"States: {_counted(found.statuses)}.")
    for field, finding in found.scales.items():
        st.text(f"{field}: {finding.explanation}")
    choices.failing(found.errors, total=found.failing, key="history_errors")
    _contradictions(found)
    with st.expander("Columns, and the first rows as they would be stored", icon=":material/table:"):
        _columns(found)


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{shortened(name, 40) or 'none'} ({number:,})" for name, number in list(numbers.items())[:_SHOWN])


def _contradictions(found: Preview) -> None:
    if not found.contradictions:
        return
    st.markdown(
        f":material/compare_arrows: **Some rows say something else than what is there** (the first "
        f"{len(found.contradictions):,} values). The import takes what the file says; undo gives the former back."
    )
    st.dataframe(
        pd.DataFrame(
            [(each.row, each.field, each.stored, each.given) for each in found.contradictions],
            columns=["Row", "Field", "Stands there", "Comes"],
        ),
        key="history_contradictions",
        hide_index=True,
        height=height(len(found.contradictions), 250),
        placeholder="–",
        alt="Values that the file changes: row, field, what stands there, what comes.",
    )


def _columns(found: Preview) -> None:
    rows = [(column, field) for field, column in found.mapping.items()]
    rows += [(column, f"not used ({count(number, 'row')} have it)") for column, number in found.unused.items()]
    st.dataframe(
        pd.DataFrame(rows, columns=["Column", "Becomes"]),
        key="history_columns",
        hide_index=True,
        height=height(len(rows), 300),
        alt="Columns of the file, and the field that each becomes.",
    )
    if found.unused:
        st.caption("On the command line, `history import --map FIELD=COLUMN` takes a column under another name.")
    if found.sample:
        shown = [
            {name: None if value is None else shortened(str(value), 120) for name, value in row.items()}
            for row in found.sample
        ]
        st.dataframe(
            pd.DataFrame(shown),
            key="history_sample",
            hide_index=True,
            height=height(len(shown), 250),
            placeholder="–",
            alt="The first rows as they would be stored.",
        )


def _offer(db: Database, supply: Files, options: Options, found: Preview) -> None:
    """The button with its exact numbers, or the reason why there is nothing to press."""
    hindrance = ""
    if found.failing and not options.skip_invalid:
        hindrance = f"{count(found.failing, 'invalid row')}. Fix the file, or choose “Skip invalid rows”."
    elif not found.new and not found.changed:
        hindrance = "Nothing to do: every row of the file is there already."
    label = f"Import {count(found.new, 'new row')}" + (f" and change {found.changed:,}" if found.changed else "")
    pressed = st.button(
        label, key="history_go", type="primary", icon=":material/download_done:", disabled=bool(hindrance)
    )
    if hindrance:
        st.text(hindrance)
    elif pressed:
        _import(db, supply, options)


def _import(db: Database, supply: Files, options: Options) -> None:
    bar = st.progress(0.0, "Importing…")
    try:
        done = history.run_import(db, supply, options, actor=session.actor(), progress=run.progress_on(bar, "read"))
    except WhetstoneError as error:
        bar.empty()
        st.error(plain(str(error)), icon=":material/block:")
        return
    _said(db, supply.name, done)
    source.let_go()
    reads.forget_history()
    st.rerun()


def _said(db: Database, name: str, done: Imported) -> None:
    import_id = done.import_id
    if import_id is None:
        messages.done(f"Nothing to do: all {count(done.rows, 'row')} of {name} were there already.")
        return
    left_out = f", {count(done.skipped, 'row')} left out" if done.skipped else ""
    numbers = f"{done.new:,} new, {done.changed:,} changed, {done.same:,} unchanged{left_out}"
    messages.done(f"Imported {name}: {numbers}.", undo=lambda: _undone(db, import_id))


def _former(db: Database) -> None:
    former = history.list_imports(db)
    if not former:
        return
    with st.expander(f"Imports of history so far ({len(former):,})", icon=":material/history:", key="history_imports"):
        everything = len(former) <= _SHOWN or st.toggle(f"Show all {len(former):,}", key="history_imports_all")
        for record in former if everything else former[:_SHOWN]:
            _record(db, record)


def _record(db: Database, record: PastImport) -> None:
    with (
        st.container(border=True, key=f"history_import_{record.id}"),
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"),
    ):
        with st.container(width="stretch", gap="xxsmall"):
            st.text(record.name)
            state = "" if record.undone_at is None else f" · undone {ago(record.undone_at)} by {record.undone_by}"
            st.text(
                f"{record.source} · {record.new:,} new, {record.changed:,} changed, {record.same:,} unchanged · "
                f"{ago(record.at)} ({exactly(record.at)}) by {record.actor}{state}"
            )
        key = f"history_import_turn_{record.id}"
        if record.undone_at is None:
            st.button("Undo", key=key, icon=":material/undo:", on_click=lambda: _undo(db, record.id))
        else:
            st.button("Restore", key=key, icon=":material/redo:", on_click=lambda: _redo(db, record.id))


def _undo(db: Database, import_id: int) -> None:
    messages.attempt(lambda: messages.done(_undone(db, import_id), undo=lambda: _redone(db, import_id)))


def _redo(db: Database, import_id: int) -> None:
    messages.attempt(lambda: messages.done(_redone(db, import_id), undo=lambda: _undone(db, import_id)))


def _undone(db: Database, import_id: int) -> str:
    did = history.undo_import(db, import_id, actor=session.actor(), reason="on the insights page")
    return f"Import undone: {count(did.rows, 'row')} taken away, {count(did.restored, 'row')} as before.{_left(did)}"


def _redone(db: Database, import_id: int) -> str:
    did = history.redo_import(db, import_id, actor=session.actor(), reason="on the insights page")
    return f"Import restored: {count(did.rows, 'row')} back, {count(did.restored, 'row')} changed again.{_left(did)}"


def _left(did: Undone) -> str:
    reads.forget_history()
    return "" if not did.left else f" {count(did.left, 'row')} that changed since stay as they are."
