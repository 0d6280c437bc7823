"""What is known of a dataset version before it is trained on: counts, sizes and tokens, counted once.

`of` counts all its records, and `of_file` exactly those that are in a provider's file.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from core import files
from core.datasets import tokens as counting
from core.datasets.exporting import export, missing_content
from core.datasets.rendering import (
    CANONICAL,
    FEATURES,
    FORMATS,
    IN_ORDER,
    NOT_CARRIED,
    RENDERER,
    Format,
    features_sql,
    frozen_content,
    line_sql,
    run,
)
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion, frozen
from core.db import Database
from core.errors import TuningRefused
from core.settings import get_settings
from core.tuning import places
from core.tuning.providers.data import DataFacts, Form, LeftOut

#: A version of up to so many bytes is counted record by record, 3 s at most; a larger one by a sample and its longest.
COUNTED_BYTES = 32 << 20
_SAMPLE = counting.SAMPLE
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
    home = home or get_settings().home
    root_hash = version.root_hash or ""
    file = places.of_facts(home) / f"{root_hash}-{RENDERER}.json"
    counted = _remembered(file) or _remember(file, _count(db, version))
    return DataFacts(
        dataset_id=version.id,
        label=version.label,
        root_hash=root_hash,
        **asdict(counted),
        sent=partial(of_file, db, version, home),
    )


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


@dataclass
class _Part:
    """What a split holds. `left_out`: by reason how many records are not in it, and the place of the first."""

    rows: int = 0
    size: int = 0
    tokens: int = 0
    longest: int = 0
    is_exact: bool = True
    left_out: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, size: int, count: counting.TokenCount) -> None:
        self.rows, self.size, self.tokens = self.rows + 1, self.size + size, self.tokens + count.count
        self.longest, self.is_exact = max(self.longest, count.count), self.is_exact and count.exact

    def leave_out(self, why: str, position: int) -> None:
        count, first = self.left_out.get(why, (0, position))
        self.left_out[why] = (count + 1, min(first, position))


def _part(lines: Iterable[str]) -> _Part:
    found = _Part()
    for line in lines:
        found.add(len(line.encode()) + 1, counting.of_line(line))
    return found


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


# What is in a provider's file


def of_file(
    db: Database, dataset: str | int | DatasetVersion, home: Path, form: Form, splits: Sequence[str]
) -> DataFacts:
    """Facts of the files that are made of these splits in this form, and what is not in them. Counted once, too.

    Raises as `of` does, and `TuningRefused` for an unknown format.
    """
    version = frozen(db, dataset)
    root_hash = version.root_hash or ""
    name = "-".join(filter(None, (root_hash, str(RENDERER), form.format, form.name)))
    parts = _parts_of_file(db, version, places.of_facts(home) / f"{name}.json", form)
    chosen = [parts[name] for name in NAMES if name in splits]
    return DataFacts(
        version.id,
        version.label,
        root_hash,
        *(parts[name].rows for name in NAMES),
        *(parts[name].tokens for name in NAMES),
        longest_tokens=max((part.longest for part in chosen), default=0),
        is_exact=all(part.is_exact for part in chosen),
        size_bytes=sum(part.size for part in chosen),
        file_bytes=max((part.size for part in chosen), default=0),
        left_out=tuple(
            LeftOut(name, why, count, first)
            for name in NAMES
            if name in splits
            for why, (count, first) in sorted(parts[name].left_out.items())
        ),
        sent=partial(of_file, db, version, home),
    )


def _parts_of_file(db: Database, version: DatasetVersion, file: Path, form: Form) -> dict[SplitName, _Part]:
    try:
        known = orjson.loads(file.read_bytes())
        return {name: _Part(**known[name]) for name in NAMES}
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError, KeyError):
        parts = _count_file(db, version, form)
    with files.replacing(file) as out:
        out.write(orjson.dumps({name: asdict(part) for name, part in parts.items()}))
    return parts


def _count_file(db: Database, version: DatasetVersion, form: Form) -> dict[SplitName, _Part]:
    if form.format not in FORMATS:
        raise TuningRefused(f"There is no training file in the format {form.format!r}.")
    count = counting.of_chat if form.format == CANONICAL else counting.of_line
    if version.size_bytes > COUNTED_BYTES:
        return _estimated(db, version, form, count)
    parts: dict[SplitName, _Part] = {name: _Part() for name in NAMES}
    for split, position, said, sent, why in _sent(db, version, form):
        if why:
            parts[split].leave_out(why, position)
        else:
            parts[split].add(len(sent) + 1, count(said))
    return parts


def _estimated(db: Database, version: DatasetVersion, form: Form, count: Any) -> dict[SplitName, _Part]:
    """All records are looked at; tokens are counted of a sample, and of the longest ones."""
    parts: dict[SplitName, _Part] = {name: _Part(is_exact=False) for name in NAMES}
    step = max(1, math.ceil(version.example_count / _SAMPLE))
    sampled = _Part()
    longest: dict[SplitName, list[tuple[int, int, str]]] = {name: [] for name in NAMES}
    for split, position, said, sent, why in _sent(db, version, form):
        if why:
            parts[split].leave_out(why, position)
            continue
        size = len(sent) + 1
        parts[split].rows, parts[split].size = parts[split].rows + 1, parts[split].size + size
        if position % step == 0:
            sampled.add(size, count(said))
        (heapq.heappush if len(longest[split]) < _LONGEST else heapq.heappushpop)(
            longest[split], (size, position, said)
        )
    per_byte = sampled.tokens / sampled.size if sampled.size else 0.0
    for name, part in parts.items():
        part.tokens = round(part.size * per_byte)
        part.longest = max((count(said).count for _, _, said in longest[name]), default=0)
    return parts


def _sent(db: Database, version: DatasetVersion, form: Form) -> Iterator[tuple[SplitName, int, str, bytes, str]]:
    """Of each record: its split and place, what it says, its line in the file, or else why it is left out."""
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    recipe = version.choice.recipe
    format_: Format = form.format  # pyright: ignore[reportAssignmentType]
    said, line = (line_sql(recipe, each, version.rendered_by) for each in (CANONICAL, format_))
    held = features_sql(recipe) if version.not_carried(format_) else "0"
    columns = f"split, position, {said}, {'NULL' if format_ == CANONICAL else line}, {held}"
    with db.copying() as connection:
        connection.execute(IN_ORDER.encode())
        with connection.cursor(name="facts") as cursor:
            cursor.execute(f"SELECT {columns} FROM ({frozen_content(version.id)}) AS c ORDER BY position".encode())
            for split, position, canonical, other, features in cursor:
                if canonical is None:
                    raise missing_content(version)
                text = canonical if format_ == CANONICAL else other
                yield NAMES[split], position, canonical, *_line_of(form, NAMES[split], text, features)


def _line_of(form: Form, split: SplitName, text: str | None, features: int) -> tuple[bytes, str]:
    if text is None:
        bits = features & NOT_CARRIED.get(form.format, 0)
        return b"", " and ".join(name for bit, name in FEATURES.items() if bits & bit)
    if form.line is None:
        return text.encode(), ""
    try:
        return form.line(split, text.encode()).rstrip(b"\n"), ""
    except TuningRefused as refused:
        return b"", str(refused)
