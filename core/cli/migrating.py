"""`migrate`."""

from core.cli import AsJson, Workspace, command, show
from core.database import open_database
from core.migrations import migrate as apply
from core.settings import settings


@command("migrate")
def migrate(workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Bring the database to the form this version needs."""
    db = open_database(settings(), workspace=workspace, migrate=False)
    applied = apply(db)
    show({"applied": applied}, as_json=as_json, text="\n".join(applied) or "The database is up to date.")
