"""ZIP archives: the files in them that can be imported, unpacked for as long as they are read.

Nothing in an archive is trusted: its files are written under numbers of ours, and refused before anything is unpacked
when they would take too much.
"""

import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from core import shortages
from core.errors import ImportRefused
from core.examples.importing.reading.sources import ENDINGS, ending_of, unpacked_limit
from core.text import shortened

#: What Hugging Face keeps beside the rows of a data set.
ABOUT_THE_DATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"}
#: How archives begin, also one without any file.
_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
#: So many files, and bytes of the list of them at the end of the archive.
_MOST_FILES, _LIST_LIMIT = 10_000, 8 << 20
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".xz", ".bz2")
#: What Excel and other programs of the office keep in theirs.
_OF_AN_OFFICE = ("[Content_Types].xml", "mimetype")
_END = b"PK\x05\x06"
#: What unpacking raises of an archive that is cut, or packed in a way that is not known here.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


@contextmanager
def unpacked(paths: Sequence[Path], *, only_first: bool = False) -> Iterator[list[Path]]:
    """Yield the files, with those of archives in their place.

    `only_first`: no more than the first, which is looked at.
    """
    with ExitStack() as stack:
        found: list[Path] = []
        for path in paths[:1] if only_first else paths:
            if not _is_archive(path):
                found.append(path)
                continue
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="whetstone-archive-"))
            found += _unpacked(path, Path(folder), only_first=only_first)
        yield found


def _is_archive(path: Path) -> bool:
    """Whether it is a ZIP archive of files; what cannot be looked at is told when it is opened."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if not file.read(4).startswith(_BEGINNINGS):
                return False
        _refuse_long_list(path)
        with zipfile.ZipFile(path) as archive:
            return not any(name in archive.NameToInfo for name in _OF_AN_OFFICE)
    except OSError:
        return False
    except _BROKEN:
        return True


def _unpacked(path: Path, folder: Path, *, only_first: bool) -> list[Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive.infolist())
            found = []
            for number, member in enumerate(members[:1] if only_first else members):
                target = folder / str(number) / _plain_name(member)
                target.parent.mkdir()
                with archive.open(member) as packed, target.open("wb") as file:
                    while block := packed.read(1 << 20):
                        file.write(block)
                found.append(target)
            return found
    except _BROKEN as error:
        if isinstance(error, OSError) and shortages.kind(error) is not None:
            raise
        said = " ".join(str(error).split())[:100].rstrip(".") or "it ends too early"
        raise ImportRefused(
            f"The file {path.name!r} is a ZIP archive and cannot be unpacked: {said}. Is it cut?"
        ) from None


def _members(path: Path, listed: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the files of an archive that are rows, as of a folder: with a known ending, in order of their names.

    A single file may have any name. Raises `ImportRefused` for what cannot be unpacked, or should not.
    """
    seen = [member for member in listed if not member.is_dir()]
    if not seen:
        raise ImportRefused(f"The ZIP archive {path.name!r} is empty: it holds no file.")
    if len(seen) > _MOST_FILES:
        raise _too_many(path)
    for member in seen:
        if _leads_out(member.filename):
            raise ImportRefused(
                f"The ZIP archive {path.name!r} is not safe to unpack: it names {shortened(member.filename)}, a place "
                "outside of it."
            )
    shown = [member for member in seen if not _is_hidden(member)]
    for member in shown:
        if PurePosixPath(member.filename).suffix.lower() in _ARCHIVES:
            raise ImportRefused(
                f"The ZIP archive {path.name!r} holds another archive, {shortened(member.filename)}; unpack that, and "
                "import what is in it."
            )
    found = [member for member in shown if ending_of(Path(member.filename)) in ENDINGS]
    found = [member for member in found if PurePosixPath(member.filename).name not in ABOUT_THE_DATA]
    if not found and len(shown) == 1:
        found = shown
    if not found:
        raise ImportRefused(
            f"The ZIP archive {path.name!r} holds no file to import: none ends in {', '.join(ENDINGS)}."
        )
    _refuse_unfit(path, found)
    return sorted(found, key=lambda member: PurePosixPath(member.filename).parts)


def _refuse_unfit(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Files that only a password opens, and more bytes than an archive of texts of this size holds."""
    for member in members:
        if member.flag_bits & 1:
            raise ImportRefused(
                f"The ZIP archive {path.name!r} is encrypted: {shortened(member.filename)} needs a password. Unpack "
                "it, and import what is in it."
            )
    total, limit = sum(member.file_size for member in members), unpacked_limit(path.stat().st_size)
    if total > limit:
        raise ImportRefused(
            f"The ZIP archive {path.name!r} unpacks to {total >> 20:,} MiB, and {limit >> 20:,} MiB are allowed for "
            "one of its size; if that is right, unpack it, and import what is in it."
        )


def _refuse_long_list(path: Path) -> None:
    """Refuse a list of files that is too long to be read whole, by its size in the last bytes of the archive."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 22))
        tail = file.read()
    at = len(tail) - 22 if tail[-22:-18] == _END else tail.rfind(_END)
    if 0 <= at <= len(tail) - 22 and struct.unpack_from("<L", tail, at + 12)[0] > _LIST_LIMIT:
        raise _too_many(path)


def _too_many(path: Path) -> ImportRefused:
    return ImportRefused(
        f"The ZIP archive {path.name!r} holds more than {_MOST_FILES:,} files; import a folder of them, or fewer."
    )


def _leads_out(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return ".." in parts or parts[0] == "" or bool(re.match("[A-Za-z]:", name))


def _is_hidden(member: zipfile.ZipInfo) -> bool:
    """Recognise what a Mac puts beside each file, what begins with a dot, and links, which hold a name and no rows."""
    parts = PurePosixPath(member.filename).parts
    is_link = member.create_system == 3 and stat.S_ISLNK(member.external_attr >> 16)
    return is_link or "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _plain_name(member: zipfile.ZipInfo) -> str:
    """Return the last part of its name, as messages call the file, without signs that a file system may refuse."""
    name = re.split(r"[/\\]", member.filename)[-1]
    return re.sub(r'[\x00-\x1f:*?"<>|]', "_", name).encode(errors="replace").decode()[-120:] or "file"
