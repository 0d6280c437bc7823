"""One trainer at a time on a machine: who has the device, and who is next."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.files import locked
from core.tuning.providers.local.runners import folders

#: Whoever waits is heard of with every poll. Who was not heard of for so long does not stand in the way of others.
_FORGOTTEN_S = 120.0


class Device:
    """The device of this machine, by a folder that all processes share."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process, and one thread of it, decides at a time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder / "lock"):
            yield

    def holder(self) -> Path | None:
        """Return the folder whose trainer had the device last; whether it still runs is for the caller to see."""
        try:
            return Path(json.loads((self._folder / "holder.json").read_text(encoding="utf-8"))["folder"])
        except FileNotFoundError:
            return None

    def give_to(self, folder: Path) -> None:
        folders.write_json(self._folder / "holder.json", {"folder": str(folder)})

    def wait(self, key: str, since: float) -> None:
        """Be in line, or stay there."""
        folders.write_json(self._line(key), {"since": since})

    def leave(self, key: str) -> None:
        self._line(key).unlink(missing_ok=True)

    def is_first(self, key: str, since: float) -> bool:
        """Whether nobody waits for longer."""
        return all((since, key) <= (other, name) for name, other in self._others(key))

    def _others(self, key: str) -> Iterator[tuple[str, float]]:
        for file in (self._folder / "line").glob("*.json"):
            with suppress(FileNotFoundError):
                if file.stem != key and self._clock() - file.stat().st_mtime < _FORGOTTEN_S:
                    yield file.stem, json.loads(file.read_text(encoding="utf-8"))["since"]

    def _line(self, key: str) -> Path:
        folder = self._folder / "line"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{key}.json"
