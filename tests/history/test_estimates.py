"""Means of groups against plain Python and scipy."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.history.estimates import Group, shrunk, trend

_VALUES = st.lists(st.floats(-50, 50).map(lambda value: round(value, 3)), min_size=1, max_size=6)


def group(name: str, values: list[float]) -> Group:
    variance = statistics.variance(values) if len(values) > 1 else None
    return Group(name, len(values), statistics.fmean(values), variance)


@given(st.lists(_VALUES, min_size=2, max_size=5))
def test_estimates_are_those_of_the_formula_written_out(samples: list[list[float]]) -> None:
    total, count = sum(map(len, samples)), len(samples)
    found = shrunk([group(str(place), values) for place, values in enumerate(samples)])
    means = [statistics.fmean(values) for values in samples]
    if total == count:
        assert [each.value for each in found.values()] == means
        assert all(each.low is None for each in found.values())
        return
    rest = [value - mean for values, mean in zip(samples, means, strict=True) for value in values]
    within = sum(each * each for each in rest) / (total - count)
    whole = statistics.fmean([value for values in samples for value in values])
    spread = sum(len(values) * (mean - whole) ** 2 for values, mean in zip(samples, means, strict=True))
    between = (spread - (count - 1) * within) / (total - sum(len(values) ** 2 for values in samples) / total)
    # Where the estimate is a hair from 0, rounding decides the side: that is no difference worth testing.
    if abs(between) < 1e-6 or within < 1e-6:
        return
    between = max(between, 0.0)
    precision = [1 / (between + within / len(values)) for values in samples]
    centre = sum(p * m for p, m in zip(precision, means, strict=True)) / sum(precision) if between else whole
    reach = float(stats.t.ppf(0.975, total - count))
    for each, values, mean in zip(found.values(), samples, means, strict=True):
        weight = between / (between + within / len(values))
        assert each.value == pytest.approx(weight * mean + (1 - weight) * centre, abs=1e-7)
        of_centre = 1 / sum(precision) if between else within / total
        half = reach * math.sqrt(weight * within / len(values) + (1 - weight) ** 2 * of_centre)
        assert each.high == pytest.approx(each.value + half, abs=1e-6)
        assert each.low == pytest.approx(each.value - half, abs=1e-6)
        assert min(mean, centre) - 1e-7 <= each.value <= max(mean, centre) + 1e-7


@given(st.lists(st.lists(st.integers(0, 20), min_size=2, max_size=6), min_size=2, max_size=5))
def test_groups_are_drawn_wholly_together_where_the_analysis_of_variance_sees_no_difference(
    samples: list[list[int]],
) -> None:
    if all(len(set(values)) == 1 for values in samples):
        return
    f = float(stats.f_oneway(*samples).statistic)
    found = shrunk([group(str(place), [float(value) for value in values]) for place, values in enumerate(samples)])
    if f < 1 - 1e-9:
        assert {round(each.value, 9) for each in found.values()} == {
            round(statistics.fmean([value for values in samples for value in values]), 9)
        }
    elif f > 1 + 1e-9:
        assert all(0 < each.weight < 1 for each in found.values())


def test_one_group_has_the_interval_of_its_own_mean() -> None:
    values = [3.0, 4.0, 8.0, 9.0]
    one = shrunk([group("a", values)])["a"]
    low, high = stats.t.interval(0.95, 3, statistics.fmean(values), statistics.stdev(values) / 2)
    assert (one.low, one.high, one.weight) == (pytest.approx(low), pytest.approx(high), 1.0)


def test_a_group_of_one_row_is_drawn_further_than_a_large_one() -> None:
    large = Group("large", 500, 1.0, 1.0)
    found = shrunk([large, Group("other", 500, 2.0, 1.0), Group("small", 1, 9.0, None)])
    assert found["large"].weight > 0.99
    assert found["small"].weight < found["large"].weight
    assert found["small"].is_few
    assert "under 30 rows" in found["small"].shown(".2f")
    assert "under 30 rows" not in found["large"].shown(".2f")


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    import numpy as np

    random = np.random.default_rng(7)
    held = tried = 0
    for _ in range(300):
        truth = random.normal(10, 2, 12)
        samples = [random.normal(mean, 3, int(random.integers(2, 30))) for mean in truth]
        found = shrunk([group(str(place), [float(v) for v in each]) for place, each in enumerate(samples)])
        held += sum((found[str(at)].low or 0) <= mean <= (found[str(at)].high or 0) for at, mean in enumerate(truth))
        tried += 12
    assert 0.92 <= held / tried <= 0.97


@given(st.lists(st.tuples(st.integers(-20, 20), st.floats(-5, 5).map(lambda v: round(v, 2))), min_size=3, max_size=9))
def test_a_trend_is_that_of_scipys_line(points: list[tuple[int, float]]) -> None:
    x, y = [float(at) for at, _ in points], [value for _, value in points]
    if len(set(x)) < 2:
        return
    line = stats.linregress(x, y)
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    found = trend(len(x), float(line.slope), sum((v - mean_x) ** 2 for v in x), sum((v - mean_y) ** 2 for v in y))
    assert found is not None
    half = float(stats.t.ppf(0.975, len(x) - 2)) * float(line.stderr) if len(set(y)) > 1 else 0.0
    assert (found.high or 0) - found.slope == pytest.approx(half, abs=1e-4)
    assert trend(5, None, 0.0, 1.0) is None
    assert trend(2, 1.0, 1.0, 1.0).low is None  # pyright: ignore[reportOptionalMemberAccess]
