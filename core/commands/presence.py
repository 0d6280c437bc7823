"""Who works on commands: one row a worker and workspace, which every heartbeat renews."""

import os
import socket
from collections.abc import Sequence

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert

from core.db import Database
from core.db.tables import workers


def seen(db: Database, name: str, *, threads: int, agents: Sequence[str], running: int) -> None:
    """Note that the worker lives and has `running` commands of this workspace in hand."""
    values = {"name": name, "host": socket.gethostname(), "pid": os.getpid(), "threads": threads}
    statement = insert(workers).values(**values, agents=list(agents), running=running)
    with db.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[workers.c.name],
                set_={"seen_at": func.now(), "running": running, "stopped_at": None, "agents": list(agents)},
            )
        )


def stopped(db: Database, name: str) -> None:
    """Note that the worker ended as it should."""
    with db.begin() as connection:
        connection.execute(update(workers).where(workers.c.name == name).values(stopped_at=func.now(), running=0))


def forget(db: Database, days: int) -> None:
    """Remove the rows of workers that were last heard of more than `days` days ago."""
    with db.begin() as connection:
        connection.execute(
            text("DELETE FROM workers WHERE coalesce(stopped_at, seen_at) < now() - make_interval(days => :days)"),
            {"days": days},
        )
