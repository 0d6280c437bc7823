"""What a machine runs out of, in one sentence each: what is short, where, how much is free, and what to do.

PostgreSQL says it with a SQLSTATE, or only in words while a connection is being made; the system says it with an errno.
All of them are told apart here and nowhere else.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psycopg

from core.settings import get_settings

Kind = Literal["disk", "read_only", "files", "memory", "connections", "disk_fault"]

#: Bytes. A new database takes 45 MB, and each step of PostgreSQL's log 16 MB; a freeze or an import takes more.
NEEDED = 256 << 20
WAL_SEGMENT = 16 << 20

_OF_STATE: dict[str, Kind] = {
    "53100": "disk",
    "53200": "memory",
    "53300": "connections",
    "25006": "read_only",
    "58030": "disk_fault",
}
_OF_ERRNO: dict[int, Kind] = {
    errno.ENOSPC: "disk",
    errno.EDQUOT: "disk",
    errno.EROFS: "read_only",
    errno.EMFILE: "files",
    errno.ENFILE: "files",
    errno.ENOMEM: "memory",
    errno.EIO: "disk_fault",
}
#: In PostgreSQL's and the system's own words, the first that fits; a connection that fails has no SQLSTATE.
_IN_WORDS: tuple[tuple[str, Kind], ...] = (
    ("no space left on device", "disk"),
    ("disk quota exceeded", "disk"),
    ("read-only file system", "read_only"),
    ("too many open files", "files"),
    ("out of file descriptors", "files"),
    ("cannot allocate memory", "memory"),
    ("out of memory", "memory"),
    ("too many clients already", "connections"),
    ("remaining connection slots", "connections"),
    ("too many connections", "connections"),
    ("input/output error", "disk_fault"),
)


def kind(error: BaseException) -> Kind | None:
    """Return what ran out, if that is what this error, or one that it came from, is about."""
    for each in _chain(error):
        found = _kind(each)
        if found is not None:
            return found
    return None


def kind_in_words(text: str) -> Kind | None:
    """Return what ran out, by the words of a program: of the server's log, or of initdb."""
    low = text.lower()
    return next((found for words, found in _IN_WORDS if words in low), None)


def sentence(error: BaseException, *, folder: Path | None = None) -> str | None:
    """For people, or None where nothing ran out. `folder`: where it was written, if the error does not say."""
    found = kind(error) or _of_lost_server(error)
    if found is None:
        return None
    named = next(
        (each.filename for each in _chain(error) if isinstance(each, OSError) and isinstance(each.filename, str)), None
    )
    return say(found, folder or (Path(named).absolute() if named else None), of_database=named is None)


def say(found: Kind, folder: Path | None = None, *, of_database: bool = True) -> str:
    """Return the sentence of one kind. Without a folder it is about the database, which may be on another machine."""
    if folder is None and of_database and get_settings().database_url is None:
        folder = get_settings().home
    where = f"that holds {folder}" if folder else "of the PostgreSQL server that DATABASE_URL names"
    if found == "disk":
        return (
            f"The disk {where} is full{_free(folder)}; at least {_size(NEEDED)} are needed to go on. Free some space "
            "there and try again; what was not finished was rolled back."
        )
    if found == "read_only":
        what = f"The folder {folder}" if folder else "The PostgreSQL server that DATABASE_URL names"
        other = ", or set WHETSTONE_HOME to a folder that is," if folder else ""
        return f"{what} can only be read at the moment; make it writable{other} and try again."
    if found == "files":
        return (
            "This program has as many files open as the system lets it; close other programs, or raise the limit "
            "(`ulimit -n 4096`) and start Whetstone again."
        )
    if found == "memory":
        return (
            "There was not enough memory for this; close other programs, or choose fewer examples, and try again. "
            "What was not finished was rolled back."
        )
    if found == "connections":
        return (
            "The database has as many connections as it allows; close other programs that use it, or raise its "
            "max_connections, and try again in a moment."
        )
    return (
        f"The disk {where} could not be read or written (input/output error): it may be damaged or unplugged. "
        "Look at the system's log, and keep a copy of the data before you go on."
    )


def unwritable(path: Path, error: OSError) -> str:
    """Why the file cannot be written there, as the end of a sentence, without its stop."""
    found, folder = kind(error), path.absolute().parent
    if found is not None:
        return say(found, folder, of_database=False).removesuffix(".")
    if error.errno in (errno.ENOENT, errno.ENOTDIR) and not folder.is_dir():
        is_file = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)
        return f"{is_file} is not a folder" if not is_file.is_dir() else f"there is no folder {folder}; make it first"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"this user may not write into the folder {folder}"
    if error.errno == errno.EISDIR:
        return "it is a folder"
    if error.errno == errno.ENAMETOOLONG:
        return "its name is longer than the file system takes (most take 255 bytes)"
    return (error.strerror or str(error)).rstrip(".")


def _of_lost_server(error: BaseException) -> Kind | None:
    """Look at the disk after a lost server: one that finds no room for its log ends at once, and
    clients see only that.
    """
    is_lost = any(
        isinstance(each, psycopg.OperationalError) and (each.sqlstate or "57P").startswith(("57P", "08"))
        for each in _chain(error)
    )
    if not is_lost or get_settings().database_url is not None:
        return None
    with suppress(OSError):
        return "disk" if shutil.disk_usage(get_settings().home).free < WAL_SEGMENT else None
    return None


def _kind(error: BaseException) -> Kind | None:
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError) and error.errno in _OF_ERRNO:
        return _OF_ERRNO[error.errno]
    if isinstance(error, psycopg.Error):
        # 58030 and XX000 come with the system's own words, which say more than the code does.
        in_words = kind_in_words(str(error)) if error.sqlstate in (None, "58030", "58P01", "XX000", "53000") else None
        return in_words or _OF_STATE.get(error.sqlstate or "")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it came from: SQLAlchemy keeps the driver's in `orig`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [getattr(each, "orig", None), each.__cause__, each.__context__]


def _free(folder: Path | None) -> str:
    """How much is left, where that can be measured from here."""
    if folder is None:
        return ""
    for place in (folder, *folder.parents):
        with suppress(OSError):
            return f" ({_size(shutil.disk_usage(place).free)} free)"
    return ""


def _size(number: int) -> str:
    return f"{number / (1 << 20):,.0f} MB" if number < 10 << 30 else f"{number / (1 << 30):,.0f} GB"
