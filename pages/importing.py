"""Import: what would this file bring? Nothing is written before the last button."""

from pathlib import Path

import streamlit as st

from core.errors import WhetstoneError
from core.examples import importing
from core.examples.importing import ImportOptions
from core.examples.importing.models import Undecided
from ui.importing import choices, history, questions, run, source
from ui.parts import session
from ui.parts.formatting import plain

st.title("Import")
st.caption("What would this file bring? You see it for every row before anything is written.")

db = session.database()


def work_on(paths: list[Path]) -> None:
    """From the files to their import, as far as the choices made allow."""
    decided = questions.answers(paths)
    questions.answered(paths)
    found = importing.inspect(paths, ImportOptions(**decided))
    mapping = choices.columns(found)
    chosen = choices.settings(found)
    options = choices.options(mapping, chosen, decided)
    first = importing.inspect(paths, options)
    choices.first_rows(first)
    checked = run.check(db, paths, options, first)
    if checked is None:
        choices.first_failures(first)
        return
    questions.outcome_words(checked.outcome_words, options.outcomes)
    choices.scale(checked.scale)
    choices.summary(checked)
    run.offer(db, paths, options, checked)


paths = source.choose()
if paths:
    try:
        work_on(paths)
    except Undecided as question:
        questions.ask(question)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/block:")
history.draw(db)
