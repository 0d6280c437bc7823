"""Prices: dated, sourced, and None where nobody knows."""

import datetime as dt
from decimal import Decimal

import pytest

from core.llm import Model
from core.llm.prices import cost_usd, table


def test_every_price_says_when_and_where_it_was_read() -> None:
    for price in table():
        assert price.input > 0
        assert price.output > 0
        assert dt.date(2026, 1, 1) < price.read < dt.date(2030, 1, 1)
        assert price.source.startswith("https://")
    names = [(price.provider, price.model) for price in table()]
    assert len(set(names)) == len(names)
    assert {price.provider for price in table()} == {"openai", "anthropic", "gemini"}


@pytest.mark.parametrize(
    ("model", "tokens_in", "expected"),
    [
        ("openai:gpt-6-luna", 1_000_000, None),  # longer than the price is for
        ("openai:gpt-6-luna", 100_000, Decimal("0.0105")),
        ("openai:gpt-6-luna-2026-09-22", 100_000, Decimal("0.0105")),
        ("openai:ft:gpt-6-luna:acme::abc", 100, None),  # tuned models have prices of their own
        ("openai:gpt-6-lunatic", 100, None),
        ("anthropic:gpt-6-luna", 100, None),
        ("gemini:models/gemini-3.5-flash-lite", 100_000, Decimal("0.0325")),
        ("ollama:qwen3:4b", 100_000, Decimal(0)),
        ("ollama:gpt-oss:120b-cloud", 100_000, None),
        ("ollama:glm:cloud", 100_000, None),
    ],
)
def test_a_cost_is_exact_or_unknown(model: str, tokens_in: int, expected: Decimal | None) -> None:
    assert cost_usd(Model.parse(model), tokens_in, 1_000) == expected


def test_ollamas_own_servers_are_not_free() -> None:
    assert cost_usd(Model.parse("ollama:qwen3:4b"), 1, 1, host="https://ollama.com") is None
    assert cost_usd(Model.parse("ollama:qwen3:4b"), 1, 1, host="http://10.0.0.7:11434") == 0


def test_a_price_ends_on_its_last_day() -> None:
    model = Model.parse("gemini:gemini-3.8-flash")
    assert cost_usd(model, 1_000_000, 0, today=dt.date(2026, 12, 31)) == Decimal("0.75")
    assert cost_usd(model, 1_000_000, 0, today=dt.date(2027, 1, 1)) is None
