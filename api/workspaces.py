"""Which workspace a request is about."""

from core.db import PUBLIC, Database, workspaces
from core.errors import WorkspaceRefused
from core.runtime.process import RUNNING


def chosen_workspace(name: str) -> Database:
    """Return the workspace `name`.

    Raises `WorkspaceRefused` for one that does not exist: a name here is never created.
    """
    database = RUNNING.database()
    if name == PUBLIC:
        return database
    if not workspaces.exists(database, name):
        raise WorkspaceRefused(f"There is no workspace {name!r}.")
    return database.in_workspace(name)
