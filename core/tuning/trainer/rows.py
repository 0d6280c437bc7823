"""Chats as rows of tokens: which of them are learned, and how many there are. No other place counts.

Only what the assistant says is learned. Where the base's chat template marks it (`{% generation %}`), a row is a whole
chat (way `masks`); where it does not, a row is the chat up to one answer of the assistant (way `pairs`).
"""

# pyright: reportMissingImports=false

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job import Refused

Row = dict[str, Any]
_ROLES = ("system", "developer", "user", "assistant", "tool")
#: In a label: not learned.
IGNORED = -100


def read(path: str) -> list[Row]:
    """The chats of a JSON lines file. Raises `Refused` naming the line."""
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("data_wrong", f"The records in {path} cannot be read: {error}.") from None
    found = [_chat(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise Refused("data_wrong", f"{path} has no records.")
    return found


def _chat(path: str, number: int, line: str) -> Row:
    where = f"Line {number} of {path}"
    try:
        messages = json.loads(line)["messages"]
        chat = [{"role": each["role"], "content": each["content"]} for each in messages]
    except (ValueError, TypeError, KeyError):
        raise Refused("data_wrong", f'{where} is not {{"messages": [{{"role", "content"}}, …]}}.') from None
    for each, whole in zip(chat, messages, strict=True):
        if each["role"] not in _ROLES or not isinstance(each["content"], str):
            raise Refused("data_wrong", f"{where} has a message without a known role or without text.")
        if more := set(whole) - {"role", "content"}:
            raise Refused("data_wrong", f"{where} has {min(more)} in a message, which is not trained; remove it.")
    if not any(each["role"] == "assistant" for each in chat):
        raise Refused("data_wrong", f"{where} has no answer of the assistant, so there is nothing to learn.")
    return {"messages": chat}


def has_marks(template: str) -> bool:
    """Whether a template marks what the assistant says."""
    return re.search(r"\{%-?\s*generation\s*-?%\}", template) is not None


@dataclass(frozen=True)
class Reader:
    """Turns chats into tokens with the base's own tokenizer."""

    tokenizer: Any
    #: A template with marks; None: rows are pairs.
    template: str | None

    @classmethod
    def of(cls, tokenizer: Any, template: str | None) -> "Reader":
        """With `template` where it marks the answers with their ends; a model must learn to stop, too."""
        marked = template is not None and has_marks(template) and _learns_to_stop(tokenizer, template)
        return cls(tokenizer, template if marked else None)

    @property
    def way(self) -> str:
        return "masks" if self.template else "pairs"

    def rows(self, chats: Sequence[Row]) -> list[Row]:
        """The rows of these chats: the chats themselves, or a pair for each answer."""
        return list(chats) if self.template else [pair for chat in chats for pair in _pairs(chat["messages"])]

    def encode(self, row: Row, max_length: int | None = None) -> Row:
        """`input_ids` and `labels` of a row, cut to `max_length` tokens."""
        ids, learned = self._masked(row) if self.template else self._paired(row)
        labels = [token if is_learned else IGNORED for token, is_learned in zip(ids, learned, strict=True)]
        return {"input_ids": ids[:max_length], "labels": labels[:max_length]}

    def _masked(self, row: Row) -> tuple[list[int], list[int]]:
        found = self._apply(row["messages"], chat_template=self.template, return_assistant_tokens_mask=True)
        return list(found["input_ids"]), list(found["assistant_masks"])

    def _paired(self, row: Row) -> tuple[list[int], list[int]]:
        """The answer begins where the tokens of the prompt, and those of both, part."""
        prompt = self._apply(row["prompt"], add_generation_prompt=True)["input_ids"]
        both = list(self._apply(row["prompt"] + row["completion"])["input_ids"])
        same = 0
        while same < min(len(prompt), len(both)) and prompt[same] == both[same]:
            same += 1
        return both, [0] * same + [1] * (len(both) - same)

    def _apply(self, messages: list[Row], **options: Any) -> Any:
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **options)
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "jinja2":
                raise
            raise Refused("data_wrong", f"The base's chat template refuses a record: {error}.") from None


def _pairs(messages: list[Row]) -> list[Row]:
    answers = [at for at, each in enumerate(messages) if each["role"] == "assistant"]
    return [{"prompt": messages[:at], "completion": [messages[at]]} for at in answers]


def _learns_to_stop(tokenizer: Any, template: str) -> bool:
    """Whether the token that ends an answer is marked too; otherwise a model would never learn to say it."""
    chat = [{"role": role, "content": "word"} for role in ("user", "assistant", "user")]
    try:
        found = tokenizer.apply_chat_template(
            chat, chat_template=template, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("jinja2", "builtins"):
            raise
        return False
    marked = [token for token, mark in zip(found["input_ids"], found["assistant_masks"], strict=True) if mark]
    said = [token for token in marked if tokenizer.decode([token]).strip()]
    return bool(said) and said[-1] in set(tokenizer.get_added_vocab().values())


def is_learned(row: Row) -> bool:
    """Whether anything of an encoded row is learned; what `max_length` cut off may have been all."""
    return any(label != IGNORED for label in row["labels"])
