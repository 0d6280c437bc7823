"""Requests: how a prompt with examples is asked in a batch, and how an answer is known again."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.datasets.tokens import count_tokens
from core.tuning.providers.claude.records import Record

#: Shorter prefixes are not kept by any model, and then the mark would only be noise.
LEAST_CACHED_TOKENS = 1_024
_ID = re.compile(r"([0-9a-f]{32})-s(\d+)-c(\d+)-r(\d+)")


def prefix(key: str, stage: int) -> str:
    """Return what every id of this stage of this job begins with, and no other."""
    return f"{key}-s{stage}-"


def custom_id(key: str, stage: int, candidate: int, row: int) -> str:
    """At most 64 of [a-zA-Z0-9_-], as the API asks for."""
    return f"{prefix(key, stage)}c{candidate}-r{row}"


def place(text: str, key: str, stage: int) -> tuple[int, int] | None:
    """Return the candidate and the row of an id of this stage of this job; None for any other."""
    found = _ID.fullmatch(text)
    if not found or found[1] != key or int(found[2]) != stage:
        return None
    return int(found[3]), int(found[4])


def prefix_tokens(system: str, examples: Sequence[Record]) -> int:
    """Tokens of what is the same in all requests of a candidate; an estimate."""
    return count_tokens(system).count + sum(each.tokens for each in examples)


def params(
    *, model: str, system: str, examples: Sequence[Record], record: Record, max_tokens: int
) -> Mapping[str, Any]:
    """One question with the profile before it: its system prompt before the record's own (the same one only once), and
    its examples as turns of a conversation. Sampling is left to the model, because current ones refuse anything else.
    """
    own, given = system.strip(), record.system.strip()
    is_shared = given in ("", own)
    keep = is_shared and prefix_tokens(system, examples) >= LEAST_CACHED_TOKENS
    messages = _shown(examples, keep=keep)
    messages += [{"role": role, "content": content} for role, content in record.turns]
    asked: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "messages": messages}
    if text := own if is_shared else "\n\n".join(filter(None, (own, given))):
        asked["system"] = [_block(text, keep=True)] if keep and not examples else text
    return asked


def _shown(examples: Sequence[Record], *, keep: bool) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for index, example in enumerate(examples):
        is_last = index == len(examples) - 1
        answer: Any = [_block(example.expected, keep=True)] if keep and is_last else example.expected
        messages += [{"role": "user", "content": example.prompt}, {"role": "assistant", "content": answer}]
    return messages


def _block(text: str, *, keep: bool) -> dict[str, Any]:
    """Text that ends what is kept between requests for five minutes, where the model does that."""
    return {"type": "text", "text": text, **({"cache_control": {"type": "ephemeral"}} if keep else {})}
