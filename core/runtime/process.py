"""What one process of the app shares: its database and the threads that work on it. Pages and API ask here."""

import datetime as dt
import threading

from core.commands.worker import Worker
from core.db import Database, open_database
from core.db.embedded import EmbeddedPostgres
from core.db.migrations import migrate
from core.db.workspaces import list_workspaces
from core.runtime.agents import registry as agents_registry
from core.runtime.backing_up import BackingUp
from core.runtime.builder import Background
from core.settings import get_settings
from core.similarity import Encoding
from core.tuning.engine import Poller


class Running:
    """Opens on first use. Nothing remembers a failed opening: the next caller tries again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._background: Background | None = None
        self._worker: Worker | None = None
        self._poller: Poller | None = None
        self._encoding: Encoding | None = None
        self._backing_up: BackingUp | None = None
        self._works = False

    def start(self) -> None:
        """Open the database now, and work in the background from its opening on, whoever opens it."""
        self._works = True
        self.database()

    def database(self) -> Database:
        """Return the company's workspace; others are reached by `in_workspace`. Raises what `open_database` raises."""
        with self._lock:
            if self._database is None:
                # The database, and every workspace in it brought to the form this version needs.
                database = open_database(get_settings())
                for name in list_workspaces(database):
                    migrate(database.in_workspace(name))
                self._database = database
                if self._works:
                    self._begin(self._database)
            return self._database

    def _begin(self, database: Database) -> None:
        self._background = Background(database)
        self._background.start()
        if get_settings().workers:
            self._worker = Worker(database, agents_registry(), threads=get_settings().workers)
            self._worker.start()
        self._poller = Poller(database, settings=get_settings())
        self._poller.start()
        self._encoding = Encoding(database)
        self._encoding.start()
        if folder := get_settings().backup_folder:
            every = dt.timedelta(hours=get_settings().backup_hours)
            self._backing_up = BackingUp(database, folder, every=every, keep=get_settings().backup_keep)
            self._backing_up.start()

    @property
    def is_open(self) -> bool:
        return self._database is not None

    @property
    def background(self) -> Background | None:
        """The thread, for who wants to wake it or to know its state; None while this process only looks."""
        return self._background

    @property
    def worker(self) -> Worker | None:
        """The worker of this process; None while this process only looks, and where WHETSTONE_WORKERS is 0."""
        return self._worker

    @property
    def poller(self) -> Poller | None:
        """What looks after fine-tuning jobs in this process; None while this process only looks."""
        return self._poller

    @property
    def backing_up(self) -> BackingUp | None:
        """What writes backups in this process; None where no folder is set for them."""
        return self._backing_up

    def close(self) -> None:
        """Stop working and let go of every connection. The next call opens again, with the settings of that moment."""
        with self._lock:
            if self._worker is not None:
                self._worker.stop()
            if self._poller is not None:
                self._poller.stop()
            if self._encoding is not None:
                self._encoding.stop()
            if self._backing_up is not None:
                self._backing_up.stop()
            if self._background is not None:
                self._background.stop()
            if self._database is not None:
                self._database.close()
            self._worker = self._poller = self._encoding = self._backing_up = self._background = self._database = None

    def stop(self) -> None:
        """Close for good, and stop the embedded server unless another program uses it."""
        was_open = self.is_open
        self._works = False
        self.close()
        if was_open and get_settings().database_url is None:
            EmbeddedPostgres(get_settings().home, pg_bin=get_settings().pg_bin).stop(only_if_unused=True)


#: The one of this process.
RUNNING = Running()
