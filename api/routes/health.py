"""Whether this process can work: for a person, a script, or whatever restarts it."""

import tomllib
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from starlette.responses import JSONResponse

from api.envelope import answer, enveloped, refused
from api.shapes import JsonObject
from core import shortages
from core.db import workspaces
from core.errors import WhetstoneError
from core.runtime.backing_up import BackupState
from core.runtime.builder import State
from core.runtime.process import RUNNING

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """What works in this process."""

    version: str
    database: str
    workspaces: list[str]
    postgresql: str
    background: JsonObject | None
    tuning: JsonObject | None
    backups: JsonObject | None


def app_version() -> str:
    """Installed, or run from its folder: the version stands in pyproject.toml either way."""
    try:
        return version("whetstone")
    except PackageNotFoundError:
        with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
            return tomllib.load(file)["project"]["version"]


VERSION = app_version()


@router.get("/health", response_model=enveloped(Health))
def health() -> JSONResponse:
    """200 when the database answers, else 503 with the reason."""
    state: dict[str, Any] = {"version": VERSION, "database": "unavailable", "workspaces": []}
    try:
        database = RUNNING.database()
        with database.connect() as connection:
            state["postgresql"] = connection.execute(text("SHOW server_version")).scalar_one()
        state |= {"database": "ok", "workspaces": workspaces.list_workspaces(database)}
    except WhetstoneError as error:
        return refused(503, str(error), error=type(error).__name__, data=state)
    except OperationalError as error:
        return refused(
            503, shortages.sentence(error) or "The database does not answer.", error="DatabaseUnavailable", data=state
        )
    background = RUNNING.background
    state["background"] = None if background is None else _shown(background.snapshot())
    poller = RUNNING.poller
    state["tuning"] = None if poller is None else asdict(poller.snapshot())
    backing_up = RUNNING.backing_up
    state["backups"] = None if backing_up is None else _backups(backing_up.snapshot())
    return answer(state)


def _backups(state: BackupState) -> dict[str, Any]:
    """The sentence of an error may name a folder, so only the log has it: anybody may ask for this."""
    newest = state.newest.isoformat() if state.newest else None
    return {"running": state.running, "newest": newest, "failed": bool(state.error)}


def _shown(state: State) -> dict[str, Any]:
    looked_at = state.looked_at.isoformat() if state.looked_at else None
    return {"running": state.running, "building": state.building, "looked_at": looked_at, "error": state.error}
