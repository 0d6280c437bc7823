"""Files that several processes share: one at a time by a lock, and never half of a file."""

import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Wait for the lock on the file, which is made where there is none, and hold it.

    It is held against other processes and other threads of this one, and ends with its holder, however that ends.
    """
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with suppress(OSError):
                    file.seek(0)
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                time.sleep(0.1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(path: Path) -> Generator[IO[bytes]]:
    """Yield a file that is written beside `path` and takes its place when all is on disk: nobody sees half of it."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
