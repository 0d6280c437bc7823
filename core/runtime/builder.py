"""What runs beside the pages, in a thread of the server process: dataset versions that were asked for are built, and
lines of the audit log get their place in its chain.

Any number of processes may run this; the advisory lock of each version decides who builds it.
"""

import datetime as dt
import threading
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from core import audit, shortages
from core.datasets import snapshots, verification
from core.datasets.versions import DatasetVersion
from core.db import Database, workspaces
from core.errors import Conflict, WhetstoneError
from core.examples import cube

log = structlog.get_logger(__name__)

#: Seconds between two looks, when nobody wakes the thread before.
PAUSE_S = 1.0
#: The pause doubles with each look that fails, up to this.
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class State:
    """What the thread does, for pages and for /api/health."""

    running: bool = False
    #: `WORKSPACE id` of the version being built, or "".
    building: str = ""
    built: int = 0
    #: The last look that found the database answering.
    looked_at: dt.datetime | None = None
    #: Why the last look did not succeed, or "".
    error: str = ""


class Background:
    """The thread. `start` and `stop` may be called again; `wake` makes it look now."""

    def __init__(self, db: Database, *, pause_s: float = PAUSE_S) -> None:
        self._db = db
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._state = State()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look. Does nothing when it runs already."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            self._state = replace(self._state, running=True)
            self._thread = threading.Thread(target=self._run, name="whetstone-background", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """End after what is being done now; whether it ended in time. A build that did not is taken up by the next."""
        with self._lock:
            thread = self._thread
        self._stopping.set()
        self._wake.set()
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def wake(self) -> None:
        """Look now and not after the pause; for whoever has just asked for a version."""
        self._wake.set()

    def snapshot(self) -> State:
        with self._lock:
            return self._state

    def _run(self) -> None:
        faults = 0
        while not self._stopping.is_set():
            try:
                self._look()
                self._note(looked_at=dt.datetime.now(dt.UTC), error="")
                faults = 0
            except (SQLAlchemyError, psycopg.Error, WhetstoneError) as error:
                # The database is away, restarting or full; connections are found again and a build can be begun anew.
                sentence = shortages.sentence(error) or _first_line(error)
                if sentence != self._state.error:
                    log.warning("background_fault", error=sentence)
                self._note(error=sentence)
                faults += 1
            self._wake.wait(min(self._pause_s * 2**faults, LONGEST_PAUSE_S))
            self._wake.clear()
        self._note(running=False)

    def _look(self) -> None:
        for workspace in workspaces.list_workspaces(self._db):
            db = self._db.in_workspace(workspace)
            cube.refresh_if_due(db)
            audit.extend_chain(db)
            for dataset_id in snapshots.pending(db):
                if self._stopping.is_set():
                    return
                self._build(db, dataset_id)

    def _build(self, db: Database, dataset_id: int) -> None:
        def tick(_progress: snapshots.BuildProgress) -> None:
            if self._stopping.is_set():
                raise _Stopped
            self._note(building=f"{db.schema} {dataset_id}")

        try:
            version = snapshots.build(db, dataset_id, tick, wait=False)
        except Conflict:
            return  # another process builds it
        except _Stopped:
            return  # taken up again by the next start, or by another process
        except (OperationalError, InterfaceError):
            raise
        except SQLAlchemyError as error:
            # Not a matter of time: the same build would fail for ever, so it says why and ends.
            log.exception("dataset_build_failed", workspace=db.schema, dataset_id=dataset_id)
            snapshots.fail(db, dataset_id, f"The database refused the build: {_first_line(error)}")
        else:
            log.info("dataset_built", workspace=db.schema, dataset=version.label, status=version.status)
            if self._state.building != "" and version.status == "frozen":
                self._note(built=self._state.built + 1)
                self._prove(db, version)
        finally:
            self._note(building="")

    def _prove(self, db: Database, version: DatasetVersion) -> None:
        """Render it once more, so that whoever opens it sees that what was frozen can be made again."""

        def tick(_done: int) -> None:
            if self._stopping.is_set():
                raise _Stopped

        with suppress(_Stopped):  # whoever wants to know asks for it on the page
            found = verification.verify(db, version, tick)
            if not found.ok:
                log.error("version_not_as_frozen", workspace=db.schema, dataset=version.label, wrong=found.wrong)

    def _note(self, **values: object) -> None:
        with self._lock:
            self._state = replace(self._state, **values)  # type: ignore[arg-type]


class _Stopped(Exception):
    """The process ends while a version is built."""


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
