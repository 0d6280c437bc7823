"""Import: what will this file change? Nothing is written before the last button."""

from pathlib import Path

import streamlit as st

from core.errors import WhetstoneError
from core.examples import importing
from core.examples.importing import ImportOptions
from core.examples.importing.models import Undecided
from ui.importing import choices, history, questions, run, source
from ui.parts import session
from ui.parts.formatting import plain

st.title("Import", anchor=False)
st.caption("What will this file change? Nothing is written until you confirm.")

db = session.database()


def work_on(paths: list[Path]) -> None:
    """From the files to their import, as far as the choices made allow. What it would do stands above the choices."""
    decided = questions.answers(paths)
    questions.answered(paths)
    top = st.container(key="import_top")
    found = importing.inspect(paths, ImportOptions(**decided))
    st.text(f"{found.shape or 'Unknown kind of records'} · {found.format.upper()}")
    mapping = choices.columns(found)
    chosen = choices.settings(found)
    options = choices.options(mapping, chosen, decided)
    first = importing.inspect(paths, options)
    checked = run.check(db, paths, options, first)
    if checked is None:
        choices.first_rows(first)
        return
    with top:
        choices.summary(checked)
        questions.outcome_words(checked.outcome_words, options.outcomes)
        run.offer(db, paths, options, checked)
    choices.scale(checked.scale, checked.scale_used)
    choices.remarks(checked)
    choices.preview(checked)


paths = source.choose()
if paths:
    try:
        work_on(paths)
    except Undecided as question:
        questions.ask(question)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/block:")
history.draw(db)
