"""What the catalogue says against a job, in words: dates, sizes and counts, the same for every hosted provider."""

import datetime as dt
from collections.abc import Iterator

from core.tuning.providers import catalogue
from core.tuning.providers.catalogue import BaseFacts
from core.tuning.providers.protocol import DataFacts, Obstacle

#: From so many days on before the last one, the end is mentioned.
_SOON_DAYS = 90


def obstacles(base: BaseFacts | None, data: DataFacts, today: dt.date | None = None) -> list[Obstacle]:
    """What stands in the way of tuning `base` on `data`, and what to know before; nothing of an unlisted base."""
    if base is None:
        return []
    today = today or dt.datetime.now(dt.UTC).date()
    return [*_dates(base, today), *_counts(base, data), *_sizes(base, data)]


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
    if base.min_examples and data.train < base.min_examples:
        yield Obstacle(
            "too_small",
            f"{data.label} has {data.train:,} training examples; {base.title} needs at least {base.min_examples:,}.",
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
    if base.max_file_bytes and data.size_bytes > base.max_file_bytes:
        yield Obstacle(
            "too_long",
            f"{data.label} has {data.size_bytes / 2**20:,.0f} MB; {base.title} takes files of at most "
            f"{base.max_file_bytes / 2**20:,.0f} MB.",
            "Create a version with fewer examples.",
        )
