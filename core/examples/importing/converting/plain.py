"""Rows that hold a request and an answer in columns of their own, perhaps with a history before them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.examples.importing.converting.conversations import PLAIN, made
from core.examples.importing.converting.messages import Message, Reading, loaded
from core.examples.importing.converting.values import text
from core.examples.importing.models import Unfit, UnfitColumn

Raw = Mapping[str, Any]

_HAS_ROLE = re.compile(r"""["'](?:role|from)["']""")


def from_alpaca(row: Raw) -> Raw:
    """Convert a row of Alpaca.

    The input goes behind the instruction after an empty line, and an export parts them again.
    """
    request, given = instruction_of(row)
    answer = str(text(row.get("output")) or "")
    reading = Reading(row)
    messages = [*history(row, reading), {"role": "user", "content": request}, {"role": "assistant", "content": answer}]
    return made(row, reading, messages, given=given)


def from_prompt_and_completion(row: Raw) -> Raw:
    """Both as text, or both as messages; with a label it is feedback, as KTO learns from it."""
    reading = Reading(row)
    answer = "completion" if "completion" in row else "response"
    messages = [
        *history(row, reading),
        *said(reading, row.get("prompt"), "prompt", "user"),
        *said(reading, row.get(answer), answer, "assistant"),
    ]
    return made(row, reading, messages, is_feedback=True)


def from_columns(question: str, answer: str) -> Callable[[Raw], Raw]:
    """Return what converts rows of a plain table, of which `question` and `answer` are kept to the letter."""
    read = frozenset({*PLAIN, "history", "input"} - {question, answer})

    def convert(row: Raw) -> Raw:
        if read.isdisjoint(row):
            return {}  # the columns are the fields
        reading = Reading()
        asked, given = instruction_of(row) if question == "instruction" else (row.get(question), "")
        before = _perhaps_history(row, reading)
        messages = [*before, {"role": "user", "content": asked}, {"role": "assistant", "content": row.get(answer)}]
        beside = {name: row[name] for name in PLAIN if name in row}
        return made(beside, reading, messages, given=given)

    return convert


def from_query_and_calls(row: Raw) -> Raw:
    """Convert a row of xLAM: the answers are calls of the tools."""
    reading = Reading(row)
    calls = {"role": "assistant", "tool_calls": row.get("answers")}
    messages = [*said(reading, row.get("query"), "query", "user"), *reading.messages([calls], "answers")]
    if "tool_calls" not in messages[-1]:
        raise UnfitColumn("a list of calls", "answers")
    return made(row, reading, messages)


def _perhaps_history(row: Raw, reading: Reading) -> list[Message]:
    """Earlier turns, where the column holds some: in a plain table it may have another meaning."""
    try:
        return history(row, reading)
    except Unfit:
        reading.unused.add("history")
        return []


def said(reading: Reading, value: Any, column: str, role: str) -> list[Message]:
    """Return what one side said: messages, or anything else as its text."""
    if value is None:
        return []
    found = messages_of(value)
    return [{"role": role, "content": str(text(value) or "")}] if found is None else reading.messages(found, column)


def messages_of(value: Any) -> Any:
    """Messages, in a table as JSON text; None for what is none."""
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("[", "{") or not _HAS_ROLE.search(value):
            return None
        try:
            value = loaded(value)
        except Unfit:
            return None
    first = value[0] if isinstance(value, list) and value else value
    return value if isinstance(first, dict) and ("role" in first or "from" in first) else None


def instruction_of(row: Raw) -> tuple[str, str]:
    """Return an instruction with its input behind it, and the input."""
    for column in ("instruction", "input", "system"):
        if not isinstance(row.get(column) or "", str):
            raise UnfitColumn("a text", column)
    instruction, given = row.get("instruction") or "", row.get("input") or ""
    return (f"{instruction}\n\n{given}" if given else instruction), given


def history(row: Raw, reading: Reading) -> list[Message]:
    """Earlier questions and answers: pairs of text, as Alpaca has them, or messages."""
    before = row.get("history") or []
    if (found := messages_of(before)) is not None:
        return reading.messages(found, "history")
    before = loaded(before) if isinstance(before, str) else before
    if not isinstance(before, list) or not all(_is_turn(each) for each in before):
        raise UnfitColumn("a history of messages, or of pairs, each a question and its answer", "history")
    roles = ("user", "assistant")
    return [{"role": role, "content": words} for each in before for role, words in zip(roles, each, strict=True)]


def _is_turn(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(words, str) for words in value)
