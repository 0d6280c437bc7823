"""Import: what would this file bring? Nothing is written before the last button."""

from pathlib import Path

import streamlit as st

from core.errors import WhetstoneError
from core.examples import importing
from core.examples.importing import ImportOptions
from core.examples.importing.models import Undecided
from ui import import_choices, import_list, import_questions, import_run, import_source, session
from ui.formatting import plain

st.title("Import")
st.caption("What would this file bring? You see it for every row before anything is written.")

db = session.database()


def work_on(paths: list[Path]) -> None:
    """From the files to their import, as far as the choices made allow."""
    decided = import_questions.answers(paths)
    import_questions.answered(paths)
    found = importing.inspect(paths, ImportOptions(**decided))
    mapping = import_choices.columns(found)
    chosen = import_choices.settings(found)
    options = import_choices.options(mapping, chosen, decided)
    first = importing.inspect(paths, options)
    import_choices.first_rows(first)
    checked = import_run.check(db, paths, options, first)
    if checked is None:
        import_choices.first_failures(first)
        return
    import_questions.outcome_words(checked.outcome_words, options.outcomes)
    import_choices.scale(checked.scale)
    import_choices.summary(checked)
    import_run.offer(db, paths, options, checked)


paths = import_source.choose()
if paths:
    try:
        work_on(paths)
    except Undecided as question:
        import_questions.ask(question)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/block:")
import_list.draw(db)
