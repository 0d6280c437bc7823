"""Examples to make datasets from."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import insert

from core.db import Database
from core.db.tables import examples

Add = Callable[..., list[int]]

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def example(number: int, **fields: Any) -> dict[str, Any]:
    """A believable example; every `number` gives another one."""
    return {
        "execution_id": f"run-{number:06}",
        "user_request": f"Write post number {number} about spring sale",
        "intent": ("content", "finance", "market")[number % 3],
        "business_state": {"topic": f"topic {number % 7}", "budget": number * 10},
        "context": None,
        "execution_plan": f'{{"steps": ["research {number}", "write"]}}',
        "execution_result": f"Here is the post number {number}: \u201cSpring\u201d…",
        "quality_score": number % 21 / 20,
        "success": number % 4 != 0,
        "tags": ["PRODUCTION"] if number % 2 else ["DEVELOPMENT", "TEST"],
        "created_at": START + dt.timedelta(hours=number),
        **fields,
    }


@pytest.fixture
def add(database: Database) -> Add:
    """Store examples; gives their ids."""

    def add(rows: int | Sequence[dict[str, Any]]) -> list[int]:
        if isinstance(rows, int):
            rows = [example(number) for number in range(rows)]
        with database.begin() as connection:
            return list(
                connection.scalars(insert(examples).returning(examples.c.id, sort_by_parameter_order=True), rows)
            )

    return add
