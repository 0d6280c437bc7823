"""Asking the records of an evaluation, one answer after the other kept as it comes, and summing up when all are."""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import Numeric, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core import metrics
from core.datasets import versions
from core.db import Database
from core.db.tables import evaluation_outputs, evaluations
from core.errors import ModelReason, ModelUnavailable, WhetstoneError
from core.evaluation import figures, rows
from core.evaluation.records import Evaluation, get
from core.evaluation.rows import Row
from core.models import Model, calls, records
from core.settings import Settings

#: Questions that are asked at once.
AT_ONCE = 4
_BATCH = 200
_LOOK_EVERY_S = 0.5
#: What is wrong with one answer, and not with the way to the model: the record counts as answered, and wrongly so.
OF_THE_ANSWER: frozenset[ModelReason] = frozenset(
    {"cut", "empty", "declined", "bad_answer", "timed_out", "bad_request"}
)

_T = TypeVar("_T")
_R = TypeVar("_R")


class _Ended(Exception):
    """Somebody cancelled the evaluation."""


@dataclass(frozen=True)
class _Answered:
    """What became of one question."""

    row: Row
    text: str
    error: str
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal | None
    duration_s: float


def run(
    db: Database,
    evaluation_id: int,
    *,
    settings: Settings | None = None,
    check: Callable[[], None] = lambda: None,
    at_once: int = AT_ONCE,
    most_s: float = math.inf,
) -> Evaluation:
    """Ask what is not answered yet, and sum up when all is. Safe to call again after a crash, and twice at once.

    After `most_s` seconds nothing more is begun, and the evaluation stays open. `check` is called between answers, and
    ends it by raising. Raises `ModelUnavailable` where the model cannot be reached, and `ModelRefused` where it cannot
    be asked: the evaluation stays open, and can be run again.
    """
    with _alone(db, evaluation_id, check):
        evaluation = get(db, evaluation_id)
        if evaluation.state != "running":
            return evaluation
        try:
            is_all = _ask_all(db, evaluation, settings, check, at_once, time.monotonic() + most_s)
        except _Ended:
            return get(db, evaluation_id)
        except WhetstoneError as error:
            _note(db, evaluation_id, str(error))
            raise
        if is_all:
            _sum_up(db, evaluation_id)
        return get(db, evaluation_id)


def fail(db: Database, evaluation_id: int, why: str) -> None:
    """Give it up until somebody resumes it; what is answered is kept."""
    with db.begin() as connection:
        connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id, evaluations.c.state == "running")
            .values(state="failed", error=why, finished_at=func.now())
        )


@contextmanager
def _alone(db: Database, evaluation_id: int, check: Callable[[], None]) -> Iterator[None]:
    """Nobody else asks the same at the same time. The lock ends with its connection, so a killed process holds none."""
    name = f"evaluation {db.schema} {evaluation_id}"
    with db.dedicated() as connection:
        while True:
            taken = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 8))", (name,)).fetchone()
            if taken and taken[0]:
                break
            check()
            time.sleep(_LOOK_EVERY_S)
        yield


def _ask_all(
    db: Database,
    evaluation: Evaluation,
    settings: Settings | None,
    check: Callable[[], None],
    at_once: int,
    until: float,
) -> bool:
    """Ask and keep; whether all is answered now.

    After whatever goes wrong nothing more is asked, but what is under way is paid for, and kept.
    """
    model = records.get(db, evaluation.model_id)
    version = versions.frozen(db, evaluation.dataset_id)
    calls.called(model)  # refused once, and not once a record
    kept = select(evaluation_outputs.c.position).where(evaluation_outputs.c.evaluation_id == evaluation.id)
    with db.connect() as connection:
        answered = set(connection.scalars(kept))
    wanted = rows.positions(db, version, evaluation.split, evaluation.row_total)
    left = [place for place in wanted if place not in answered]
    trouble: list[BaseException] = []
    begun = 0

    def questions() -> Iterator[Row]:
        nonlocal begun
        for batch in rows.in_batches(left, _BATCH):
            for row in rows.at(db, version, batch):
                if trouble or (begun and time.monotonic() > until):
                    return
                begun += 1
                yield row

    for future in _in_threads(lambda row: _asked(model, row, settings), questions(), at_once):
        try:
            if not _keep(db, evaluation.id, future.result()):
                trouble.append(_Ended())
            check()
        except BaseException as why:  # noqa: BLE001 - it is raised again below; a stop of the worker is among them
            trouble.append(why)
    if trouble:
        raise trouble[0]
    return begun == len(left)


def _in_threads(do: Callable[[_T], _R], things: Iterable[_T], at_once: int) -> Iterator[Future[_R]]:
    """`do` of each thing, so many at once, in the order in which they end.

    The threads are daemons, where those of an executor would keep a process that ends waiting for their answers.
    """
    ended: queue.SimpleQueue[Future[_R]] = queue.SimpleQueue()

    def begin(thing: _T) -> None:
        future: Future[_R] = Future()

        def work() -> None:
            try:
                future.set_result(do(thing))
            except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)
            ended.put(future)

        threading.Thread(target=work, name="evaluation", daemon=True).start()

    under_way = 0
    for thing in things:
        begin(thing)
        under_way += 1
        if under_way == at_once:
            yield ended.get()
            under_way -= 1
    for _ in range(under_way):
        yield ended.get()


def _asked(model: Model, row: Row, settings: Settings | None) -> _Answered:
    """Return the answer to one record. Raises `ModelUnavailable` where it says nothing about the model's answers."""
    begun = time.monotonic()
    try:
        answer = calls.answer(model, system=row.system, prompt=row.prompt, turns=row.turns, settings=settings)
    except ModelUnavailable as why:
        if why.reason not in OF_THE_ANSWER:
            raise
        took = time.monotonic() - begun
        if why.answer is not None:
            part = why.answer
            return _Answered(row, part.text, why.reason, part.tokens_in, part.tokens_out, part.cost_usd, took)
        # It may have been charged all the same, except on a machine of one's own.
        free = calls.is_free(calls.called(model), settings=settings)
        return _Answered(row, "", why.reason, 0, 0, Decimal(0) if free else None, took)
    return _Answered(row, answer.text, "", answer.tokens_in, answer.tokens_out, answer.cost_usd, answer.duration_s)


def _keep(db: Database, evaluation_id: int, answered: _Answered) -> bool:
    """Keep an answer with what it took; whether more are wanted."""
    row = answered.row
    scored = metrics.score(answered.text, row.expected)
    with db.begin() as connection:
        kept = connection.execute(
            insert(evaluation_outputs)
            .values(
                evaluation_id=evaluation_id,
                position=row.position,
                output=answered.text.replace("\0", ""),
                expected=row.expected,
                exact=scored.exact and not answered.error,
                similarity=scored.similarity,
                tokens_out=answered.tokens_out,
                duration_ms=round(answered.duration_s * 1_000),
                error=answered.error,
            )
            .on_conflict_do_nothing()
            .returning(evaluation_outputs.c.position)
        ).one_or_none()
        changes = (
            {}
            if kept is None
            else {
                "row_done": evaluations.c.row_done + 1,
                "tokens_in": evaluations.c.tokens_in + answered.tokens_in,
                "tokens_out": evaluations.c.tokens_out + answered.tokens_out,
                # One price that is not known makes the sum not known: NULL and anything is NULL.
                "cost_usd": evaluations.c.cost_usd + bindparam("cost", answered.cost_usd, type_=Numeric(14, 6)),
            }
        )
        state = connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id)
            .values(error="", **changes)
            .returning(evaluations.c.state)
        ).scalar_one()
    return state == "running"


def _note(db: Database, evaluation_id: int, why: str) -> None:
    """Why it stands still, for who looks at it."""
    with db.begin() as connection:
        connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id, evaluations.c.state == "running")
            .values(error=why)
        )


def _sum_up(db: Database, evaluation_id: int) -> None:
    """Write the figures of all answers, and the end."""
    columns = evaluation_outputs.c
    query = (
        select(*(columns[name] for name in figures.ScoredAnswer.__dataclass_fields__))
        .where(columns.evaluation_id == evaluation_id)
        .order_by(columns.position)
    )
    with db.begin() as connection:
        answers = [figures.ScoredAnswer(*row) for row in connection.execute(query)]
        connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id, evaluations.c.state == "running")
            .values(state="done", metrics=figures.of(answers), error="", finished_at=func.now())
        )
