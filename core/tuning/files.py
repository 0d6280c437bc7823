"""The frozen records as files that a provider reads, each named by the hash of its bytes."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from core import files
from core.datasets.exporting import export, left_out
from core.datasets.rendering import FORMATS, RENDERER, Format
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion, frozen
from core.db import Database
from core.errors import TuningRefused
from core.tuning import places
from core.tuning.providers.data import Files

_HASH = re.compile(r"[0-9a-f]{64}")


def of(db: Database, dataset: str | int | DatasetVersion, format: str, home: Path) -> Files:  # noqa: A002
    """Return the three splits in this format, each written once, whatever number of jobs read it.

    Raises `TuningRefused` for an unknown format, `DatasetRefused` for a version that is not frozen or incomplete.
    """
    version = frozen(db, dataset)
    chosen = _format(format)
    train, validation, test = (_split(db, version, split, chosen, home) for split in NAMES)
    if train is None:
        what = "preference pairs to train on" if format == "dpo" else "training examples"
        why = left_out(version, "train", chosen) or "Create a version that has some."
        raise TuningRefused(f"{version.label} has no {what} in the format {format}. {why}")
    return Files(train, validation, test)


def _format(word: str) -> Format:
    for each in FORMATS:
        if word == each and each != "parquet":
            return each
    raise TuningRefused(f"There is no training file in the format {word!r}.")


def _split(db: Database, version: DatasetVersion, split: SplitName, format: Format, home: Path) -> Path | None:  # noqa: A002
    """Return the file; None for a split without records.

    What a split gives in a format never changes, so its hash is remembered beside the files. The bytes are hashed again
    each time: what is sent and paid for is what was frozen, also after something happened to the disk.
    """
    folder = places.of_files(home)
    note = folder / f"{version.root_hash}-{split}-{format}-{RENDERER}"
    # Which pairs there are was decided by the scores of the day of freezing, and the records' hash does not tell.
    if format != "dpo" and note.exists():
        name = note.read_text(encoding="ascii").strip()
        if not name:
            return None
        path = folder / f"{name}.jsonl"
        if _HASH.fullmatch(name) and path.exists() and _hash(path) == name:
            return path
    path = _write(db, version, split, format, folder)
    with files.replacing(note) as out:
        out.write(b"" if path is None else path.stem.encode())
    return path


def _write(db: Database, version: DatasetVersion, split: SplitName, format: Format, folder: Path) -> Path | None:  # noqa: A002
    digest = hashlib.sha256()
    number, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as out:
            for piece in export(db, version, split, format):
                digest.update(piece)
                out.write(piece)
            size = out.tell()
            out.flush()
            os.fsync(out.fileno())
        return beside.replace(folder / f"{digest.hexdigest()}.jsonl") if size else None
    finally:
        beside.unlink(missing_ok=True)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
