"""What was planted is found, and where nothing is, nothing is found."""

from dataclasses import replace

import numpy as np
import pytest

from core.db import Database
from core.examples.filters import Filter
from core.patterns import mining
from core.patterns.fields import Item
from core.patterns.items import Basket, packed, read


@pytest.fixture(scope="module")
def basket(company: Database) -> Basket:
    return read(company, Filter())


@pytest.fixture(scope="module")
def found(basket: Basket) -> mining.MiningResult:
    return mining.find(basket)


@pytest.mark.parametrize(
    ("items", "is_better"),
    [
        ({Item("agent", "financial_agent"), Item("model", "brindlewick-tuned-v1")}, True),
        ({Item("audience named", "no audience"), Item("request length", "over 240 characters")}, False),
        ({Item("model", "cofounder-base-3b")}, False),
    ],
)
def test_a_planted_pattern_is_found(found: mining.MiningResult, items: set[Item], is_better: bool) -> None:
    its = [pattern for pattern in found.patterns if set(pattern.items) == items and pattern.outcome == "quality"]
    assert [pattern.is_better for pattern in its] == [is_better]
    pattern = its[0]
    assert pattern.p_found < 0.05
    assert pattern.p_held_out < 0.05
    assert (pattern.low > 0) == is_better
    assert pattern.quality is not None
    assert (pattern.quality.value > 0) == is_better


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_outcomes_show_nothing(basket: Basket, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(basket.n)
    shuffled = replace(basket, quality=basket.quality[order], success=basket.success[order])
    found = mining.find(shuffled)
    assert found.patterns == ()
    assert found.tried["quality"] > 5_000


def test_the_figures_are_those_of_the_examples(basket: Basket, found: mining.MiningResult) -> None:
    position = {item: place for place, item in enumerate(basket.items)}
    for pattern in found.patterns[:20]:
        known = ~np.isnan(basket.quality) if pattern.outcome == "quality" else basket.success >= 0
        good = basket.quality >= 0.8 if pattern.outcome == "quality" else basket.success == 1
        holds = np.logical_and.reduce(
            [mining.unpacked(basket.bits[position[item]], basket.n) for item in pattern.items]
        )
        assert pattern.n == (holds & known).sum()
        assert pattern.good == (holds & good & known).sum()
        assert pattern.rest == pytest.approx(good[known & ~holds].mean())
        assert pattern.lift == pytest.approx((good[known & holds].mean()) / good[known].mean())


def test_the_same_examples_give_the_same_patterns(basket: Basket, found: mining.MiningResult) -> None:
    assert mining.find(basket) == found


def test_a_longer_pattern_says_more_than_a_shorter_one(found: mining.MiningResult) -> None:
    by_items = {(each.outcome, frozenset(each.items)): each for each in found.patterns}
    for (outcome, items), longer in by_items.items():
        for (other, fewer), shorter in by_items.items():
            if outcome == other and fewer < items and shorter.is_better == longer.is_better:
                assert abs(longer.confidence - longer.rest) > abs(shorter.confidence - shorter.rest)


def test_few_examples_can_show_nothing() -> None:
    found = mining.find(_basket(20))
    assert found.patterns == ()
    assert found.refused["quality"] == "20 examples are scored; fewer than 200 can show nothing."


def test_with_almost_no_failures_nothing_can_be_told_apart() -> None:
    found = mining.find(replace(_basket(1_000), success=np.array([0] * 5 + [1] * 995, np.int8)))
    assert found.refused["success"] == (
        "995 of 1,000 examples succeeded; with fewer than 30 on a side nothing can be told apart."
    )


def test_what_tell_raises_ends_it(basket: Basket) -> None:
    def stop(_what: str, _share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mining.find(basket, tell=stop)


def _basket(rows: int) -> Basket:
    holds = np.arange(rows) % 2 == 0
    return Basket(
        np.arange(rows),
        (Item("intent", "a"),),
        packed(holds)[None, :],
        np.where(holds, 0.9, 0.1),
        np.full(rows, -1, np.int8),
    )
