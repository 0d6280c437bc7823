"""The month's budget for fine-tuning and judging: what was spent, what jobs may still cost, and what is left."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection, bindparam, text

from core import workspace_settings
from core.db import Database
from core.errors import ConfigurationError
from core.money import dollars
from core.tuning.providers.protocol import OPEN, Estimate, Obstacle

_KEY = "tuning_budget_usd"
_MOST = Decimal(10_000_000)

# A month is one of UTC, and a job belongs to the month in which it was sent. Of what was cancelled, or given up while
# nobody knew whether it had begun, the provider may charge as much as was estimated, until it says what it did charge.
_SPENT = text("""
    SELECT coalesce(sum(actual_cost) FILTER (WHERE is_this_month), 0) AS spent,
           coalesce(sum(most) FILTER (WHERE may_cost), 0) AS reserved,
           count(*) FILTER (WHERE may_cost AND most IS NULL) AS unknown
    FROM (
        SELECT actual_cost, coalesce(estimated_cost_high, estimated_cost) AS most, is_this_month,
               actual_cost IS NULL AND (state IN :open OR (is_this_month AND submitted_at IS NOT NULL AND
                   (state IN ('succeeded', 'cancelled') OR error_code = :given_up))) AS may_cost
        FROM (SELECT *, coalesce(submitted_at, created_at) >= date_trunc('month', now()) AS is_this_month
              FROM fine_tuning_jobs WHERE state <> 'legacy') AS jobs
    ) AS counted
""").bindparams(bindparam("open", expanding=True))

# What a model took for scoring what the orchestrator carried out.
_JUDGED = text("""
    SELECT coalesce(sum((spent->'judging'->>'cost_usd')::numeric), 0) AS spent,
           count(*) FILTER (WHERE spent->'judging'->>'cost_usd' IS NULL) AS unknown
    FROM executions
    WHERE spent ? 'judging' AND cost_usd IS DISTINCT FROM 0 AND finished_at >= date_trunc('month', now())
""")

# What was set aside for judgements that are under way, or whose execution never came to be completed.
_SET_ASIDE = text("""
    SELECT coalesce(sum((spent->'set_aside'->>'cost_usd')::numeric), 0) FROM executions
    WHERE spent ? 'set_aside' AND (spent->'set_aside'->>'at')::timestamptz >= date_trunc('month', now())
""")
# In place of what an earlier try of the same had set aside: there the answer was never kept.
_SET = text("""
    UPDATE executions SET spent = spent || jsonb_build_object(
        'set_aside', jsonb_build_object('cost_usd', CAST(:most AS text), 'at', now()))
    WHERE execution_id = :execution_id
""")
_UNSET = text("UPDATE executions SET spent = spent - 'set_aside' WHERE execution_id = :execution_id")
_SETTLE = text("""
    UPDATE executions SET spent = jsonb_set(spent, '{set_aside,cost_usd}', to_jsonb(CAST(:cost AS text)))
    WHERE execution_id = :execution_id AND spent ? 'set_aside'
""")

#: The code of a job that was given up while nobody knew whether the provider had begun it.
GIVEN_UP = "given_up"


@dataclass(frozen=True)
class Budget:
    """Money in US dollars. `monthly_usd` None: there is no limit."""

    monthly_usd: Decimal | None
    #: What this month's jobs and judgements did cost.
    spent_usd: Decimal
    #: The most that may still come of jobs that run, or of which the provider has not said what it charged, and of
    #: judgements under way.
    reserved_usd: Decimal
    #: Jobs among those of which no price is known: the figures do not hold them.
    unknown_jobs: int
    #: What of `spent_usd` went into judging what the orchestrator carried out.
    judged_usd: Decimal = Decimal(0)
    #: Judgements among them of which no price is known: the figures do not hold them.
    unknown_judgements: int = 0

    @property
    def left_usd(self) -> Decimal | None:
        """What is left of the month's budget, 0 at least; None without a limit."""
        if self.monthly_usd is None:
            return None
        return max(self.monthly_usd - self.spent_usd - self.reserved_usd, Decimal(0))


def budget(db: Database) -> Budget:
    """Return what this month's budget is, and what became of it."""
    with db.connect() as connection:
        return budget_in(connection)


def budget_in(connection: Connection) -> Budget:
    """Return the same inside the caller's transaction."""
    row = connection.execute(_SPENT, {"open": list(OPEN), "given_up": GIVEN_UP}).one()
    judged = connection.execute(_JUDGED).one()
    limit = workspace_settings.read(connection, _KEY, "")
    return Budget(
        monthly_usd=Decimal(limit) if limit else None,
        spent_usd=row.spent + judged.spent,
        reserved_usd=row.reserved + connection.execute(_SET_ASIDE).scalar_one(),
        unknown_jobs=row.unknown,
        judged_usd=judged.spent,
        unknown_judgements=judged.unknown,
    )


def set_budget(db: Database, usd: Decimal | float | str | None, *, actor: str, reason: str) -> bool:
    """Allow this much a month, in US dollars; None: without a limit. Whether that changed anything.

    Raises `ConfigurationError` for what is no amount. Jobs that run go on.
    """
    wanted = "" if usd is None else str(_amount(usd))
    with db.begin() as connection:
        lock(connection)
        return workspace_settings.write(connection, _KEY, wanted, "", actor=actor, reason=reason)


def lock(connection: Connection) -> None:
    """One after another until the end of the transaction: two jobs that fit alone may not fit together."""
    workspace_settings.lock(connection, _KEY)


def obstacle(estimate: Estimate, now: Budget, *, confirmed: bool = False) -> Obstacle | None:
    """Return what stands against a job of this estimate; with `confirmed` it is said, and blocks nothing."""
    if now.monthly_usd is None or now.left_usd is None:
        return None
    most = estimate.cost_high if estimate.cost_high is not None else estimate.cost_low
    if most == 0 or (most is not None and most <= now.left_usd):
        return None
    costs = "Nobody knows what this job costs" if most is None else f"This job may cost {dollars(most)}"
    return Obstacle(
        "over_budget",
        f"{costs}; of this month's budget of {dollars(now.monthly_usd)}, {dollars(now.left_usd)} is left.",
        "Confirm a second time that it may cost this much, raise the budget, or choose less data or fewer epochs.",
        blocks=not confirmed,
    )


def set_aside(db: Database, execution_id: str, most: Decimal | None) -> str:
    """Set aside the most that judging this execution may cost; "" when it is, else why it may not be judged.

    One after another: of two judgements that fit alone and not together, the second finds the first set aside. `most`
    None: no price is known, so nothing can be set aside, and it may be judged while anything is left.
    """
    if most == 0:
        return ""
    with db.begin() as connection:
        lock(connection)
        connection.execute(_UNSET, {"execution_id": execution_id})
        why = _judging_obstacle(budget_in(connection), most)
        if not why and most is not None:
            connection.execute(_SET, {"execution_id": execution_id, "most": str(most)})
    return why


def settle(db: Database, execution_id: str, cost: Decimal | str | None) -> None:
    """Give back what a judgement did not take of what was set aside; all stays aside where its cost is not known.

    What is left of it goes when the execution is completed: then the cost itself is written down.
    """
    if cost is not None:
        with db.begin() as connection:
            connection.execute(_SETTLE, {"execution_id": execution_id, "cost": str(cost)})


def _judging_obstacle(now: Budget, most: Decimal | None) -> str:
    if now.left_usd is None or now.monthly_usd is None:
        return ""
    advice = "which judging counts in; raise it on the page Fine-tuning, or give the score yourself."
    if now.left_usd == 0:
        return f"Nothing is left of this month's budget of {dollars(now.monthly_usd)}, {advice}"
    if most is not None and most > now.left_usd:
        return (
            f"Judging it may cost {dollars(most)}, and {dollars(now.left_usd)} is left of this month's budget of "
            f"{dollars(now.monthly_usd)}, {advice}"
        )
    return ""


def _amount(usd: Decimal | float | str) -> Decimal:
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= _MOST):
        raise ConfigurationError(f"{usd!r} is no budget; write US dollars a month, as in 50 or 99.50.")
    return amount
