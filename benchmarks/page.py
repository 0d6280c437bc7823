"""The script of the data page on the server, cold and warm, split into what the database takes and the rest.

AppTest runs the same script that a browser's session runs. Cold: every cache of the app is emptied before the run.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, event

from benchmarks.setting import Setting
from core.db.tables import cube_version
from core.examples import cube

_ROUTER = Path(__file__).parent.parent / "ui" / "entry" / "router.py"
_PAGE = "../../pages/data.py"
_ROUNDS = 7
_FILTER = {"q_min": "0.5", "without": ["EXCLUDE", "TEST"]}


class _Clock:
    """Adds up the time between sending a statement and its answer, in every engine of the process."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.statements = 0

    def before(self, connection: Any, *_: Any) -> None:
        connection.info["asked_at"] = time.perf_counter()

    def after(self, connection: Any, *_: Any) -> None:
        self.seconds += time.perf_counter() - connection.info["asked_at"]
        self.statements += 1

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        event.listen(Engine, "before_cursor_execute", self.before)
        event.listen(Engine, "after_cursor_execute", self.after)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", self.before)
            event.remove(Engine, "after_cursor_execute", self.after)


def run(setting: Setting) -> None:
    os.environ["DATABASE_URL"] = setting.company.url
    os.environ["WHETSTONE_HOME"] = str(setting.home)
    os.environ["STREAMLIT_LOGGER_LEVEL"] = "error"
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(_ROUTER, default_timeout=120)
    for name, value in {**_FILTER, "workspace": setting.db.schema}.items():
        app.query_params[name] = value
    app.run()
    app.switch_page(_PAGE).run()  # the first run imports the modules of the page
    assert not app.exception, app.exception
    print(f"\npage: the script of the data page, {setting.examples:,} examples, a filter of quality and tags")
    clock = _Clock()
    with clock.listening():
        _forget_cube(setting)
        _measure("cold, the examples changed a moment ago", app, clock, before=st.cache_data.clear)
        start = time.perf_counter()
        cube.refresh(setting.db)
        print(f"  {'(the cube, built in the background)':<42}{(time.perf_counter() - start) * 1e3:>8.0f} ms")
        _measure("cold: caches of the app empty", app, clock, before=st.cache_data.clear)
        _measure("warm: nothing changed since the last run", app, clock, before=lambda: None)


def _forget_cube(setting: Setting) -> None:
    with setting.db.begin() as connection:
        connection.execute(delete(cube_version))


def _measure(what: str, app: Any, clock: _Clock, *, before: Callable[[], None]) -> None:
    total, asked, statements = [], [], 0
    for _ in range(_ROUNDS):
        before()
        clock.seconds, clock.statements = 0.0, 0
        start = time.perf_counter()
        app.run()
        total.append(time.perf_counter() - start)
        asked.append(clock.seconds)
        statements = clock.statements
        assert not app.exception, app.exception
    whole, database = statistics.median(total), statistics.median(asked)
    print(
        f"  {what:<42}{whole * 1e3:>8.0f} ms: {statements} statements {database * 1e3:.0f} ms,"
        f" drawing and the rest {(whole - database) * 1e3:.0f} ms",
        flush=True,
    )
