"""The thread that makes vectors as rows arrive, beside pages and workers. Without a model it costs nothing."""

import threading
from collections.abc import Sequence

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.db import Database, workspaces
from core.errors import WhetstoneError
from core.similarity import vectors, weights
from core.similarity.search import Models

log = structlog.get_logger(__name__)

#: Seconds between two looks.
PAUSE_S = 2.0
#: The pause doubles with each look that fails, up to this.
LONGEST_PAUSE_S = 60.0


class Encoding:
    """The thread, for these workspaces, or all. Any number of processes may run one: a lock decides who encodes a
    workspace.
    """

    def __init__(
        self,
        db: Database,
        *,
        workspaces: Sequence[str] | None = None,
        pause_s: float = PAUSE_S,
        models: Models = weights.model,
    ) -> None:
        self._db, self._only, self._pause_s, self._models = db, workspaces, pause_s, models
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="whetstone-similarity", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """End after the batch in hand; whether it ended in time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        faults, said = 0, ""
        while not self._stopping.is_set():
            try:
                self._look()
                faults, said = 0, ""
            except _Stopped:
                break
            except (SQLAlchemyError, psycopg.Error, WhetstoneError, OSError) as error:
                # The database is away, somebody writes for long, or the model is broken: told once, and tried again.
                faults += 1
                if (sentence := str(getattr(error, "orig", None) or error).strip()) != said:
                    log.warning(
                        "similarity_fault", error=sentence.splitlines()[0] if sentence else type(error).__name__
                    )
                    said = sentence
            self._stopping.wait(min(self._pause_s * 2**faults, LONGEST_PAUSE_S))

    def _look(self) -> None:
        model = self._models()
        if model is None:
            return
        for name in workspaces.with_table(self._db, "similarity_due"):
            if self._only is not None and name not in self._only:
                continue
            db = self._db.in_workspace(name)
            # One whose vectors are of another model is left alone: a person decides, by `similarity encode`.
            if vectors.register(db, model) and vectors.has_due(db):
                done = vectors.encode_all(db, model, lambda _done, _waiting: self._check())
                log.info("similarity_encoded", workspace=name, rows=done)

    def _check(self) -> None:
        if self._stopping.is_set():
            raise _Stopped


class _Stopped(Exception):
    """The process ends."""
