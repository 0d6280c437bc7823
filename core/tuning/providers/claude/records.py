"""Records of a frozen split, read from its file in the form of `anthropic`."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from core.datasets.tokens import count_tokens
from core.errors import TuningRefused
from core.tuning.providers.data import Form


@dataclass(frozen=True)
class Record:
    """One record. `position`: its row in the split, counted from 0 in the order of the version."""

    position: int
    system: str
    #: Everything before the answer: earlier turns and the question, as `role` and `content`.
    turns: tuple[tuple[str, str], ...]
    expected: str

    @property
    def prompt(self) -> str:
        """The question itself, without what was said before."""
        return self.turns[-1][1]

    @property
    def can_be_shown(self) -> bool:
        """Whether it can stand as an example: one question, one answer, neither empty."""
        return len(self.turns) == 1 and bool(self.prompt.strip()) and bool(self.expected.strip())

    @property
    def tokens(self) -> int:
        """Its tokens by OpenAI's tokenizer: an estimate for others."""
        return sum(count_tokens(text).count for _, text in self.turns) + count_tokens(self.expected).count


def read(path: Path | None) -> Iterator[Record]:
    """Yield the records of a file, one after the other, without those that call tools: a profile is text.

    Raises `TuningRefused` for a line that is none.
    """
    if path is None:
        return
    with path.open("rb") as lines:
        for position, line in enumerate(lines):
            try:
                record = _record(position, orjson.loads(line))
            except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
                raise TuningRefused(
                    f"Line {position + 1:,} of {path.name} is no record. Verify the dataset version."
                ) from None
            if record is not None:
                yield record


def _line(split: str, line: bytes) -> bytes:
    """Return the line where the profile can use it: in `train` as an example, elsewhere as a question."""
    record = _record(0, orjson.loads(line))
    if record is None:
        raise TuningRefused("tools or calls of tools, which a profile does not show")
    if split == "train" and not record.can_be_shown:
        raise TuningRefused("earlier turns or an empty text, which cannot stand as an example")
    return line


#: What a profile can use of an export.
FORM = Form("anthropic", "profile-1", _line)


def sample(path: Path | None, size: int, seed: int, *, only_shown: bool = False) -> list[Record]:
    """At most `size` records in an order that the seed alone decides; the same seed gives the same ones.

    `only_shown`: only those that can stand as examples. Holds no more than `size` of them at a time.
    """
    records = (each for each in read(path) if each.can_be_shown or not only_shown)
    return heapq.nsmallest(size, records, key=lambda each: _draw(seed, each.position))


def at(path: Path | None, positions: set[int]) -> dict[int, Record]:
    """Return the records in these rows."""
    return {each.position: each for each in read(path) if each.position in positions}


def usual_system(path: Path | None) -> str:
    """Return the system prompt that at least half of the records share; "" where there is none."""
    counts: Counter[bytes] = Counter()
    first: dict[bytes, int] = {}
    for each in read(path):
        # Hashes, because every record may have a long one of its own.
        mark = hashlib.sha256(each.system.encode()).digest()
        counts[mark] += 1
        first.setdefault(mark, each.position)
    if not counts:
        return ""
    mark, count = counts.most_common(1)[0]
    return at(path, {first[mark]})[first[mark]].system if 2 * count >= counts.total() else ""


def _record(position: int, line: Any) -> Record | None:
    messages = [(each["role"], each["content"]) for each in line["messages"]]
    if "tools" in line or not all(isinstance(content, str) for _, content in messages):
        return None
    return Record(position, line.get("system") or "", tuple(messages[:-1]), messages[-1][1])


def _draw(seed: int, position: int) -> bytes:
    return hashlib.sha256(f"{seed}:{position}".encode()).digest()
