"""The kinds of records that files hold, and how each becomes the fields of an example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.examples.importing.converting import conversations
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


#: In the order in which they are tried.
SHAPES = (
    Shape(
        "preference",
        ("chosen", "rejected"),
        {},
        conversations.from_pair,
        (
            "conversations",
            "messages",
            "prompt",
            "instruction",
            "input",
            "history",
            "question",
            "query",
            *conversations.BESIDE,
        ),
    ),
    Shape("preference", ("chosen_messages", "rejected_messages"), {}, conversations.from_pair, conversations.BESIDE),
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
        ("history", *conversations.BESIDE),
    ),
    Shape(
        "prompt/response",
        ("prompt", "response"),
        {"user_request": "prompt", "execution_result": "response"},
        conversations.from_prompt_and_completion,
        ("history", *conversations.BESIDE),
    ),
    # Logs of public chats. Behind all others, which may keep the number of a conversation under this name.
    Shape("sharegpt", ("conversation",), {}, conversations.from_sharegpt, conversations.BESIDE),
)
UNKNOWN = Shape("", (), {})
