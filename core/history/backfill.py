"""Results of examples out of history: what was published, or done, under an example's execution id.

An example whose result is empty, or says only that something was done, gets the content of the task or post that has
its execution id; or of the one post whose slug ends with the first 8 characters of it, where no other example begins
so.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from sqlalchemy import func, select

from core import audit
from core.db import Database
from core.db.tables import SOURCED
from core.db.tables import history_backfills as table
from core.errors import Conflict, ImportRefused
from core.examples.importing.merging import lock_examples
from core.examples.importing.staging import driver, execute

How = Literal["execution id", "slug"]
_SHOWN = 20


@dataclass(frozen=True)
class Match:
    """One example, and the row of history that its result comes from."""

    example_id: int
    request: str
    source: str
    key: str
    title: str
    how: How
    characters: int
    becomes_trainable: bool


@dataclass(frozen=True)
class Plan:
    """What a backfill would do. Nothing was written."""

    #: Examples whose result is empty or says only that something was done.
    without_result: int
    filled: int
    #: Of those, by what they are matched, and how many become trainable.
    by_execution_id: int
    by_slug: int
    trainable: int
    #: Examples that are left alone: rows of history contradict each other about them, or their beginning is not unique.
    contradicted: int
    ambiguous: int
    #: States of the posts and tasks that the results come from; "" where none is known.
    statuses: Mapping[str, int]
    #: The first of them.
    matches: tuple[Match, ...]
    #: Of exactly these examples and contents: what `run` compares with.
    digest: str


@dataclass(frozen=True)
class Filled:
    """What a backfill did. `backfill_id` is None if there was nothing to do."""

    backfill_id: int | None
    filled: int
    trainable: int


@dataclass(frozen=True)
class Emptied:
    """What undoing a backfill did; examples that were edited since are left as they are."""

    backfill_id: int
    restored: int
    left: int


@dataclass(frozen=True)
class PastBackfill:
    """One backfill of the past."""

    id: int
    at: dt.datetime
    actor: str
    reason: str
    filled: int
    trainable: int
    undone_at: dt.datetime | None
    undone_by: str | None


#: Rows of history that say what came out of an execution; `run` is its whole id, `start` its first 8 characters.
_CANDIDATES = """
    SELECT 'posts' AS source, p.id, p.post_id AS key, p.title, p.status, p.content,
           coalesce(p.execution_id, p.post_id) AS run,
           CASE WHEN p.execution_id IS NULL THEN lower(substring(p.slug FROM '-([0-9a-fA-F]{8})/?$')) END AS start
    FROM orchestrator_published_posts p
    WHERE teaches(p.content)
    UNION ALL
    SELECT 'tasks', t.id, t.task_id, t.title, t.status, t.content, coalesce(t.execution_id, t.task_id), NULL
    FROM orchestrator_historical_tasks t
    WHERE teaches(t.content)
"""
_EMPTY = """
    SELECT e.id, e.execution_id, lower(left(e.execution_id, 8)) AS start,
           NOT e.is_trainable AND is_judged(e.judgement, e.quality_score, e.success)
               AND btrim(e.user_request, E' \\t\\n\\r\\f\\x0b') <> '' AS becomes_trainable
    FROM orchestrator_training_data e
    WHERE e.withdrawn_at IS NULL AND NOT e.has_result
"""


def preview(db: Database) -> Plan:
    """Return what a backfill would fill, and out of what."""
    with db.connect() as connection:  # never committed
        return _planned(driver(connection))


def run(db: Database, *, expected: str | None = None, actor: str, reason: str = "") -> Filled:
    """Fill them in one act, each as a new revision. `expected`: the digest of the plan that was confirmed.

    Raises `Conflict` where examples or history are others than in that plan; then nothing changed.
    """
    with db.begin() as connection:
        raw = driver(connection)
        plan = _planned(raw)
        if expected is not None and plan.digest != expected:
            raise Conflict("Examples or history changed since the preview; look at the new one, then confirm again.")
        if not plan.filled:
            return Filled(None, 0, 0)
        said = reason or "results out of history"
        audit.acting(connection, actor=actor, reason=said)
        lock_examples(raw, "id IN (SELECT example_id FROM filling)")
        backfill_id = connection.execute(
            table.insert()
            .values(actor=actor, reason=said, filled=plan.filled, trainable=plan.trainable)
            .returning(table.c.id)
        ).scalar_one()
        _fill(raw, backfill_id, plan.filled)
        audit.record(
            connection,
            actor=actor,
            action="backfill",
            subject="history",
            subject_id=backfill_id,
            after={"filled": plan.filled, "trainable": plan.trainable, "by_slug": plan.by_slug},
            reason=said,
            row_count=plan.filled,
        )
        return Filled(backfill_id, plan.filled, plan.trainable)


def _planned(raw: psycopg.Connection[Any]) -> Plan:
    """Return the plan; what is to be filled stands in the temporary table `filling`."""
    for name, query in (("candidates", _CANDIDATES), ("hollow", _EMPTY)):
        execute(raw, f"CREATE TEMP TABLE {name} ON COMMIT DROP AS {query}")
        execute(raw, f"ANALYZE {name}")
    # The first of equal contents; another content under the same id is a contradiction.
    execute(
        raw,
        """
        CREATE TEMP TABLE matched ON COMMIT DROP AS
        WITH by_id AS (
            SELECT h.id AS example_id, h.becomes_trainable, count(DISTINCT md5(c.content)) AS n
            FROM hollow h JOIN candidates c ON c.run = h.execution_id GROUP BY 1, 2
        ), alike AS (
            SELECT lower(left(execution_id, 8)) AS start, count(*) AS examples
            FROM orchestrator_training_data WHERE withdrawn_at IS NULL
              AND lower(left(execution_id, 8)) IN (SELECT start FROM candidates)
            GROUP BY 1
        ), by_start AS (
            SELECT h.id AS example_id, h.becomes_trainable, count(DISTINCT md5(c.content)) AS n, a.examples
            FROM hollow h JOIN candidates c ON c.start = h.start JOIN alike a ON a.start = h.start
            WHERE h.id NOT IN (SELECT example_id FROM by_id) GROUP BY 1, 2, 4
        )
        SELECT example_id, becomes_trainable, 'execution id' AS how,
               CASE WHEN n > 1 THEN 'contradicted' ELSE 'filled' END AS fate FROM by_id
        UNION ALL
        SELECT example_id, becomes_trainable, 'slug', CASE WHEN n > 1 OR examples > 1 THEN 'ambiguous' ELSE 'filled' END
        FROM by_start""",
    )
    execute(raw, "ANALYZE matched")
    execute(
        raw,
        """
        CREATE TEMP TABLE filling ON COMMIT DROP AS
        SELECT DISTINCT ON (m.example_id) m.example_id, m.becomes_trainable, m.how, c.source, c.id AS source_id, c.key,
               c.title, c.status, c.content
        FROM matched m JOIN hollow h ON h.id = m.example_id
        JOIN candidates c ON c.run = h.execution_id
        WHERE m.fate = 'filled' AND m.how = 'execution id'
        ORDER BY m.example_id, c.source, c.id""",
    )
    execute(
        raw,
        """
        INSERT INTO filling
        SELECT DISTINCT ON (m.example_id) m.example_id, m.becomes_trainable, m.how, c.source, c.id, c.key, c.title,
               c.status, c.content
        FROM matched m JOIN hollow h ON h.id = m.example_id JOIN candidates c ON c.start = h.start
        WHERE m.fate = 'filled' AND m.how = 'slug'
        ORDER BY m.example_id, c.id""",
    )
    execute(raw, "ANALYZE filling")
    return _counted(raw)


def _counted(raw: psycopg.Connection[Any]) -> Plan:
    row = execute(
        raw,
        """
        SELECT (SELECT count(*) FROM hollow), count(*), count(*) FILTER (WHERE how = 'execution id'),
               count(*) FILTER (WHERE how = 'slug'), count(*) FILTER (WHERE becomes_trainable),
               (SELECT count(*) FROM matched WHERE fate = 'contradicted'),
               (SELECT count(*) FROM matched WHERE fate = 'ambiguous'),
               md5(coalesce(
                   string_agg(concat_ws(' ', example_id, source, source_id, md5(content)), ',' ORDER BY example_id), ''
               ))
        FROM filling""",
    ).fetchone()
    assert row is not None
    by_status = "SELECT coalesce(status, ''), count(*) FROM filling GROUP BY 1 ORDER BY 2 DESC, 1"
    statuses = execute(raw, by_status).fetchall()
    shown = execute(
        raw,
        f"""
        SELECT f.example_id, left(e.user_request, 120), f.source, f.key, coalesce(f.title, ''), f.how,
               length(f.content), f.becomes_trainable
        FROM filling f JOIN orchestrator_training_data e ON e.id = f.example_id ORDER BY f.example_id LIMIT {_SHOWN}""",
    ).fetchall()
    digest = row[-1]
    without_result, filled, by_execution_id, by_slug, trainable, contradicted, ambiguous = row[:-1]
    return Plan(
        without_result=without_result,
        filled=filled,
        by_execution_id=by_execution_id,
        by_slug=by_slug,
        trainable=trainable,
        contradicted=contradicted,
        ambiguous=ambiguous,
        statuses=dict(statuses),
        matches=tuple(Match(*each) for each in shown),
        digest=digest,
    )


def _as_given(result: str = "t.execution_result") -> str:
    """As `core.examples.store` notes it at a person's first change: the source's next file leaves the result alone."""
    parts = ", ".join(f"'{name}', {result if name == 'execution_result' else f't.{name}'}" for name in SOURCED)
    return f"jsonb_build_object({parts})"


def _fill(raw: psycopg.Connection[Any], backfill_id: int, expected: int) -> None:
    execute(
        raw,
        """
        INSERT INTO history_backfill_rows (backfill_id, example_id, source, source_id, before, revision, noted)
        SELECT %s, t.id, f.source, f.source_id, t.execution_result, t.revision + 1, t.source_record IS NULL
        FROM filling f JOIN orchestrator_training_data t ON t.id = f.example_id""",
        (backfill_id,),
    )
    written = execute(
        raw,
        f"""
        UPDATE orchestrator_training_data t
        SET execution_result = f.content, revision = t.revision + 1, updated_at = now(),
            source_record = coalesce(t.source_record, {_as_given()})
        FROM filling f
        WHERE t.id = f.example_id AND NOT t.has_result AND t.withdrawn_at IS NULL""",
    ).rowcount
    if written != expected:
        raise Conflict(
            f"{expected - written:,} of the examples got a result from somebody else meanwhile; nothing was changed. "
            "Look at the new preview."
        )


def backfills(db: Database) -> list[PastBackfill]:
    """All backfills, the newest first."""
    with db.reading() as connection:
        return [PastBackfill(*row) for row in connection.execute(select(*table.c).order_by(table.c.id.desc()))]


def undo(db: Database, backfill_id: int, *, actor: str, reason: str = "") -> Emptied:
    """Give the examples the result back that they had, as a new revision. Raises `Conflict` if it is undone already."""
    with db.begin() as connection:
        raw = driver(connection)
        query = select(table.c.undone_at, table.c.undone_by).where(table.c.id == backfill_id).with_for_update()
        row = connection.execute(query).one_or_none() if abs(backfill_id) < 2**63 else None
        if row is None:
            raise ImportRefused(f"There is no backfill {backfill_id}.")
        if row.undone_at is not None:
            raise Conflict(
                f"Backfill {backfill_id} was undone already by {row.undone_by} at {row.undone_at:%Y-%m-%d %H:%M}."
            )
        said = reason or f"undo of backfill {backfill_id}"
        audit.acting(connection, actor=actor, reason=said)
        mine = "id IN (SELECT example_id FROM history_backfill_rows WHERE backfill_id = %s)"
        lock_examples(raw, mine, (backfill_id,))
        restored = _empty(raw, backfill_id)
        total = execute(raw, "SELECT count(*) FROM history_backfill_rows WHERE backfill_id = %s", (backfill_id,))
        result = Emptied(backfill_id, restored, (total.fetchone() or (0,))[0] - restored)
        undone = {"undone_at": func.now(), "undone_by": actor}
        connection.execute(table.update().where(table.c.id == backfill_id).values(**undone))
        audit.record(
            connection,
            actor=actor,
            action="undo backfill",
            subject="history",
            subject_id=backfill_id,
            after={"restored": result.restored, "left": result.left},
            reason=said,
            row_count=restored,
        )
        return result


def _empty(raw: psycopg.Connection[Any], backfill_id: int) -> int:
    # What the source gave is forgotten again only where nobody scored or edited the example meanwhile.
    return execute(
        raw,
        f"""
        UPDATE orchestrator_training_data t
        SET execution_result = r.before, revision = t.revision + 1, updated_at = now(),
            source_record = CASE WHEN r.noted AND {_as_given("r.before")} = t.source_record THEN NULL
                                 ELSE t.source_record END
        FROM history_backfill_rows r
        WHERE r.backfill_id = %s AND t.id = r.example_id AND t.revision = r.revision""",
        (backfill_id,),
    ).rowcount
