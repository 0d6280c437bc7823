"""Which source a table holds, which column is which field, and rows as the values of a source."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Default

from core.errors import ImportRefused
from core.examples.importing.converting import moments
from core.examples.importing.converting import scale as scales
from core.examples.importing.models import RowError, Undecided, Unfit
from core.history.shapes import SHAPES, SOURCES, Shape
from core.history.supplies import Table
from core.text import shortened


class Options(BaseModel):
    """How a source is read. The defaults detect everything and refuse whatever is in doubt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Which of the five sources it is; auto: by its columns.
    source: Literal["auto", "tasks", "posts", "social", "web", "finance"] = "auto"
    #: Which column fills a field; "" is none.
    mapping: Mapping[str, str] = Default(default_factory=dict)
    #: What the numbers of a field mean: 1, 10, 100, mixed, or a range such as 1-7.
    scales: Mapping[str, str] = Default(default_factory=dict)
    #: Which number of 03/04/2026 is the day; auto: where the dates show it.
    dates: Literal["auto", "day-first", "month-first"] = "auto"
    #: Leave failing rows out instead of refusing all.
    skip_invalid: bool = False


def folded(column: str) -> str:
    """Return the name of a column as it is compared: `Page views` is page_views."""
    return column.strip().lower().replace(" ", "_").replace("-", "_")


def recognised(columns: Sequence[str], options: Options) -> Shape:
    """Return the shape that the options name or the columns show. Raises `Undecided`."""
    if options.source != "auto":
        return SHAPES[options.source]
    present = {folded(column) for column in columns}
    for shape in SHAPES.values():
        if all(present.intersection(group) for group in shape.signs):
            return shape
    raise Undecided(
        f"The columns {', '.join(columns[:20]) or '(none)'} do not show what they hold.",
        option="source",
        choices={source: f"Each row is a {SHAPES[source].noun}" for source in SOURCES},
        expected=f"one of {', '.join(SOURCES)}",
    )


def mapped(shape: Shape, columns: Sequence[str], options: Options) -> dict[str, str]:
    """Return the column of each field: what the options say, the field's own name, then its other names."""
    _check(shape, options)
    named = {folded(column): column for column in reversed(columns)} | {column: column for column in columns}
    chosen: dict[str, str] = {}
    for name, column in options.mapping.items():
        if column and column not in columns:
            near = difflib.get_close_matches(column, columns, 1, 0.5)
            raise ImportRefused(
                f"There is no column {column!r} for {name}; columns are {', '.join(columns)}."
                + (f" Is {near[0]!r} meant?" if near else ""),
                field=name,
            )
        chosen[name] = column
    taken = set(chosen.values())
    own = {name: named[name] for name in shape.fields if name in named and name not in chosen}
    chosen |= own
    taken |= set(own.values())
    for name, each in shape.fields.items():
        column = next((named[also] for also in each.also if also in named and named[also] not in taken), None)
        if name not in chosen and column:
            chosen[name] = column
            taken.add(column)
    return {name: column for name, column in chosen.items() if column}


def _check(shape: Shape, options: Options) -> None:
    for name in options.mapping:
        if name not in shape.fields:
            raise ImportRefused(f"{name!r} is no field of {shape.source}; fields are {', '.join(shape.fields)}.")
    scored = [name for name, each in shape.fields.items() if each.kind.is_scored]
    for name, scale in options.scales.items():
        if name not in scored:
            raise ImportRefused(
                f"{name!r} of {shape.source} has no scale; one can be given for {', '.join(scored) or 'none'}."
            )
        if not scales.is_scale(scale):
            raise ImportRefused(f"{scale!r} is no scale for {name}; use 1, 5, 10, 100, mixed, or a range such as 1-7.")


class Converter:
    """Turns rows into the values of a shape, field by field."""

    def __init__(self, shape: Shape, table: Table, options: Options) -> None:
        self.shape = shape
        self.mapping = mapped(shape, table.columns, options)
        if table.format in ("json", "jsonl"):  # only the first rows were seen: a field counts wherever it begins
            self.mapping = {name: name for name in shape.fields if name not in options.mapping} | self.mapping
        missing = [
            group
            for group in shape.required
            if not any(name in self.mapping for name in group)
            and not ("tracked_date" in group and "tracked_at" in self.mapping)
        ]
        if missing:
            raise _missing(shape, missing[0], table)
        self._readers = [
            (name, self.mapping.get(name), each.kind.reader(options.dates)) for name, each in shape.fields.items()
        ]
        self._used = frozenset(self.mapping.values())
        self.unused: Counter[str] = Counter()
        self.met_either_order = False

    def record(self, number: int, row: Mapping[str, Any]) -> list[Any] | RowError:
        """Return the values in the order of the fields, then the certain scores, then which fields the row has."""
        values: dict[str, Any] = {}
        given = 0
        for place, (name, column, read) in enumerate(self._readers):
            value = row.get(column) if column is not None else None
            try:
                values[name] = read(value)
            except Unfit as error:
                self.met_either_order |= isinstance(error, moments.EitherOrder)
                where = name if column in (None, name) else f"{name} (column {column})"
                return RowError(number, where, shortened(value), str(error))
            if column is not None and column in row:
                given |= 1 << place
        before = {name for name, value in values.items() if value is None}
        self.shape.completed(values)
        for place, name in enumerate(values):
            if name in before and values[name] is not None:
                given |= 1 << place
        for group in self.shape.required:
            if all(values[name] is None for name in group):
                column = self.mapping.get(group[0], group[0])
                expects = " or ".join(f"{name}: {self.shape.fields[name].expects}" for name in group)
                return RowError(number, " or ".join(group), shortened(row.get(column)), expects)
        for column in row.keys() - self._used:
            if row[column] not in (None, "", [], {}):
                self.unused[column] += 1
        certain = [
            values[name].score if isinstance(values[name], scales.Certain) else None for name in scored(self.shape)
        ]
        return [*values.values(), *certain, given]


def _missing(shape: Shape, group: tuple[str, ...], table: Table) -> ImportRefused:
    names = " or ".join(group)
    return ImportRefused(
        f"Nothing says which of the columns {', '.join(table.columns)} of {table.name} is {names}, which each "
        f"{shape.noun} has. Map it, for example --map {group[0]}=COLUMN.",
        field=group[0],
        expected=f"a column for {names}",
    )


def scored(shape: Shape) -> list[str]:
    """Return the fields whose scale has to be known."""
    return [name for name, each in shape.fields.items() if each.kind.is_scored]
