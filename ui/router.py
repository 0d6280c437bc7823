"""The script: opens the core, draws the frame, runs one page."""

import streamlit as st
from sqlalchemy.exc import OperationalError

from core.errors import DatabaseUnavailable, MigrationRefused, WhetstoneError
from core.running import RUNNING
from ui import cached, frame, messages, modals, orchestrator_reads, session
from ui.formatting import plain


def pages(*, empty: bool, waiting: int = 0) -> list[st.Page]:
    """Every page there is. The first start is offered only while there is nothing to look at."""
    return [
        st.Page(
            "../pages/start.py",
            title="Start",
            icon=":material/home:",
            default=True,
            visibility="visible" if empty else "hidden",
        ),
        st.Page("../pages/data.py", title="Data", icon=":material/table_chart:", url_path="data"),
        st.Page("../pages/datasets.py", title="Datasets", icon=":material/dataset:", url_path="datasets"),
        st.Page(
            "../pages/orchestrator.py",
            title=counted("Orchestrator", waiting),
            icon=":material/account_tree:",
            url_path="orchestrator",
        ),
        st.Page("../pages/importing.py", title="Import", icon=":material/upload_file:", url_path="import"),
        st.Page("../pages/activity.py", title="Activity", icon=":material/history:", url_path="activity"),
    ]


def counted(title: str, number: int) -> str:
    """The title with how many things wait there, if any do."""
    return f"{title} ({number:,})" if number else title


def trouble(sentence: str) -> None:
    """Nothing but the sentence; the pages are still declared, so that the address stays what it was."""
    st.navigation(pages(empty=False), position="hidden")
    frame.trouble(sentence)


def run() -> None:
    frame.configure()
    try:
        with st.spinner("Opening the database… the first start creates it."):
            RUNNING.database()
        session.adopt_from_url()
        db = session.database()
        page = st.navigation(pages(empty=cached.is_empty(db), waiting=orchestrator_reads.waiting(db)))
        frame.sidebar()
        frame.workspace_badge()
        session.note_page(page.url_path)
        notice = st.container()
        try:
            page.run()
        finally:  # also when the page stops early; last, so that what the page itself has to say is in it
            with notice:
                messages.show()
        modals.draw()
    except (DatabaseUnavailable, MigrationRefused) as error:
        trouble(str(error))
    except OperationalError:
        trouble("The database stopped answering.")
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")


run()
