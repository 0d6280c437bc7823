"""Checking a whole file, and importing it, each with its progress."""

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.db import Database
from core.errors import ImportRefused, WhetstoneError
from core.examples import importing
from core.examples.filters import EVERYTHING
from core.examples.importing import ImportOptions, ImportResult, Inspection, Preview
from core.examples.importing.models import Progress
from ui.data import reads as cached
from ui.importing import history, source
from ui.parts import addresses, messages, session
from ui.parts.formatting import count, plain, size

#: Above this, a file is checked when asked, not with every change of an option.
_AT_ONCE_BYTES = 20_000_000
_CHECKED = "import_checked"
#: Examples that an address can name: some 3,000 characters.
_MOST_BY_ID = 300


def check(db: Database, paths: Sequence[Path], options: ImportOptions, first: Inspection) -> Preview | None:
    """What the import would do; remembered until the files, an option or the data change. `first`: their first rows."""
    if not first.knows_request:
        st.info(
            "Choose the column that holds the request. It is the one required field.", icon=":material/view_column:"
        )
        return None
    stats = [_stat(path) for path in paths]
    whole = sum(stat.st_size for stat in stats)
    seen = [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in zip(paths, stats, strict=True)]
    key = (seen, options.model_dump_json(), db.schema, cached.version(db))
    known = st.session_state.get(_CHECKED)
    if known is not None and known[0] == key:
        return known[1]
    if whole > _AT_ONCE_BYTES and not st.button(f"Check all rows ({size(whole)})", key="import_check", type="primary"):
        st.text("This file is large. Checking reads all of it and writes nothing.")
        return None
    bar = st.progress(0.0, "Reading the file…")
    found = importing.preview(db, paths, options, progress=progress_on(bar, "read"))
    bar.empty()
    st.session_state[_CHECKED] = (key, found)
    return found


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError:
        raise ImportRefused(f"The file {path.name!r} is not there any more; choose it again.") from None


def offer(db: Database, paths: Sequence[Path], options: ImportOptions, found: Preview) -> None:
    """The button with its exact numbers, or the reason why there is nothing to press."""
    hindrance = _hindrance(options, found)
    label = f"Import {count(found.new, 'new row')}" + (f" and change {found.changed:,}" if found.changed else "")
    pressed = st.button(
        label, key="import_go", type="primary", icon=":material/download_done:", disabled=hindrance is not None
    )
    if hindrance is not None:
        st.text(hindrance)
    elif pressed:
        _import(db, paths, options)


def _hindrance(options: ImportOptions, found: Preview) -> str | None:
    if found.scale_used is None:
        return "Choose the score scale below: the scores fit more than one."
    if found.failing and not options.skip_invalid:
        return f"{count(found.failing, 'invalid row')}. Fix the file, or switch on “Skip invalid rows” under Options."
    if not found.new and not found.changed:
        return "Nothing to do: all rows are already imported."
    return None


def _import(db: Database, paths: Sequence[Path], options: ImportOptions) -> None:
    bar = st.progress(0.0, "Importing…")
    try:
        result = importing.run(db, paths, options, actor=session.actor(), progress=progress_on(bar, "imported"))
    except WhetstoneError as error:
        bar.empty()
        st.error(plain(str(error)), icon=":material/block:")
        return
    _done(db, importing.name_of(paths), result)
    source.let_go()
    if result.import_id is None:
        st.rerun()
    # One more than is shown by their ids: of more, the address would be too long, and the page shows all.
    brought = importing.examples_of(db, result.import_id, limit=_MOST_BY_ID + 1)
    shown = addresses.example_ids(brought) if len(brought) <= _MOST_BY_ID else addresses.examples(EVERYTHING)
    st.switch_page(addresses.DATA, query_params={**shown, **addresses.workspace()})


def _done(db: Database, name: str, result: ImportResult) -> None:
    import_id = result.import_id
    if import_id is None and result.relearned:
        taken = "now learned" if result.learns_placeholders else "no longer learned"
        messages.done(f"Answers such as “success” in {count(result.relearned, 'row')} of {name} are {taken}.")
        return
    if import_id is None:
        messages.done(f"Nothing to do: all {count(result.rows, 'row')} of {name} are already imported.")
        return
    left_out = f", {count(result.skipped, 'invalid row')} skipped" if result.skipped else ""
    unused = f", {count(len(result.unused), 'column')} not used" if result.unused else ""
    kept = f", {count(result.kept, 'reviewed row')} kept" if result.kept else ""
    numbers = f"{result.new:,} new, {result.changed:,} changed, {result.same:,} unchanged{kept}{left_out}{unused}"
    messages.done(f"Imported {name}: {numbers}.", undo=lambda: history.undone(db, import_id))


def progress_on(bar: DeltaGenerator, word: str) -> Progress:
    """What is told while a file is read."""

    def show(done: int, whole: int, rows: int) -> None:
        bar.progress(
            min(done / whole, 1.0) if whole else 1.0, f"{count(rows, 'row')} {word}, {size(done)} of {size(whole)}"
        )

    return show
