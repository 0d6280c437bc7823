"""Figures against values worked out by hand, or by numpy; and what is said where figures are missing."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import Database
from core.db.tables import financial_metrics
from core.orchestrator.agents import series
from tests.orchestrator.driving import ask, record_figures, refused


def test_a_trend_is_the_slope_of_least_squares(database: Database) -> None:
    record_figures(database, "revenue", [500, 100, 110, 125, 128, 140])
    found = ask(database, "financial", "trend", metric="Revenue", months=5)
    # By hand: x 0..4, mean 2; y mean 120.6; Sxy = 41.2 + 10.6 + 0 + 7.4 + 38.8 = 98; Sxx 10.
    assert found["data"]["slope_per_month"] == pytest.approx(9.8)
    assert found["data"]["change"] == pytest.approx(0.4)
    assert found["n"] == 5
    assert "rising, from $100" in found["text"]
    assert "+40.0% in all" in found["text"]


def test_growth_is_given_by_month_compound_and_by_year(database: Database) -> None:
    record_figures(database, "customers", [200, *[0.5] * 9, 100, 110, 121, 133.1], currency=None)
    found = ask(database, "financial", "growth", metric="customers", months=3)
    assert found["data"]["month"] == pytest.approx(0.1)
    assert found["data"]["compound_month"] == pytest.approx(0.1)
    # Twelve months before the last of fourteen values is the second.
    assert found["data"]["year"] == pytest.approx(133.1 / 0.5 - 1)
    assert found["missing"] == []


def test_growth_says_when_a_year_ago_is_not_recorded_or_a_value_is_not_above_zero(database: Database) -> None:
    record_figures(database, "profit", [-10, 20, 30])
    found = ask(database, "financial", "growth", metric="profit", months=2)
    assert (found["data"]["compound_month"], found["data"]["year"]) == (None, None)
    assert found["data"]["month"] == pytest.approx(0.5)
    assert len(found["missing"]) == 2
    assert any("above zero" in sentence for sentence in found["missing"])


def three_months(db: Database) -> None:
    record_figures(db, "ad_spend", [1000, 1500, 500])
    record_figures(db, "new_customers", [10, 15, 5], currency=None)
    record_figures(db, "revenue", [5000, 6000, 7000])
    record_figures(db, "customers", [100, 120, 140], currency=None)
    record_figures(db, "churn_rate", [0.02, 0.03, 0.04], currency=None)


def test_cost_of_acquisition_against_lifetime_value(database: Database) -> None:
    three_months(database)
    found = ask(database, "financial", "acquisition_cost", months=3)
    # CAC 3,000 / 30; revenue a customer and month 18,000 / 360 = 50; churn 3 %; LTV 50 / 0.03.
    assert found["data"]["cac"] == pytest.approx(100)
    assert found["data"]["ltv"] == pytest.approx(50 / 0.03)
    assert found["data"]["ltv_to_cac"] == pytest.approx(50 / 0.03 / 100)
    assert found["data"]["payback_months"] == pytest.approx(2)
    assert "at most $1,667" in found["text"]
    assert found["missing"] == ["No gross margin is recorded: lifetime value is on revenue, an upper bound."]
    assert "Skok" in found["text"]


def test_with_a_gross_margin_lifetime_value_is_on_margin(database: Database) -> None:
    three_months(database)
    record_figures(database, "gross_margin", [0.7, 0.8, 0.9], currency=None)
    found = ask(database, "financial", "acquisition_cost")
    assert found["data"]["ltv"] == pytest.approx(50 * 0.8 / 0.03)
    assert found["data"]["payback_months"] == pytest.approx(100 / 40)
    assert found["missing"] == []
    assert "at most" not in found["text"]


def test_without_new_customers_or_churn_there_is_no_cost_and_no_value(database: Database) -> None:
    for name, values in {
        "ad_spend": [100],
        "new_customers": [0],
        "revenue": [10],
        "customers": [1],
        "churn_rate": [0],
    }.items():
        record_figures(database, name, values)
    found = ask(database, "financial", "acquisition_cost")
    assert (found["data"]["cac"], found["data"]["ltv"], found["data"]["ltv_to_cac"]) == (None, None, None)
    assert "neither" in found["text"]
    assert len(found["missing"]) == 3


def test_what_is_not_recorded_is_named_and_nothing_is_invented(database: Database) -> None:
    record_figures(database, "revenue", [1, 2])
    found = ask(database, "financial", "acquisition_cost")
    assert found["missing"] == [found["text"]]
    assert "ad_spend, new_customers, customers, churn_rate" in found["text"]
    assert found["n"] == 0
    for action, metric in (("trend", "profit"), ("growth", "profit"), ("forecast", "revenue")):
        none = ask(database, "financial", action, metric=metric)
        assert none["missing"] == [none["text"]]
        assert "recorded are revenue" in none["text"]


def test_months_that_do_not_overlap_give_no_cost(database: Database) -> None:
    three_months(database)
    with database.begin() as connection:
        connection.execute(
            financial_metrics.update()
            .where(financial_metrics.c.metric_type == "churn_rate")
            .values(period_start=dt.date(2001, 1, 1), period_end=dt.date(2001, 1, 31))
        )
    assert "No month has all" in ask(database, "financial", "acquisition_cost")["text"]


def test_a_forecast_has_the_interval_of_the_textbook(database: Database) -> None:
    values = [100.0, 104.0, 103.0, 109.0, 114.0, 113.0]
    record_figures(database, "cash", values)
    found = ask(database, "financial", "forecast", metric="cash", months=3, spend=10)
    x = np.arange(6)
    slope, intercept = np.polyfit(x, values, 1)
    s = np.sqrt(np.sum((values - intercept - slope * x) ** 2) / 4)
    at = 8
    half = 2.7764 * s * np.sqrt(1 + 1 / 6 + (at - 2.5) ** 2 / np.sum((x - 2.5) ** 2))
    last = found["data"]["forecast"][-1]
    assert last["value"] == pytest.approx(intercept + slope * at)
    assert (last["low"], last["high"]) == (pytest.approx(last["value"] - half), pytest.approx(last["value"] + half))
    assert [each["months_ahead"] for each in found["data"]["forecast"]] == [1, 2, 3]
    assert "With $10.00 spent once" in found["text"]


def test_a_forecast_widens_with_the_distance(database: Database) -> None:
    record_figures(database, "cash", [1, 5, 2, 8, 3, 9, 4])
    found = ask(database, "financial", "forecast", metric="cash", months=12)
    widths = [each["high"] - each["low"] for each in found["data"]["forecast"]]
    assert widths == sorted(widths)


def test_a_corrected_figure_counts_as_it_was_last_recorded(database: Database) -> None:
    record_figures(database, "revenue", [100, 200])
    with database.begin() as connection:
        first = connection.execute(financial_metrics.select().order_by(financial_metrics.c.period_start.desc())).first()
        assert first is not None
        corrected = {**first._asdict(), "metric_value": 300, "recorded_at": first.recorded_at + dt.timedelta(hours=1)}
        corrected.pop("id")
        connection.execute(financial_metrics.insert().values(corrected))
    assert ask(database, "financial", "trend", metric="revenue")["data"]["values"][-1]["value"] == 300


def test_a_month_counts_and_not_the_year_that_begins_with_it(database: Database) -> None:
    record_figures(database, "revenue", [100, 200])
    with database.begin() as connection:
        first = connection.execute(financial_metrics.select().order_by(financial_metrics.c.period_start)).first()
        assert first is not None
        year = {**first._asdict(), "metric_value": 9000, "period_end": first.period_start + dt.timedelta(days=364)}
        year.pop("id")
        connection.execute(financial_metrics.insert().values(year))
    values = ask(database, "financial", "trend", metric="revenue")["data"]["values"]
    assert [each["value"] for each in values] == [100, 200]


def test_a_payload_that_does_not_fit_is_refused_without_a_retry(database: Database) -> None:
    assert "payload.metric: It is missing." in refused(database, "financial", "trend")
    assert "at most 24" in refused(database, "financial", "forecast", metric="cash", months=25)
    assert "has no action 'guess'" in refused(database, "financial", "guess")


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40))
def test_the_line_is_that_of_numpy(values: list[float]) -> None:
    fitted = series.line(values)
    slope, intercept = np.polyfit(np.arange(len(values)), values, 1)
    scale = max(map(abs, values)) + 1
    assert fitted.slope == pytest.approx(slope, abs=1e-9 * scale)
    assert fitted.intercept == pytest.approx(intercept, abs=1e-9 * scale)


@given(st.floats(1, 1e6), st.floats(0.5, 1.5), st.integers(1, 36))
def test_a_compound_rate_leads_from_the_first_value_to_the_last(first: float, factor: float, periods: int) -> None:
    rate = series.compound_rate(first, first * factor**periods, periods)
    assert rate is not None
    assert first * (1 + rate) ** periods == pytest.approx(first * factor**periods)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.7062), (4, 2.7764), (30, 2.0423), (31, 2.0395), (60, 2.0003), (1000, 1.9623)]
)
def test_students_t_is_that_of_the_tables(freedom: int, expected: float) -> None:
    assert series.t_quantile(freedom) == pytest.approx(expected, abs=1e-4)
