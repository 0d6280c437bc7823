"""Chats as rows of tokens: which of them are learned, and how many there are. No other place counts.

Only what the assistant says is learned. Where the base's chat template marks it (`{% generation %}`), a row is a whole
chat (way `masks`); where it does not, a row is the chat up to one answer of the assistant (way `pairs`). So is it for a
chat with tools, which not every template marks, and for one with an answer of weight 0, which is never learned.
"""

# pyright: reportMissingImports=false

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job import JobRefused

Row = dict[str, Any]
_KEYS = {"role", "content", "tool_calls", "tool_call_id", "weight"}
_ROLES = ("system", "developer", "user", "assistant", "tool")
#: In a label: not learned.
IGNORED = -100
_CHAT: Row = {"messages": [{"role": "user", "content": "word"}, {"role": "assistant", "content": "word"}]}


def read(path: str) -> list[Row]:
    """Return the chats of a JSON lines file. Raises `JobRefused` naming the line."""
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise JobRefused("data_wrong", f"The records in {path} cannot be read: {error}.") from None
    found = [_chat(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise JobRefused("data_wrong", f"{path} has no records.")
    return found


def _chat(path: str, number: int, line: str) -> Row:
    where = f"Line {number} of {path}"
    try:
        record = json.loads(line)
        chat = [_message(each) for each in record["messages"]]
        tools = record.get("tools") or []
    except (ValueError, TypeError, KeyError, AttributeError):
        raise JobRefused("data_wrong", f'{where} is not {{"messages": [{{"role", "content"}}, …]}}.') from None
    for each, whole in zip(chat, record["messages"], strict=True):
        if each["role"] not in _ROLES or not isinstance(each["content"], str):
            raise JobRefused("data_wrong", f"{where} has a message without a known role or without text.")
        if more := set(whole) - _KEYS:
            raise JobRefused("data_wrong", f"{where} has {min(more)} in a message, which is not trained; remove it.")
    if not any(_is_answer(each) for each in chat):
        raise JobRefused("data_wrong", f"{where} has no answer of the assistant, so there is nothing to learn.")
    # Some templates say which tool answered.
    names: dict[Any, str] = {}
    for message in chat:
        names |= {call["id"]: call["function"]["name"] for call in message.get("tool_calls", ())}
        if message["role"] == "tool" and message.get("tool_call_id") in names:
            message["name"] = names[message["tool_call_id"]]
    return {"messages": chat, **({"tools": tools} if tools else {})}


def _message(given: Row) -> Row:
    """Return a message as chat templates read it: arguments of calls as values, and no text as an empty one."""
    message: Row = {"role": given["role"], "content": given["content"]}
    if calls := given.get("tool_calls"):
        message["content"] = given["content"] or ""
        message["tool_calls"] = [_call(call) for call in calls]
    if "tool_call_id" in given:
        message["tool_call_id"] = given["tool_call_id"]
    if given.get("weight") == 0:
        message["weight"] = 0
    return message


def _call(given: Row) -> Row:
    function = given["function"]
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        arguments = function["arguments"]  # what a model wrote once; it is learned as it is
    return {"id": given.get("id"), "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _is_answer(message: Row) -> bool:
    """Whether somebody shall learn to say this."""
    return message["role"] == "assistant" and message.get("weight") != 0


#: Said where `Reader.kept` keeps nothing.
NO_WORDS = "All records have tools, and the base's chat template does not know them; choose another base."


def needs_tools(chat: Row) -> bool:
    """Whether a chat makes sense only to a base whose template knows tools."""
    return "tools" in chat or any("tool_calls" in each or each["role"] == "tool" for each in chat["messages"])


def is_special(chat: Row) -> bool:
    """Whether an engine cannot read a chat by itself: with tools, or with an answer that must not be learned."""
    return needs_tools(chat) or any("weight" in each for each in chat["messages"])


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

    def kept(self, chats: Sequence[Row]) -> list[Row]:
        """Return the chats that this base can learn from: with tools, only what its template has words for."""
        return [chat for chat in chats if not needs_tools(chat) or self._has_words_for(chat)]

    def _has_words_for(self, chat: Row) -> bool:
        if not self._knows_tools():
            return False
        try:
            for pair in _pairs(chat):
                self._paired(pair)
        except JobRefused:  # some know one call at a time
            return False
        return True

    def _knows_tools(self) -> bool:
        own = self.tokenizer.chat_template
        return "tool_calls" in (" ".join(own.values()) if isinstance(own, dict) else own or "")

    def rows(self, chats: Sequence[Row]) -> list[Row]:
        """Return the rows of these chats: the chats themselves, or a pair for each answer."""
        rows: list[Row] = []
        for chat in chats:
            rows += [chat] if self.template and not is_special(chat) else _pairs(chat)
        return rows

    def encode(self, row: Row, max_length: int | None = None) -> Row:
        """`input_ids` and `labels` of a row, cut to `max_length` tokens."""
        ids, learned = self._paired(row) if "prompt" in row else self._masked(row)
        labels = [token if is_learned else IGNORED for token, is_learned in zip(ids, learned, strict=True)]
        return {"input_ids": ids[:max_length], "labels": labels[:max_length]}

    def _masked(self, row: Row) -> tuple[list[int], list[int]]:
        found = self._apply(row["messages"], chat_template=self.template, return_assistant_tokens_mask=True)
        return list(found["input_ids"]), list(found["assistant_masks"])

    def _paired(self, row: Row) -> tuple[list[int], list[int]]:
        """Mark the answer: it begins where the tokens of the prompt, and those of both, part."""
        tools = {"tools": row["tools"]} if "tools" in row else {}
        prompt = self._apply(row["prompt"], add_generation_prompt=True, **tools)["input_ids"]
        both = list(self._apply(row["prompt"] + row["completion"], **tools)["input_ids"])
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
            raise JobRefused("data_wrong", f"The base's chat template refuses a record: {error}.") from None


def _pairs(chat: Row) -> list[Row]:
    messages = [{name: value for name, value in each.items() if name != "weight"} for each in chat["messages"]]
    answers = [at for at, each in enumerate(chat["messages"]) if _is_answer(each)]
    tools = {"tools": chat["tools"]} if "tools" in chat else {}
    return [{"prompt": messages[:at], "completion": [messages[at]], **tools} for at in answers]


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


def end_of(reader: Reader) -> int | None:
    """Return the first token of the base's own behind the words of an answer that is learned; None: there is none."""
    row = reader.encode(reader.rows([_CHAT])[-1])
    # Tokens that no text of a person makes.
    own = {*reader.tokenizer.get_added_vocab().values(), *reader.tokenizer.all_special_ids}
    end = None
    for token in reversed([token for token, label in _labelled(row) if label != IGNORED]):
        if token in own:
            end = token
        elif reader.tokenizer.decode([token]).strip():
            break
    return end


def refuse_endless(reader: Reader, chats: Sequence[Row], most: int) -> None:
    """Raise `JobRefused` where no record teaches the end of an answer within its first `most` tokens."""
    end = end_of(reader)
    if end is None:
        raise JobRefused(
            "base_wrong",
            "The base's chat template ends an answer with no token of its own, so a model would never learn to stop; "
            "choose a base whose template does.",
        )
    rows = 0
    all_are_cut = True
    for row in reader.rows(chats):
        encoded = reader.encode(row)
        if any(token == end and label != IGNORED for token, label in _labelled(encoded)[:most]):
            return
        rows += 1
        all_are_cut &= len(encoded["input_ids"]) > most
    text = reader.tokenizer.convert_ids_to_tokens(end)
    if all_are_cut:
        raise JobRefused(
            "too_long",
            f"All {rows:,} rows are cut at {most} tokens before their last answer ends with {text}, so the model would "
            "never learn to stop; allow longer rows.",
        )
    raise JobRefused(
        "data_wrong",
        f"None of {rows:,} rows teaches {text}, with which an answer ends, so the model would never learn to stop; "
        "choose a base whose chat template ends every answer.",
    )


def _labelled(row: Row) -> list[tuple[int, int]]:
    return list(zip(row["input_ids"], row["labels"], strict=True))
