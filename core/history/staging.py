"""Rows of history into a temporary table: read, and checked."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from core.errors import ImportRefused
from core.examples.importing.converting import moments
from core.examples.importing.converting import scale as scales
from core.examples.importing.models import Progress, RowError, Undecided
from core.examples.importing.staging import Errors, execute
from core.history.columns import Converter, Options, mapped, recognised, scored
from core.history.shapes import Shape
from core.history.supplies import Supply, Table
from core.text import shortened

_REPORT_EVERY = 2_000


@dataclass
class Staged:
    """What is known once all rows are in the temporary table."""

    shape: Shape
    format: str
    rows: int
    sha256: bytes
    errors: Errors
    scores: Mapping[str, scales.Scores]
    unused: Counter[str] = field(default_factory=Counter)
    mapping: dict[str, str] = field(default_factory=dict)
    words: Counter[str] = field(default_factory=Counter)


def stage(
    raw: psycopg.Connection[Any],
    supply: Supply,
    options: Options,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Staged:
    """Read the supply into the temporary table `staged`; rows that cannot be read are errors, not rows."""
    staged = _read(raw, supply, options, progress, cancelled)
    if staged is None:
        # Only a later row may show which number is the day; such sources are rare, so all of it is read once more.
        options = options.model_copy(update={"dates": _order(supply, options)})
        staged = _read(raw, supply, options, progress, cancelled)
    assert staged is not None
    return staged


def _read(
    raw: psycopg.Connection[Any],
    supply: Supply,
    options: Options,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> Staged | None:
    """None at the first date that can be read in two ways."""
    staged: Staged | None = None
    digests: list[bytes] = []
    done = 0
    for each in supply.tables():
        with each as table:
            shape = recognised(table.columns, options)
            if staged is None:
                _create(raw, shape)
                staged = Staged(
                    shape, table.format, 0, b"", Errors(), {name: scales.Scores() for name in scored(shape)}
                )
            elif shape is not staged.shape:
                raise ImportRefused(
                    f"{table.name} holds {shape.source}, and the files before it {staged.shape.source}; "
                    "import each kind by itself. Nothing was changed."
                )
            staged.errors.files.append((staged.rows, table.name))

            def report(table: Table = table, before: int = done, staged: Staged = staged) -> None:
                if cancelled and cancelled():
                    raise ImportRefused(f"The import was cancelled after {staged.rows:,} rows; nothing was changed.")
                if progress:
                    progress(before + table.done(), supply.size, staged.rows)

            if not _copy(raw, table, staged, options, report):
                return None
            done += table.done()
        digests.append(table.sha256)
    if staged is None:
        raise ImportRefused("There is nothing to import.")
    staged.sha256 = digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()
    return staged


def _copy(
    raw: psycopg.Connection[Any], table: Table, staged: Staged, options: Options, report: Callable[[], None]
) -> bool:
    converter = Converter(staged.shape, table, options)
    places = {name: list(staged.shape.fields).index(name) for name in (*staged.scores, *_statuses(staged.shape))}
    columns = staging_columns(staged.shape)
    start = staged.rows
    with raw.cursor() as cursor, cursor.copy(_copying(columns)) as copy:
        copy.set_types(list(columns.values()))
        for number, row in table.rows:
            staged.rows += 1
            if staged.rows % _REPORT_EVERY == 0:
                report()
            record = row if isinstance(row, RowError) else converter.record(start + number, row)
            if isinstance(record, RowError):
                if converter.met_either_order:
                    return False
                staged.errors.add(record if record is not row else record._replace(row=start + number))
                continue
            for name, scores in staged.scores.items():
                if record[places[name]] is not None:
                    scores.add(record[places[name]], start + number)
            for name in _statuses(staged.shape):
                staged.words[record[places[name]] or ""] += 1
            copy.write_row((start + number, *record))
    report()
    staged.unused.update(converter.unused)
    staged.mapping |= converter.mapping
    return True


def _statuses(shape: Shape) -> tuple[str, ...]:
    return ("status",) if "status" in shape.fields else ()


def staging_columns(shape: Shape) -> dict[str, str]:
    """Return the columns of the temporary table, and their types."""
    return {
        "row": "int8",
        **{name: each.kind.staged for name, each in shape.fields.items()},
        **{f"certain_{name}": "float8" for name in scored(shape)},
        "given": "int4",
    }


def _copying(columns: Mapping[str, str]) -> bytes:
    return f"COPY staged ({', '.join(columns)}) FROM STDIN (FORMAT binary)".encode()


def _create(raw: psycopg.Connection[Any], shape: Shape) -> None:
    execute(raw, "DROP TABLE IF EXISTS pg_temp.staged")
    columns = ", ".join(f"{name} {kind}" for name, kind in staging_columns(shape).items())
    execute(raw, f"CREATE TEMP TABLE staged ({columns}) ON COMMIT DROP")


def _order(supply: Supply, options: Options) -> moments.Order:
    """Which number of the dates is the day. Raises `Undecided` with some of them where none shows it."""
    orders = moments.Orders()
    for each in supply.tables():
        with each as table:
            shape = recognised(table.columns, options)
            mapping = mapped(shape, table.columns, options)
            columns = [mapping[name] for name, at in shape.fields.items() if at.kind.is_dated and name in mapping]
            for _, row in table.rows:
                if not isinstance(row, RowError):
                    orders.add(row.get(column) for column in columns)
    order = orders.decided()
    if order == "auto" and orders.examples:
        said = " or ".join(shortened(each) for each in orders.examples)
        raise Undecided(
            f"Dates such as {said} can be read in two ways, and none shows which. Which number is the day?",
            option="dates",
            choices={"day-first": "The day first", "month-first": "The month first"},
            expected="day-first or month-first",
        )
    return "day-first" if order == "auto" else order
