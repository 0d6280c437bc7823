"""What a person needs to decide on a plan: what runs side by side, how long it takes, what it costs, on which facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from core.db import Database
from core.deployments.preferences import preferences_in
from core.orchestrator.material.context import Context
from core.orchestrator.planners import builtin
from core.orchestrator.plans import Plan, Step, levels
from core.orchestrator.records import Execution

NO_PAST_WORK = "No past work on this topic."

# By commands_status, backwards: so many of the latest commands are read, however many there are.
_TOOK = text("""
    SELECT agent, action,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)) AS seconds
    FROM (SELECT agent, action, started_at, finished_at FROM commands WHERE status = 'completed'
          ORDER BY id DESC LIMIT 5000) AS latest
    WHERE started_at IS NOT NULL AND finished_at IS NOT NULL GROUP BY agent, action
""")
# By executions_newest.
_COST = text("""
    SELECT avg((spent -> 'steps' ->> 'cost_usd')::numeric)
    FROM (SELECT spent, planner_model, status FROM executions ORDER BY created_at DESC, execution_id DESC LIMIT 500)
         AS latest
    WHERE status = 'completed' AND planner_model = :model
""")


@dataclass(frozen=True)
class Brief:
    """A plan in short. `facts` are those of the context that a step of the plan uses, as sentences."""

    #: The steps in groups; those of one group can run at the same time.
    levels: tuple[tuple[Step, ...], ...]
    #: From the median of each kind of step; None: a kind has never been carried out.
    seconds: float | None
    #: None: a model writes, and nothing like it has a known cost yet.
    cost_usd: Decimal | None
    facts: tuple[str, ...]
    #: By which rule the kind of work was found; "" where a person or a model said it.
    rule: str

    @property
    def reasons(self) -> tuple[str, ...]:
        """What to show as the reason for the plan; never empty."""
        found = self.facts or (NO_PAST_WORK,)
        return (*found, self.rule) if self.rule else found


def brief(db: Database, execution: Execution) -> Brief | None:
    """Return the plan of `execution` in short; None before there is one."""
    plan = execution.plan
    if plan is None:
        return None
    known = Context.of_json(execution.context) if execution.context else None
    with db.reading() as connection:
        took = {(row.agent, row.action): float(row.seconds) for row in connection.execute(_TOOK)}
        cost = _cost(connection)
    groups = levels(plan)
    return Brief(groups, _seconds(groups, took), cost, used_facts(plan, known) if known else (), builtin.taken_as(plan))


def _seconds(groups: tuple[tuple[Step, ...], ...], took: dict[tuple[str, str], float]) -> float | None:
    """Return the longest step of each group, one group after another."""
    kinds = {(step.agent, step.action) for group in groups for step in group}
    if not kinds <= took.keys():
        return None
    return sum(max(took[step.agent, step.action] for step in group) for group in groups)


def _cost(connection: Connection) -> Decimal | None:
    model = preferences_in(connection).planner_model
    if model is None:
        return Decimal(0)
    return connection.execute(_COST, {"model": str(model)}).scalar_one()


def used_facts(plan: Plan, known: Context) -> tuple[str, ...]:
    """Return the facts of the context that some step reads, each once: topic, past work, figures, platforms."""
    facts = [fact for step in plan.steps for fact in _used_by(step, known)]
    return tuple(sentence for _, sentence in sorted(dict.fromkeys(facts), key=lambda fact: fact[0]))


def _used_by(step: Step, known: Context) -> Iterator[tuple[int, str]]:
    """Return the facts behind one step, each with its place in the order."""
    payload = step.payload
    if step.agent == "market_insight" and payload.get("by") == "topic" and known.topic.n:
        yield 0, known.topic.note
    if step.agent == "content" and known.similar.n:
        yield 1, known.similar.note
    if step.agent == "content" and known.past.n:
        yield 2, known.past.note
    if step.agent == "financial":
        wanted = (payload.get("metric"),) if payload.get("metric") else ("ad_spend", "customers")
        for figure in filter(None, map(known.figures.named, map(str, wanted))):
            yield 3, f"{figure.period}: {figure.sentence}."
            yield from ((4, sentence) for sentence in known.business.about(figure.name))
    named = {str(payload["platform"])} if payload.get("platform") else {str(each) for each in _list(payload)}
    if step.agent in ("market_insight", "content"):
        for item in known.platforms.items:
            if item.name in named:
                yield 5, f"{item.name}: {item.views:,.0f} views on average (n {item.n})."
    if step.agent == "market_insight" and payload.get("by") == "platform" and not named and known.platforms.items:
        best = max(known.platforms.items, key=lambda item: item.views)
        yield (
            5,
            f"Of {len(known.platforms.items)} platforms, {best.name} has most views: {best.views:,.0f} (n {best.n}).",
        )


def _list(payload: dict[str, object]) -> list[object]:
    found = payload.get("platforms")
    return list(found) if isinstance(found, list) else []
