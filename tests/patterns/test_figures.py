"""The figures of all combinations at once are those that scipy and the papers give for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.patterns import figures
from core.patterns.figures import Sides


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """n, good, rows, all_good of a table without an empty margin."""
    cells = draw(st.lists(st.integers(0, 400), min_size=4, max_size=4).filter(lambda c: c[0] + c[1] and c[2] + c[3]))
    good, bad, other_good, other_bad = cells
    if not (good + other_good and bad + other_bad):
        good, other_bad = good + 1, other_bad + 1
    return good + bad, good, good + bad + other_good + other_bad, good + other_good


@given(tables())
def test_p_is_that_of_the_test_that_fits(table: tuple[int, int, int, int]) -> None:
    n, good, rows, all_good = table
    cells = [[good, n - good], [all_good - good, rows - n - all_good + good]]
    expected = stats.contingency.expected_freq(np.array(cells))
    found = figures.p_values(Sides(np.array([n]), np.array([good]), rows, all_good))[0]
    if expected.min() < 5:
        assert found == pytest.approx(stats.fisher_exact(cells).pvalue, abs=1e-9)
    else:
        assert found == pytest.approx(stats.chi2_contingency(cells, correction=False).pvalue, abs=1e-9)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """56 of 70 against 48 of 80: example (a) of table II of Newcombe (1998), method 10."""
    low, high = figures.difference_interval(Sides(np.array([70]), np.array([56]), 150, 104))
    assert (low[0], high[0]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_lift_and_leverage_of_a_table_by_hand() -> None:
    of = Sides(np.array([50]), np.array([40]), 200, 80)
    assert of.confidence[0] == pytest.approx(0.8)
    assert of.rest[0] == pytest.approx(40 / 150)
    assert of.lift[0] == pytest.approx(2.0)
    assert of.leverage[0] == pytest.approx(40 / 200 - 50 / 200 * 80 / 200)


def test_the_mean_difference_is_welchs() -> None:
    quality = np.array([0.9, 0.8, 0.7, np.nan, 0.2, 0.4, 0.3, 0.1])
    holds = np.array([True, True, True, True, False, False, False, False])
    found = figures.mean_difference(quality, holds)
    expected = stats.ttest_ind([0.9, 0.8, 0.7], [0.2, 0.4, 0.3, 0.1], equal_var=False).confidence_interval(0.95)
    assert found is not None
    assert found.value == pytest.approx(0.55)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_of_one_value_on_a_side_no_difference_is_known() -> None:
    assert figures.mean_difference(np.array([0.9, np.nan, 0.2, 0.4]), np.array([True, True, False, False])) is None


def test_equal_values_have_no_width() -> None:
    found = figures.mean_difference(np.array([0.5, 0.5, 0.5, 0.5]), np.array([True, True, False, False]))
    assert found is not None
    assert (found.value, found.low, found.high) == (0, 0, 0)
