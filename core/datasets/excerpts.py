"""A few records of a frozen version, to look at."""

from core.datasets.rendering import CANONICAL, IN_ORDER, frozen_content, line_sql, run
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion, frozen
from core.db import Database


def first(db: Database, dataset: str | int | DatasetVersion, split: SplitName, limit: int = 3) -> list[str]:
    """The first records of a split, as lines of the canonical format. A record whose content is missing is left out."""
    version = frozen(db, dataset)
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    content = frozen_content(version.id, f"split = {NAMES.index(split)} ORDER BY position LIMIT {limit:d}")
    line = line_sql(version.choice.recipe, CANONICAL, version.rendered_by)
    with db.reading() as connection:
        run(connection, IN_ORDER)
        rows = run(connection, f"SELECT {line} FROM ({content}) AS c ORDER BY position")
    return [line for (line,) in rows if line is not None]
