"""What the catalogue says against a job, in words: dates, sizes and counts, the same for every hosted provider."""

import datetime as dt
from collections.abc import Iterator, Sequence

from core.tuning.providers import catalogue
from core.tuning.providers.catalogue import BaseFacts
from core.tuning.providers.data import DataFacts, LeftOut
from core.tuning.providers.protocol import Obstacle

#: From so many days on before the last one, the end is mentioned.
_SOON_DAYS = 90


def obstacles(base: BaseFacts | None, data: DataFacts, today: dt.date | None = None) -> list[Obstacle]:
    """Return what stands in the way of tuning `base` on `data`, which is what is sent, and what to know before.

    Of an unlisted base nothing is known but what is left out.
    """
    if base is None:
        return [*left_out(data)]
    today = today or dt.datetime.now(dt.UTC).date()
    return [*_dates(base, today), *left_out(data), *_counts(base, data), *_sizes(base, data)]


def left_out(data: DataFacts) -> Iterator[Obstacle]:
    """Which records are in no file, by reason; it blocks where none is left to train on."""
    lost = [each for each in data.left_out if each.split == "train"]
    if lost and not data.train:
        yield Obstacle(
            "too_small",
            f"None of the {_train_of(data):,} training records of {data.label} can be sent: {_reasons(lost)}.",
            "Choose another provider, or create a version without tools and the like.",
        )
        return
    for split, kept in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        lost = [each for each in data.left_out if each.split == split]
        if lost:
            gone = sum(each.count for each in lost)
            what = _WORDS[split]
            none = "" if kept else f" So there is no {what} data."
            yield Obstacle(
                "left_out",
                f"{gone:,} of {gone + kept:,} {what} records of {data.label} "
                f"{'is' if gone == 1 else 'are'} left out: {_reasons(lost)}.{none}",
                "Everything said here is of the records that are sent. Train locally to learn from all of them.",
                blocks=False,
            )


_WORDS = {"train": "training", "validation": "validation", "test": "test"}


def _reasons(lost: Sequence[LeftOut]) -> str:
    """`3 with tools or calls of tools (the first is record 7)`."""
    return "; ".join(
        f"{each.count:,} with {each.why} ({'the first is ' if each.count > 1 else ''}record {each.first:,})"
        for each in lost
    )


def _train_of(data: DataFacts) -> int:
    return data.train + sum(each.count for each in data.left_out if each.split == "train")


def _dates(base: BaseFacts, today: dt.date) -> Iterator[Obstacle]:
    if catalogue.is_closed(base, today):
        yield Obstacle(
            "past_its_date",
            f"{base.title} cannot be tuned any more: it {_since(base, today)}.",
            "Choose another base, or train locally.",
        )
    elif base.closes is not None and (base.closes - today).days <= _SOON_DAYS:
        yield Obstacle(
            "closing",
            f"Tuning of {base.title} {catalogue.closing(base, today)} ({base.closes}).",
            "Keep the dataset: it can be trained locally afterwards.",
            blocks=False,
        )
    # After its end there is nothing to say that the first obstacle did not.
    if base.shutdown is not None and 0 <= (base.shutdown - today).days <= _SOON_DAYS:
        yield Obstacle(
            "closing",
            f"A model tuned on {base.title} stops answering after {base.shutdown}, in {(base.shutdown - today).days:,} "
            "days.",
            "Start only if it is worth it until then.",
            blocks=False,
        )


def _since(base: BaseFacts, today: dt.date) -> str:
    return catalogue.closing(base, today) if base.closes else "is closed"


def _counts(base: BaseFacts, data: DataFacts) -> Iterator[Obstacle]:
    if base.min_examples and data.train < base.min_examples and (data.train or _train_of(data) == 0):
        what = f"{data.train:,} training examples{' left' if data.train != _train_of(data) else ''}"
        yield Obstacle(
            "too_small",
            f"{data.label} has {what}; {base.title} needs at least {base.min_examples:,}.",
            "Create a version with more examples, or with a larger share for training.",
        )
    if base.max_examples and data.train > base.max_examples:
        yield Obstacle(
            "too_long",
            f"{data.label} has {data.train:,} training examples; {base.title} takes at most {base.max_examples:,}.",
            "Create a version with fewer examples.",
        )
    if base.max_validation_examples and data.validation > base.max_validation_examples:
        yield Obstacle(
            "too_long",
            f"{data.label} has {data.validation:,} validation examples; {base.title} takes at most "
            f"{base.max_validation_examples:,}.",
            "Create a version with a smaller share for validation.",
        )


def _sizes(base: BaseFacts, data: DataFacts) -> Iterator[Obstacle]:
    about = "" if data.is_exact else "about "
    if base.max_tokens_per_example and data.longest_tokens > base.max_tokens_per_example:
        yield Obstacle(
            "too_long",
            f"The longest example of {data.label} has {about}{data.longest_tokens:,} tokens; {base.title} takes "
            f"at most {base.max_tokens_per_example:,}.",
            "Exclude or shorten it on the Data page, and create a new version.",
        )
    size = data.size_bytes if data.file_bytes is None else data.file_bytes
    if base.max_file_bytes and size > base.max_file_bytes:
        yield Obstacle(
            "too_long",
            f"{data.label} has {size / 2**20:,.0f} MB; {base.title} takes files of at most "
            f"{base.max_file_bytes / 2**20:,.0f} MB.",
            "Create a version with fewer examples.",
        )
