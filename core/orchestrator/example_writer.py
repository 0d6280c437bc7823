"""What an execution becomes: an example under the same id, written with its plan and completed when it ends."""

from typing import Any

import orjson
from sqlalchemy import Connection, func, update

from core.db.tables import examples
from core.examples import tagging
from core.examples.importing.capture import save_in
from core.orchestrator.material import context as contexts
from core.orchestrator.plans import to_json
from core.orchestrator.records import Execution

SOURCE_AGENT = "orchestrator"
#: Tags of plans that were not carried out; the first are negative examples.
TAGS = {"rejected": "REJECTED", "cancelled": "CANCELLED"}


def capture(connection: Connection, execution: Execution, *, actor: str) -> int | None:
    """Write or complete the example in the caller's transaction; None while there is no plan to learn from."""
    if execution.plan is None:
        return None
    saved = save_in(connection, record_of(execution), actor=actor)
    # It is no answer to learn from until a person or a judge has said what it is worth; that it failed says nothing.
    judgement = "failed" if execution.status == "failed" else "needed"
    waits = func.coalesce(examples.c.judgement, "").not_in(["approved", judgement])
    connection.execute(update(examples).where(examples.c.id == saved.id, waits).values(judgement=judgement))
    tag = TAGS.get(execution.status)
    if tag:
        reason = execution.decision_reason or f"the execution was {execution.status}"
        tagging.add_tags_in(connection, [saved.id], [tag], actor=actor, reason=reason)
    return saved.id


def record_of(execution: Execution) -> dict[str, Any]:
    """Return the fields of the example."""
    known = contexts.Context.of_json(execution.context) if execution.context else None
    # What was asked to be kept to, and the latest figures of the business.
    asked = {
        "topic": known.topic.name if known else "",
        "audience": execution.audience,
        "platforms": execution.platforms,
        "constraints": execution.constraints,
    }
    figures = {figure.name: figure.value for figure in known.figures.items} if known else {}
    return {
        "execution_id": execution.execution_id,
        "user_request": execution.request,
        "intent": execution.intent,
        "business_state": {**{name: value for name, value in asked.items() if value}, **figures},
        "context": known.brief() if known else None,
        "execution_plan": plan_text(execution),
        "execution_result": (execution.result or {}).get("text"),
        "quality_score": execution.score,
        "success": execution.success,
        "created_at": execution.created_at,
        "source_agent": SOURCE_AGENT,
        "source_model": execution.plan_source,
        "execution_time_ms": execution.duration_ms,
    }


def plan_text(execution: Execution) -> str | None:
    """Return the plan as the text that a model learns to write."""
    return None if execution.plan is None else orjson.dumps(to_json(execution.plan)).decode()
