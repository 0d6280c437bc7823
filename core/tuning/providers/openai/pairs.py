"""What is known of a version's preference pairs, which are other lines than its records."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from core.datasets.tokens import count_tokens, texts_of
from core.errors import TuningRefused
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import Obstacle


def facts(data: DataFacts, splits: Sequence[str] = ("train", "validation")) -> DataFacts | None:
    """Return the facts of the pairs of these splits, as they are sent; None while the records are not at hand.

    Without a pair for training `train` is 0.
    """
    if data.files is None:
        return None
    try:
        files = data.files("dpo")
    except TuningRefused:
        return replace(data, train=0, validation=0, test=0, tokens_train=0, longest_tokens=0)
    held_out = files.validation if "validation" in splits else None
    train, validation = list(_counts(files.train)), list(_counts(held_out))
    sizes = [path.stat().st_size for path in (files.train, held_out) if path]
    return replace(
        data,
        train=len(train),
        validation=len(validation),
        tokens_train=sum(tokens for tokens, _ in train),
        tokens_validation=sum(tokens for tokens, _ in validation),
        longest_tokens=max((tokens for tokens, _ in [*train, *validation]), default=0),
        is_exact=all(exact for _, exact in [*train, *validation]),
        size_bytes=sum(sizes),
        file_bytes=max(sizes),
    )


def missing(data: DataFacts) -> Obstacle:
    """Say that there is not one pair to train on."""
    return Obstacle(
        "too_small",
        f"{data.label} has no preference pairs in its training split.",
        "Let rejected or failed runs of the same requests into the filter, and create a new version; or choose "
        "supervised tuning (sft).",
    )


def _counts(path: Path | None) -> Iterator[tuple[int, bool]]:
    """Tokens of each pair, of the question and both answers, and whether they are exact."""
    if path is None:
        return
    with path.open("rb") as file:
        for line in file:
            counts = [count_tokens(text) for text in _texts(orjson.loads(line))]
            yield sum(each.count for each in counts), all(each.exact for each in counts)


def _texts(pair: dict[str, Any]) -> list[str]:
    answers = [*pair["preferred_output"], *pair["non_preferred_output"]]
    return [*texts_of(pair["input"]), *texts_of({"messages": answers})]
