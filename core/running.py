"""What one process of the app shares: its database and the threads that work on it. Pages and API ask here."""

import threading

from core.database import Database, open_database
from core.embedded import EmbeddedPostgres
from core.settings import settings


class Running:
    """Opens on first use. A failed opening is remembered by nobody: the next caller tries again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database: Database | None = None

    def start(self) -> None:
        """Open the database now."""
        self.database()

    def database(self) -> Database:
        """The company's workspace; others are reached by `in_workspace`. Raises what `open_database` raises."""
        with self._lock:
            if self._database is None:
                self._database = open_database(settings())
            return self._database

    @property
    def is_open(self) -> bool:
        return self._database is not None

    def close(self) -> None:
        """Let go of every connection. The next call opens again, with the settings of that moment."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def stop(self) -> None:
        """Close, and stop the embedded server unless another program uses it."""
        was_open = self.is_open
        self.close()
        if was_open and settings().database_url is None:
            EmbeddedPostgres(settings().home, pg_bin=settings().pg_bin).stop(only_if_unused=True)


#: The one of this process.
RUNNING = Running()
