"""The thread that backs everything up every so many hours, where a folder for it is set."""

import datetime as dt
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from core import backups, shortages
from core.db import Database
from core.errors import WhetstoneError

log = structlog.get_logger(__name__)

#: Seconds between two looks whether a backup is due.
PAUSE_S = 60.0
#: The pause doubles with each backup that fails, up to this.
LONGEST_PAUSE_S = 3_600.0
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('backs up ' || current_database(), 6))"


@dataclass(frozen=True)
class BackupState:
    """What is known of the backups, for /api/health."""

    running: bool = False
    #: When the newest in the folder was begun.
    newest: dt.datetime | None = None
    #: Why the last one that was due is not there, or "".
    error: str = ""


class BackingUp:
    """The thread. Any number of processes may run one on a folder that they share: a lock decides who writes."""

    def __init__(self, db: Database, folder: Path, *, every: dt.timedelta, keep: int, pause_s: float = PAUSE_S) -> None:
        self._db, self._folder, self._every, self._keep, self._pause_s = db, folder, every, keep, pause_s
        self._state = BackupState()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._stopping.clear()
        self._state = replace(self._state, running=True)
        self._thread = threading.Thread(target=self._run, name="whetstone-backups", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """End after the backup in hand; whether it ended in time. One that is broken off leaves no backup."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def snapshot(self) -> BackupState:
        return self._state

    def _run(self) -> None:
        faults = 0
        while not self._stopping.is_set():
            try:
                self._look()
                faults = 0
            except (SQLAlchemyError, psycopg.Error, WhetstoneError, OSError) as error:
                # The database is away, or the disk is full or not there: told once, and tried again.
                faults += 1
                sentence = shortages.sentence(error) or str(error).strip() or type(error).__name__
                if sentence != self._state.error:
                    log.warning("backup_fault", error=sentence)
                self._state = replace(self._state, error=sentence)
            self._stopping.wait(min(self._pause_s * 2**faults, LONGEST_PAUSE_S))
        self._state = replace(self._state, running=False)

    def _look(self) -> None:
        if self._is_due():
            with self._db.dedicated() as connection:
                held = connection.execute(_LOCK).fetchone()
                # Looked at again: another process may just have written one.
                if held == (True,) and self._is_due():
                    done = backups.backup(self._db, self._folder, keep=self._keep)
                    log.info("backed_up", file=done.path.name, size_bytes=done.size_bytes, removed=len(done.removed))
        self._state = replace(self._state, newest=self._newest(), error="")

    def _is_due(self) -> bool:
        newest = self._newest()
        return newest is None or dt.datetime.now(dt.UTC) - newest >= self._every

    def _newest(self) -> dt.datetime | None:
        """One of a time to come counts for nothing: the clock was wrong then, and would stop all backups until then."""
        now = dt.datetime.now(dt.UTC)
        return max((moment for moment in backups.moments(self._folder) if moment <= now), default=None)
