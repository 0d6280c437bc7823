"""What stands in a choice of commands, counted: for whoever is about to act on it."""

from collections.abc import Mapping

from sqlalchemy import func, select, text

from core.commands.filters import CommandFilter, where
from core.commands.models import STATUSES, Status
from core.commands.rules import LEASE_S
from core.commands.verbs import Verb
from core.db import Database
from core.db.tables import command_events, commands

#: The statuses in which a command can take a verb; `verbs` may still refuse one of them, and says why.
ABLE: Mapping[Verb, tuple[Status, ...]] = {
    "resume": ("paused", "running"),  # a running one may have been asked to pause
    "pause": ("pending", "running"),
    "cancel": ("pending", "running", "paused"),
    "retry": ("failed", "cancelled"),
    "delete": ("pending", "completed", "failed", "paused", "cancelled"),
}


def version(db: Database) -> int:
    """Return a number that grows with everything that happens to commands; the end of an index, so asking costs
    nothing.
    """
    with db.reading() as connection:
        return connection.execute(select(func.coalesce(func.max(command_events.c.id), 0))).scalar_one()


def by_status(db: Database, chosen: CommandFilter) -> dict[Status, int]:
    """How many of the choice are in which status; every status is named."""
    query = select(commands.c.status, func.count()).where(where(chosen)).group_by(commands.c.status)
    with db.reading() as connection:
        found = {row[0]: row[1] for row in connection.execute(query)}
    return {status: found.get(status, 0) for status in STATUSES}


# A worker that lives names its agents. An agent of the outside has no row there, but holds a lease while it works.
_UNSERVED = text("""
    SELECT agent, count(*) FROM commands
    WHERE status = 'pending' AND waits = 0 AND not_before <= now()
      AND agent <> ALL (SELECT unnest(agents) FROM workers
                        WHERE stopped_at IS NULL AND seen_at > now() - make_interval(secs => :lease))
      AND agent <> ALL (SELECT agent FROM commands WHERE status = 'running')
    GROUP BY agent ORDER BY agent
""")


def unserved(db: Database) -> dict[str, int]:
    """Agents for which commands are ready and nobody is there to take them, with the number of commands."""
    with db.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(_UNSERVED, {"lease": LEASE_S})}
