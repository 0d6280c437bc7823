"""Opening the database that the settings name, brought up to date."""

from core.db import migrations
from core.db.database import PUBLIC, Database
from core.db.embedded import EmbeddedPostgres
from core.settings import Settings, get_settings


def open_database(settings: Settings | None = None, *, workspace: str = PUBLIC, migrate: bool = True) -> Database:
    """Return the database that the settings name: DATABASE_URL, or the embedded server, which is started.

    With `migrate` the workspace's schema is brought up to date. Raises `DatabaseUnavailable` or `MigrationRefused`.
    """
    settings = settings or get_settings()
    url = settings.database_url.get_secret_value().strip() if settings.database_url else ""
    if url:
        database = Database(url, workspace)
    else:
        server = EmbeddedPostgres(settings.home, pg_bin=settings.pg_bin)
        database = Database(server.start(), workspace, revive=server.revive)
    database.check()
    if migrate:
        try:
            migrations.migrate(database)
        except BaseException:
            database.close()
            raise
    return database
