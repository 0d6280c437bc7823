"""The commands `score` and `close`: the result is put together, judged by a model in use, the example completed.

`score` comes when every step has completed. `close` comes when one failed or was cancelled: what was done is kept, and
what failed is no success. Without a judge score and success are unknown until a person says what they are.
"""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, func, select, update

from core import audit
from core.commands.handlers import CommandContext, Outcome
from core.db.tables import executions as executions_table
from core.deployments.preferences import Preferences, preferences
from core.orchestrator import example_writer, queries
from core.orchestrator.planning import ACTOR, run_of
from core.orchestrator.records import Execution, read
from core.orchestrator.scoring import results, rubric
from core.orchestrator.scoring.rubric import Part
from core.patterns import running as patterns
from core.tuning import budget


def score(work: CommandContext) -> Outcome:
    """Complete the execution. The model's judgement, where one is asked for, is asked for once."""
    execution = queries.get(work.db, run_of(work))
    chosen = preferences(work.db)
    judgement = work.step("judge", lambda: _judgement(work, execution, chosen))
    return Outcome(
        {"execution_id": execution.execution_id, "judge": judgement},
        then=patterns.due(work.db),
        within=lambda connection: _complete(connection, execution.execution_id, chosen, judgement),
    )


def close(work: CommandContext) -> Outcome:
    """Keep what a failed or cancelled execution came to."""
    execution_id = run_of(work)
    chosen = preferences(work.db)
    return Outcome(
        {"execution_id": execution_id}, within=lambda connection: _keep_what_is_there(connection, execution_id, chosen)
    )


def _judgement(work: CommandContext, execution: Execution, chosen: Preferences) -> dict[str, Any] | None:
    model = chosen.model_for("judge")
    if model is None or not chosen.judges or execution.plan is None:
        return None
    from core.orchestrator import model_calls

    work.check()
    with work.db.connect() as connection:
        done, _ = results.done_in(connection, execution.execution_id, execution.plan)
    text, _ = results.parts_of(execution.plan, done)
    parts = rubric.rubric(execution.asked, execution.plan, done, text, chosen.banned_words)
    seen = [part.reason for part in parts if part.faults]
    said = {each.step.id: each.result.get("text") or each.status for each in done}
    most = model_calls.most_usd(model, execution.asked, execution.plan, said, seen)
    if over := budget.set_aside(work.db, execution.execution_id, most):
        return {"failed": f"{model} was not asked to judge, so it has no score until a person gives one. {over}"}
    given = model_calls.judge(model, execution.asked, execution.plan, said, seen)
    budget.settle(work.db, execution.execution_id, given["cost_usd"])
    return given


def _complete(connection: Connection, execution_id: str, chosen: Preferences, judgement: dict[str, Any] | None) -> None:
    audit.acting(connection, actor=ACTOR, reason="every step has completed")
    execution = read(connection, execution_id, lock=True)
    if execution.status != "executing":
        return  # cancelled meanwhile; `close` keeps what was done
    values = _scored(connection, execution, chosen, judgement)
    success = None if values["score"] is None else values["score"] >= chosen.success_threshold
    values |= {"success": success, "status": "completed", "error": None}
    _write(connection, execution, values)


def _keep_what_is_there(connection: Connection, execution_id: str, chosen: Preferences) -> None:
    """Locked first: a step that ends later finds this done and asks for another look."""
    execution = read(connection, execution_id, lock=True)
    if execution.status not in ("failed", "cancelled") or execution.plan is None:
        return  # resumed meanwhile, or never planned
    values = _scored(connection, execution, chosen, None)
    if execution.status == "failed":
        values |= {"success": False}
    else:
        values |= {"form": None, "score_parts": None}
    _write(connection, execution, values)


def _scored(
    connection: Connection, execution: Execution, chosen: Preferences, judgement: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the result, its form with its parts, the judge's score where there is one, and what it all took."""
    assert execution.plan is not None, "only a plan has steps to score"
    done, kept = results.done_in(connection, execution.execution_id, execution.plan)
    result = results.gathered(execution.plan, done, kept)
    parts = rubric.rubric(execution.asked, execution.plan, done, result["text"], chosen.banned_words)
    form, weighed = rubric.form(parts)
    judged = judgement if judgement and "failed" not in judgement else {}
    spending = {
        "planning": [execution.spent.get("planning", {})],
        "steps": [each.result for each in done],
        "judging": [judgement or {}],
    }
    spent = results.spending(spending)
    # A judgement that comes after the execution was cancelled is paid for all the same.
    if judgement is None and (aside := execution.spent.get("set_aside")):
        spent["spent"] |= {"set_aside": aside}
    return {
        "result": result,
        "form": form,
        "score": judged.get("score"),
        "scored_by": judged.get("model", ""),
        "score_parts": [part.to_json() for part in [*weighed, *_judge_part(judgement)]],
        **spent,
    }


def _judge_part(judgement: dict[str, Any] | None) -> list[Part]:
    if judgement is None:
        return []
    if "failed" in judgement:
        return [rubric.unjudged(judgement["failed"])]
    return [rubric.judged(judgement["score"], judgement["reason"], judgement["model"], judgement["cost_usd"])]


def _write(connection: Connection, execution: Execution, values: dict[str, Any]) -> None:
    """Write the scores; one that somebody gave by hand stays."""
    now = connection.execute(select(func.now())).scalar_one()
    finished = execution.finished_at or now
    if execution.override:
        values |= {name: execution.override[name] for name in ("score", "success")}
        values |= {"scored_by": execution.scored_by}
    connection.execute(
        update(executions_table)
        .where(executions_table.c.execution_id == execution.execution_id)
        .values(**values, finished_at=finished, duration_ms=_duration_ms(execution, finished))
    )
    example_writer.capture(connection, read(connection, execution.execution_id), actor=ACTOR)


def _duration_ms(execution: Execution, finished: dt.datetime) -> int:
    """Planning and executing; the time for which a plan waited for a person is no work."""
    planning = (execution.planned_at or execution.created_at) - execution.created_at
    executing = finished - (execution.started_at or execution.decided_at or finished)
    return round((planning + executing) / dt.timedelta(milliseconds=1))
