"""`progress.jsonl`: one line an event, only ever appended to, so that whoever watches reads on from where it was."""

import json
import math
import os
import time
from pathlib import Path
from typing import Any


def is_first() -> bool:
    """Of a distributed training, one process alone writes."""
    return os.environ.get("RANK", "0") == "0"


class Progress:
    """Writes events; `is_silent` for all processes of a distributed training but one."""

    def __init__(self, folder: Path, *, is_silent: bool = False) -> None:
        self._path = folder / "progress.jsonl"
        self._is_silent = is_silent

    def tell(self, event: str, **values: Any) -> None:
        """Append one event as one write, so that nobody reads half of it unless we are killed within."""
        if self._is_silent:
            return
        # JSON knows no NaN.
        facts = {
            name: (None if isinstance(value, float) and not math.isfinite(value) else value)
            for name, value in values.items()
        }
        line = json.dumps({"t": round(time.time(), 3), "event": event, **facts}, allow_nan=False) + "\n"
        with self._path.open("ab", buffering=0) as file:
            if self._is_torn():
                line = "\n" + line
            file.write(line.encode())
            os.fsync(file.fileno())

    def events(self) -> list[dict[str, Any]]:
        """All whole events so far."""
        found = []
        for line in self._path.read_bytes().splitlines() if self._path.exists() else []:
            try:
                found.append(json.loads(line))
            except ValueError:  # what a killed trainer did not finish
                continue
        return [each for each in found if isinstance(each, dict)]

    def _is_torn(self) -> bool:
        """Whether a trainer was killed within its last line."""
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
