"""Former imports, each of which can be taken back as one act, and brought back."""

import streamlit as st

from core.db import Database
from core.examples import importing
from core.examples.importing import ImportRecord
from ui.parts import messages, session
from ui.parts.formatting import ago, count, exactly

_SHOWN = 20


def draw(db: Database) -> None:
    former = importing.imports(db)
    st.subheader("Import history", anchor=False)
    if not former:
        st.text("No imports yet. Each import is listed here and can be undone in one step.")
        return
    everything = len(former) <= _SHOWN or st.toggle(f"Show all {len(former):,}", key="imports_all")
    for record in former if everything else former[:_SHOWN]:
        _row(db, record)


def _row(db: Database, record: ImportRecord) -> None:
    with (
        st.container(border=True, key=f"import_{record.id}"),
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"),
    ):
        with st.container(width="stretch", gap="xxsmall"):
            st.text(record.file_name)
            state = "" if record.undone_at is None else f" · undone {ago(record.undone_at)} by {record.undone_by}"
            st.text(
                f"{record.new:,} new, {record.changed:,} changed, {record.same:,} unchanged · "
                f"{ago(record.at)} ({exactly(record.at)}) by {record.actor}{state}"
            )
        if record.undone_at is None:
            st.button(
                "Undo", key=f"import_undo_{record.id}", icon=":material/undo:", on_click=lambda: undo(db, record.id)
            )
        else:
            st.button(
                "Restore", key=f"import_redo_{record.id}", icon=":material/redo:", on_click=lambda: redo(db, record.id)
            )


def undo(db: Database, import_id: int) -> None:
    messages.attempt(lambda: messages.done(undone(db, import_id), undo=lambda: _redone(db, import_id)))


def redo(db: Database, import_id: int) -> None:
    messages.attempt(lambda: messages.done(_redone(db, import_id), undo=lambda: undone(db, import_id)))


def undone(db: Database, import_id: int) -> str:
    did = importing.undo(db, import_id, actor=session.actor(), reason="on the import page")
    return f"Import undone: {count(did.rows, 'row')} withdrawn, {count(did.restored, 'row')} reverted.{_left(did.left)}"


def _redone(db: Database, import_id: int) -> str:
    did = importing.redo(db, import_id, actor=session.actor(), reason="on the import page")
    return (
        f"Import restored: {count(did.rows, 'row')} back, {count(did.restored, 'row')} changed again.{_left(did.left)}"
    )


def _left(number: int) -> str:
    return (
        ""
        if not number
        else f" {count(number, 'row')} changed since then, left as {'it is' if number == 1 else 'they are'}."
    )
