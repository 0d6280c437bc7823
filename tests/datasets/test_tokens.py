"""Token counts of conversations as OpenAI documents them, against its published example and a plain rewriting of it."""

import json
import random
from typing import Any

import bpe_openai
import orjson
import pytest

from core.datasets import tokens

O200K = bpe_openai.get_encoding("o200k_base")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string", "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}  # fmt: skip
ASKED = [
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]


def counted(record: dict[str, Any]) -> tokens.TokenCount:
    return tokens.of_chat(orjson.dumps(record).decode())


def size(text: str) -> int:
    return len(O200K.encode_ordinary(text))


def documented(messages: list[dict[str, Any]]) -> int:
    """The cookbook's function, for messages of texts."""
    return 3 + sum(3 + sum(size(value) for value in message.values()) for message in messages)


def test_the_published_example_has_the_tokens_that_openai_counted() -> None:
    assert counted({"messages": ASKED, "tools": [WEATHER]}) == tokens.TokenCount(101, exact=False)


@pytest.mark.parametrize("seed", range(5))
def test_conversations_of_texts_are_counted_exactly(seed: int) -> None:
    chance = random.Random(seed)
    said = ["", "Hello", "Ünïcode – 你好 🙂", "line\nbreak", "x" * 500, json.dumps({"a": [1, 2]}), " trailing "]
    messages = [
        {"role": chance.choice(["system", "user", "assistant"]), "content": chance.choice(said)}
        for _ in range(chance.randint(1, 9))
    ]
    assert counted({"messages": messages}) == tokens.TokenCount(documented(messages), exact=True)


def test_calls_are_counted_by_name_and_arguments_and_said_to_be_an_estimate() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"of": "sales"}'}}
    texts = [{"role": "user", "content": "How much?"}, {"role": "tool", "content": "12"}]
    asks = {"role": "assistant", "content": None, "tool_calls": [call]}
    found = counted({"messages": [texts[0], asks, {**texts[1], "tool_call_id": "c1"}]})
    expected = documented(texts) + 3 + size("assistant") + size("look") + size('{"of": "sales"}')
    assert found == tokens.TokenCount(expected, exact=False)


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "bare"},
        "no object",
        {"function": {"name": "x", "parameters": {"properties": {"a": True, "b": {"enum": "no list"}}}}},
        {"function": {"name": "deep", "parameters": {"properties": {"a": {"properties": {"b": {"type": "string"}}}}}}},
        {"function": {"name": "many", "parameters": {"properties": {"a": {"enum": [1, None, "x"]}}}}},
    ],
)
def test_odd_tools_are_counted_too(tool: Any) -> None:
    without = counted({"messages": ASKED}).count
    assert counted({"messages": ASKED, "tools": [tool]}).count > without + 12


def test_without_the_tokenizer_it_is_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_encoding", lambda: None)
    assert not counted({"messages": ASKED}).exact
