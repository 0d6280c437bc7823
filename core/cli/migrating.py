"""`migrate`."""

from core.cli import AsJson, Workspace, command, database, show
from core.db.migrations import migrate as apply


@command("migrate")
def migrate(workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Bring the database to the form this version needs."""
    applied = apply(database(workspace, migrate=False))
    show({"applied": applied}, as_json=as_json, text="\n".join(applied) or "The database is up to date.")
