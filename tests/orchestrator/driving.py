"""Commands done one after another in the test's own thread, as a worker would."""

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select, text, update

from core.commands import claims
from core.commands import store as commands
from core.commands.handlers import CommandContext, Handler, Outcome
from core.commands.models import Claim, NewCommand
from core.db import Database
from core.db.tables import examples as examples_table
from core.db.tables import executions as executions_table
from core.db.tables import financial_metrics
from core.errors import CommandRefused, WhetstoneError
from core.examples import store as examples
from core.examples.store import Example
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request
from core.orchestrator.records import Execution
from core.runtime.agents import registry

#: The day that the demo company lives in. Not in the future, so that a request made now comes after its year.
TODAY = dt.date(2026, 11, 1)


def drive(
    db: Database, handlers: Mapping[str, Handler] | None = None, *, agents: Sequence[str] | None = None, most: int = 500
) -> int:
    """Do what can be done until nothing is left; how many commands that were."""
    handlers = handlers or registry()
    done = 0
    while done < most:
        claimed = claims.claim(db, worker="test", agents=agents, limit=10)
        if not claimed:
            break
        for claim in claimed:
            do(db, claim, handlers)
        done += len(claimed)
    return done


def do(db: Database, claim: Claim, handlers: Mapping[str, Handler]) -> None:
    """One command, as a worker does it; a failed attempt is tried again at once."""
    command = claim.command
    try:
        outcome = handlers[command.agent](CommandContext(db, claim))
        given = outcome if isinstance(outcome, Outcome) else Outcome(outcome)
        claims.complete(db, command.id, claim.token, given.result, then=given.then, within=given.within)
    except CommandRefused as refusal:
        claims.fail(db, command.id, claim.token, str(refusal), retry=False)
    except (Failing, WhetstoneError) as error:
        claims.fail(db, command.id, claim.token, str(error), backoff_s=0.0)


class Failing(Exception):
    """Raised by the agents that tests put in the place of ours."""


def submitted(
    db: Database, words: str = "Write a blog post about job scheduling for small workshops.", **more: object
) -> Execution:
    """A request, planned."""
    execution = executions.submit(db, Request(words, **more), actor="ada", again=True)  # type: ignore[arg-type]
    drive(db, agents=["orchestrator"])
    return queries.get(db, execution.execution_id)


def at(db: Database, execution_id: str, moment: dt.datetime) -> None:
    """Pretend that the request came at `moment`."""
    with db.begin() as connection:
        connection.execute(
            update(executions_table).where(executions_table.c.execution_id == execution_id).values(created_at=moment)
        )


def statuses(db: Database, execution_id: str) -> list[str]:
    """The audited states of an execution, in order."""
    query = text(
        "SELECT after->>'status' FROM audit_log WHERE subject = 'execution' AND action = 'execution'"
        " AND subject_id = :id ORDER BY id"
    )
    with db.connect() as connection:
        return list(connection.execute(query, {"id": execution_id}).scalars())


def ask(db: Database, agent: str, action: str, **payload: object) -> dict[str, Any]:
    """What an agent answers to a command of its own, outside of any execution."""
    command_id = commands.enqueue(db, NewCommand(agent, action, payload), actor="ada")
    drive(db, agents=[agent])
    done = commands.get(db, command_id)
    assert done.status == "completed", done.error
    return done.result


def refused(db: Database, agent: str, action: str, **payload: object) -> str:
    """Why a command failed; without a retry."""
    command_id = commands.enqueue(db, NewCommand(agent, action, payload), actor="ada")
    drive(db, agents=[agent])
    done = commands.get(db, command_id)
    assert (done.status, done.attempt) == ("failed", 1)
    return done.error or ""


def record_figures(db: Database, name: str, values: Sequence[float], *, currency: str | None = "USD") -> None:
    """One value a month, the last for last month; each recorded when its month was over."""
    this_month = dt.datetime.now(dt.UTC).date().replace(day=1)
    rows = []
    for back, value in enumerate(reversed(values), start=1):
        first = month_before(this_month, back)
        last = month_before(this_month, back - 1) - dt.timedelta(days=1)
        rows.append(
            {
                "metric_type": name,
                "metric_value": value,
                "currency": currency,
                "period_start": first,
                "period_end": last,
                "recorded_at": dt.datetime.combine(last, dt.time(), dt.UTC) + dt.timedelta(days=1),
            }
        )
    with db.begin() as connection:
        connection.execute(financial_metrics.insert(), rows)


def month_before(month: dt.date, count: int) -> dt.date:
    """The first day of the month so many months earlier."""
    months = month.year * 12 + month.month - 1 - count
    return dt.date(months // 12, months % 12 + 1, 1)


def example_of(db: Database, execution_id: str) -> Example:
    """What the execution became."""
    with db.connect() as connection:
        (key,) = connection.execute(
            select(examples_table.c.id).where(examples_table.c.execution_id == execution_id)
        ).scalars()
    return examples.get(db, key)


def at_once(acts: Sequence[Callable[[], None]]) -> None:
    """All of them in threads of their own, begun together."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        barrier.wait()
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
