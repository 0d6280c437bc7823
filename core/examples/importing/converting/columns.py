"""Which column of a file is which field: by the kind of its records, by name, or as somebody says."""

import difflib
import re
from collections.abc import Sequence

from core.errors import ImportRefused
from core.examples.importing.converting.other_tools import OTHER_TOOLS
from core.examples.importing.converting.shapes import SHAPES, UNKNOWN, Shape
from core.examples.importing.converting.values import PARSERS
from core.examples.importing.models import FIELDS, ImportOptions
from core.text import shortened

#: The field that becomes a part of the context.
SYSTEM = "system_prompt"

#: Names under which fields are often found, for suggestions.
_ALIASES = {
    "execution_id": ("execution_id", "run_id", "trace_id", "request_id", "uuid"),
    "user_request": ("request", "query", "input", "prompt", "question", "instruction", "user_input", "user_message"),
    "intent": ("category", "task", "label", "kind"),
    "business_state": ("state", "metadata", "business_context"),
    "context": ("history",),
    "execution_plan": ("plan", "steps"),
    "execution_result": ("result", "output", "response", "answer", "completion", "reply", "assistant"),
    "quality_score": ("score", "quality", "rating", "grade", "stars"),
    "success": ("succeeded", "is_success", "ok", "passed", "outcome", "status"),
    "tags": ("labels",),
    "created_at": ("created", "timestamp", "time", "date", "started_at", "start_time"),
    "updated_at": ("updated", "modified_at"),
    "source_agent": ("agent", "agent_name", "source"),
    "source_model": ("model", "model_name", "llm"),
    "execution_time_ms": ("duration_ms", "latency_ms", "elapsed_ms"),
}


def folded(column: str) -> str:
    """Return the name of a column as it is compared: Quality Score is quality_score."""
    return column.strip().lower().replace(" ", "_").replace("-", "_")


def by_name(columns: Sequence[str]) -> dict[str, str]:
    """Return the column of each folded name; one that is written so stands above one that is only folded so."""
    return {folded(column): column for column in reversed(columns)} | {column: column for column in columns}


def recognised(columns: Sequence[str]) -> Shape:
    """Return the shape that the columns show, or `UNKNOWN`."""
    present = by_name(columns).keys()
    return next((shape for shape in (*SHAPES, *OTHER_TOOLS) if present >= set(shape.signs)), UNKNOWN)


def mapping(
    shape: Shape, columns: Sequence[str], options: ImportOptions, *, more_may_come: bool = False
) -> dict[str, str]:
    """Return the column of each field: columns of the field's own name, then the shape's, then what the options say.

    Of JSON only the first rows were seen: with `more_may_come`, a field under its own name counts wherever it begins.
    """
    named = by_name(columns)
    chosen = {field: named[field] for field in FIELDS if field in named}
    if more_may_come:
        chosen = {field: field for field in PARSERS if field != "user_request"} | chosen
    if SYSTEM not in chosen and "system" in named and not shape.converted:
        chosen[SYSTEM] = named["system"]
    chosen.update({field: named.get(column, column) for field, column in shape.mapping.items()})
    for field, column in options.mapping.items():
        if not column:
            chosen.pop(field, None)
            continue
        if column not in columns:
            near = difflib.get_close_matches(column, columns, 1, 0.5)
            raise ImportRefused(
                f"There is no column {column!r} for {field}; columns are {', '.join(columns)}."
                + (f" Is {near[0]!r} meant?" if near else ""),
                field=field,
            )
        chosen[field] = column
    return chosen


def suggested(shape: Shape, columns: Sequence[str], options: ImportOptions) -> dict[str, str]:
    """Return the mapping, and for fields still without a column one whose name sounds like it.

    Where the kind of the records is known nothing is guessed: what is shown is what an import does.
    """
    chosen = mapping(shape, columns, options)
    if shape is not UNKNOWN:
        return chosen
    named = by_name(columns)
    taken = set(chosen.values())
    for field, aliases in _ALIASES.items():
        column = next((named[alias] for alias in aliases if alias in named), None)
        if field not in chosen and field not in options.mapping and column and column not in taken:
            chosen[field] = column
            taken.add(column)
    return chosen


#: What columns are called that may hold a request, and what those are called that hold none.
_SAYS = re.compile("prompt|question|instruct|query|request|input|text|messag|content|dialog|conversation|utterance")
_NAMES = re.compile(r"(?:^|_)(?:id|ids|idx|index|uuid|hash|key|no|number|row|role|type|lang|split|source|date|time)$")


#: How the columns of a table are called that has one message a row.
_SPEAKERS = ("role", "from", "sender", "speaker", "author")
_WORDS = ("content", "text", "message", "value", "body")


def _likely(columns: Sequence[str]) -> str:
    """Return the column that most likely holds the request: by its whole name, by a part of it, or just no number of a
    row.
    """
    if found := suggested(UNKNOWN, columns, ImportOptions()).get("user_request"):
        return found
    others = [column for column in columns if not _NAMES.search(folded(column))]
    says = [column for column in others if _SAYS.search(folded(column))]
    return next(iter((*says, *others, *columns)), "COLUMN")


def no_request(columns: Sequence[str], options: ImportOptions, *, is_table: bool) -> ImportRefused:
    """Return the refusal of a file of which nothing says what was asked, with what to do."""
    likely = _likely(columns)
    who, what = (next((name for name in columns if folded(name) in names), "") for names in (_SPEAKERS, _WORDS))
    if who and what and "user_request" not in options.mapping:
        raise ImportRefused(
            f"Each row is one message, with {who!r} and {what!r}, and not a whole conversation. Put the messages of "
            f"each conversation into one row, as a list of objects with role and content under the name messages.",
            field="user_request",
            expected="a conversation in each row",
        )
    if "user_request" in options.mapping:
        said = "The request needs a column: it is the one field that every example has."
    else:
        said = f"Nothing says which of the columns {', '.join(columns) or '(none)'} is the request."
        if len(columns) == 1 and is_table:
            said = (
                f"The file has one column only, {shortened(columns[0])}: expected columns separated by comma, "
                f"semicolon, tab or |. Is another delimiter used? {said}"
            )
    return ImportRefused(
        f"{said} Map it, for example --map user_request={quoted(likely)}.",
        field="user_request",
        expected="a column for user_request",
    )


def quoted(name: str) -> str:
    """Return a name as a shell takes it."""
    return name if name.replace("_", "").replace(".", "").replace("-", "").isalnum() else f'"{name}"'
