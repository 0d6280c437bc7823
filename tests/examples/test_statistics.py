"""The data page's figures against sums in plain Python."""

import datetime as dt
from collections import Counter
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import Database
from core.examples import cube, statistics
from core.examples.filters import Filter
from tests.examples.rows import START, filters, insert, is_trainable, matches, rows
from tests.examples.test_filters import SHARED, emptied


@SHARED
@given(values=st.lists(rows, max_size=30), chosen=filters(), from_cube=st.booleans())
def test_every_figure_equals_a_plain_sum(
    database: Database, values: list[dict[str, object]], chosen: Filter, from_cube: bool
) -> None:
    emptied(database)
    whole = insert(database, values)
    if from_cube:
        assert cube.refresh(database)
    found = [row for row in whole if matches(chosen, row)]
    now = START + dt.timedelta(days=8)
    seen = statistics.overview(database, chosen, now=now)

    scores = [row["quality_score"] for row in found if row["quality_score"] is not None]
    judged = [row["success"] for row in found if row["success"] is not None]
    assert seen.total == sum(row["withdrawn_at"] is None for row in whole)
    assert (seen.filtered, seen.scored) == (len(found), len(scores))
    assert seen.average_quality == (pytest.approx(fmean(scores)) if scores else None)
    assert seen.success_rate == (pytest.approx(sum(judged) / len(judged)) if judged else None)
    bins = Counter(min(int(score * 20), 19) for score in scores)
    assert seen.histogram == tuple(bins[i] for i in range(20))
    assert {group.name: group.count for group in seen.by_intent} == Counter(row["intent"] for row in found)
    assert {group.name: group.count for group in seen.by_model} == Counter(row["source_model"] for row in found)
    assert {group.name: group.count for group in seen.by_tag} == Counter(t for row in found for t in row["tags"])
    months = Counter(row["created_at"].date().replace(day=1) for row in found)
    assert {month.month: month.count for month in seen.by_month} == months
    assert seen.first == min((row["created_at"] for row in found), default=None)
    assert seen.last == max((row["created_at"] for row in found), default=None)
    assert seen.new_this_week == sum(row["created_at"] >= START + dt.timedelta(days=1) for row in found)
    assert seen.by_week == _plain_weeks(found, now)
    assert seen.total_by_week == _plain_weeks([row for row in whole if row["withdrawn_at"] is None], now)
    assert seen.trainable == sum(is_trainable(row) for row in found)
    for period, days in ((seen.latest, (0, 30)), (seen.before, (30, 60))):
        ages = {row["id"]: (now - row["created_at"]) / dt.timedelta(days=1) for row in found}
        of_it = [
            row for row in found if max(days[0], 0) < ages[row["id"]] <= days[1] or (days[0] == 0 >= ages[row["id"]])
        ]
        marks = [row["quality_score"] for row in of_it if row["quality_score"] is not None]
        assert (period.count, period.scored) == (len(of_it), len(marks))
        assert period.average_quality == (pytest.approx(fmean(marks)) if marks else None)
    agents = statistics.by_agent(database, chosen)
    assert {group.name: group.count for group in agents} == Counter(row["source_agent"] for row in found)
    by_model: dict[tuple[str, dt.date], list[float]] = {}
    for row in found:
        if row["quality_score"] is not None:
            by_model.setdefault((row["source_model"], row["created_at"].date().replace(day=1)), []).append(
                row["quality_score"]
            )
    assert {
        (m.model, m.month): (m.scored, m.average_quality) for m in statistics.quality_of_models(database, chosen)
    } == {key: (len(marks), pytest.approx(fmean(marks))) for key, marks in by_model.items()}


def test_a_change_is_told_only_where_both_periods_say_something(database: Database) -> None:
    now = START + dt.timedelta(days=60)
    few = [{"quality_score": 0.5, "created_at": START + dt.timedelta(days=10)}] * 20
    many = [{"quality_score": 0.75, "created_at": START + dt.timedelta(days=50)}] * 19
    base = {"user_request": "x", "tags": [], "success": True}
    rows = [base | row for row in (*few, *many)]
    insert(database, rows)
    assert statistics.overview(database, Filter(), now=now).quality_change is None

    emptied(database)
    insert(database, [*rows, rows[-1]])

    seen = statistics.overview(database, Filter(), now=now)
    assert seen.quality_change == pytest.approx(0.25)
    assert seen.success_change == 0


def _plain_weeks(found: list[dict[str, Any]], now: dt.datetime) -> tuple[int, ...]:
    ages = [max(0.0, (now - row["created_at"]) / dt.timedelta(days=7)) for row in found]
    return tuple(sum(week < age <= week + 1 or (week == 0 and age == 0) for age in ages) for week in (3, 2, 1, 0))


def test_nothing_scored_has_no_average(database: Database) -> None:
    insert(database, [{"user_request": "x", "tags": [], "quality_score": None, "success": None}])
    seen = statistics.overview(database, Filter())
    assert (seen.filtered, seen.average_quality, seen.success_rate) == (1, None, None)
    assert seen.by_month[0].unknown == 1
