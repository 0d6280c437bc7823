"""Mining patterns, against mlxtend and efficient-apriori on the same rows, each in a process of its own.

Ours tries every combination of up to three items that 1 % of the rows have, tests each, tries those that hold again on
the other half and prunes; the others list the frequent itemsets of up to four, the outcome being one item, and make
rules of them. What takes more than `_LIMIT_S` is stopped.
"""

import multiprocessing
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import Setting
from core import patterns
from core.patterns import items, mining
from core.patterns.fields import Item
from core.patterns.items import Basket

_SIZES = (100_000, 1_000_000)
_LIMIT_S = 400.0
_SUPPORT, _LONGEST = 0.01, 3
_WARM = 1_000
#: How many values each of the fields of a row has.
_FIELDS = (8, 6, 12, 4, 9, 10, 7, 12, 5, 8, 6, 10, 9, 8, 9)
#: Two values that do better together: the fields, the values, and by how much.
_PLANTED = ((0, 1, 1, 2, 0.18), (2, 3, 3, 1, 0.15), (4, 2, 5, 4, -0.12), (6, 3, 7, 5, 0.20))
_GOOD = 0.26

#: The outcome, as an item beside the others.
_OUTCOME = sum(_FIELDS)

Rows = np.ndarray[Any, Any]
#: Mines rows that are there in its own form already, and says what it found.
Mine = Callable[[], str]


@dataclass(frozen=True)
class Taken:
    """What one contestant took, and what it says of it. Without seconds it did not come to an end."""

    said: str
    seconds: float | None = None
    #: Of the processor, so that other work beside it does not count.
    computed: float | None = None


def run(setting: Setting) -> None:
    seconds: dict[str, float] = {}
    for rows in _SIZES:
        _compare(rows, seconds)
    db = setting.db
    basket = items.read(db, patterns.DEFAULT)
    show(
        f"mining: the demo company, {basket.n:,} examples whose outcome is known, {len(basket.items)} items",
        in_turns(
            {
                OURS: lambda: mining.find(basket),
                "reading them out of the database": lambda: items.read(db, patterns.DEFAULT),
            },
            rounds=3,
        ),
        rows=basket.n,
    )


def _compare(rows: int, seconds: dict[str, float]) -> None:
    """Print what each contestant takes, and keep its seconds a row: what cannot be done in time is not begun."""
    print(f"\nmining: {rows:,} rows of {len(_FIELDS)} items, {sum(_FIELDS)} distinct, {len(_PLANTED)} effects planted")
    own = 0.0
    for name, prepare in _CONTESTANTS.items():
        foreseen = seconds.get(name, 0.0) * rows
        if foreseen > _LIMIT_S:
            print(f"  {name:<24}not begun: over {foreseen:.0f} s, by what it took for fewer rows", flush=True)
            continue
        taken = _alone(prepare, rows)
        seconds[name] = (taken.seconds or _LIMIT_S) / rows
        if taken.seconds is None or taken.computed is None:
            print(f"  {name:<24}{taken.said}", flush=True)
            continue
        own = own or taken.computed
        ratio = "" if name == OURS else f"; {OURS} takes {own / taken.computed:.3f} times as long"
        took = f"{taken.seconds:>8.2f} s, {taken.computed:>7.2f} s of the processor"
        print(f"  {name:<24}{took}   {taken.said}{ratio}", flush=True)


def _alone(prepare: Callable[[Rows, Rows], Mine], rows: int) -> Taken:
    """Mine in a process that ends after the limit."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[Taken] = context.Queue()
    process = context.Process(target=_answer, args=(prepare, rows, answers), daemon=True)
    process.start()
    try:
        return answers.get(timeout=_LIMIT_S)
    except queue.Empty:
        return Taken(f"not done after {_LIMIT_S:.0f} s, and stopped")
    finally:
        process.kill()
        process.join()


def _answer(prepare: Callable[[Rows, Rows], Mine], rows: int, answers: Any) -> None:
    try:
        prepare(*invented(_WARM))()  # what is loaded once is loaded now
        mine = prepare(*invented(rows))
        start, computed = time.perf_counter(), time.process_time()
        said = mine()
        answers.put(Taken(said, time.perf_counter() - start, time.process_time() - computed))
    except ModuleNotFoundError as error:
        answers.put(Taken(f"not measured: {error}; `pip install -r requirements-bench.txt` brings it"))


def invented(rows: int) -> tuple[Rows, Rows]:
    """Return the value of each field of each row, by its place among all items, and whether the row did well."""
    draw = np.random.default_rng(7)
    values = np.stack([_skewed(draw, rows, many) for many in _FIELDS], axis=1)
    share = np.full(rows, _GOOD)
    for one, its, other, others, more in _PLANTED:
        share += more * ((values[:, one] == its) & (values[:, other] == others))
    return values + np.cumsum((0, *_FIELDS[:-1])), draw.random(rows) < share


def _skewed(draw: np.random.Generator, rows: int, many: int) -> Rows:
    """Common and rare values, as fields have them."""
    weights = 1 / np.arange(1, many + 1) ** 0.7
    return draw.choice(many, rows, p=weights / weights.sum())


def _matrix(values: Rows) -> Rows:
    matrix = np.zeros((len(values), sum(_FIELDS)), bool)
    matrix[np.arange(len(values))[:, None], values] = True
    return matrix


def ours(values: Rows, good: Rows) -> Mine:
    """All that mining does after the examples were read."""
    bits = np.array([items.packed(column) for column in _matrix(values).T])
    names = tuple(Item("field", str(place)) for place in range(len(bits)))
    unknown = np.full(len(good), -1, np.int8)
    basket = Basket(np.arange(1, len(good) + 1), names, bits, np.where(good, 0.9, 0.2), unknown)

    def mine() -> str:
        found = mining.find(basket, outcomes=("quality",), longest=_LONGEST)
        return f"{found.tried['quality']:,} combinations tried, {len(found.patterns)} patterns"

    return mine


def mlxtend(values: Rows, good: Rows) -> Mine:
    """FP-growth, and rules whose consequent is the outcome."""
    import pandas as pd
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    frame = pd.DataFrame(np.column_stack([_matrix(values), good]))

    def mine() -> str:
        found = fpgrowth(frame, min_support=_SUPPORT, max_len=_LONGEST + 1)
        rules = association_rules(found, metric="confidence", min_threshold=0.0)
        kept = sum(consequents == frozenset([_OUTCOME]) for consequents in rules["consequents"])
        return f"{len(found):,} itemsets, {kept:,} rules with the outcome"

    return mine


def efficient_apriori(values: Rows, good: Rows) -> Mine:
    """Apriori, and rules whose consequent is the outcome."""
    from efficient_apriori import apriori

    rows = [(*row, _OUTCOME) if did else tuple(row) for row, did in zip(values.tolist(), good.tolist(), strict=True)]

    def mine() -> str:
        found, rules = apriori(rows, min_support=_SUPPORT, min_confidence=1e-6, max_length=_LONGEST + 1)
        kept = sum(rule.rhs == (_OUTCOME,) for rule in rules)
        return f"{sum(map(len, found.values())):,} itemsets, {kept:,} rules with the outcome"

    return mine


_CONTESTANTS: dict[str, Callable[[Rows, Rows], Mine]] = {
    OURS: ours,
    "mlxtend, fpgrowth": mlxtend,
    "efficient-apriori": efficient_apriori,
}
