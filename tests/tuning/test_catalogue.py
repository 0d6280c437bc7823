"""The catalogue is data with dates and sources; prices can be the workspace's own; limits speak in words."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from core import audit
from core.db import Database
from core.errors import ConfigurationError, TuningRefused
from core.tuning.providers import catalogue, limits, pricing
from core.tuning.providers.protocol import PROVIDER_IDS
from tests.tuning.views import DATA

TODAY = dt.date(2026, 11, 24)


def test_every_provider_is_in_it_once_and_every_entry_has_source_and_date() -> None:
    found = catalogue.catalogue()
    assert sorted(each.id for each in found.providers) == sorted(PROVIDER_IDS)
    assert all(each.source and each.read <= TODAY and each.needs for each in found.providers)
    assert all(each.source and each.read <= TODAY and each.methods for each in found.bases)
    assert len({(each.provider, each.name) for each in found.bases}) == len(found.bases)
    assert all(each.closes <= each.shutdown for each in found.bases if each.closes and each.shutdown)


def test_what_claude_gets_is_not_called_training() -> None:
    claude = catalogue.facts("claude")
    assert not claude.is_training
    assert "no self-service fine-tuning" in claude.tagline


def test_an_unknown_provider_is_refused_in_words() -> None:
    with pytest.raises(TuningRefused, match="no provider 'azure'"):
        catalogue.facts("azure")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("day", "words", "is_closed"),
    [
        (dt.date(2026, 11, 24), "closes in 43 days", False),
        (dt.date(2027, 1, 5), "closes in 1 day", False),
        (dt.date(2027, 1, 6), "closes today", False),
        (dt.date(2027, 1, 7), "closed on 2027-01-06", True),
    ],
)
def test_the_end_is_counted_in_days(day: dt.date, words: str, is_closed: bool) -> None:
    openai = catalogue.facts("openai")
    assert catalogue.closing(openai, day) == words
    assert catalogue.is_closed(openai, day) is is_closed
    assert catalogue.closing(catalogue.facts("local"), day) == ""


def test_a_price_is_the_catalogues_until_the_workspace_enters_its_own(database: Database) -> None:
    mini = "gpt-4.1-mini-2025-04-14"
    assert pricing.price(database, "openai", mini).usd_per_million == 5
    assert pricing.price(database, "gemini", "gemini-3.5-flash").usd_per_million is None
    assert pricing.price(None, "local", "ollama:any").usd_per_million == 0

    assert pricing.set_price(database, "gemini", "gemini-3.5-flash", "4.50", actor="ada", reason="our contract")
    assert not pricing.set_price(database, "gemini", "gemini-3.5-flash", "4.50", actor="ada", reason="again")
    own = pricing.price(database, "gemini", "gemini-3.5-flash")
    assert (own.usd_per_million, own.is_override) == (Decimal("4.50"), True)
    entry = audit.entries(database, subject="setting", subject_id="tuning_prices")[0]
    assert (entry.actor, entry.reason, entry.before) == ("ada", "our contract", {"value": {}})

    assert pricing.set_price(database, "gemini", "gemini-3.5-flash", None, actor="ada", reason="it ended")
    assert pricing.price(database, "gemini", "gemini-3.5-flash").usd_per_million is None


@pytest.mark.parametrize("usd", ["-1", "much", "NaN", "Infinity", "1000001"])
def test_what_is_no_price_is_refused(database: Database, usd: str) -> None:
    with pytest.raises(ConfigurationError, match="no price"):
        pricing.set_price(database, "openai", "gpt-4o-2024-08-06", usd, actor="ada", reason="")
    assert pricing.overrides(database) == {}


def test_costs_are_a_range_and_unknown_where_the_price_is() -> None:
    assert pricing.range_usd(1_000_000, 1, 4, Decimal(5)) == (Decimal(5), Decimal(20))
    assert pricing.range_usd(1_000_000, 3, 3, None) == (None, None)


def test_limits_name_the_figure_the_limit_and_what_to_do() -> None:
    base = catalogue.base("openai", "gpt-4.1-mini-2025-04-14")
    assert base is not None
    data = replace(DATA, train=9, longest_tokens=70_000, size_bytes=600 * 2**20)
    found = {(each.code, each.blocks): each for each in limits.obstacles(base, data, TODAY)}
    assert "9 training examples; GPT-4.1 mini needs at least 10" in found[("too_small", True)].sentence
    assert all(each.remedy.endswith(".") for each in found.values())
    assert ("closing", False) in found
    sentences = " ".join(each.sentence for each in limits.obstacles(base, data, TODAY))
    for part in ("70,000 tokens", "65,536", "600 MB", "512 MB", "closes in 43 days", "2027-01-14, in 51 days"):
        assert part in sentences


def test_a_base_past_its_date_is_refused_and_an_unlisted_one_is_not_judged() -> None:
    nano = catalogue.base("openai", "gpt-4.1-nano-2025-04-14")
    assert [each.code for each in limits.obstacles(nano, DATA, TODAY) if each.blocks] == ["past_its_date"]
    assert limits.obstacles(None, DATA, TODAY) == []
    flash = catalogue.base("gemini", "gemini-3.5-flash")
    assert limits.obstacles(flash, DATA, TODAY) == []
    many = replace(DATA, validation=5_001)
    assert "5,001 validation examples" in limits.obstacles(flash, many, TODAY)[0].sentence
