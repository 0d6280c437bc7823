"""Metrics of answers: against figures of sacreBLEU, and against what must hold whatever the texts are."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import metrics

#: What sacreBLEU 2.6.0 says with `CHRF().sentence_score(answer, [expected]).score / 100`.
OF_SACREBLEU = [
    ("the cat sat on the mat", "the cat is on the mat", 0.645779420625287),
    ("a", "ab", 0.5555555555555556),
    ("Bonjour à tous", "Bonjour a toutes", 0.4806274195965548),
    ("xyz", "abc", 0.0),
    ("Send the weekly report by mail", "Send the weekly report to Anna by mail on Monday", 0.5899005182015065),
    ('{"a": 1}', '{"a": 2, "b": [1, 2]}', 0.20724561416126652),
    ("ab", "abcdefgh", 0.23404255319148937),
]


@pytest.mark.parametrize(("answer", "expected", "chrf"), OF_SACREBLEU)
def test_similarity_is_chrf_as_sacrebleu_computes_it(answer: str, expected: str, chrf: float) -> None:
    assert metrics.similarity(answer, expected) == pytest.approx(chrf, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.text(), st.text())
def test_similarity_lies_between_0_and_1_and_is_1_for_the_same(one: str, other: str) -> None:
    assert 0 <= metrics.similarity(one, other) <= 1
    assert metrics.similarity(one, one) == pytest.approx(1)


@pytest.mark.parametrize(
    ("answer", "expected", "exact"),
    [
        ("  Send\n it ", "Send it", True),
        ("e\u0301t\u00e9", "\u00e9te\u0301", True),
        ("send it", "Send it", False),
        ("", "", True),
        ("", "x", False),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ('```json\n{"a": 1}\n```', '{"a": 1}', True),
        ('{"a": 1}', '{"a": true}', False),
        ("[1, 2]", "[2, 1]", False),
        ('{"a": 1', '{"a": 1', True),
        ('{"a": 1}', "a", False),
    ],
)
def test_exact_looks_through_white_space_composition_and_the_order_of_keys(
    answer: str, expected: str, exact: bool
) -> None:
    assert metrics.is_exact(answer, expected) is exact


def test_json_is_measured_only_where_json_was_expected() -> None:
    assert metrics.score('{"a": 1}', '{"a": 2}').json_valid is True
    assert metrics.score("sorry", '{"a": 2}').json_valid is False
    assert metrics.score('{"a": 1}', "words").json_valid is None
    assert metrics.is_json("42") is False


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 5))
def test_the_mean_lies_in_its_interval_which_is_the_same_for_the_same_seed(values: list[float], seed: int) -> None:
    mean = metrics.mean_of(values, seed=seed)
    assert mean == metrics.mean_of(values, seed=seed)
    assert mean.mean == pytest.approx(math.fsum(values) / len(values))
    assert min(values) - 1e-9 <= mean.low <= mean.high <= max(values) + 1e-9


def test_many_values_give_nearly_the_interval_that_resampling_gives() -> None:
    few = metrics.mean_of([0.0, 1.0] * 500)
    many = metrics.mean_of([0.0, 1.0] * 501)
    assert few.low == pytest.approx(many.low, abs=0.005)
    assert few.high == pytest.approx(many.high, abs=0.005)


def test_a_share_has_wilsons_interval() -> None:
    # Wilson (1927) for 8 of 10: 0.4901625 to 0.9433178.
    share = metrics.share_of([True] * 8 + [False] * 2)
    assert (share.mean, share.n) == (0.8, 10)
    assert (share.low, share.high) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))
    assert metrics.share_of([]) == metrics.mean_of([])
    assert metrics.share_of([True] * 5).low < 1


def test_the_same_on_every_row_is_no_difference_and_one_sided_changes_are_unlikely() -> None:
    assert metrics.difference([0.5, 0.7], [0.5, 0.7]) == metrics.Mean(0, 0, 0, 2)
    assert metrics.difference([0.6, 0.8], [0.5, 0.7]).low == pytest.approx(0.1)
    assert metrics.chance([True, False], [False, True]) == 1
    assert metrics.chance([True] * 8, [False] * 8) == pytest.approx(2 / 256)
    with pytest.raises(ValueError, match="longer"):
        metrics.difference([1.0], [1.0, 0.0])
