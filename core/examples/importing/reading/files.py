"""Several files, or a folder of them, as one import: which files they are, and which belong together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ImportRefused
from core.examples.importing.models import ImportOptions, RowError
from core.examples.importing.reading.archives import ABOUT_THE_DATA
from core.examples.importing.reading.readers import Row, Rows
from core.examples.importing.reading.sources import ENDINGS, ending_of, opened

Paths = str | Path | Sequence[str | Path]


def files(given: Paths) -> list[Path]:
    """Each file that is meant, in the order given; of a folder those with a known ending, by name."""
    paths = [Path(given)] if isinstance(given, str | Path) else [Path(each) for each in given]
    found = [file for path in paths for file in (_of_folder(path) if _is_folder(path) else [path])]
    if not found:
        raise ImportRefused("There is no file to import.")
    return list(dict.fromkeys(found))


def unread(given: Paths) -> dict[str, int]:
    """How many files of the folders among them are not read, by their ending; what describes a data set is none."""
    paths = [Path(given)] if isinstance(given, str | Path) else [Path(each) for each in given]
    found: Counter[str] = Counter()
    for folder in (path for path in paths if _is_folder(path)):
        taken = set(_of_folder(folder))
        for path in folder.rglob("*"):
            is_about = path.name in ABOUT_THE_DATA or path.stem in ("README", "LICENSE")
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path not in taken and not is_about and not hidden and path.is_file():
                found[f"files that end in {path.suffix.lower()}" if path.suffix else "files without an ending"] += 1
    return dict(found)


def _of_folder(folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if ending_of(path) in ENDINGS
        and path.name not in ABOUT_THE_DATA
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]
    if not found:
        raise ImportRefused(f"The folder {folder.name!r} holds no file to import: none ends in {', '.join(ENDINGS)}.")
    return found


def name_of(given: Paths, paths: Sequence[Path] | None = None) -> str:
    """How the import is called in the list. `paths`: its files, where they are known already."""
    paths = files(given) if paths is None else paths
    if isinstance(given, str | Path) or len(paths) == 1:
        named = Path(given) if isinstance(given, str | Path) else paths[0]
        # A name may hold bytes that are no text; the file is imported all the same.
        return (named.name or str(named.resolve().name)).encode(errors="backslashreplace").decode()
    first = ", ".join(path.name for path in paths[:3])
    return f"{len(paths)} files: {first}{', …' if len(paths) > 3 else ''}".encode(errors="backslashreplace").decode()


@dataclass
class Batches:
    """The requests of OpenAI's batch input files, by their ids, for the answers in the output files."""

    inputs: set[Path] = field(default_factory=set)
    requests: dict[str, Any] = field(default_factory=dict)

    def joined(self, rows: Rows) -> Iterator[Row]:
        """Answers with their requests; other rows as they are."""
        if not self.inputs or not _is_output(rows.columns):
            yield from rows
            return
        for number, row in rows:
            if isinstance(row, RowError):
                yield number, row
            else:
                yield number, {**row, "body": self.requests.pop(str(row.get("custom_id")), None)}


def _is_output(columns: Sequence[str]) -> bool:
    return {"custom_id", "response"} <= set(columns) and "body" not in columns


def _is_input(columns: Sequence[str]) -> bool:
    return {"custom_id", "body"} <= set(columns) and "response" not in columns


def batches(paths: Sequence[Path], options: ImportOptions) -> Batches:
    """Return the requests of batch files, if there are such files and their answers among these."""
    found = Batches()
    if len(paths) < 2:
        return found
    columns = {}
    for path in paths:
        with opened(path, options.encoding) as source:
            columns[path] = Rows(source, format=options.format, formulas=options.formulas).columns
    if not any(_is_output(named) for named in columns.values()):
        return found
    found.inputs = {path for path, named in columns.items() if _is_input(named)}
    for path in found.inputs:
        with opened(path, options.encoding) as source:
            for _, row in Rows(source, format=options.format, formulas=options.formulas):
                if isinstance(row, Mapping):
                    found.requests[str(row.get("custom_id"))] = row.get("body")
    return found


def _is_folder(path: Path) -> bool:
    """Tell a folder; what cannot be looked at is told when it is opened."""
    try:
        return path.is_dir()
    except OSError:
        return False


def size(path: Path) -> int:
    """Bytes; 0 of what cannot be looked at."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0
