"""What is known of a dataset version before it is trained on: counts, sizes and tokens, counted once."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from core import files
from core.datasets import tokens
from core.datasets.exporting import export
from core.datasets.rendering import CANONICAL, RENDERER, frozen_content, line_sql, run
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion, frozen
from core.db import Database
from core.settings import settings as settings_of_process
from core.tuning import places
from core.tuning.providers.protocol import DataFacts

#: A version of up to so many bytes is counted record by record, 3 s at most; a larger one by a sample and its longest.
COUNTED_BYTES = 32 << 20
_SAMPLE = tokens.SAMPLE
_LONGEST = 20


@dataclass(frozen=True)
class _Counted:
    """What depends on the records alone, so that it is true wherever the same root hash is."""

    train: int
    validation: int
    test: int
    tokens_train: int
    tokens_validation: int
    tokens_test: int
    longest_tokens: int
    is_exact: bool
    size_bytes: int


def of(db: Database, dataset: str | int | DatasetVersion, *, home: Path | None = None) -> DataFacts:
    """Facts of a frozen version: at once when they were asked for before, else after reading its records.

    Raises `DatasetRefused` for a version that is not frozen, `UnknownDataset` for none.
    """
    version = frozen(db, dataset)
    root_hash = version.root_hash or ""
    file = places.of_facts(home or settings_of_process().home) / f"{root_hash}-{RENDERER}.json"
    counted = _remembered(file) or _remember(file, _count(db, version))
    return DataFacts(dataset_id=version.id, label=version.label, root_hash=root_hash, **asdict(counted))


def _remembered(file: Path) -> _Counted | None:
    try:
        return _Counted(**orjson.loads(file.read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return None


def _remember(file: Path, counted: _Counted) -> _Counted:
    with files.replacing(file) as out:
        out.write(orjson.dumps(asdict(counted)))
    return counted


def _count(db: Database, version: DatasetVersion) -> _Counted:
    small = version.size_bytes <= COUNTED_BYTES
    parts = {name: _part(_lines(db, version, name)) for name in NAMES} if small else _by_sample(db, version)
    return _Counted(
        *(parts[name].rows for name in NAMES),
        *(parts[name].tokens for name in NAMES),
        longest_tokens=max(part.longest for part in parts.values()),
        is_exact=all(part.is_exact for part in parts.values()),
        size_bytes=sum(part.size for part in parts.values()),
    )


@dataclass(frozen=True)
class _Part:
    rows: int
    size: int
    tokens: int
    longest: int
    is_exact: bool


def _part(lines: Iterable[str]) -> _Part:
    rows = size = total = longest = 0
    is_exact = True
    for line in lines:
        count = tokens.of_line(line)
        rows, size, total = rows + 1, size + len(line.encode()) + 1, total + count.count
        longest, is_exact = max(longest, count.count), is_exact and count.exact
    return _Part(rows, size, total, longest, is_exact)


def _lines(db: Database, version: DatasetVersion, split: SplitName) -> Iterator[str]:
    for piece in export(db, version, split, CANONICAL):
        # Not splitlines: a record may hold line separators of Unicode.
        yield from piece.decode().removesuffix("\n").split("\n")


def _by_sample(db: Database, version: DatasetVersion) -> dict[SplitName, _Part]:
    """Sizes of all records, tokens of a sample and of the longest ones."""
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    line = line_sql(version.choice.recipe, CANONICAL, version.rendered_by)
    records = f"SELECT split, position, {line} AS line FROM ({frozen_content(version.id)}) AS c"
    with db.connect() as connection:
        sizes = run(
            connection,
            f"SELECT split, count(*), sum(octet_length(line) + 1)::bigint FROM ({records}) AS r GROUP BY split",
        )
        step = max(1, math.ceil(version.example_count / _SAMPLE))
        sample = _part(
            text for (text,) in run(connection, f"SELECT line FROM ({records}) AS r WHERE position % {step} = 0")
        )
        longest = _part(
            text
            for (text,) in run(
                connection, f"SELECT line FROM ({records}) AS r ORDER BY octet_length(line) DESC LIMIT {_LONGEST}"
            )
        )
    per_byte = sample.tokens / sample.size if sample.size else 0.0
    found = {
        NAMES[split]: _Part(rows, size, round(size * per_byte), longest.longest, False) for split, rows, size in sizes
    }
    return {name: found.get(name, _Part(0, 0, 0, 0, True)) for name in NAMES}
