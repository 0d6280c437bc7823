"""Counts over bits are those of plain Python over sets."""

from itertools import combinations as all_of

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.patterns import counting
from core.patterns.items import packed, unpacked

baskets = st.lists(st.tuples(st.frozensets(st.integers(0, 6)), st.booleans()), min_size=1, max_size=150)


@settings(max_examples=60, deadline=None)
@given(baskets, st.integers(1, 8))
def test_all_combinations_that_say_more_than_their_parts(rows: list[tuple[frozenset[int], bool]], least: int) -> None:
    bits = np.array([packed(np.array([item in its for its, _ in rows])) for item in range(7)], np.uint64)
    found = counting.combinations(bits, packed(np.array([good for _, good in rows])), least=least)
    got = {
        frozenset(int(place) for place in row if place >= 0): (int(n), int(good))
        for row, n, good in zip(found.places, found.n, found.good, strict=True)
    }
    assert got == _expected(rows, least)


def _expected(rows: list[tuple[frozenset[int], bool]], least: int) -> dict[frozenset[int], tuple[int, int]]:
    def holders(items: tuple[int, ...]) -> frozenset[int]:
        return frozenset(number for number, (its, _) in enumerate(rows) if its >= set(items))

    anything = sum(bool(its) for its, _ in rows)
    singles: dict[frozenset[int], int] = {}
    for item in range(7):
        its = holders((item,))
        if least <= len(its) < anything:
            singles.setdefault(its, item)
    kept: dict[tuple[int, ...], frozenset[int]] = {(item,): its for its, item in singles.items()}
    for size in (2, 3):
        level = {}
        for combination in all_of(sorted(singles.values()), size):
            shorter = list(all_of(combination, size - 1))
            its = holders(combination)
            if len(its) >= least and all(each in kept and len(kept[each]) != len(its) for each in shorter):
                level[combination] = its
        kept.update(level)
    return {frozenset(key): (len(its), sum(rows[row][1] for row in its)) for key, its in kept.items()}


@given(st.lists(st.booleans(), max_size=300))
def test_bits_come_back(values: list[bool]) -> None:
    assert unpacked(packed(np.array(values, np.bool_)), len(values)).tolist() == values


def test_without_items_there_is_nothing() -> None:
    found = counting.combinations(np.zeros((0, 2), np.uint64), np.zeros(2, np.uint64), least=1)
    assert len(found.n) == 0
