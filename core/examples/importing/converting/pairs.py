"""Pairs of answers to one conversation, of which one is better, in each of the forms in which they are kept."""

import re
from collections.abc import Mapping
from typing import Any

from core.examples.importing.converting.conversations import made
from core.examples.importing.converting.messages import Message, Reading, loaded
from core.examples.importing.converting.plain import history, instruction_of, said
from core.examples.importing.models import Unfit

Raw = Mapping[str, Any]

_OF_INPUT = {"messages", "tools", "functions", "parallel_tool_calls", "tool_choice"}
_HUMAN = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")


def from_pair(row: Raw) -> Raw:
    """Two answers to one conversation, of which one is better: it is the result, and the other is kept beside it."""
    reading = Reading(row)
    asked, better, worse, given = _pair_of(row, reading)
    for answer in (better, worse):
        if not answer or answer[-1]["role"] != "assistant":
            raise Unfit("a pair of answers of the assistant")
    if any(message["role"] == "user" for message in better):
        asked, better, worse = _apart(asked, better, worse)
    same = 0
    while same < min(len(better), len(worse)) - 1 and better[same] == worse[same]:
        same += 1
    asked, better, worse = [*asked, *better[:same]], better[same:], worse[same:]
    if len(better) != 1 or len(worse) != 1:
        raise Unfit("two answers to the same conversation, each of one message")
    if better == worse:
        raise Unfit("two answers that differ: of the same one nothing can be learned")
    return made(row, reading, [*asked, *better], given=given, rejected=worse[0])


def _pair_of(row: Raw, reading: Reading) -> tuple[list[Message], list[Message], list[Message], str]:
    """Return what was asked, the better and the worse answer, and the part of the request that came as `input`."""
    if "preferred_output" in row:
        asked = loaded(row.get("input"))
        if not isinstance(asked, dict):
            raise Unfit("an input with messages")
        reading.unused.update(
            f"input.{key}" for key in asked.keys() - _OF_INPUT if asked[key] not in (None, "", [], {})
        )
        return (
            reading.messages(asked.get("messages"), "input.messages"),
            reading.messages(row.get("preferred_output"), "preferred_output"),
            reading.messages(row.get("non_preferred_output"), "non_preferred_output"),
            "",
        )
    if "chosen_messages" in row:
        better, worse = (
            reading.messages(row.get(f"{name}_messages"), f"{name}_messages") for name in ("chosen", "rejected")
        )
        return [], better, worse, ""
    asked, given = _asked(row, reading)
    if not asked and isinstance(row.get("chosen"), str) and _HUMAN.match(row["chosen"]):
        return asked, _dialogue(row["chosen"]), _dialogue(row.get("rejected")), given
    better, worse = (
        said(reading, row.get(name, row.get(f"{name}_response")), name, "assistant") for name in ("chosen", "rejected")
    )
    return asked, better, worse, given


def _asked(row: Raw, reading: Reading) -> tuple[list[Message], str]:
    if "instruction" in row:
        request, given = instruction_of(row)
        return [*history(row, reading), {"role": "user", "content": request}], given
    named = [name for name in ("conversations", "messages", "prompt", "question", "query", "input") if row.get(name)]
    if not named:
        return [], ""
    asked = said(reading, row[named[0]], named[0], "user")
    for other in named[1:]:  # which may say the same, as messages beside a prompt do
        words = {message["content"] for message in said(reading, row[other], other, "user")}
        reading.unused |= set() if words <= {message["content"] for message in asked} else {other}
    return [*history(row, reading), *asked], ""


def _dialogue(value: Any) -> list[Message]:
    """Anthropic's first public pairs are one text: `Human: … Assistant: …`."""
    parts = _HUMAN.split(value if isinstance(value, str) else "")
    if parts[0].strip():
        raise Unfit("a dialogue that begins with Human:")
    return [
        {"role": "user" if who == "Human" else "assistant", "content": words.strip()}
        for who, words in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _apart(
    asked: list[Message], better: list[Message], worse: list[Message]
) -> tuple[list[Message], list[Message], list[Message]]:
    """Two whole conversations that differ in their last answer."""
    if better[:-1] != worse[:-1]:
        raise Unfit("two answers to the same conversation")
    prompt = [message for message in asked if message["role"] == "system"]
    before = better[:-1] if better[0]["role"] == "system" else [*prompt, *better[:-1]]
    return before, better[-1:], worse[-1:]
