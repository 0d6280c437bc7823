"""What the tests of the queue page share."""

from typing import Any

from streamlit.testing.v1 import AppTest

from core.commands import verbs
from core.commands.filters import CommandFilter
from core.commands.models import Status
from core.db import Database
from tests.commands.conftest import claim, completed, enqueue, failed
from tests.pages.conftest import Visit
from ui.queue import drawer as queue_drawer

BAD = "![x](http://evil.example/x.png) <b>bold</b> :red[no] $x$"


def cards(app: AppTest) -> list[str]:
    """What the cards say, from left to right."""
    return [button.label for button in app.button if (button.key or "").startswith("queue_show_")]


def rows(app: AppTest, column: str = "id") -> list[Any]:
    return list(app.dataframe[0].value[column])


def listed(*ids: int) -> list[str]:
    return [f"#{each}" for each in ids]


def parameter(app: AppTest, name: str) -> list[str]:
    """A parameter of the URL; AppTest gives a list for what a link set, and may give text for what the app set."""
    value = app.query_params[name]
    return [value] if isinstance(value, str) else list(value)


def select(app: AppTest, *ids: int) -> AppTest:
    app.session_state["queue_selected"] = set(ids)
    return app.run()


def opened(visit: Visit, command_id: int, **state: object) -> AppTest:
    """The page with the drawer of one command open."""
    app = visit("queue")
    app.session_state["queue_open"] = command_id
    app.session_state["modal"] = queue_drawer.DRAWER.window
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app


def cancelled(database: Database) -> int:
    command_id = enqueue(database)
    verbs.cancel(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    return command_id


def paused(database: Database) -> int:
    command_id = enqueue(database)
    verbs.pause(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    return command_id


def one_of_each(database: Database) -> dict[Status, int]:
    """A command in every status."""
    found: dict[Status, int] = {"completed": completed(database), "failed": failed(database)}
    found |= {"paused": paused(database), "cancelled": cancelled(database), "running": enqueue(database)}
    claim(database)
    found["pending"] = enqueue(database)
    return found
