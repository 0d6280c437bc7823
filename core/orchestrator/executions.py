"""Executions: submit a request, decide on its plan, stop it, take it up again, overrule its score.

Whoever presses twice, or in two windows, does it once: each act locks the execution, and what is done already is told
by a `Conflict` that says who did it and when. Every step from one state to the next is in the audit log.
"""

import uuid
from typing import Any, NoReturn

from sqlalchemy import Connection, func, select, update

from core import audit
from core.access import refuse_same_person
from core.commands import store as commands
from core.commands import verbs
from core.commands.filters import CommandFilter
from core.commands.models import NewCommand
from core.db import Database
from core.db.tables import examples as examples_table
from core.db.tables import executions
from core.errors import Conflict, Duplicate, RequestRefused
from core.examples import store as examples
from core.orchestrator import example_writer
from core.orchestrator.agents import SHAPE
from core.orchestrator.planners.intents import KNOWN
from core.orchestrator.plans import MOST_INTENT, Plan, Request, order, parse, to_json
from core.orchestrator.queries import get
from core.orchestrator.records import Execution, Status, read
from core.settings import get_settings

#: The agent whose commands plan, score and close.
ORCHESTRATOR = "orchestrator"
#: The same request within this many seconds is asked about.
AGAIN_AFTER_S = 60
#: As much as the full-text index of requests takes for certain.
MOST_REQUEST = 1 << 17
_MOST_SHORT = 500
_MOST_PLATFORMS = 12


def submit(db: Database, request: Request, *, actor: str, again: bool = False) -> Execution:
    """Take a request: it is planned by the next free worker.

    Raises `Duplicate` with the execution's id when the same was asked for within a minute, unless `again`, and
    `RequestRefused` for what cannot be stored.
    """
    _refuse_unfit(request)
    execution_id = str(uuid.uuid4())
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason="submitted")
        if not again:
            _refuse_repeat(connection, request)
        connection.execute(
            executions.insert().values(
                execution_id=execution_id,
                request=request.text.strip(),
                intent=(request.intent or "").strip(),
                constraints=request.constraints.strip(),
                platforms=[name.strip() for name in request.platforms],
                audience=request.audience.strip(),
                created_by=actor,
            )
        )
        commands.enqueue_in(connection, _own_command(execution_id, "plan"), actor=actor)
        return read(connection, execution_id)


def _own_command(execution_id: str, action: str, waits_for: tuple[int, ...] = ()) -> NewCommand:
    return NewCommand(
        agent=ORCHESTRATOR,
        action=action,
        payload={"execution_id": execution_id},
        run=execution_id,
        waits_for=waits_for,
    )


def _refuse_unfit(request: Request) -> None:
    texts = {
        "The request": (request.text, MOST_REQUEST),
        "The intent": (request.intent or "", MOST_INTENT),
        "What to keep to": (request.constraints, MOST_REQUEST),
        "The audience": (request.audience, _MOST_SHORT),
        **{f"The platform {number}": (name, _MOST_SHORT) for number, name in enumerate(request.platforms, start=1)},
    }
    if not request.text.strip():
        raise RequestRefused("The request is empty; write in a sentence what should be done.")
    if len(request.platforms) > _MOST_PLATFORMS or not all(name.strip() for name in request.platforms):
        raise RequestRefused(f"Name at most {_MOST_PLATFORMS} platforms, each with its name.")
    for what, (text, most) in texts.items():
        if len(text) > most:
            raise RequestRefused(f"{what} has {len(text):,} characters; at most {most:,} are possible. Shorten it.")
        if "\0" in text or any(0xD800 <= ord(sign) <= 0xDFFF for sign in text):
            raise RequestRefused(f"{what} holds a character that cannot be stored (NUL, or half of a pair).")


def _refuse_repeat(connection: Connection, request: Request) -> None:
    key = func.request_group(request.text.strip())
    # Two presses at once: the second waits here and then finds the first.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(func.cast(key, _TEXT), 7))))
    since = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, AGAIN_AFTER_S)
    earlier = connection.execute(
        select(executions.c.execution_id, executions.c.created_by, executions.c.created_at)
        .where(executions.c.request_key == key, executions.c.created_at > since)
        .order_by(executions.c.created_at.desc())
        .limit(1)
    ).one_or_none()
    if earlier:
        raise Duplicate(
            f"The same was asked for by {earlier.created_by} at {earlier.created_at:%H:%M:%S} UTC. "
            "Open that execution, or say that it is to be done again.",
            earlier.execution_id,
        )


_TEXT = executions.c.request.type


def approve(db: Database, execution_id: str, *, actor: str, reason: str = "", plan: Plan | None = None) -> Execution:
    """Let the plan be carried out; with `plan`, an edited one in its place.

    Raises `InvalidPlan` saying step by step what cannot be run, `Conflict` with who decided and when if that was done
    already, and with WHETSTONE_FOUR_EYES `NotAllowed` for who submitted it; then nothing changed.
    """
    checked = None if plan is None else parse(to_json(plan), SHAPE)
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason=reason)
        execution = read(connection, execution_id, lock=True)
        _expect(execution, "pending_approval", "approved")
        if get_settings().four_eyes:
            refuse_same_person(execution.created_by, actor)
        _decide(connection, execution_id, "approved", actor=actor, reason=reason)
        chosen = checked or execution.plan
        assert chosen is not None, "an execution that waits for approval has a plan"
        start(connection, execution_id, chosen, actor=actor)
        if checked is not None and checked != execution.plan:
            _replace_plan(connection, execution, checked, actor=actor, reason=reason)
        return read(connection, execution_id)


def _replace_plan(connection: Connection, execution: Execution, plan: Plan, *, actor: str, reason: str) -> None:
    before = None if execution.plan is None else to_json(execution.plan)
    note = " ".join(filter(None, (execution.plan_note, f"Edited by {actor} before it was approved.")))
    connection.execute(
        update(executions)
        .where(executions.c.execution_id == execution.execution_id)
        .values(plan=to_json(plan), plan_note=note, intent=plan.intent)
    )
    audit.record(
        connection,
        actor=actor,
        action="edit plan",
        subject="execution",
        subject_id=execution.execution_id,
        before={"plan": before},
        after={"plan": to_json(plan)},
        reason=reason,
        row_count=1,
    )
    example_writer.capture(connection, read(connection, execution.execution_id), actor=actor)


def start(connection: Connection, execution_id: str, plan: Plan, *, actor: str) -> None:
    """Queue the steps of an approved plan, each behind those it needs, and the scoring behind all of them."""
    queued: dict[str, int] = {}
    for step in order(plan):
        new = NewCommand(
            agent=step.agent,
            action=step.action,
            payload=step.payload,
            run=execution_id,
            step=step.id,
            waits_for=tuple(queued[id_] for id_ in step.depends_on),
        )
        queued[step.id] = commands.enqueue_in(connection, new, actor=actor)
    commands.enqueue_in(connection, _own_command(execution_id, "score", tuple(queued.values())), actor=actor)


def reject(db: Database, execution_id: str, *, actor: str, reason: str) -> Execution:
    """Refuse the plan. It stays as a negative example, so the reason is asked for."""
    if not reason.strip():
        raise RequestRefused("Say in a few words why the plan is rejected; the reason is kept with the example.")
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason=reason)
        _expect(read(connection, execution_id, lock=True), "pending_approval", "rejected")
        _decide(connection, execution_id, "rejected", actor=actor, reason=reason, finished_at=func.now(), success=False)
        rejected = read(connection, execution_id)
        example_writer.capture(connection, rejected, actor=actor)
        return rejected


def cancel(db: Database, execution_id: str, *, actor: str, reason: str = "") -> Execution:
    """Stop it, whatever it is at. What was done is kept; a step that is running is asked to stop."""
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason=reason)
        execution = read(connection, execution_id, lock=True)
        if not execution.is_open:
            _already(execution, "cancelled")
        _set_status(connection, execution_id, "cancelled", finished_at=func.now())
        if execution.status == "pending_approval":
            example_writer.capture(connection, read(connection, execution_id), actor=actor)
    # Not in the same transaction: locks go from command to execution. Should the process end here, the agents see
    # that the execution is cancelled and refuse its commands.
    verbs.cancel(db, CommandFilter(run=execution_id), actor=actor, reason=reason or "its execution was cancelled")
    return get(db, execution_id)


def resume(db: Database, execution_id: str, *, actor: str, reason: str = "") -> Execution:
    """Take a failed execution up again at what failed; what is done is not done again.

    Raises `Conflict` if it did not fail, or if its commands are gone from the queue.
    """
    execution = get(db, execution_id)
    if execution.status != "failed":
        _already(execution, "resumed")
    chosen = CommandFilter(run=execution_id, statuses=("failed", "cancelled"))
    change = verbs.retry(db, chosen, actor=actor, reason=reason or "its execution was resumed")
    if not change.changed:
        raise Conflict(
            f"Nothing of execution {execution_id} can be taken up: its failed commands are gone from the queue, or "
            "somebody resumed it just now. Submit the request again if it still stands as failed."
        )
    return get(db, execution_id)


def go_on_as(db: Database, execution_id: str, kind: str, *, actor: str) -> Execution:
    """Say what kind of work a request is that was not understood, and have it planned as that.

    Raises `Conflict` for one that was understood, or that somebody else took up meanwhile.
    """
    kind = kind.strip()
    if not kind or len(kind) > MOST_INTENT:
        raise RequestRefused(f"Name a kind of work, such as one of {', '.join(KNOWN)}.")
    reason = f"taken as {kind}"
    with db.begin() as connection:
        execution = read(connection, execution_id, lock=True)
        if not execution.is_not_understood:
            _already(execution, "taken as another kind of work")
        connection.execute(update(executions).where(executions.c.execution_id == execution_id).values(intent=kind))
        audit.record(
            connection,
            actor=actor,
            action="say kind",
            subject="execution",
            subject_id=execution_id,
            before={"intent": execution.intent},
            after={"intent": kind},
            reason=reason,
            row_count=1,
        )
    return resume(db, execution_id, actor=actor, reason=reason)


def override_score(
    db: Database, execution_id: str, *, score: float | None, success: bool | None, actor: str, reason: str
) -> Execution:
    """Overrule score (0.0 to 1.0) and success, on the execution and on its example. Needs a reason."""
    if score is not None and not 0.0 <= score <= 1.0:
        raise RequestRefused(f"The score must be between 0 and 1, not {score}.")
    if not reason.strip():
        raise RequestRefused("Add a short reason for the new score.")
    with db.begin() as connection:
        execution = read(connection, execution_id, lock=True)
        if execution.is_open:
            raise Conflict(
                f"Execution {execution_id} is {_word(execution.status)}; it can be scored once it has ended."
            )
        was = {"score": execution.score, "success": execution.success}
        new = {"score": score, "success": success}
        now = connection.execute(select(func.now())).scalar_one()
        connection.execute(
            update(executions)
            .where(executions.c.execution_id == execution_id)
            .values(
                **new,
                scored_by="" if score is None and success is None else actor,
                override={**new, "actor": actor, "reason": reason, "at": now.isoformat(), "replaced": was},
            )
        )
        audit.record(
            connection,
            actor=actor,
            action="score",
            subject="execution",
            subject_id=execution_id,
            before=was,
            after=new,
            reason=reason,
            row_count=1,
        )
        example_id = example_of(connection, execution_id)
        if example_id is not None:
            examples.set_score_in(connection, example_id, score=score, success=success, actor=actor, reason=reason)
        return read(connection, execution_id)


def judge_answer(db: Database, execution_id: str, *, answered: bool, actor: str) -> Execution:
    """Keep a person's yes or no to "Did this answer the request?" as its success. The score stays as it is.

    Raises `Conflict` before the execution has ended.
    """
    said = "It answered the request." if answered else "It did not answer the request."
    score = get(db, execution_id).score
    return override_score(db, execution_id, score=score, success=answered, actor=actor, reason=said)


def example_of(connection: Connection, execution_id: str) -> int | None:
    """Return the example that the execution became; None before there was a plan."""
    return connection.execute(
        select(examples_table.c.id).where(examples_table.c.execution_id == execution_id)
    ).scalar_one_or_none()


def example_id(db: Database, execution_id: str) -> int | None:
    """Return the example that the execution became, for who wants to open it; None before there was a plan."""
    with db.connect() as connection:
        return example_of(connection, execution_id)


def _decide(
    connection: Connection, execution_id: str, status: Status, *, actor: str, reason: str, **values: Any
) -> None:
    _set_status(
        connection, execution_id, status, decided_at=func.now(), decided_by=actor, decision_reason=reason, **values
    )


def _set_status(connection: Connection, execution_id: str, status: Status, **values: Any) -> None:
    connection.execute(
        update(executions).where(executions.c.execution_id == execution_id).values(status=status, **values)
    )


def _expect(execution: Execution, status: Status, act: str) -> None:
    if execution.status != status:
        _already(execution, act)


def _already(execution: Execution, act: str) -> NoReturn:
    at = execution.decided_at
    decided = f" {execution.decided_by} decided on it at {at:%Y-%m-%d %H:%M:%S} UTC." if at else ""
    raise Conflict(
        f"Execution {execution.execution_id} cannot be {act}: it is {_word(execution.status)}.{decided} "
        "Nothing was changed; look at it as it is now."
    )


def _word(status: Status) -> str:
    return "waiting for approval" if status == "pending_approval" else status
