"""A model whose cosines are exact, and rows to find."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import text

from core.db import Database
from core.similarity import EncoderModel, encode_all, register

NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DIMENSION = 32


class Exact:
    """Sixteen of 32 places, chosen by the words, are a quarter; so every cosine is a whole number of sixteenths."""

    dimension = DIMENSION

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.encoded += texts
        return np.array([vector(each) for each in texts], np.float32).reshape(len(texts), DIMENSION)


def vector(said: str) -> list[float]:
    """The same for the same words in any order."""
    words = sorted(set(said.lower().split()))
    marks = dict.fromkeys(range(DIMENSION), 0)
    for word in words:
        for place, byte in enumerate(hashlib.sha256(word.encode()).digest()[:DIMENSION]):
            marks[place] += byte
    chosen = sorted(marks, key=lambda place: (-marks[place], place))[: DIMENSION // 2]
    return [0.25 if place in chosen else 0.0 for place in range(DIMENSION)]


def model(name: str = "exact@1") -> EncoderModel:
    return EncoderModel(name, Exact())  # type: ignore[arg-type]


def encoded(db: Database, its: EncoderModel) -> int:
    """Every vector that is due is made; how many that were."""
    assert register(db, its)
    return encode_all(db, its)


def plant(db: Database, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as another program would write them."""
    with db.begin() as connection:
        for row in rows:
            names = ", ".join(row)
            connection.execute(
                text(f"INSERT INTO {_TABLES[kind]} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row
            )


def example(number: int, request: str, **more: Any) -> dict[str, Any]:
    return {"execution_id": f"run-{number}", "user_request": request, "created_at": NOON, **more}


def task(number: int, title: str, **more: Any) -> dict[str, Any]:
    return {"task_id": f"task-{number}", "title": title, "created_at": NOON, **more}


def post(number: int, title: str, **more: Any) -> dict[str, Any]:
    return {"post_id": f"post-{number}", "title": title, "published_at": NOON, **more}


_TABLES = {
    "example": "orchestrator_training_data",
    "task": "orchestrator_historical_tasks",
    "post": "orchestrator_published_posts",
}
