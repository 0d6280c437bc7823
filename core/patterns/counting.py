"""Counts every combination of up to three items that enough examples have, by AND and population count over bits.

What one example has is one bit a item, so a combination costs rows / 64 words to count. At a million rows that was
faster than sparse matrix products, and takes 1/60 of the memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.patterns.items import Bits

LONGEST = 3
#: Words that are looked at together: enough to keep the loop out of Python, few enough for the processor's cache.
_AT_ONCE = 1 << 17

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Combinations:
    """`places` of items, a row a combination, -1 where it is shorter; how many examples have it, and of those good."""

    places: NDArray[np.int32]
    n: Counts
    good: Counts


def combinations(bits: Bits, good: Bits, *, least: int, longest: int = LONGEST) -> Combinations:
    """All combinations that at least `least` examples have and that say more than their parts.

    One that exactly the same examples have as a shorter one, or as an item before, is that one over again, and is not
    counted; neither is what all examples have.
    """
    everything = int(count(np.bitwise_or.reduce(bits, axis=0))[()]) if len(bits) else 0
    n = count(bits)
    singles = np.flatnonzero((n >= least) & (n < everything)) if everything else np.zeros(0, np.int64)
    singles = singles[_first_of_same(bits[singles])]
    levels = [_level([(place,) for place in singles], n[singles], count(bits[singles] & good))]
    kept: dict[tuple[int, ...], int] = {(int(place),): int(n[place]) for place in singles}
    frontier = [(int(place),) for place in singles]
    for _ in range(longest - 1):
        found: list[tuple[int, ...]] = []
        counts: list[int] = []
        goods: list[int] = []
        for base in frontier:
            for combination, its, its_good in _longer(bits, good, base, singles, kept, least):
                found.append(combination)
                counts.append(its)
                goods.append(its_good)
        kept.update(zip(found, counts, strict=True))
        frontier = found
        levels.append(_level(found, np.array(counts, np.int64), np.array(goods, np.int64)))
    return Combinations(*(np.concatenate(each) for each in zip(*levels, strict=True)))


def _longer(
    bits: Bits,
    good: Bits,
    base: tuple[int, ...],
    singles: NDArray[np.int64],
    kept: dict[tuple[int, ...], int],
    least: int,
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Yield the base with one item more, whose place is after its last."""
    further = [
        int(place)
        for place in singles[np.searchsorted(singles, base[-1], side="right") :]
        if all((*base[:skip], *base[skip + 1 :], int(place)) in kept for skip in range(len(base)))
    ]
    if not further:
        return
    its = np.bitwise_and.reduce(bits[list(base)], axis=0)
    step = max(1, _AT_ONCE // max(its.size, 1))
    for begin in range(0, len(further), step):
        some = further[begin : begin + step]
        both = bits[some] & its
        n = count(both)
        enough = np.flatnonzero(n >= least)
        goods = count(both[enough] & good)
        for at, its_good in zip(enough, goods, strict=True):
            combination = (*base, some[at])
            shorter = [(*combination[:skip], *combination[skip + 1 :]) for skip in range(len(combination))]
            if all(kept[each] != n[at] for each in shorter):
                yield combination, int(n[at]), int(its_good)


def _first_of_same(bits: Bits) -> list[int]:
    """Return the first of items that exactly the same examples have: the others are that one under another name."""
    first: dict[bytes, int] = {}
    for place, its in enumerate(bits):
        first.setdefault(its.tobytes(), place)
    return list(first.values())


def count(bits: Bits) -> Counts:
    """How many bits are set in each row."""
    return np.bitwise_count(bits).sum(axis=-1, dtype=np.int64)


def _level(places: list[tuple[int, ...]], n: Counts, good: Counts) -> tuple[NDArray[np.int32], Counts, Counts]:
    padded = np.full((len(places), LONGEST), -1, np.int32)
    for row, its in enumerate(places):
        padded[row, : len(its)] = its
    return padded, n, good
