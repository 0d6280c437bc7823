"""A whole day of the demo company: 200 requests through plan, approval, execution and scoring, without a model."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
from sqlalchemy import select

from core.commands.worker import Worker
from core.db import Database
from core.db.tables import examples
from core.demo import words
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request, to_json
from core.runtime.agents import registry

REQUESTS = 200
_PATIENCE_S = 150


def requests(seed: int) -> list[Request]:
    """As the company asks: each kind of work as often as in its year."""
    chance = random.Random(seed)
    kinds = chance.choices(words.INTENTS, [intent.share for intent in words.INTENTS], k=REQUESTS)
    return [_request(chance, intent.name) for intent in kinds]


def _request(chance: random.Random, intent: str) -> Request:
    values = {
        "topic": chance.choice(words.TOPICS).name, "platform": chance.choice(words.SOCIAL_PLATFORMS),
        "rival": chance.choice(words.RIVALS), "budget": 100 * chance.randint(5, 60), "tone": chance.choice(words.TONES),
        "words": 50 * chance.randint(3, 24),
    }  # fmt: skip
    details = " ".join(chance.sample(words.DETAILS, chance.randint(0, 3)))
    audience = chance.choice((*words.AUDIENCES, ""))
    return Request(f"{chance.choice(words.OPENERS[intent])}. {details}".strip() % values, audience=audience)


@contextmanager
def at_work(db: Database) -> Iterator[Worker]:
    worker = Worker(db, registry(), workspaces=[db.schema], threads=2, poll_s=0.2)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_two_hundred_requests_are_planned_approved_carried_out_scored_and_learned_from(company: Database) -> None:
    submitted = [executions.submit(company, each, actor="ada", again=True).execution_id for each in requests(7)]
    with at_work(company):
        wait_for(lambda: queries.counts(company).by_status["pending_approval"] == REQUESTS)
        for execution_id in submitted:
            executions.approve(company, execution_id, actor="bob", reason="the day's work")
        wait_for(lambda: queries.counts(company).by_status["completed"] == REQUESTS)
    found = queries.counts(company)
    assert (found.total, found.judged) == (REQUESTS, 0)

    done = [queries.get(company, execution_id) for execution_id in submitted]
    assert {(execution.score, execution.success, execution.scored_by) for execution in done} == {(None, None, "")}
    forms = [execution.form or 0.0 for execution in done]
    assert all(0 < form <= 1 for form in forms)
    assert len(set(forms)) > 30
    assert {execution.intent for execution in done} == {intent.name for intent in words.INTENTS}
    assert all((execution.result or {})["text"] for execution in done)

    with company.connect() as connection:
        rows = connection.execute(
            select(examples).where(examples.c.execution_id.in_(submitted)).order_by(examples.c.id)
        ).all()
    learned = {row.execution_id: row for row in rows}
    assert len(rows) == REQUESTS
    for execution in done:
        example = learned[execution.execution_id]
        assert not example.is_trainable, "nobody has judged it yet"
        assert example.quality_score == execution.score
        assert example.success == execution.success
        assert example.execution_result == (execution.result or {})["text"]
        assert orjson.loads(example.execution_plan) == to_json(execution.plan)  # type: ignore[arg-type]
        assert example.execution_time_ms == execution.duration_ms
        assert (example.source_agent, example.source_model) == ("orchestrator", "built-in")
