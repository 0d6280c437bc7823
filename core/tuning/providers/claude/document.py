"""The profile itself: a document that holds everything needed to answer with it, and how it was chosen."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from core.tuning.providers.claude.records import Record

VERSION = 1


def profile(
    *,
    model: str,
    system: str,
    examples: Sequence[Record],
    max_tokens: int,
    dataset: Mapping[str, Any],
    chosen: str,
    validation: Mapping[str, Any],
    test: Mapping[str, Any] | None,
    candidates: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the document as plain JSON values. `position` of an example: its row in the split `train`, from 0."""
    return {
        "version": VERSION,
        "kind": "profile",
        "model": model,
        "system": system,
        "examples": [
            {"user": each.prompt, "assistant": each.expected, "position": each.position, "split": "train"}
            for each in examples
        ],
        "max_tokens": max_tokens,
        "dataset": dict(dataset),
        "chosen": chosen,
        "validation": dict(validation),
        "test": None if test is None else dict(test),
        "candidates": [dict(each) for each in candidates],
        "settings": dict(settings),
    }


def written(document: Mapping[str, Any]) -> bytes:
    """Return the document as bytes, the same for the same content."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def sha256(data: bytes) -> str:
    """Return the hash by which a profile is known."""
    return hashlib.sha256(data).hexdigest()
