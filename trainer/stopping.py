"""How a training is asked to stop: by the file `stop` in the job's folder, which works everywhere, or by a signal."""

import signal
from pathlib import Path
from typing import Any


class Stopping:
    """Remembers that a stop was asked for. Whoever trains looks at `reason` between two steps."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stop"
        self._signal = ""

    def listen(self) -> None:
        """Take signals. To be called before the slow imports, during which a signal would otherwise kill us."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._heard)

    def _heard(self, number: int, frame: Any) -> None:
        self._signal = signal.Signals(number).name

    @property
    def reason(self) -> str:
        """Who asked: a signal's name or "stop file"; "" as long as nobody did."""
        return self._signal or ("stop file" if self._file.exists() else "")

    def obeyed(self) -> None:
        """Take the file away, so that the next start goes on."""
        self._file.unlink(missing_ok=True)
