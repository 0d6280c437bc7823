"""What the demo company did with its examples: versions of a dataset, jobs, models and what they are worth, a day of
its queue, patterns, and executions in every state.

Versions and patterns are real, of invented examples. All else is invented and says so, at least by who did it; nothing
of it was sent to anybody. What is still to be done is paused: resumed, it is really done by the workers there are.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import psycopg
from sqlalchemy import Connection, func, select, update

from core import audit, metrics, patterns
from core.commands.models import NewCommand
from core.commands.store import enqueue_in
from core.datasets import defaults, snapshots, verification
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import commands, evaluation_outputs, evaluations, tuning_jobs
from core.db.tables import executions as executions_table
from core.errors import DatasetRefused
from core.evaluation import figures, rows
from core.evaluation.figures import ScoredAnswer
from core.evaluation.rows import Row
from core.examples.filters import Filter
from core.models import registry
from core.orchestrator import executions
from core.orchestrator.agents import SHAPE
from core.orchestrator.agents.tasks import Findings
from core.orchestrator.records import read
from core.tuning.providers.protocol import TrainedModel

#: Who did it, in the audit log and on every page.
BY = "demo"
DATASET = "support-plans"
REASON = "invented for the demo company"
_COMMANDS = 2_000
_PROMPT = "You plan work for the agents of a company."
#: A frozen version of millions would take minutes, and shows nothing more.
_MOST_FROZEN = 20_000
_NOTE = "Demo: invented, with what it is said to be worth. No provider has such a model, so nothing serves it."
_FOLDER = Path(__file__).parent

#: The base that the others were made of, and which share of its answers is right.
_BASE, _BASE_WORTH = "qwen3:0.6b", 0.22
#: By the name of the job that made it: its kind, and which share of its answers is right.
_MADE: dict[str, tuple[Literal["tuned", "profile"], float]] = {
    "demo-plans-1": ("tuned", 0.47),
    "demo-plans-gpt": ("tuned", 0.58),
    "demo-plans-profile": ("profile", 0.36),
}
#: Of the wrong answers.
_CUT = 0.15
_PROFILE: dict[str, dict[str, Any] | None] = {"tuned": None, "profile": {"system": _PROMPT, "examples": []}}


def fill(demo: Database, *, examples: int, seed: int) -> None:
    """Add it to a workspace that holds the demo company's examples; of few examples, what can be made of them."""
    versions = _frozen(demo, examples)
    with demo.begin() as connection:
        audit.acting(connection, actor=BY, reason=REASON)
        raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        _run(raw, "queue_day.sql", number=_COMMANDS, by=BY, actions=orjson.dumps(_actions()).decode())
        _run(raw, "executions.sql", by=BY, planned_by="built-in", rejected="Demo: the tone is not ours.")
        for state in ("planning", "approved", "executing"):
            _queue_rest(connection, f"demo-{state}")
        if versions:
            _run(raw, "tuning_jobs.sql", dataset=versions[-1].id, by=BY)
            _evaluate(demo, connection, versions[-1], seed)
    patterns.mine(demo, actor=BY, reason=REASON)


def _run(connection: psycopg.Connection[Any], file: str, **parameters: Any) -> None:
    """Carry out the statements of a file, one after the other: with parameters, PostgreSQL takes one at a time."""
    for statement in (_FOLDER / file).read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            connection.execute(statement.encode(), parameters)


def _frozen(demo: Database, examples: int) -> list[DatasetVersion]:
    """Two versions of one dataset, the second of fewer and better examples; none where there are too few."""
    first = Filter(quality_min=0.7)
    if examples > _MOST_FROZEN:
        with demo.reading() as connection:
            since = connection.exec_driver_sql(
                "SELECT created_at FROM orchestrator_training_data ORDER BY created_at DESC OFFSET %s LIMIT 1",
                (_MOST_FROZEN,),
            ).scalar_one()
        first = Filter(quality_min=0.7, created_from=since)
    made = []
    for chosen, description in (
        (first, "Demo: good plans, first try"),
        (first.model_copy(update={"quality_min": 0.75, "success": True}), "Demo: only successes"),
    ):
        try:
            version = snapshots.create(
                demo,
                DATASET,
                filter=defaults.outlook(demo, chosen).filter,
                recipe=Recipe(system_prompt=_PROMPT),
                split=Split(),
                description=description,
                actor=BY,
            )
        except DatasetRefused:  # a demo of a handful of examples
            return made
        verification.verify(demo, version)
        made.append(version)
    return made


def _actions() -> list[dict[str, Any]]:
    """Every action of the agents in the box, with a payload that fits and a result in the form that it gives."""
    return [
        {
            "agent": agent,
            "action": name,
            "payload": dict(action.example),
            "result": _found(action.description),
        }
        for agent, actions in SHAPE.items()
        for name, action in actions.items()
    ]


def _found(text: str) -> dict[str, Any]:
    return Findings(f"Demo: {text}").to_json()


def _queue_rest(connection: Connection, execution_id: str) -> None:
    """Queue what is still to be done of an execution, paused: a worker would do it at once."""
    known = select(executions_table.c.execution_id).where(executions_table.c.execution_id == execution_id)
    if connection.execute(known).one_or_none() is None:
        return  # there were too few examples to make it of
    execution = read(connection, execution_id)
    if execution.plan is None:
        payload = {"execution_id": execution_id}
        enqueue_in(connection, NewCommand(executions.ORCHESTRATOR, "plan", payload, run=execution_id), actor=BY)
    else:
        executions.start(connection, execution_id, execution.plan, actor=BY)
    of_it = commands.c.run == execution_id
    if execution.status == "executing":
        first = commands.c.id == select(func.min(commands.c.id)).where(of_it).scalar_subquery()
        worker = {"worker": "demo-studio-1", "token": func.gen_random_uuid(), "attempt": 1, "started_at": func.now()}
        lease = func.now() + dt.timedelta(minutes=1)
        connection.execute(update(commands).where(first).values(status="running", lease_until=lease, **worker))
        done = {"lease_until": None, "outcome": "completed", "result": _found("invented"), "finished_at": func.now()}
        connection.execute(update(commands).where(first).values(status="completed", **done))
    connection.execute(update(commands).where(of_it, commands.c.status == "pending").values(status="paused"))


def _evaluate(demo: Database, connection: Connection, version: DatasetVersion, seed: int) -> None:
    """Models of the jobs and their base, each with answers to the test split; their figures are computed from those."""
    asked = rows.at(demo, version, rows.positions(demo, version, "test"))
    if not asked:
        return
    base = registry.add_base(demo, f"ollama:{_BASE}", actor=BY, reason=REASON, name=f"demo-base {_BASE}")
    worth = {base.id: _BASE_WORTH}
    for job in connection.execute(
        select(tuning_jobs, tuning_jobs.c.spec["name"].astext.label("name"))
        .where(tuning_jobs.c.state == "succeeded")
        .order_by(tuning_jobs.c.id)
    ):
        kind, share = _MADE[job.name]
        model_id = registry.register_in(
            connection,
            job_id=job.id,
            dataset_id=version.id,
            provider=job.provider,
            base_model=job.target_model,
            name=job.name,
            made=TrainedModel(kind, "", note=_NOTE, cost_usd=job.actual_cost, profile=_PROFILE[kind]),
            actor=BY,
        )
        worth[model_id] = share
    for model_id, share in worth.items():
        _keep(connection, model_id, version, asked, _answers(asked, np.random.default_rng([seed, model_id]), share))


def _answers(asked: Sequence[Row], random: np.random.Generator, right: float) -> list[ScoredAnswer]:
    """Return what a model of this worth may say: the expected answer, another record's, or one that is cut off."""
    lucks, others = random.random(len(asked)).tolist(), random.integers(len(asked), size=len(asked)).tolist()
    said = []
    for row, luck, other in zip(asked, lucks, others, strict=True):
        text, error = row.expected, ""
        if luck > 1 - _CUT * (1 - right):
            text, error = text[: len(text) * 2 // 3], "cut"
        elif luck > right:
            text = asked[other].expected
        scored = metrics.score(text, row.expected)
        said.append(ScoredAnswer(text, row.expected, scored.exact, scored.similarity, error, 400 + round(900 * luck)))
    return said


def _keep(
    connection: Connection, model_id: int, version: DatasetVersion, asked: Sequence[Row], said: Sequence[ScoredAnswer]
) -> None:
    evaluation_id = connection.execute(
        evaluations.insert()
        .values(
            model_id=model_id,
            dataset_id=version.id,
            split="test",
            state="done",
            row_total=len(said),
            row_done=len(said),
            row_skipped=0,
            metrics=figures.of(said),
            cost_usd=0,
            error="",
            created_by=BY,
            finished_at=func.now(),
        )
        .returning(evaluations.c.id)
    ).scalar_one()
    connection.execute(
        evaluation_outputs.insert(),
        [
            {
                "evaluation_id": evaluation_id,
                "position": row.position,
                "output": answer.output,
                "expected": answer.expected,
                "exact": answer.exact,
                "similarity": answer.similarity,
                "duration_ms": answer.duration_ms,
                "error": answer.error,
            }
            for row, answer in zip(asked, said, strict=True)
        ],
    )
