"""What a workspace has been used for so far: the way from its first examples to a model of its own."""

from dataclasses import dataclass

from sqlalchemy import exists, select

from core.db import Database
from core.db.tables import datasets, deployments, examples, tag_changes, tuning_jobs


@dataclass(frozen=True)
class FirstSteps:
    """Which steps were taken at least once, in the order in which they are usually taken."""

    imported: bool
    tagged: bool
    frozen: bool
    trained: bool
    deployed: bool

    @property
    def done(self) -> int:
        return sum((self.imported, self.tagged, self.frozen, self.trained, self.deployed))

    @property
    def is_complete(self) -> bool:
        return self.done == len(self.__dataclass_fields__)


def taken(db: Database) -> FirstSteps:
    """Look for one of each; a row is enough, so this takes no longer for millions."""
    query = select(
        exists().where(examples.c.withdrawn_at.is_(None)),
        exists().where(tag_changes.c.id.is_not(None)),
        exists().where(datasets.c.status == "frozen"),
        exists().where(tuning_jobs.c.state == "succeeded"),
        exists().where(deployments.c.id.is_not(None)),
    )
    with db.reading() as connection:
        return FirstSteps(*connection.execute(query).one())
