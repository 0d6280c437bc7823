"""The vectors of a workspace: which rows wait for one, and how they are made, some at a time.

Texts are encoded outside of any transaction. Each batch is written in one short transaction, which passes over rows
that somebody changes at that moment: no page waits for an encoder, and a run that ends anywhere is taken up again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import OperationalError

from core.db import Database
from core.errors import Conflict, SimilarityRefused
from core.similarity.sources import KINDS, SOURCES
from core.similarity.weights import EncoderModel

#: Texts of one batch: 0.3 s of one core with all-MiniLM-L6-v2.
BATCH = 64
#: How many were encoded and how many wait. What it raises ends the run, with what was made so far.
Tell = Callable[[int, int], None]
_LOCK = "pg_advisory_xact_lock(hashtextextended('similarity ' || current_schema(), 5))"


@dataclass(frozen=True)
class Status:
    """How far the vectors of a workspace are."""

    #: The model that they are of; "" while nobody has installed one.
    model: str
    encoded: int
    waiting: int


def status(db: Database) -> Status:
    """Return the state of the workspace's vectors."""
    with db.connect() as connection:
        row = connection.execute(_STATUS).one()
    return Status(row.model or "", row.encoded, row.waiting)


_STATUS = text(
    """
    SELECT (SELECT name FROM similarity_model) AS model,
           (SELECT count(*) FROM similarity_vectors v JOIN similarity_model m ON m.name = v.model) AS encoded,
           (SELECT count(*) FROM similarity_due) AS waiting
    """
)


def has_due(db: Database) -> bool:
    """Whether a row waits; for who asks often."""
    with db.connect() as connection:
        return connection.execute(text("SELECT EXISTS (SELECT FROM similarity_due)")).scalar_one()


def registered(connection: Connection) -> str:
    """Return the model that the vectors of the workspace are of; "" without one."""
    return connection.execute(text("SELECT name FROM similarity_model")).scalar_one_or_none() or ""


def register(db: Database, model: EncoderModel, *, switch: bool = False) -> bool:
    """Have vectors of this model made from now on: every row is due. Whether that is so now; another model is left in
    place unless `switch`.

    Raises `Conflict` where somebody writes for so long that it is better to come again.
    """
    with db.connect() as connection:
        now = registered(connection)
    if now == model.name or (now and not switch):
        return now == model.name
    try:
        with db.begin() as connection:
            _register(connection, model)
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise Conflict(
            "Somebody writes examples, tasks or posts at this moment; try again when that is done."
        ) from None
    return True


def _register(connection: Connection, model: EncoderModel) -> None:
    connection.execute(text(f"SELECT {_LOCK}"))
    # No row may come between the look at all rows and the trigger that looks at new ones. Shorter than the time
    # after which the server breaks a deadlock, so that it is never somebody else's statement that fails.
    connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
    tables = ", ".join(SOURCES[kind].table for kind in KINDS)
    connection.execute(text(f"LOCK TABLE {tables} IN SHARE MODE"))
    connection.execute(text("DELETE FROM similarity_model"))
    connection.execute(
        text("INSERT INTO similarity_model (name, dimension) VALUES (:name, :dimension)"),
        {"name": model.name, "dimension": model.encoder.dimension},
    )
    for kind in KINDS:
        connection.execute(
            text(
                f"INSERT INTO similarity_due (kind, row_id) SELECT '{kind}', id FROM {SOURCES[kind].table}"
                " ORDER BY id ON CONFLICT (kind, row_id) DO NOTHING"
            )
        )


def encode_all(
    db: Database, model: EncoderModel, tell: Tell = lambda _done, _waiting: None, *, batch: int = BATCH
) -> int:
    """Make every vector that is due, in this thread; how many rows that were. 0 while another process does it."""
    with _alone(db) as is_mine:
        if not is_mine:
            return 0
        done = 0
        waiting = status(db).waiting
        tell(0, waiting)
        while some := encode_some(db, model, batch):
            done += some
            tell(done, max(0, waiting - done))
        return done


@contextmanager
def _alone(db: Database) -> Iterator[bool]:
    """One encodes at a time; two would make the same vectors twice. The lock ends with its connection."""
    with db.dedicated() as connection:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended('similarity encodes ' || current_schema(), 5))"
        ).fetchone()
        yield bool(row and row[0])


def encode_some(db: Database, model: EncoderModel, most: int = BATCH) -> int:
    """Make the vectors of those rows that wait longest; how many rows wait no more. 0: none is due, or each of them is
    in somebody's hand.
    """
    with db.connect() as connection:
        if registered(connection) != model.name:
            raise SimilarityRefused(
                f"The vectors of this workspace are not of {model.name}; `python -m core similarity encode` makes them"
                " anew."
            )
        rows = connection.execute(_DUE, {"most": most, "model": model.name}).all()
    if not rows:
        return 0
    new = [row for row in rows if row.text and not row.is_same]
    made = model.encoder.encode([row.text for row in new]).astype("<f2")
    with db.begin() as connection:
        connection.execute(text(f"SELECT {_LOCK}"))
        if registered(connection) != model.name:
            return 0  # somebody has just chosen another
        return _write(connection, model.name, rows, dict(zip(map(_name, new), made, strict=True)))


def _write(
    connection: Connection, model: str, rows: Sequence[Row[Any]], made: dict[tuple[str, int], np.ndarray[Any, Any]]
) -> int:
    """Write what was made of rows that nobody changed since; how many. Those that somebody has a hand on stay due."""
    held = connection.execute(
        _HOLD,
        {"kinds": [row.kind for row in rows], "ids": [row.row_id for row in rows], "marks": [row.mark for row in rows]},
    ).all()
    free = {_name(row) for row in held}
    mine = [row for row in rows if _name(row) in free]
    new = [row for row in mine if _name(row) in made]
    connection.execute(_KEEP, {**_columns(new), "model": model, "vectors": [made[_name(row)].tobytes() for row in new]})
    connection.execute(_REFRESH, {**_columns([row for row in mine if row.is_same]), "model": model})
    # The row is gone, or has no text.
    connection.execute(_FORGET, _columns([row for row in mine if not row.text]))
    connection.execute(_DONE, _columns(mine))
    return len(mine)


def _columns(rows: Sequence[Row[Any]]) -> dict[str, list[Any]]:
    """Rows as arrays, one a column."""
    names = {"kinds": "kind", "ids": "row_id", "contents": "content", "moments": "known_at"}
    names |= {"topics": "topic", "platforms": "platform"}
    return {name: [getattr(row, field) for row in rows] for name, field in names.items()}


def _name(row: Any) -> tuple[str, int]:
    return row.kind, row.row_id


_TEXTS = " UNION ALL ".join(
    f"SELECT {source.text} AS text, {source.known_at} AS known_at, {source.topic} AS topic,"
    f" {source.platform} AS platform FROM {source.table} r WHERE d.kind = '{kind}' AND r.id = d.row_id"
    for kind, source in SOURCES.items()
)
_DUE = text(
    f"""
    SELECT d.kind, d.row_id, d.mark, s.text, s.known_at, s.topic, s.platform, md5(s.text)::uuid AS content,
           coalesce(v.content = md5(s.text)::uuid AND v.model = :model, false) AS is_same
    FROM (SELECT kind, row_id, mark FROM similarity_due ORDER BY mark LIMIT :most) AS d
    LEFT JOIN LATERAL ({_TEXTS}) AS s ON true
    LEFT JOIN similarity_vectors v ON v.kind = d.kind AND v.row_id = d.row_id
    ORDER BY d.mark
    """
)
#: SKIP LOCKED: who changes a row holds its line here, too, and never waits for an encoder that waits for another.
_HOLD = text(
    """
    SELECT d.kind, d.row_id FROM similarity_due d
    JOIN unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[]), CAST(:marks AS bigint[])) AS g (kind, row_id, mark)
        ON g.kind = d.kind AND g.row_id = d.row_id AND g.mark = d.mark
    FOR UPDATE OF d SKIP LOCKED
    """
)
_KEEP = text(
    """
    INSERT INTO similarity_vectors (kind, row_id, model, content, vector, known_at, topic, platform)
    SELECT kind, row_id, :model, content, vector, known_at, topic, platform
    FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[]), CAST(:contents AS uuid[]), CAST(:vectors AS bytea[]),
                CAST(:moments AS timestamptz[]), CAST(:topics AS text[]), CAST(:platforms AS text[]))
        AS g (kind, row_id, content, vector, known_at, topic, platform)
    ON CONFLICT (kind, row_id) DO UPDATE SET
        model = excluded.model, content = excluded.content, vector = excluded.vector, known_at = excluded.known_at,
        topic = excluded.topic, platform = excluded.platform, change = nextval('similarity_marks')
    """
)
_REFRESH = text(
    """
    UPDATE similarity_vectors v
    SET known_at = g.known_at, topic = g.topic, platform = g.platform, change = nextval('similarity_marks')
    FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[]),
                CAST(:topics AS text[]), CAST(:platforms AS text[])) AS g (kind, row_id, known_at, topic, platform)
    WHERE v.kind = g.kind AND v.row_id = g.row_id AND v.model = :model
    """
)
_GIVEN = "unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS g (kind, row_id)"
_FORGET = text(f"DELETE FROM similarity_vectors v USING {_GIVEN} WHERE v.kind = g.kind AND v.row_id = g.row_id")
_DONE = text(f"DELETE FROM similarity_due d USING {_GIVEN} WHERE d.kind = g.kind AND d.row_id = g.row_id")
