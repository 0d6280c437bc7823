"""Mining as it is asked for: at once, as a command of the queue, or after every so many executions."""

from collections.abc import Callable, Mapping
from typing import Any

from core.commands.handlers import CommandContext, Registry, by_action
from core.commands.handlers import Outcome as Done
from core.commands.models import NewCommand
from core.commands.store import enqueue
from core.db import Database
from core.errors import CommandRefused, InvalidFilter
from core.examples.filters import Filter, parse
from core.patterns import store
from core.patterns.fields import GOOD_FROM
from core.patterns.store import Run

AGENT = "patterns"
#: What is going on, and which share of it is done. What it raises ends the mining.
Tell = Callable[[str, float], None]
#: What is mined when nobody chose: no tests and no development work, which are tagged as such.
DEFAULT = Filter(exclude_tags=("DEVELOPMENT", "EXCLUDE", "TEST"))
#: Executions after which the patterns are mined again.
EVERY = 50


def mine(
    db: Database,
    chosen: Filter = DEFAULT,
    *,
    threshold: float = GOOD_FROM,
    actor: str,
    reason: str = "",
    tell: Tell = lambda _what, _share: None,
) -> Run:
    """Look for patterns among the examples of the filter, and keep what is found. What `tell` raises ends it, with
    everything as it was.
    """
    from core.patterns.items import read  # their libraries take a second to load
    from core.patterns.mining import find

    tell("reading the examples", 0.0)
    basket = read(db, chosen)
    found = find(basket, threshold=threshold, tell=tell)
    return store.keep(db, found, chosen, threshold, actor=actor, reason=reason)


def request(db: Database, chosen: Filter = DEFAULT, *, threshold: float = GOOD_FROM, actor: str) -> int:
    """Have a worker mine; the id of the command, or of the one that waits already."""
    payload = {"filter": chosen.canonical(), "threshold": threshold}
    return enqueue(db, _command(payload), actor=actor)


def due(db: Database, *, every: int = EVERY) -> list[NewCommand]:
    """Return the command to mine once `every` executions have ended since the last run; nothing while it is not due,
    and before the first run, which a person asks for.
    """
    ended = store.ended_since(db)
    if ended is None or ended < every:
        return []
    return [_command({"filter": DEFAULT.canonical(), "threshold": GOOD_FROM})]


def _command(payload: Mapping[str, Any]) -> NewCommand:
    return NewCommand(AGENT, "mine", payload, dedupe_key="patterns mine", max_attempts=2)


def registry() -> Registry:
    """Return the handler of the agent `patterns`."""
    return {AGENT: by_action(AGENT, {"mine": _mine})}


def _mine(work: CommandContext) -> Done:
    payload = work.command.payload
    try:
        chosen = parse(payload.get("filter") or {}) if "filter" in payload else DEFAULT
        threshold = float(payload.get("threshold", GOOD_FROM))
    except (InvalidFilter, TypeError, ValueError) as error:
        raise CommandRefused(f"The command cannot be understood: {error}") from None
    if not 0 <= threshold <= 1:
        raise CommandRefused(f"{threshold} is no quality; it is from 0 to 1.")

    def tell(what: str, share: float) -> None:
        """Keep a step, so that whoever looks at the command sees how far it is. Ends the mining when it is to end."""
        work.step(what, lambda: share)

    run = mine(work.db, chosen, threshold=threshold, actor=work.command.created_by, tell=tell)
    return Done(
        {
            "run": run.id,
            "discovered": run.discovered,
            "validated": run.validated,
            "decayed": run.decayed,
            "refused": run.refused,
        }
    )
