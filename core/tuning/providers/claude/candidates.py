"""Candidates: sets of examples worth comparing, drawn from records without looking at any answer of a model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.tuning.providers.claude.records import Record

#: Records among which examples are looked for. Every pair is compared, so this bounds the work whatever the size of
#: the version: 0.2 s for 400.
POOL = 400
_INTENT = re.compile(r"^Intent: (.+)$", re.MULTILINE)
_LONGEST_COMPARED = 4_000

NONE = "none"


@dataclass(frozen=True)
class Candidate:
    """A set of examples by their rows in the split, in the order in which they are shown."""

    name: str
    positions: tuple[int, ...]


def candidates(pool: Sequence[Record], sizes: Sequence[int]) -> tuple[Candidate, ...]:
    """Return the bare model first, then each way of choosing in each size, simplest first; the same set only once.

    The order of `pool` decides between equals, so that the seed that drew it decides everything.
    """
    found = [Candidate(NONE, ())]
    seen = {()}
    orders = dict(_orders(pool, max(sizes)))
    for size in sizes:
        for name, order in orders.items():
            positions = tuple(pool[index].position for index in order[:size])
            if len(positions) == size and tuple(sorted(positions)) not in seen:
                seen.add(tuple(sorted(positions)))
                found.append(Candidate(f"{name}-{size}", positions))
    return tuple(found)


def _orders(pool: Sequence[Record], most: int) -> Iterator[tuple[str, list[int]]]:
    """Ways of choosing, each as indices of the pool, the most wanted first."""
    if not pool:
        return
    alike = overlaps([each.prompt for each in pool])
    yield "diverse", _diverse(alike, most)
    yield "typical", _typical(alike, most)
    by_intent = _by_intent(pool, most)
    if by_intent:
        yield "intents", by_intent


def overlaps(texts: Sequence[str]) -> np.ndarray:
    """How alike each two texts are: words that both have, of those that either has (Jaccard). Shape (n, n), 0 to 1."""
    sets = [set(re.findall(r"\w+", text[:_LONGEST_COMPARED].casefold())) for text in texts]
    vocabulary = {word: column for column, word in enumerate(sorted(set().union(*sets)))}
    present = np.zeros((len(sets), len(vocabulary)), dtype=np.float32)
    for row, words in enumerate(sets):
        present[row, [vocabulary[word] for word in words]] = 1
    both = present @ present.T
    counts = present.sum(axis=1)
    either = counts[:, None] + counts[None, :] - both
    return np.divide(both, either, out=np.ones_like(both), where=either > 0)


def _diverse(alike: np.ndarray, most: int) -> list[int]:
    """Each as unlike all before it as possible, beginning with the first of the pool."""
    chosen = [0]
    nearest = alike[0].copy()
    while len(chosen) < min(most, len(alike)):
        nearest[chosen] = np.inf
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, alike[chosen[-1]])
    return chosen


def _typical(alike: np.ndarray, most: int) -> list[int]:
    """Each such that the whole pool is as near as possible to its nearest chosen one (facility location, greedily)."""
    chosen: list[int] = []
    nearest = np.zeros(len(alike))
    while len(chosen) < min(most, len(alike)):
        covered = np.maximum(alike, nearest).sum(axis=1)
        covered[chosen] = -np.inf
        chosen.append(int(np.argmax(covered)))
        nearest = np.maximum(nearest, alike[chosen[-1]])
    return chosen


def _by_intent(pool: Sequence[Record], most: int) -> list[int]:
    """One of each intent in turn, the commonest intent first; nothing where records do not show theirs."""
    groups: dict[str, list[int]] = {}
    for index, record in enumerate(pool):
        if found := _INTENT.search(record.prompt):
            groups.setdefault(found[1].strip(), []).append(index)
    if len(groups) < 2:
        return []
    ordered = sorted(groups.values(), key=lambda group: (-len(group), group[0]))
    turns = range(max(map(len, ordered)))
    return [group[turn] for turn in turns for group in ordered if turn < len(group)][:most]
