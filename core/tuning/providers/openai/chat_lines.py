"""Training files as OpenAI documents them, looked through line by line: what is unusual is told, nothing is blocked."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import orjson

from core.tuning.providers.protocol import Method

_ROLES = {"system", "developer", "user", "assistant", "tool"}
#: Fewer are refused by the provider.
_LEAST = 10


def warnings(train: Path, validation: Path | None, method: Method) -> list[str]:
    """Return what may make the provider refuse the files, one sentence for each kind of thing."""
    seen: set[bytes] = set()
    found = [*_of_file(train, "training", method, seen)]
    if validation is not None:
        found += _of_file(validation, "validation", method, set(), already=seen)
    return found


def _of_file(
    path: Path,
    what: str,
    method: Method,
    seen: set[bytes],
    *,
    already: AbstractSet[bytes] = frozenset(),
) -> Iterator[str]:
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    total = 0
    with path.open("rb") as file:
        for row, line in enumerate(file, start=1):
            total = row
            digest = hashlib.blake2b(line.strip(), digest_size=16).digest()
            faults = {*_faults(line, method)}
            if digest in already:
                faults.add("are in the training file too")
            seen.add(digest)
            for fault in faults:
                counts[fault] += 1
                first.setdefault(fault, row)
    if what == "training" and total < _LEAST:
        yield f"The training file has {total} lines; OpenAI takes {_LEAST} at least."
    for fault, count in sorted(counts.items()):
        yield f"{count:,} of {total:,} lines of the {what} file {fault} (first: line {first[fault]:,})."


def _faults(line: bytes, method: Method) -> Iterator[str]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        yield "are not JSON"
        return
    if not isinstance(record, dict):
        yield "are not JSON objects"
    elif method == "dpo":
        yield from _preference_faults(record)
    else:
        yield from _chat_faults(record)


def _preference_faults(record: dict[str, Any]) -> Iterator[str]:
    given = record.get("input")
    if not isinstance(given, dict) or not isinstance(given.get("messages"), list):
        yield "lack `input` with messages"
    for name in ("preferred_output", "non_preferred_output"):
        output = record.get(name)
        is_answer = isinstance(output, list) and output and all(_role(each) == "assistant" for each in output)
        if not is_answer:
            yield f"lack `{name}` of the assistant"


def _chat_faults(record: dict[str, Any]) -> Iterator[str]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "have no messages"
        return
    if not all(_role(each) in _ROLES for each in messages):
        yield "have a message of an unknown role"
        return
    if _role(messages[-1]) != "assistant":
        yield "do not end with an answer of the assistant"
    if any(not _is_weight(each) for each in messages):
        yield "have a weight that is not 0 or 1, or not on the assistant"
    if _has_open_calls(messages):
        yield "call a tool whose result is missing"


def _role(message: Any) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else ""


def _is_weight(message: dict[str, Any]) -> bool:
    if "weight" not in message:
        return True
    return message["weight"] in (0, 1) and not isinstance(message["weight"], bool) and message["role"] == "assistant"


def _has_open_calls(messages: list[dict[str, Any]]) -> bool:
    called = {
        call.get("id")
        for message in messages[:-1]  # the last answer may be a call
        if isinstance(message.get("tool_calls"), list)
        for call in message["tool_calls"]
        if isinstance(call, dict)
    }
    answered = {message.get("tool_call_id") for message in messages if message["role"] == "tool"}
    return bool(called - answered)
