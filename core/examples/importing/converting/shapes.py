"""The kinds of records that files hold, and how each becomes the fields of an example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.examples.importing.converting import conversations, pairs, plain
from core.examples.importing.converting.conversations import UNUSED

__all__ = ["SHAPES", "UNKNOWN", "UNUSED", "Raw", "Shape"]

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


_PAIRED = (
    "conversations",
    "messages",
    "prompt",
    "instruction",
    "input",
    "history",
    "question",
    "query",
    *conversations.BESIDE,
)


def table(name: str, question: str, answer: str, **more: str) -> Shape:
    """Return the shape of a table with a request and an answer; `more`: the columns of other fields."""
    reads = ("history", *(("input",) if question == "instruction" else ()), *conversations.PLAIN)
    mapping = {"user_request": question, "execution_result": answer, **more}
    return Shape(name, (question, answer), mapping, plain.from_columns(question, answer), reads)


#: In the order in which they are tried.
SHAPES = (
    Shape("preference", ("chosen", "rejected"), {}, pairs.from_pair, _PAIRED),
    Shape("preference", ("chosen_response", "rejected_response"), {}, pairs.from_pair, _PAIRED),
    Shape("preference", ("chosen_messages", "rejected_messages"), {}, pairs.from_pair, conversations.BESIDE),
    Shape("preference", ("preferred_output", "non_preferred_output"), {}, pairs.from_pair, ("input",)),
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
        plain.from_alpaca,
        ("input", "history", *conversations.BESIDE),
    ),
    table("question/answer", "question", "answer"),
    Shape(
        "prompt/completion",
        ("prompt", "completion"),
        {"user_request": "prompt", "execution_result": "completion"},
        plain.from_prompt_and_completion,
        ("history", *conversations.BESIDE),
    ),
    Shape(
        "prompt/response",
        ("prompt", "response"),
        {"user_request": "prompt", "execution_result": "response"},
        plain.from_prompt_and_completion,
        ("history", *conversations.BESIDE),
    ),
    # Logs of public chats. Behind all others, which may keep the number of a conversation under this name.
    Shape("sharegpt", ("conversation",), {}, conversations.from_sharegpt, conversations.BESIDE),
)
UNKNOWN = Shape("", (), {})
