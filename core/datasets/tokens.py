"""Token counts: exact where the tokenizer is at hand, otherwise said to be an estimate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import orjson

Family = Literal["openai", "other"]

#: A version of up to so many records is counted record by record; a larger one by a sample of this size.
SAMPLE = 2_000
_BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class TokenCount:
    """A number of tokens; `exact` is False for an estimate."""

    count: int
    exact: bool


@dataclass(frozen=True)
class TokenTotal:
    """The tokens of a set of records. `method`: exact, estimate (sample) or estimate (bytes)."""

    count: int
    method: str
    #: Tokens a byte of the rendered line, from which parts of the set are estimated.
    per_byte: float


@lru_cache(maxsize=1)
def _encoding() -> Any:
    """Return the o200k tokenizer, or None where its wheel does not exist for this machine."""
    try:
        import bpe_openai
    except ImportError:
        return None
    return bpe_openai.get_encoding("o200k_base")


def count_tokens(text: str, family: Family = "openai") -> TokenCount:
    """Return the tokens of `text`.

    Only OpenAI's tokenizer is known here; for others a token is taken to be four bytes.
    """
    encoding = _encoding() if family == "openai" else None
    if encoding is None:
        return TokenCount(-(-len(text.encode()) // _BYTES_A_TOKEN), exact=False)
    return TokenCount(len(encoding.encode_ordinary(text)), exact=True)


def of_line(line: str) -> TokenCount:
    """Return the tokens of a canonical record: of what its messages say, its calls and its tools, without the JSON
    around.
    """
    counts = [count_tokens(text) for text in texts_of(orjson.loads(line))]
    return TokenCount(sum(each.count for each in counts), exact=all(each.exact for each in counts))


def of_chat(line: str) -> TokenCount:
    """Return the tokens of a canonical record as OpenAI documents them: each message has three beside its role and
    text, and a conversation three more. How calls of tools and tools are counted is published as an estimate.

    OpenAI cookbook, "How to count tokens with tiktoken", 2024, for the tokenizer that is used here.
    """
    record = orjson.loads(line)
    texts: list[str] = []
    more = _A_CONVERSATION
    for message in record["messages"]:
        more += _A_MESSAGE
        texts.append(message["role"])
    if tools := record.get("tools"):
        more += _tools(tools, texts)
    texts += texts_of({"messages": record["messages"]})
    counts = [count_tokens(text) for text in texts]
    holds_tools = bool(tools) or any("tool_calls" in message for message in record["messages"])
    return TokenCount(
        more + sum(each.count for each in counts), exact=not holds_tools and all(each.exact for each in counts)
    )


_A_CONVERSATION = _A_MESSAGE = 3
_A_TOOL, _AFTER_TOOLS, _PROPERTIES, _A_PROPERTY, _A_LIST, _A_CHOICE = 7, 12, 3, 3, -3, 3


def _tools(tools: Any, texts: list[str]) -> int:
    """Tokens of the tools beside those of their texts, which are added to `texts`."""
    more = _AFTER_TOOLS
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, Mapping) else tool
        if not isinstance(function, Mapping):
            texts.append(orjson.dumps(function).decode())
            continue
        more += _A_TOOL
        texts.append(f"{function.get('name', '')}:{_sentence(function.get('description'))}")
        more += _properties(function.get("parameters"), texts)
    return more


def _properties(schema: Any, texts: list[str]) -> int:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or not properties:
        return 0
    more = _PROPERTIES
    for name, each in properties.items():
        more += _A_PROPERTY
        if not isinstance(each, Mapping):
            texts.append(f"{name}:{orjson.dumps(each).decode()}")
            continue
        texts.append(f"{name}:{each.get('type', '')}:{_sentence(each.get('description'))}")
        choices = each.get("enum")
        if isinstance(choices, list) and choices:
            more += _A_LIST + _A_CHOICE * len(choices)
            texts += map(str, choices)
        # The published counting knows no schemas inside one another; they are counted in the same way.
        more += _properties(each, texts) + _properties(each.get("items"), texts)
    return more


def _sentence(description: Any) -> str:
    return str(description or "").removesuffix(".")


def texts_of(record: Mapping[str, Any]) -> Iterator[str]:
    """All that a model reads of a record in the format `openai`, or a part of it with messages."""
    for message in record["messages"]:
        yield message["content"] or ""
        for call in message.get("tool_calls", ()):
            yield from (call["function"]["name"], call["function"]["arguments"])
    if "tools" in record:
        yield orjson.dumps(record["tools"]).decode()


def total(sample: Sequence[str], *, rows: int, size: int) -> TokenTotal:
    """Return the tokens of `rows` records of `size` bytes together, of which `sample` are some, or all."""
    sampled = sum(len(line.encode()) for line in sample)
    if not sampled:
        return TokenTotal(0, "exact", 0.0)
    counts = [of_line(line) for line in sample]
    counted = sum(each.count for each in counts)
    per_byte = counted / sampled
    if not all(each.exact for each in counts):
        return TokenTotal(round(size * per_byte), "estimate (bytes)", per_byte)
    if len(sample) == rows:
        return TokenTotal(counted, "exact", per_byte)
    return TokenTotal(round(size * per_byte), "estimate (sample)", per_byte)
