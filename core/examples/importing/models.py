"""What is asked of an import, and what it answers."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.errors import ImportRefused
from core.examples.tags import Tag, canonical

Format = Literal["csv", "json", "jsonl", "parquet", "arrow"]
#: One of `scale.OFFERED`, or a range such as 1-7.
Scale = str
Outcome = Literal["new", "returned", "changed", "same"]

#: Called with the bytes read so far, the size of the file and the rows read so far.
Progress = Callable[[int, int, int], None]

#: A field longer than this many characters is refused: it is a file pasted into a cell, not an execution.
FIELD_LIMIT = 1 << 20
#: JSON nested deeper than this is refused.
DEPTH_LIMIT = 100
#: How many failing rows are described; the rest are counted.
ERRORS_SHOWN = 100

#: The fields of an example that a file can fill, and what each expects.
FIELDS = {
    "execution_id": "the key of the execution, at most 255 characters; without one it is made from the content",
    "user_request": "what was asked; required",
    "intent": "the kind of request, at most 200 characters",
    "business_state": "a JSON object with what was known",
    "context": "a JSON object with what the model saw before the request, or a text, which becomes its passage",
    "system_prompt": "what the model was told before everything, as text; becomes the system prompt of the context",
    "execution_plan": "the plan, as text or JSON",
    "execution_result": "the result, as text or JSON",
    "quality_score": "a number; its scale is detected or chosen",
    "success": "t, f, true, false, 1, 0, yes, no, success or failed; other words after you say what they mean",
    "tags": "names separated by commas, {a,b} or a JSON list; spaces and signs become _",
    "created_at": "a date and time such as 2026-01-14 19:30:47-05, or a number of seconds; without a zone it is UTC",
    "updated_at": "a date and time such as 2026-01-14 19:30:47-05, or a number of seconds; without a zone it is UTC",
    "source_agent": "the agent that did it, at most 200 characters",
    "source_model": "the model that did it, at most 200 characters",
    "execution_time_ms": "a number of milliseconds",
}

#: What a word of an outcome means.
Meaning = Literal["success", "failed", "unknown"]
Tags = Annotated[tuple[Tag, ...], AfterValidator(lambda tags: tuple(canonical(tags)))]


class ImportOptions(BaseModel):
    """How a file is read. The defaults detect everything and refuse whatever is in doubt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The format of the file; auto: by its content, then by the ending of its name.
    format: Literal["auto", "csv", "json", "jsonl", "parquet", "arrow"] = "auto"
    #: How the text is encoded, by the name that Python knows; auto: UTF-8, and anything else is asked about.
    encoding: str = "auto"
    #: Which column fills a field; "" is none. Stands above what the shape of the file suggests.
    mapping: Mapping[str, str] = Field(default_factory=dict)
    #: What the scores of the file mean: one of `scale.OFFERED`, or a range such as 1-7; auto: if only one is possible.
    quality_scale: str = "auto"
    #: Which number of 03/04/2026 is the day; auto: where the dates of the file show it.
    dates: Literal["auto", "day-first", "month-first"] = "auto"
    #: What the words of an outcome mean, such as published: success.
    outcomes: Mapping[str, Meaning] = Field(default_factory=dict)
    #: The file stands above what a person scored or edited here.
    overwrite: bool = False
    #: Added to every new example, beside the tags in the file.
    tags: Tags = ()
    #: A value for a field of every row that has none.
    constants: Mapping[str, str] = Field(default_factory=dict)
    #: Leave failing rows out instead of refusing the file.
    skip_invalid: bool = False
    #: Plans and results such as "success" and "N/A". skip: they say only that something was done; learn: they are
    #: answers like any other; auto: skipped in executions of the original system, learned in every other file.
    placeholders: Literal["auto", "skip", "learn"] = "auto"
    #: What to do with cells of a CSV file that a spreadsheet would run.
    formulas: Literal["refuse", "text"] = "refuse"


class Unfit(Exception):
    """A value does not fit its field. Its message says what was expected; the row is told by whoever reads it."""


class UnfitColumn(Unfit):
    """The same of a row that several columns make together, and one of them does not fit."""

    def __init__(self, expected: str, column: str) -> None:
        super().__init__(expected)
        self.column = column


class Undecided(ImportRefused):
    """Something about the file can be read in two ways. `option` decides it, with one of `choices`, each explained.

    `asked` is the question alone; the message says, too, what to type on the command line.
    """

    def __init__(self, asked: str, *, option: str, choices: Mapping[str, str], **about: Any) -> None:
        ways = " or ".join(f"--{option.replace('_', '-')} {choice}" for choice in choices)
        super().__init__(f"{asked} Say it with {ways}. Nothing was changed.", **about)
        self.asked = asked
        self.option = option
        self.choices = choices


class RowError(NamedTuple):
    """Why one row cannot be imported. Rows are counted from 1, without the header; of JSONL, lines are."""

    row: int
    field: str
    #: The value as Python writes it, shortened.
    value: str
    expected: str

    def __str__(self) -> str:
        return f"Row {self.row}, field {self.field}: {self.value} is not {self.expected}."

    def refusal(self, total: int = 1, *, remedy: bool = False) -> ImportRefused:
        """Return the error that refuses a file because of this row, the first of `total`; with what can be done about
        it.
        """
        more = f" {total - 1:,} more {'row fails' if total == 2 else 'rows fail'} too." if total > 1 else ""
        return ImportRefused(
            f"{self}{more} Nothing was changed.{self._remedy() if remedy else ''}",
            row=self.row,
            field=self.field,
            value=self.value,
            expected=self.expected,
        )

    def _remedy(self) -> str:
        field = self.field.partition(" ")[0]
        column = f", or the column with --map {field}=" if field in FIELDS and field != "user_request" else ""
        return f" Mend the file, or leave such rows out with --skip-invalid{column}."


@dataclass(frozen=True)
class ScaleEffect:
    """What reading the scores of a file on one scale would do."""

    scale: Scale
    #: Rows whose score becomes another number, and rows that do not fit and fail.
    changed: int
    rejected: int
    #: Of the scores as they would be stored; None without any.
    minimum: float | None
    mean: float | None
    maximum: float | None
    #: Which scores it reads how, with the first of them, such as "2 scores as 0 to 10: 7 is 0.7 (row 1)".
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScaleFinding:
    """What the scores of a file look like."""

    #: None: they can be read in more than one way, and somebody has to choose.
    scale: Scale | None
    explanation: str
    scored: int
    minimum: float | None
    maximum: float | None
    effects: tuple[ScaleEffect, ...]


@dataclass(frozen=True)
class Inspection:
    """What the beginning of a file says about it."""

    format: Format
    #: Which kind of records it holds, such as executions or messages; "" if none is recognised.
    shape: str
    columns: tuple[str, ...]
    #: The first rows as they stand in the file.
    rows: tuple[Mapping[str, Any], ...]
    #: The column of each field: what the options say, what the shape says, and what names suggest.
    mapping: Mapping[str, str]
    #: Whether it is known what was asked: by a column, or out of the conversations that the file holds.
    knows_request: bool
    #: Every field that can be filled, and what it expects.
    fields: Mapping[str, str]
    #: The same first rows as the records they would become; a failing row is in `errors`.
    records: tuple[Mapping[str, Any], ...]
    errors: tuple[RowError, ...]


@dataclass(frozen=True)
class Preview:
    """What an import would do. Nothing was written."""

    format: Format
    shape: str
    #: Rows in the file.
    rows: int
    new: int
    changed: int
    same: int
    #: Rows that repeat an earlier row of the same file.
    duplicates: int
    #: The first failing rows, and how many fail in all.
    errors: tuple[RowError, ...]
    failing: int
    scale: ScaleFinding
    #: The scale that would be used; None: one has to be chosen first.
    scale_used: Scale | None
    #: Rows that hold nothing a model could learn.
    nothing_to_learn: int
    #: Rows whose plan or result is a word such as "success" or "N/A", and whether such words are learned.
    placeholders: int
    learns_placeholders: bool
    sample: tuple[Mapping[str, Any], ...]
    #: Columns, and parts of them, that become no field, each with the number of rows that have a value there.
    unused: Mapping[str, int]
    #: Rows that are no examples, such as the spans of a search in a trace; what they are stands in `unused`.
    aside: int
    #: Rows of the file whose example keeps what a person scored or edited here.
    kept: int
    #: Tags as they are written in the file, and what became of them.
    tags_became: Mapping[str, str]
    #: Words of the outcome that nobody has given a meaning yet, and how many rows have them.
    outcome_words: Mapping[str, int]


@dataclass(frozen=True)
class ImportResult:
    """What an import did. `import_id` is None if there was nothing to do."""

    import_id: int | None
    format: Format
    shape: str
    rows: int
    new: int
    changed: int
    same: int
    duplicates: int
    skipped: int
    errors: tuple[RowError, ...]
    scale_used: Scale
    #: Rows whose plan or result is a word such as "success" or "N/A", and whether such words are learned.
    placeholders: int
    learns_placeholders: bool
    #: Rows that were there already, of which this import changed that.
    relearned: int
    #: Columns, and parts of them, that become no field, each with the number of rows that have a value there.
    unused: Mapping[str, int]
    #: Rows that are no examples, such as the spans of a search in a trace; what they are stands in `unused`.
    aside: int
    #: Rows of the file whose example keeps what a person scored or edited here.
    kept: int
    #: Tags as they are written in the file, and what became of them.
    tags_became: Mapping[str, str]
    #: Rows that came in or are there, and hold nothing a model could learn.
    nothing_to_learn: int


@dataclass(frozen=True)
class UndoResult:
    """What undoing or redoing an import did."""

    import_id: int
    #: New rows of the import that were withdrawn, or brought back.
    rows: int
    #: Changed rows that got their former, or their imported, content back.
    restored: int
    #: Changed rows that somebody changed since; they were left as they are.
    left: int


@dataclass(frozen=True)
class ImportRecord:
    """One import of the past."""

    id: int
    at: dt.datetime
    actor: str
    file_name: str
    file_sha256: bytes
    format: str
    options: Mapping[str, Any]
    new: int
    changed: int
    same: int
    undone_at: dt.datetime | None
    undone_by: str | None
