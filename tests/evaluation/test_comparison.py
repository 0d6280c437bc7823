"""Two models on the same records: the table of both, the chance, and the intervals."""

import random
from collections import Counter

import pytest

from core import evaluation
from core.db import Database
from core.errors import ModelRefused
from core.evaluation import comparison
from tests.tuning.made import a_model, an_evaluation


def test_the_table_of_both_the_chance_and_the_intervals(database: Database) -> None:
    a, b = a_model(database, "a"), a_model(database, "b")
    right_a = [True] * 50 + [True] * 12 + [False] * 4 + [False] * 34
    right_b = [True] * 50 + [False] * 12 + [True] * 4 + [False] * 34
    one, two = (
        an_evaluation(database, model, 1, right, likeness=[0.5] * 100) for model, right in ((a, right_a), (b, right_b))
    )
    found = evaluation.compare(database, one, two)
    assert (found.both, found.only_a, found.only_b, found.neither, found.n) == (50, 12, 4, 34, 100)
    # 2 * sum(C(16, k) for k in 0..4) / 2**16
    assert found.p == pytest.approx(2 * (1 + 16 + 120 + 560 + 1820) / 65_536)
    assert found.exact.mean == pytest.approx(0.08)
    assert found.exact.low < 0.08 < found.exact.high
    assert (found.is_better, found.is_worse, found.is_indicative) == (False, False, False)
    back = evaluation.compare(database, two, one)
    assert (back.only_a, back.only_b, back.p) == (4, 12, found.p)
    assert back.exact.mean == pytest.approx(-0.08)
    assert (back.exact.low, back.exact.high) == (pytest.approx(-found.exact.high), pytest.approx(-found.exact.low))


def test_a_clear_difference_is_called_one(database: Database) -> None:
    a, b = a_model(database, "a"), a_model(database, "b")
    one = an_evaluation(database, a, 1, [True] * 40)
    two = an_evaluation(database, b, 1, [False] * 30 + [True] * 10)
    found = evaluation.compare(database, one, two)
    assert (found.is_better, found.is_worse) == (True, False)
    assert found.is_clear_in_exact
    assert evaluation.compare(database, two, one).is_worse
    assert "indicative only" in found.sentence()


def test_a_difference_may_be_clear_in_likeness_alone(database: Database) -> None:
    a, b = a_model(database, "a"), a_model(database, "b")
    one = an_evaluation(database, a, 1, [False] * 40, likeness=[0.9] * 40)
    two = an_evaluation(database, b, 1, [False] * 40, likeness=[0.6 + place / 1_000 for place in range(40)])
    found = evaluation.compare(database, one, two)
    assert (found.is_better, found.is_clear_in_exact, found.p) == (True, False, 1.0)
    assert (found.is_worse, evaluation.compare(database, two, one).is_worse) == (False, True)


def test_the_interval_holds_as_often_as_it_says() -> None:
    """Agresti and Min's interval on drawn tables: it covers the true difference in about 95 of 100."""
    draw, covered, n = random.Random(5), 0, 60
    for _ in range(2_000):
        cells = Counter(draw.choices(["both", "better", "worse", "neither"], [0.4, 0.2, 0.1, 0.3], k=n))
        found = comparison.difference(cells["better"], cells["worse"], n)
        covered += found.low <= 0.1 <= found.high
    assert 0.93 <= covered / 2_000 <= 0.975


def test_few_rows_that_agree_are_no_certainty() -> None:
    found = comparison.difference(0, 0, 5)
    assert found.mean == 0
    assert found.low < -0.2 < 0.2 < found.high
    assert comparison.difference(5, 0, 5).high == 1.0


def test_only_the_records_that_both_answered_are_compared(database: Database) -> None:
    a, b = a_model(database, "a"), a_model(database, "b")
    one, two = an_evaluation(database, a, 1, [True] * 10), an_evaluation(database, b, 1, [True] * 4)
    assert evaluation.compare(database, one, two).n == 4


def test_other_records_cannot_be_compared(database: Database) -> None:
    a = a_model(database, "a")
    one, two = an_evaluation(database, a, 1, [True]), an_evaluation(database, a, 2, [True])
    with pytest.raises(ModelRefused, match="only answers to the same records"):
        evaluation.compare(database, one, two)
    with pytest.raises(ModelRefused, match="no answered record in common"):
        evaluation.compare(database, one, an_evaluation(database, a, 1, []))


def test_wins_and_losses_stand_side_by_side(database: Database) -> None:
    a, b = a_model(database, "a"), a_model(database, "b")
    one = an_evaluation(database, a, 1, [True, True, False, False, True])
    two = an_evaluation(database, b, 1, [True, False, True, False, False])
    places = {
        where: [pair.position for pair in evaluation.pairs(database, one, two, where)] for where in comparison.WHERE
    }
    assert places == {"only_a": [1, 4], "only_b": [2], "both": [0], "neither": [3]}
    (pair,) = evaluation.pairs(database, one, two, "only_a", offset=1)
    assert (pair.a, pair.expected, pair.a_exact, pair.b_exact) == ("answer 4", "expected 4", True, False)


def test_the_newest_evaluation_of_each_model_is_the_one_that_is_shown(database: Database) -> None:
    a, b, c = (a_model(database, name) for name in "abc")
    an_evaluation(database, a, 1, [True])
    newest = an_evaluation(database, a, 1, [False])
    an_evaluation(database, a, 1, [False], split="validation")
    an_evaluation(database, a, 1, [False], state="cancelled")
    other = an_evaluation(database, b, 1, [False], split="validation")
    found = evaluation.latest(database, [a.id, b.id, c.id])
    assert {model: each.id for model, each in found.items()} == {a.id: newest, b.id: other}
