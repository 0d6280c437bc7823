"""Hears that a command became claimable. Only a wake-up: who hears nothing finds the command at the next look."""

import select
import socket
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from core.db import Database
from core.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

CHANNEL = "whetstone_commands"
_PAUSE_S = 1.0
#: Seconds of silence after which the connection is asked whether it is alive.
_SILENCE_S = 60.0


class Listener:
    """A thread with a connection of its own, found again when it is lost."""

    def __init__(self, db: Database, heard: Callable[[], None]) -> None:
        self._db, self._heard = db, heard
        self._stopping = threading.Event()
        self._bell, self._ear = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="whetstone-listen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Let go of the connection."""
        self._stopping.set()
        self._bell.send(b"!")
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._bell.close()
            self._ear.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._db.dedicated() as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    self._heard()  # what came while nobody listened
                    self._listen(connection)
            except (psycopg.Error, DatabaseUnavailable, OSError) as error:
                log.info("listening_again_soon", error=str(error).strip().splitlines()[0] if str(error) else "")
                self._stopping.wait(_PAUSE_S)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        # select and not a short timeout: an idle listener costs nothing, and stops at once.
        while not self._stopping.is_set():
            ready, _, _ = select.select([connection, self._ear], [], [], _SILENCE_S)
            if self._ear in ready:
                return
            if not ready:
                connection.execute("SELECT 1")
            if list(connection.notifies(timeout=0)):
                self._heard()
