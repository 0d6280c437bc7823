"""What kind of records a file holds, and how each becomes the fields of an example."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from core.errors import ImportRefused
from core.examples.importing import conversations
from core.examples.importing.conversations import UNUSED
from core.examples.importing.models import FIELDS, ImportOptions, RowError, shortened
from core.examples.importing.values import PARSERS, Unfit

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """One kind of record: which columns show it, which column is which field, and what has to be taken apart."""

    name: str
    #: Every one of these columns has to be there.
    signs: tuple[str, ...]
    mapping: Mapping[str, str]
    #: Makes fields out of columns that hold several; its columns are the first of `signs`. Under `UNUSED` it may name
    #: what it found in a row and did not use.
    converted: Callable[[Raw], Raw] | None = None
    #: Columns that `converted` reads beside its signs.
    reads: tuple[str, ...] = ()


#: In the order in which they are tried.
SHAPES = (
    Shape(
        "preference",
        ("chosen", "rejected"),
        {},
        conversations.from_pair,
        ("conversations", "messages", "prompt", "instruction", "input", "history", "question", *conversations.BESIDE),
    ),
    Shape("preference", ("preferred_output", "non_preferred_output"), {}, conversations.from_pair, ("input",)),
    # Our own Parquet files have the last question and answer in columns of their own, too.
    Shape("messages", ("messages",), {}, conversations.from_messages, ("prompt", "completion", *conversations.BESIDE)),
    Shape("sharegpt", ("conversations",), {}, conversations.from_sharegpt, conversations.BESIDE),
    Shape(
        "gemini",
        ("contents",),
        {},
        conversations.from_gemini,
        ("systemInstruction", "system_instruction", *conversations.BESIDE),
    ),
    Shape("executions", ("user_request",), {}),
    Shape(
        "alpaca",
        ("instruction", "output"),
        {},
        conversations.from_alpaca,
        ("input", "history", *conversations.BESIDE),
    ),
    Shape("question/answer", ("question", "answer"), {"user_request": "question", "execution_result": "answer"}),
    Shape(
        "prompt/completion",
        ("prompt", "completion"),
        {"user_request": "prompt", "execution_result": "completion"},
        conversations.from_prompt_and_completion,
        conversations.BESIDE,
    ),
    Shape(
        "prompt/response",
        ("prompt", "response"),
        {"user_request": "prompt", "execution_result": "response"},
        conversations.from_prompt_and_completion,
        conversations.BESIDE,
    ),
)
#: Columns of which an export of the original system has some beside `execution_id` and `user_request`; a dataset that
#: happens to name those two alike has none.
_OF_EXECUTIONS = frozenset(
    {"execution_plan", "business_state", "success", "source_agent", "source_model", "execution_time_ms"}
)
UNKNOWN = Shape("", (), {})
#: Names under which fields are often found, for suggestions.
_ALIASES = {
    "execution_id": ("execution_id", "run_id", "trace_id", "request_id", "uuid"),
    "user_request": ("request", "query", "input", "prompt", "question", "instruction", "user_input", "user_message"),
    "intent": ("category", "task", "label", "kind"),
    "business_state": ("state", "metadata", "business_context"),
    "context": ("history",),
    "execution_plan": ("plan", "steps"),
    "execution_result": ("result", "output", "response", "answer", "completion", "reply", "assistant"),
    "quality_score": ("score", "quality", "rating", "grade"),
    "success": ("succeeded", "is_success", "ok", "passed"),
    "tags": ("labels",),
    "created_at": ("created", "timestamp", "time", "date", "started_at"),
    "updated_at": ("updated", "modified_at"),
    "source_agent": ("agent", "agent_name", "source"),
    "source_model": ("model", "model_name", "llm"),
    "execution_time_ms": ("duration_ms", "latency_ms", "elapsed_ms"),
}


def recognised(columns: Sequence[str]) -> Shape:
    """The shape that the columns show, or `UNKNOWN`."""
    present = set(columns)
    return next((shape for shape in SHAPES if present.issuperset(shape.signs)), UNKNOWN)


def checked_options(options: ImportOptions) -> None:
    """Raises `ImportRefused` for a field that does not exist or a constant that does not fit."""
    for kind, given in (("mapping", options.mapping), ("constants", options.constants)):
        for field in given:
            if field not in FIELDS:
                raise ImportRefused(f"{field!r} in the {kind} is not a field; fields are {', '.join(FIELDS)}.")
    for field, value in options.constants.items():
        try:
            PARSERS[field](value)
        except Unfit as error:
            raise ImportRefused(f"The constant for {field}, {shortened(value)}, is not {error}.") from None


def mapping(
    shape: Shape, columns: Sequence[str], options: ImportOptions, *, more_may_come: bool = False
) -> dict[str, str]:
    """The column of each field: columns of the field's own name, then the shape's, then what the options say.

    Of JSON only the first rows were seen: with `more_may_come`, a field under its own name counts wherever it begins.
    """
    chosen = {field: field for field in FIELDS if field in columns or (more_may_come and field != "user_request")}
    chosen.update(shape.mapping)
    for field, column in options.mapping.items():
        if column not in columns:
            raise ImportRefused(f"There is no column {column!r} for {field}; columns are {', '.join(columns)}.")
        chosen[field] = column
    return chosen


def suggested(shape: Shape, columns: Sequence[str], options: ImportOptions) -> dict[str, str]:
    """The mapping, and for fields still without a column one whose name sounds like it."""
    chosen = mapping(shape, columns, options)
    if shape.converted:
        return chosen
    by_name = {column.lower().replace(" ", "_").replace("-", "_"): column for column in reversed(columns)}
    taken = set(chosen.values())
    for field, aliases in _ALIASES.items():
        column = next((by_name[alias] for alias in aliases if alias in by_name), None)
        if field not in chosen and column and column not in taken:
            chosen[field] = column
            taken.add(column)
    return chosen


class Converter:
    """Turns rows of one file into records for staging, field by field in the order of `PARSERS`."""

    def __init__(self, columns: Sequence[str], options: ImportOptions, *, more_may_come: bool = False) -> None:
        checked_options(options)
        self.shape = recognised(columns)
        self.mapping = mapping(self.shape, columns, options, more_may_come=more_may_come)
        self._explicit = frozenset(options.mapping)
        self._convert = self.shape.converted
        if self._convert and "user_request" in options.mapping:
            self._convert = None  # the file is read by the mapping alone
        if not self._convert and "user_request" not in self.mapping and "user_request" not in options.constants:
            raise ImportRefused(
                f"Nothing says which of the columns {', '.join(columns) or '(none)'} is the request. Map it, for "
                f"example --map user_request={columns[0] if columns else 'COLUMN'}.",
                field="user_request",
                expected="a column for user_request",
            )
        is_execution = (
            "user_request" in columns and "execution_id" in columns and not _OF_EXECUTIONS.isdisjoint(columns)
        )
        #: Whether "success" and the like are answers: only in rows of the original system they are none.
        self.is_literal = options.placeholders == "learn" or (options.placeholders == "auto" and not is_execution)
        read = {*self.shape.signs, *self.shape.reads} if self._convert else set[str]()
        self._used = frozenset(read | set(self.mapping.values()))
        #: What rows hold that becomes no field, and in how many of them it has a value.
        self.unused: Counter[str] = Counter()
        constants = {field: PARSERS[field](value) for field, value in options.constants.items()}
        self._steps = tuple(
            (field, self.mapping.get(field, ""), parser, constants.get(field)) for field, parser in PARSERS.items()
        )

    def record(self, number: int, row: Raw) -> list[Any] | RowError:
        """The values of one row, or why it cannot be one."""
        made: Raw = {}
        if self._convert:
            column = self.shape.signs[0]
            try:
                made = self._convert(row)
            except (Unfit, orjson.JSONEncodeError) as error:
                return RowError(number, column, shortened(row.get(column)), str(error))
        values = []
        field, value = "", None
        try:
            for field, column, parse, constant in self._steps:
                value = row.get(column) if column else None
                if field in made and field not in self._explicit:
                    value = made[field]
                if constant is not None and (value is None or value == ""):
                    values.append(constant)
                else:
                    values.append(parse(value))
        except Unfit as error:
            column = self.mapping.get(field)
            where = field if column in (None, field) else f"{field} (column {column})"
            return RowError(number, where, shortened(value), str(error))
        if values[0] is None:
            values[0] = _made_key(values)
        self._count_unused(row, made)
        return values

    def _count_unused(self, row: Raw, made: Raw) -> None:
        for column in row.keys() - self._used:
            if row[column] not in _NOTHING:
                self.unused[column] += 1
        self.unused.update(made.get(UNUSED, ()))


_NOTHING: tuple[Any, ...] = (None, "", [], {})


#: How an execution id begins that was made here, because the file has none.
MADE = "sha256:"


def _made_key(values: list[Any]) -> str:
    """An execution id from what happened: the same record has the same one in every file and every database."""
    _, request, _, _, context, plan, result, _, _, _, created_at, *_ = values
    if context and '"input":' in context:  # stands in the request, too, and was not kept once
        known = orjson.loads(context)
        if isinstance(known, dict):
            known.pop("input", None)
        context = orjson.dumps(known).decode() if known else None
    told = orjson.dumps([request, context, plan, result, created_at])
    return f"{MADE}{hashlib.sha256(told).hexdigest()}"
