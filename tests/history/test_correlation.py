"""Months paired at lags, coefficients against scipy and plain Python, corrected for all that were tried."""

import datetime as dt
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sqlalchemy import insert

from core.db import Database
from core.db.tables import financial_metrics, published_posts
from core.history import correlation
from core.history.correlation import compared, later, paired

FIRST = dt.date(2024, 1, 1)


def series(values: list[float], start: int = 0) -> dict[dt.date, float]:
    return {later(FIRST, start + place): value for place, value in enumerate(values)}


_SERIES = st.dictionaries(st.integers(0, 20), st.integers(0, 99).map(float), max_size=14)


@given(_SERIES, _SERIES, st.sampled_from(list(correlation.LAGS)))
def test_months_are_paired_as_plain_python_pairs_them(
    business: dict[int, float], content: dict[int, float], lag: int
) -> None:
    wanted = [
        (business[month + lag], content[month])
        for month in range(-5, 30)
        if month in content and month + lag in business
    ]
    found = paired(
        {later(FIRST, month): value for month, value in business.items()},
        {later(FIRST, month): value for month, value in content.items()},
        lag,
    )
    assert list(zip(*found, strict=True)) == wanted


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=6, max_size=20))
def test_coefficients_agree_with_their_definitions(points: list[tuple[int, int]]) -> None:
    one, other = [float(a) for a, _ in points], [float(b) for _, b in points]
    if len(set(one)) < 2 or len(set(other)) < 2:
        return
    pearson, spearman = correlation.coefficients(one, other)
    assert pearson.value == pytest.approx(statistics.correlation(one, other), abs=1e-9)
    ranks = [list(stats.rankdata(values)) for values in (one, other)]
    assert spearman.value == pytest.approx(statistics.correlation(*ranks), abs=1e-9)
    n = len(points)
    if abs(pearson.value) < 0.999:
        half = 1.959963984540054 / math.sqrt(n - 3)
        assert pearson.low == pytest.approx(math.tanh(math.atanh(pearson.value) - half), abs=1e-9)
        assert pearson.high == pytest.approx(math.tanh(math.atanh(pearson.value) + half), abs=1e-9)
        t = pearson.value * math.sqrt((n - 2) / (1 - pearson.value**2))
        assert pearson.p == pytest.approx(2 * float(stats.t.sf(abs(t), n - 2)), abs=1e-9)
    if abs(spearman.value) < 0.999:
        half = 1.959963984540054 * math.sqrt((1 + spearman.value**2 / 2) / (n - 3))
        assert spearman.low == pytest.approx(math.tanh(math.atanh(spearman.value) - half), abs=1e-9)


def by_hand(p: list[float]) -> list[float]:
    """Benjamini and Yekutieli, written out."""
    count = len(p)
    harmonic = sum(1 / rank for rank in range(1, count + 1))
    ordered = sorted(p)
    return [
        min(
            1.0,
            min(
                ordered[rank - 1] * count * harmonic / rank for rank in range(1, count + 1) if ordered[rank - 1] >= each
            ),
        )
        for each in p
    ]


@given(st.lists(st.lists(st.integers(0, 50).map(float), min_size=9, max_size=12), min_size=2, max_size=3))
def test_p_values_are_corrected_for_everything_that_was_tried(values: list[list[float]]) -> None:
    found = compared(
        {"views": series(values[0])}, {f"f{n}": series(each) for n, each in enumerate(values[1:])}, of="values"
    )
    every = [each.pearson for each in found.found] + [each.spearman for each in found.found]
    assert found.tried == len(every)
    assert [each.corrected for each in every] == pytest.approx(by_hand([each.p for each in every]), abs=1e-12)


def test_a_planted_lag_is_found_and_shuffled_months_show_nothing() -> None:
    random = np.random.default_rng(3)
    views = random.normal(0, 1, 48)
    revenue = np.concatenate([[0, 0], views[:-2]]) * 10 + random.normal(0, 2, 48)
    found = compared({"views": series(list(views))}, {"revenue": series(list(revenue))}, of="values")
    assert [(each.business, each.lag) for each in found.clear] == [("revenue", 2)]
    assert found.clear[0].sentence.startswith("revenue rises with views 2 months later (r +0.9")
    assert "What goes together is not a cause." in found.clear[0].sentence
    assert "Only" not in found.clear[0].sentence
    false = 0
    for _ in range(60):
        false += bool(
            compared(
                {"views": series(list(views))}, {"revenue": series(list(random.permutation(revenue)))}, of="values"
            ).clear
        )
    assert false <= 3, "at most 5 of 100, as far as 60 can say"


def test_two_series_that_grow_agree_and_their_changes_do_not() -> None:
    random = np.random.default_rng(5)
    one, other = (list(np.arange(36.0) + random.normal(0, 0.3, 36)) for _ in range(2))
    values = compared({"views": series(one)}, {"revenue": series(other)}, of="values")
    assert values.clear
    assert "believe their changes" in values.note
    assert not compared({"views": series(one)}, {"revenue": series(other)}, of="changes").clear


def test_what_cannot_be_tried_says_why() -> None:
    found = compared(
        {"views": series([1.0, 2, 3, 4, 5, 6, 7, 8, 9]), "posts": series([4.0] * 9)},
        {"revenue": series([1.0, 3, 2, 5, 4, 6, 9, 8, 7]), "costs": series([1.0, 2], 40)},
        of="values",
    )
    assert found.left_out["revenue and posts"].startswith("posts is the same in all")
    assert found.left_out["costs and views"] == "0 months have both; fewer than 6 show nothing"
    assert "fewer than 30: it can say little" in found.note
    assert all("months: under 30" in each.sentence for each in found.found)
    assert "nothing to compare" in compared({}, {"revenue": series([1.0])}, of="changes").note
    assert "nothing can be told" in compared({"views": series([1.0])}, {"revenue": series([1.0])}, of="changes").note


def test_months_come_out_of_the_tables_as_they_were_known(database: Database) -> None:
    now = dt.datetime(2025, 3, 15, tzinfo=dt.UTC)
    with database.begin() as connection:
        for place in range(15):
            month = later(FIRST, place)
            for number in range(place % 4 if place != 4 else 0):
                connection.execute(
                    insert(published_posts).values(
                        post_id=f"{place}-{number}",
                        views=100 * place,
                        engagement=5,
                        published_at=dt.datetime.combine(month, dt.time(), dt.UTC) + dt.timedelta(days=number),
                    )
                )
            figure = {"metric_type": "revenue", "currency": "USD", "period_start": month}
            known = dt.datetime.combine(later(month, 1), dt.time(), dt.UTC)
            for value, at in ((1, known), (place % 5 + 1, known + dt.timedelta(days=1))):
                connection.execute(insert(financial_metrics).values(**figure, metric_value=value, recorded_at=at))
        quarter = {"metric_type": "profit", "period_start": FIRST, "period_end": dt.date(2024, 3, 31)}
        connection.execute(
            insert(financial_metrics).values(**quarter, metric_value=3, recorded_at=now - dt.timedelta(days=9))
        )
    found = correlation.correlations(database, of="values", as_of=now)
    assert {each.business for each in found.found} == {"revenue in USD"}
    at_once = next(each for each in found.found if each.content == "posts" and each.lag == 0)
    # January 2024 has no post and begins no series; March 2025 is not over.
    posts = [place % 4 if place != 4 else 0 for place in range(1, 14)]
    assert at_once.n == 13
    assert at_once.pearson.value == pytest.approx(
        statistics.correlation(posts, [place % 5 + 1 for place in range(1, 14)])
    )
    assert correlation.correlations(database, as_of=dt.datetime(2023, 1, 1, tzinfo=dt.UTC)).found == ()
