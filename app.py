"""The server: pages, REST routes and background threads in one process. `streamlit run app.py` serves it."""

import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import streamlit as st
import structlog
from starlette.middleware import Middleware
from starlette.routing import Mount

from api import rest
from api.headers import SecurityHeaders
from api.hosts import KnownHosts
from api.static_files import CompressedFiles
from core import logs
from core.errors import WhetstoneError
from core.runtime.process import RUNNING

logs.configure()
log = structlog.get_logger()


def _open() -> None:
    """Open the database before the first visitor asks; a failure is shown, and tried again, by the pages."""
    try:
        RUNNING.start()
    except WhetstoneError as error:
        log.error("the database is not open", reason=str(error))


@contextlib.asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any]]:
    # In a thread, and not awaited: a first start creates a database, and a page says so while it waits.
    threading.Thread(target=_open, name="opening", daemon=True).start()
    try:
        yield {}
    finally:
        RUNNING.stop()


def on_script_error(error: Exception) -> bool:
    """A bug in a page: logged whole, told in one sentence. Streamlit's own box would offer to ask the internet."""
    log.error("a page failed", exc_info=error)
    st.error("Something went wrong on this page; the log of the server says what. Your data is unchanged.")
    return True


app = st.App(
    Path(__file__).parent / "ui" / "entry" / "router.py",
    lifespan=lifespan,
    routes=[Mount("/api", app=rest.application())],
    on_script_error=on_script_error,
    middleware=[Middleware(SecurityHeaders), Middleware(KnownHosts), Middleware(CompressedFiles)],
)

if __name__ == "__main__":
    app.run()
