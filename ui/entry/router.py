"""The script: opens the core, draws the frame, runs one page."""

import streamlit as st
from sqlalchemy.exc import InternalError, OperationalError

from core import shortages
from core.errors import DatabaseUnavailable, MigrationRefused, WhetstoneError
from core.runtime.process import RUNNING
from ui import frame
from ui.data import reads as cached
from ui.orchestrator import reads as orchestrator_reads
from ui.parts import messages, modals, session
from ui.parts.formatting import plain
from ui.queue import reads as queue_reads
from ui.tuning import reads as tuning_reads


def pages(*, pending: int = 0, waiting: int = 0, training: int = 0) -> list[st.Page]:
    """Every page there is."""
    return [
        st.Page("../../pages/start.py", title="Start", icon=":material/home:", default=True),
        st.Page("../../pages/data.py", title="Data", icon=":material/table_chart:", url_path="data"),
        st.Page("../../pages/datasets.py", title="Datasets", icon=":material/dataset:", url_path="datasets"),
        st.Page(
            "../../pages/fine_tuning.py",
            title=counted("Fine-tuning", training),
            icon=":material/model_training:",
            url_path="tuning",
        ),
        st.Page("../../pages/queue.py", title=counted("Queue", pending), icon=":material/checklist:", url_path="queue"),
        st.Page(
            "../../pages/orchestrator.py",
            title=counted("Orchestrator", waiting),
            icon=":material/account_tree:",
            url_path="orchestrator",
        ),
        st.Page("../../pages/insights.py", title="Insights", icon=":material/insights:", url_path="insights"),
        st.Page("../../pages/importing.py", title="Import", icon=":material/upload_file:", url_path="import"),
        st.Page("../../pages/activity.py", title="Activity", icon=":material/history:", url_path="activity"),
        # Links of the original system; /queue and /orchestrator have kept their names.
        st.Page("../../pages/training.py", title="Training", url_path="training", visibility="hidden"),
    ]


def counted(title: str, number: int) -> str:
    """The title with how many things wait there, if any do."""
    return f"{title} ({number:,})" if number else title


def trouble(sentence: str) -> None:
    """Nothing but the sentence; the pages are still declared, so that the address stays what it was."""
    st.navigation(pages(), position="hidden")
    frame.trouble(sentence)


def run() -> None:
    frame.configure()
    try:
        with st.spinner("Opening the database… the first start creates it."):
            RUNNING.database()
        session.adopt_from_url()
        db = session.database()
        page = st.navigation(
            pages(
                pending=queue_reads.pending(db),
                waiting=orchestrator_reads.waiting(db),
                training=tuning_reads.open_jobs(db),
            )
        )
        frame.sidebar(db, empty=cached.is_empty(db), at_start=not page.url_path)
        frame.workspace_badge()
        st.set_page_config(page_title=f"{page.title} · Whetstone")
        session.note_page(page.url_path)
        if session.arrived():
            modals.close()  # a link in a window led here; the window belongs to the page before
        try:
            page.run()
        finally:  # also when the page stops early; last, so that what the page itself has to say is in it
            messages.show()
        modals.draw()
    except (DatabaseUnavailable, MigrationRefused) as error:
        trouble(str(error))
    except (OperationalError, InternalError, OSError, MemoryError) as error:
        told = shortages.sentence(error)
        if told is None and not isinstance(error, OperationalError):
            raise
        trouble(told or "The database stopped answering; try again in a moment.")
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")


run()
