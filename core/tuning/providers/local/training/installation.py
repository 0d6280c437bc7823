"""Installing the trainer's environment in a thread of this process: it goes on when the browser is closed.

How far it is, `environment.status` tells everybody; here stands only what would be lost with the thread: why it failed.
"""

import threading
from typing import Literal

import structlog

from core.errors import Conflict, WhetstoneError
from core.settings import Settings
from core.tuning.providers.local.training import environment

log = structlog.get_logger(__name__)

Device = Literal["cpu", "cuda"]


class Installation:
    """One at a time in a process; the environment's own lock keeps processes apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        #: Why the last one did not succeed, or "".
        self.error = ""

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, settings: Settings, device: Device) -> None:
        """Begin. Raises `Conflict` while one is running."""
        with self._lock:
            if self.is_running:
                raise Conflict("The trainer is being installed already; wait until that is done.")
            self.error = ""
            self._thread = threading.Thread(
                target=self._run, args=(settings, device), name="installing the trainer", daemon=True
            )
            self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Until it is done, or the time is over."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, settings: Settings, device: Device) -> None:
        error = "It ended before it was done; the log of the server says why."
        try:
            environment.install(settings, device, lambda _progress: None)
            error = ""
        except WhetstoneError as refused:
            error = str(refused)
        finally:  # a bug rises, and pages say so all the same
            self.error = error
            log.info("the trainer was not installed" if error else "the trainer was installed", device=device)


#: The one of this process.
INSTALLATION = Installation()
