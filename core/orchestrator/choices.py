"""What a person can choose from and decide on: platforms to name, and how many plans wait."""

from sqlalchemy import func, select, text

from core.db import Database
from core.db.tables import executions

_PLATFORMS = text(
    "SELECT platform FROM orchestrator_published_posts WHERE platform <> '' GROUP BY platform"
    " ORDER BY count(*) DESC, platform LIMIT 50"
)


def platforms(db: Database) -> list[str]:
    """The platforms the company has published on, the most used first; others may be named as well."""
    with db.reading() as connection:
        return list(connection.execute(_PLATFORMS).scalars())


def waiting(db: Database) -> int:
    """How many plans wait for a decision; from the index of states, so that every page can ask."""
    query = select(func.count()).select_from(executions).where(executions.c.status == "pending_approval")
    with db.reading() as connection:
        return connection.execute(query).scalar_one()
