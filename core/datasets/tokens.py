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
    """The o200k tokenizer, or None where its wheel does not exist for this machine."""
    try:
        import bpe_openai
    except ImportError:
        return None
    return bpe_openai.get_encoding("o200k_base")


def count_tokens(text: str, family: Family = "openai") -> TokenCount:
    """The tokens of `text`. Only OpenAI's tokenizer is known here; for others a token is taken to be four bytes."""
    encoding = _encoding() if family == "openai" else None
    if encoding is None:
        return TokenCount(_by_bytes(len(text.encode())), exact=False)
    return TokenCount(len(encoding.encode_ordinary(text)), exact=True)


def of_line(line: str) -> TokenCount:
    """The tokens of a canonical record: of what its messages say, its calls and its tools, without the JSON around."""
    counts = [count_tokens(text) for text in texts_of(orjson.loads(line))]
    return TokenCount(sum(each.count for each in counts), exact=all(each.exact for each in counts))


def texts_of(record: Mapping[str, Any]) -> Iterator[str]:
    """All that a model reads of a record in the format `openai`, or a part of it with messages."""
    for message in record["messages"]:
        yield message["content"] or ""
        for call in message.get("tool_calls", ()):
            yield from (call["function"]["name"], call["function"]["arguments"])
    if "tools" in record:
        yield orjson.dumps(record["tools"]).decode()


def total(sample: Sequence[str], *, rows: int, size: int) -> TokenTotal:
    """The tokens of `rows` records of `size` bytes together, of which `sample` are some, or all."""
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


def _by_bytes(size: int) -> int:
    return -(-size // _BYTES_A_TOKEN)
