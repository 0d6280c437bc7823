"""A database handed to the app: what the tests of pages and of the API share."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import insert

from core.db import Database
from core.db.tables import examples
from core.runtime.process import RUNNING
from core.settings import get_settings

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def add(db: Database, *records: dict[str, Any]) -> list[int]:
    """Insert examples; what a record leaves out has a believable value. Returns their ids, in order."""
    whole = [
        {
            "execution_id": f"run-{number}",
            "user_request": f"Draft post {number}",
            "intent": "content",
            "execution_plan": '{"steps": [{"agent": "content", "action": "draft", "why": "it was asked"}]}',
            "execution_result": f"A post about lamp {number}.",
            "quality_score": 0.8,
            "success": True,
            "tags": [],
            "created_at": START + dt.timedelta(days=number),
            "source_agent": "content",
            "source_model": "base",
        }
        | record
        for number, record in enumerate(records)
    ]
    with db.begin() as connection:
        statement = insert(examples).returning(examples.c.id, sort_by_parameter_order=True)
        return list(connection.execute(statement, whole).scalars())


@contextmanager
def serving(db: Database, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[None]:
    """Point the app at `db`, and forget everything about the one before."""
    monkeypatch.setenv("DATABASE_URL", db.url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()
    try:
        yield
    finally:
        forget()


def forget() -> None:
    RUNNING.close()
    get_settings.cache_clear()
    st.cache_data.clear()
