"""Items as SQL reads them, and the examples of an item as SQL finds them again."""

import datetime as dt
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from core.db import Database
from core.db.tables import examples
from core.examples.filters import Filter
from core.patterns import fields, items
from core.patterns.fields import Item
from core.patterns.items import unpacked

_EVERYTHING = Filter(exclude_tags=())
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PLANS = (
    None,
    "Write, then publish.",
    "{not JSON",
    "[]",
    '{"steps": 3}',
    '{"intent": "x", "steps": []}',
    orjson.dumps({"steps": [{"agent": "content", "action": "draft"}]}).decode(),
    orjson.dumps(
        {"steps": [{"agent": "content", "action": "draft"}, {"agent": "compliance", "action": 'a"b'}]}
    ).decode(),
    orjson.dumps({"steps": [{"agent": "content"}, 7, {"action": "x"}, "y"]}).decode(),
    "{" * 5_000,
)
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "user_request": st.integers(1, 300).map(lambda size: "x" * size),
            "intent": st.sampled_from(["", "blog", 'a"b,c', "é\nü", "null"]),
            "business_state": st.sampled_from(
                [{}, [], "text", {"topic": "roofs"}, {"topic": "", "audience": "owners"}, {"audience": None}]
            ),
            "execution_plan": st.sampled_from(_PLANS),
            "tags": st.sampled_from([[], ["A"], ["A", "B_1"], ["LOW_QUALITY"], ["MANUAL_APPROVED", "B_1"]]),
            "quality_score": st.none() | st.sampled_from([0.0, 0.5, 1.0]),
            "success": st.none() | st.booleans(),
            "source_agent": st.sampled_from(["", "content"]),
            "source_model": st.sampled_from(["", "base", "x" * 200]),
            "context": st.sampled_from([None, {}, {"similar_work": "5", "patterns": "1"}, [1]]),
            "created_at": st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 3, 1)).map(
                lambda moment: moment.replace(tzinfo=dt.UTC)
            ),
        }
    ),
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_rows)
def test_items_are_those_of_plain_python(database: Database, rows: list[dict[str, Any]]) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_training_data SET withdrawn_at = now()"))
        number = connection.execute(text("SELECT count(*) FROM orchestrator_training_data")).scalar_one()
        if rows:
            connection.execute(
                insert(examples), [{**row, "execution_id": f"{number + at}"} for at, row in enumerate(rows)]
            )
    basket = items.read(database, _EVERYTHING)
    known = [row for row in rows if row["quality_score"] is not None or row["success"] is not None]
    assert basket.n == len(known)
    found: list[set[Item]] = [set() for _ in known]
    for item, its in zip(basket.items, basket.bits, strict=True):
        for at in np.flatnonzero(unpacked(its, basket.n)):
            found[at].add(item)
    assert found == [_expected(row) for row in known]
    assert basket.success.tolist() == [-1 if row["success"] is None else int(row["success"]) for row in known]
    assert [None if np.isnan(each) else each for each in basket.quality] == [row["quality_score"] for row in known]


def _expected(row: dict[str, Any]) -> set[Item]:
    state = row["business_state"] if isinstance(row["business_state"], dict) else {}
    steps = _steps(row["execution_plan"])
    size = len(row["user_request"])
    names = (
        "1 to 60 characters"
        if size <= 60
        else "61 to 120 characters"
        if size <= 120
        else "121 to 240 characters"
        if size <= 240
        else "over 240 characters"
    )
    single = {
        "intent": row["intent"],
        "topic": state.get("topic"),
        "audience": state.get("audience"),
        "audience named": "an audience" if state.get("audience") else "no audience",
        "agent": row["source_agent"],
        "model": row["source_model"] if len(row["source_model"]) < 120 else "",
        "weekday": _DAYS[row["created_at"].weekday()],
        "hour": f"{row['created_at'].hour // 3 * 3:02}:00",
        "request length": names,
        "plan steps": {0: "", 1: "1 step", 2: "2 steps", 3: "3 steps"}.get(len(steps), "4 to 5 steps"),
    }
    many = {
        "tag": [tag for tag in row["tags"] if tag not in items.TELLING_TAGS],
        "context": list(row["context"]) if isinstance(row["context"], dict) else [],
        "plan agent": [step["agent"] for step in steps if isinstance(step, dict) and "agent" in step],
        "plan action": [step["action"] for step in steps if isinstance(step, dict) and "action" in step],
    }
    found = {Item(field, value) for field, value in single.items() if value}
    return found | {Item(field, value) for field, values in many.items() for value in values}


def _steps(plan: str | None) -> list[Any]:
    try:
        steps = orjson.loads(plan or "")["steps"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return []
    return steps if isinstance(steps, list) else []


def test_the_examples_of_every_item_are_found_again(company: Database) -> None:
    basket = items.read(company, _EVERYTHING)
    assert len({item.field for item in basket.items}) >= 13
    with company.connect() as connection:
        for item, its in list(zip(basket.items, basket.bits, strict=True))[::5]:
            known = examples.c.quality_score.is_not(None) | examples.c.success.is_not(None)
            query = select(examples.c.id).where(fields.condition([item]), known, examples.c.withdrawn_at.is_(None))
            ids = set(connection.execute(query).scalars())
            assert ids == set(basket.ids[unpacked(its, basket.n)].tolist()), item


def test_only_the_commonest_values_of_a_field_are_items(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST_VALUES", 2)
    counts = {"a": 3, "b": 2, "c": 1}
    rows = [
        {"user_request": "x", "intent": intent, "execution_id": f"{intent}{number}", "success": True}
        for intent, most in counts.items()
        for number in range(most)
    ]
    with database.begin() as connection:
        connection.execute(insert(examples), rows)
    found = [item.value for item in items.read(database, _EVERYTHING).items if item.field == "intent"]
    assert found == ["a", "b"]
