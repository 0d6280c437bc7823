"""One trainer a folder: a lock that its process holds, and that ends with it, however it ends."""

import os
import sys
from pathlib import Path
from typing import BinaryIO


class Taken(Exception):
    """Another trainer has this folder."""


def alone(folder: Path) -> BinaryIO:
    """Take the folder for this process; keep what is returned as long as it runs. Raises `Taken`."""
    file = (folder / "lock").open("a+b")
    try:
        _lock(file)
    except OSError:
        file.seek(0)
        holder = "" if sys.platform == "win32" else file.read(20).decode(errors="replace").strip()
        file.close()
        raise Taken(f"Another trainer{holder and f' (process {holder})'} works in {folder}; wait for it.") from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(1 << 20)  # beyond the number, which others want to read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
