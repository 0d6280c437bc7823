"""From items to patterns: tried on one half of the examples, tried again on the other, and said in a sentence.

A pattern says that examples with some items do well more often, or less often, than the rest. That is an association,
and not a cause.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from core.patterns import figures
from core.patterns.counting import LONGEST, Combinations, combinations, count
from core.patterns.fields import GOOD_FROM, Item, said
from core.patterns.figures import Mean, Sides
from core.patterns.items import Basket, Bits, packed, unpacked

Outcome = Literal["quality", "success"]
OUTCOMES: tuple[Outcome, ...] = ("quality", "success")
#: Below this many examples on a side nothing is said.
LEAST = 30
#: Of all examples.
LEAST_SHARE = 0.01
#: The share of false findings that is allowed among what is found.
FALSE_SHARE = 0.05
#: Two patterns whose examples are shared to this part say the same (Jaccard's index).
SAME = 0.8
#: Fewer than this many examples with a known outcome can show nothing.
FEWEST = 200

#: What is going on, and which share of it is done. What it raises ends the mining.
Tell = Callable[[str, float], None]


def _silent(_what: str, _share: float) -> None:
    pass


@dataclass(frozen=True)
class Pattern:
    """Examples that have all `items` do well more often (lift above 1) or less often than the rest. All figures but
    those of the halves are of all examples whose outcome is known.
    """

    outcome: Outcome
    #: Of `quality`: from which score on an example did well. None of `success`.
    threshold: float | None
    items: tuple[Item, ...]
    #: Examples that have the items, and those of them that did well.
    n: int
    good: int
    #: P(good | items), and P(good) of the rest.
    confidence: float
    rest: float
    lift: float
    leverage: float
    #: confidence − rest, 95 % interval.
    low: float
    high: float
    #: Of the half that it was found on, adjusted for all that was tried; of the other half, adjusted for all found.
    p_found: float
    p_held_out: float
    #: Mean quality with the items less that of the rest.
    quality: Mean | None

    def id(self, of: str = "") -> str:
        """Return the same for the same items and outcome among the same examples; `of` names those."""
        rule = orjson.dumps([self.threshold, [list(item) for item in sorted(self.items)], of])
        return f"pattern-{self.outcome}-{hashlib.blake2b(rule, digest_size=8).hexdigest()}"

    @property
    def is_better(self) -> bool:
        return self.lift > 1

    @property
    def sentence(self) -> str:
        """What it says, in one sentence, with its n and the interval."""
        what = "succeed" if self.threshold is None else f"reach a quality of {self.threshold:g}"
        times = f"{self.lift:.2f} times as often as all"
        return (
            f"Examples {said(self.items)} {what} in {self.confidence:.0%} of {self.n:,} cases, and the others in "
            f"{self.rest:.0%}: {times}, {100 * self.low:+.0f} to {100 * self.high:+.0f} points."
        )


@dataclass(frozen=True)
class MiningResult:
    """What mining found, and how much it looked at."""

    patterns: tuple[Pattern, ...]
    #: Examples with a known outcome, by outcome.
    examples: Mapping[Outcome, int] = field(default_factory=dict)
    #: Combinations that were tried, by outcome.
    tried: Mapping[Outcome, int] = field(default_factory=dict)
    #: Why an outcome could show nothing, in a sentence.
    refused: Mapping[Outcome, str] = field(default_factory=dict)


def find(
    basket: Basket,
    *,
    threshold: float = GOOD_FROM,
    outcomes: Sequence[Outcome] = OUTCOMES,
    longest: int = LONGEST,
    least: int = LEAST,
    tell: Tell = _silent,
) -> MiningResult:
    """All patterns of the basket, the surest first. The same basket gives the same patterns."""
    patterns: list[Pattern] = []
    examples: dict[Outcome, int] = {}
    tried: dict[Outcome, int] = {}
    refused: dict[Outcome, str] = {}
    for number, outcome in enumerate(outcomes):
        tell(f"patterns of {outcome}", number / len(outcomes))
        known = ~np.isnan(basket.quality) if outcome == "quality" else basket.success >= 0
        good = basket.quality >= threshold if outcome == "quality" else basket.success == 1
        examples[outcome] = int(known.sum())
        if why := _too_little(outcome, known, good & known, threshold):
            refused[outcome] = why
            continue
        its = _of_outcome(basket, outcome, threshold, known, good, longest, least)
        tried[outcome] = its.tried
        patterns += its.patterns
    patterns.sort(key=lambda each: (each.p_found, -each.n, each.items))
    tell("done", 1.0)
    return MiningResult(tuple(patterns), examples, tried, refused)


def _too_little(outcome: Outcome, known: NDArray[np.bool_], good: NDArray[np.bool_], threshold: float) -> str:
    n, number = int(known.sum()), int(good.sum())
    is_known = "are scored" if outcome == "quality" else "have a known outcome"
    if n < FEWEST:
        return f"{n:,} examples {is_known}; fewer than {FEWEST} can show nothing."
    side = f"reach a quality of {threshold:g}" if outcome == "quality" else "succeeded"
    if min(number, n - number) < LEAST:
        return f"{number:,} of {n:,} examples {side}; with fewer than {LEAST} on a side nothing can be told apart."
    return ""


@dataclass(frozen=True)
class _Half:
    """The examples of one half whose outcome is known."""

    bits: Bits
    good: Bits
    rows: int
    all_good: int

    def extents(self, places: NDArray[np.int32]) -> Bits:
        """Which examples have each of the combinations, of which there is at least one."""
        return np.array([np.bitwise_and.reduce(self.bits[row[row >= 0]], axis=0) for row in places], np.uint64)

    def counted(self, places: NDArray[np.int32]) -> Sides:
        """Return the counts of given combinations."""
        whole = self.extents(places)
        return Sides(count(whole), count(whole & self.good), self.rows, self.all_good)


@dataclass(frozen=True)
class _Mined:
    patterns: list[Pattern]
    tried: int


def _of_outcome(
    basket: Basket,
    outcome: Outcome,
    threshold: float,
    known: NDArray[np.bool_],
    good: NDArray[np.bool_],
    longest: int,
    least: int,
) -> _Mined:
    # By a hash of the id, so that an example stays in its half whatever else comes in.
    mixed = basket.ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # wraps around, as it shall
    is_first = (mixed >> np.uint64(63)) == 0
    first, second = _half(basket, known & is_first, good), _half(basket, known & ~is_first, good)
    enough = max(least, int(LEAST_SHARE * first.rows))
    tried = combinations(first.bits, first.good, least=enough, longest=longest)
    if not len(tried.n) or not 0 < first.all_good < first.rows or not 0 < second.all_good < second.rows:
        return _Mined([], len(tried.n))
    there = Sides(tried.n, tried.good, first.rows, first.all_good)
    p = figures.adjusted(figures.p_values(there))
    low, high = figures.difference_interval(there)
    sure = np.flatnonzero((p < FALSE_SHARE) & ((low > 0) | (high < 0)))
    held, p_held = _again(second, tried, there, sure)
    kept = _needed(tried.places[held], there, held, low, high)
    held, p_held = held[kept], p_held[kept]
    if not len(held):
        return _Mined([], len(tried.n))
    whole = _half(basket, known, good)
    kept = _apart(whole.extents(tried.places[held]), p[held], there.lift[held] < 1, whole.rows)
    held, p_held = held[kept], p_held[kept]
    sides = whole.counted(tried.places[held])
    built = _built(basket, outcome, threshold, tried.places[held], sides, p[held], p_held)
    return _Mined(built, len(tried.n))


def _again(second: _Half, tried: Combinations, there: Sides, sure: NDArray[np.int64]) -> tuple[Any, Any]:
    """Those of the found that show on the other half, too, in the same direction; and their p there."""
    if not len(sure):
        return sure, np.zeros(0)
    here = second.counted(tried.places[sure])
    usable = (here.n > 0) & (here.n < second.rows)
    p = np.ones(len(sure))
    if usable.any():
        some = Sides(here.n[usable], here.good[usable], here.rows, here.all_good)
        p[usable] = figures.p_values(some)
    p = figures.adjusted(p)
    with np.errstate(divide="ignore", invalid="ignore"):
        same = np.sign(here.confidence - here.rest) == np.sign(there.confidence[sure] - there.rest[sure])
    holds = (p < FALSE_SHARE) & same
    return sure[holds], p[holds]


def _needed(
    places: NDArray[np.int32], there: Sides, held: NDArray[np.int64], low: NDArray[Any], high: NDArray[Any]
) -> list[int]:
    """Which of these say more than every shorter one among them that points the same way: its difference has to be
    clearly greater, by its interval. Else the shorter one says the same, of more examples.
    """
    difference = there.confidence - there.rest
    by_items = {frozenset(int(place) for place in row if place >= 0): at for at, row in enumerate(places)}
    needed = []
    for its, at in by_items.items():
        mine = held[at]
        shorter = np.array([difference[held[other]] for items, other in by_items.items() if items < its])
        nearest = low[mine] if difference[mine] > 0 else -high[mine]
        if not (np.sign(difference[mine]) * shorter >= nearest).any():
            needed.append(at)
    return sorted(needed)


def _apart(extents: Bits, p: NDArray[np.float64], is_worse: NDArray[np.bool_], rows: int) -> list[int]:
    """Return the surest first, and of those that share most of their examples with a surer one, or with the rest of a
    surer one, none: "an audience does better" and "no audience does worse" are one.
    """
    n = count(extents)
    kept: list[int] = []
    # Both sides of one thing are as sure; what to do is told before what to avoid.
    for at in np.lexsort((is_worse, np.round(np.log(np.maximum(p, 1e-300)), 6))):
        both = count(extents[kept] & extents[at])
        same = both / np.maximum(n[kept] + n[at] - both, 1)
        opposite = (n[at] - both) / np.maximum(rows - n[kept] + both, 1)
        if not (np.maximum(same, opposite) >= SAME).any():
            kept.append(int(at))
    return sorted(kept)


def _half(basket: Basket, rows: NDArray[np.bool_], good: NDArray[np.bool_]) -> _Half:
    """Packed anew, so that only its own rows are gone through."""
    places = np.flatnonzero(rows)  # taking by places is faster than by truth values
    size = len(places)
    every = basket.bits if size == basket.n else [packed(unpacked(its, basket.n)[places]) for its in basket.bits]
    bits = np.array(every, np.uint64)
    room = bits.reshape(len(basket.items), -1)
    return _Half(room, packed(good[rows]), size, int(good[rows].sum()))


def _built(
    basket: Basket,
    outcome: Outcome,
    threshold: float,
    places: NDArray[np.int32],
    sides: Sides,
    p_found: NDArray[Any],
    p_held: NDArray[Any],
) -> list[Pattern]:
    if not len(places):
        return []
    low, high = figures.difference_interval(sides)
    confidence, rest, lift, leverage = sides.confidence, sides.rest, sides.lift, sides.leverage
    found = []
    for at, row in enumerate(places):
        its = [int(place) for place in row if place >= 0]
        holds = unpacked(np.bitwise_and.reduce(basket.bits[its], axis=0), basket.n)
        found.append(
            Pattern(
                outcome=outcome,
                threshold=threshold if outcome == "quality" else None,
                items=tuple(sorted(basket.items[place] for place in its)),
                n=int(sides.n[at]),
                good=int(sides.good[at]),
                confidence=float(confidence[at]),
                rest=float(rest[at]),
                lift=float(lift[at]),
                leverage=float(leverage[at]),
                low=float(low[at]),
                high=float(high[at]),
                p_found=float(p_found[at]),
                p_held_out=float(p_held[at]),
                quality=figures.mean_difference(basket.quality, holds),
            )
        )
    return found
