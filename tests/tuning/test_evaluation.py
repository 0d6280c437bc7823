"""A model on the records of a split: each answer kept as it comes, summed up, and compared with another's."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from core import audit
from core.commands import claims
from core.commands import store as commands
from core.commands.worker import Worker
from core.database import Database
from core.datasets.versions import DatasetVersion
from core.errors import Conflict, DatasetRefused, ModelRefused, ModelUnavailable
from core.tables import evaluation_outputs
from core.tuning import comparing, evaluation, models, rows
from core.tuning.commands import registry
from tests.llm.servers import FakeProvider, Handler
from tests.orchestrator.driving import drive
from tests.tuning.made import a_dataset, a_model, an_evaluation, answering


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with answering("ollama", monkeypatch) as provider:
        yield provider


@pytest.fixture
def dataset(database: Database) -> DatasetVersion:
    """40 examples, 5 of them to test with."""
    return a_dataset(database)


def asked_for(body: Any) -> str:
    return body["messages"][-1]["content"]


def by_heart(provider: FakeProvider, database: Database, dataset: DatasetVersion, wrong: int = 0) -> None:
    """Let the provider answer each record as expected, and the first `wrong` ones otherwise; without end."""
    found = rows.at(database, dataset, rows.positions(database, dataset, "test"))
    answers = {row.prompt: "something else" if place < wrong else row.expected for place, row in enumerate(found)}

    class Answers:
        def popleft(self) -> Any:
            def planned(handler: Handler) -> None:
                body = provider.asked[-1] if len(provider.asked) == 1 else None
                del body
                text = answers[asked_for(handler.body)]  # type: ignore[attr-defined]
                handler.answer(200, provider.reply(text, 20, 10, "done"))

            return planned

    provider.planned = Answers()  # type: ignore[assignment]
