"""What providers of fine-tuning offer, from `catalogue.toml`: limits, list prices, dates, and where each was read."""

import datetime as dt
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.errors import TuningRefused
from core.tuning.providers.protocol import Method, ProviderId


@dataclass(frozen=True)
class ProviderFacts:
    """A provider, in words for its card."""

    id: ProviderId
    #: In sentences about a job: "this machine", "OpenAI".
    where: str
    title: str
    tagline: str
    is_training: bool
    #: Who sees the records, and how long it takes where nothing was measured, in a few words each.
    seen_by: str
    wait: str
    cost: str
    privacy: str
    speed: str
    needs: tuple[str, ...]
    source: str
    read: dt.date
    #: The last day on which a new job can be started; None: no such day is known.
    closes: dt.date | None = None
    note: str = ""


@dataclass(frozen=True)
class BaseFacts:
    """A model that can be tuned at a provider. What is None is not known, or not limited."""

    provider: ProviderId
    name: str
    title: str
    methods: tuple[Method, ...]
    source: str
    read: dt.date
    sure: Literal["high", "medium", "low"]
    #: List price in US dollars for a million training tokens (tokens times epochs).
    usd_per_million_training: Decimal | None = None
    max_tokens_per_example: int | None = None
    min_examples: int | None = None
    max_examples: int | None = None
    max_validation_examples: int | None = None
    max_file_bytes: int | None = None
    closes: dt.date | None = None
    #: The last day on which what was tuned on it answers.
    shutdown: dt.date | None = None
    note: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Everything in `catalogue.toml`, in its order."""

    providers: tuple[ProviderFacts, ...]
    bases: tuple[BaseFacts, ...]


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Return the catalogue of this version of the program."""
    text = Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text, parse_float=Decimal)
    return Catalogue(
        providers=tuple(ProviderFacts(**{**each, "needs": tuple(each["needs"])}) for each in found["provider"]),
        bases=tuple(_base(each) for each in found["base"]),
    )


def facts(provider: ProviderId) -> ProviderFacts:
    """Return what is known of a provider. Raises `TuningRefused` for none."""
    for each in catalogue().providers:
        if each.id == provider:
            return each
    raise TuningRefused(f"There is no provider {provider!r} in the catalogue.")


def bases(provider: ProviderId) -> tuple[BaseFacts, ...]:
    """Return the bases listed for a provider. Ollama's own and Claude's are not listed: they are asked for."""
    return tuple(each for each in catalogue().bases if each.provider == provider)


def base(provider: ProviderId, name: str) -> BaseFacts | None:
    """Return the listed base of this name, or None: others may exist, of which nothing is known here."""
    return next((each for each in bases(provider) if each.name == name), None)


def is_closed(entry: ProviderFacts | BaseFacts, today: dt.date | None = None) -> bool:
    """Whether no new job can be started any more."""
    return entry.closes is not None and entry.closes < (today or _today())


def closing(entry: ProviderFacts | BaseFacts, today: dt.date | None = None) -> str:
    """Say `closes in 43 days`, `closes today`, `closed on 2026-10-22`, or "" where no day is known."""
    if entry.closes is None:
        return ""
    days = (entry.closes - (today or _today())).days
    if days < 0:
        return f"closed on {entry.closes}"
    if days == 0:
        return "closes today"
    return f"closes in {days:,} day{'' if days == 1 else 's'}"


def _base(entry: dict) -> BaseFacts:
    price = entry.get("usd_per_million_training")
    return BaseFacts(
        **{
            **entry,
            "methods": tuple(entry["methods"]),
            "usd_per_million_training": None if price is None else Decimal(price),
        }
    )


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
