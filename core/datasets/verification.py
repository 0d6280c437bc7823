"""Verifying: every record of a frozen version is rendered again and held against the hash it was frozen with."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, update

from core.datasets.manifests import root_hash
from core.datasets.rendering import ANY_ORDER, CANONICAL, IN_ORDER, frozen_content, line_sql, run
from core.datasets.versions import DatasetVersion, frozen
from core.db import Database
from core.db.tables import datasets

#: Records held against their hashes by one statement.
BATCH = 50_000
#: Problems that are named one by one.
FIRST = 20


@dataclass(frozen=True)
class Problem:
    """A record that is not what was frozen. `what` is a sentence."""

    position: int
    example_id: int
    what: str


@dataclass(frozen=True)
class Verification:
    """What was found. `problems` are the first of `wrong` records; `faults` concern the version as a whole."""

    label: str
    rows: int
    wrong: int
    root_hash: str
    faults: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.faults and not self.wrong


def verify(
    db: Database, dataset: str | int | DatasetVersion, progress: Callable[[int], None] | None = None
) -> Verification:
    """Render the whole version again and compare. `progress` is told the records done; success is noted with its time.

    Raises `DatasetRefused` for a version that is not frozen or was rendered by another renderer.
    """
    version = frozen(db, dataset)
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    wrong, problems = 0, []
    with db.begin() as connection:
        rows, last = run(
            connection,
            f"SELECT count(*), coalesce(max(position), 0) FROM dataset_members WHERE dataset_id = {version.id}",
        )[0]
        found_root = root_hash(connection, version.id).hex()
        for start in range(0, last, BATCH):
            number, first = _wrong_records(connection, version, start)
            wrong += number
            problems += first
            if progress:
                progress(min(start + BATCH, last))
        faults = []
        if rows != version.example_count or last != rows:
            faults.append(f"It has {rows:,} records up to position {last:,}; {version.example_count:,} were frozen.")
        if found_root != version.root_hash:
            faults.append("The list of its records is not the one that was frozen: the root hash differs.")
        frozen_pairs = (version.manifest or {}).get("pairs", {}).get("all", 0)  # none where they were not known yet
        count = run(connection, f"SELECT count(*) FROM dataset_pairs WHERE dataset_id = {version.id:d}")[0][0]
        if count != frozen_pairs:
            faults.append(f"It has {count:,} pairs; {frozen_pairs:,} were frozen.")
        verification = Verification(version.label, rows, wrong, found_root, tuple(faults), tuple(problems[:FIRST]))
        if verification.ok:
            connection.execute(update(datasets).where(datasets.c.id == version.id).values(verified_at=func.now()))
    return verification


def _wrong_records(connection: Connection, version: DatasetVersion, start: int) -> tuple[int, list[Problem]]:
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    line = line_sql(version.choice.recipe, CANONICAL, version.rendered_by)
    content = frozen_content(version.id, f"position > {start} AND position <= {start + BATCH}")
    run(connection, IN_ORDER)
    found = run(
        connection,
        f"""SELECT position, example_id, revision, line IS NULL, count(*) OVER ()
            FROM (SELECT position, example_id, revision, sha256, {line} AS line
                  FROM ({content}) AS c OFFSET 0) AS rendered
            WHERE sha256(convert_to(line, 'UTF8')) IS DISTINCT FROM sha256
            ORDER BY position LIMIT {FIRST}""",
    )
    run(connection, ANY_ORDER)
    return (found[0][-1] if found else 0), [_problem(*row[:-1]) for row in found]


def _problem(position: int, example_id: int, revision: int, is_missing: bool) -> Problem:
    what = (
        f"Revision {revision} of example {example_id} is gone."
        if is_missing
        else f"Revision {revision} of example {example_id} no longer has the content that was frozen."
    )
    return Problem(position, example_id, what)
