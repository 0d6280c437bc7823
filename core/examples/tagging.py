"""Tagging many examples at once, each act one statement, with exact undo."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects import postgresql

from core import audit
from core.db import Database
from core.db.tables import examples
from core.errors import Conflict, InvalidTag
from core.examples.filters import Filter, describe, parse, where
from core.examples.store import known_or_raise
from core.examples.tags import canonical

Verb = Literal["add", "remove"]


@dataclass(frozen=True)
class TagChange:
    """One tagging act: `count` examples really changed. `undo_tags` takes the id."""

    id: int
    verb: Verb
    tags: tuple[str, ...]
    count: int


def add_tags(
    db: Database, chosen: Filter | Sequence[int], tags: Iterable[str], *, actor: str, reason: str
) -> TagChange:
    """Add `tags` to the examples; those that have them already are left alone.

    Raises `UnknownExample` naming the first id that does not exist, `InvalidTag`; then nothing changed.
    """
    with db.begin() as connection:
        return _change(connection, "add", chosen, tags, actor=actor, reason=reason)


def add_tags_in(
    connection: Connection, chosen: Filter | Sequence[int], tags: Iterable[str], *, actor: str, reason: str
) -> TagChange:
    """Return the same in the caller's transaction."""
    return _change(connection, "add", chosen, tags, actor=actor, reason=reason)


def remove_tags(
    db: Database, chosen: Filter | Sequence[int], tags: Iterable[str], *, actor: str, reason: str
) -> TagChange:
    """Remove `tags` from the examples; those that have none of them are left alone. Raises as `add_tags`."""
    with db.begin() as connection:
        return _change(connection, "remove", chosen, tags, actor=actor, reason=reason)


def change_tags(
    db: Database,
    chosen: Filter | Sequence[int],
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    actor: str,
    reason: str,
) -> list[TagChange]:
    """Remove and add tags in one transaction; what each of the acts was. Raises as `add_tags`."""
    adds, removes = canonical(add), canonical(remove)
    if both := sorted({*adds} & {*removes}):
        raise InvalidTag(f"{both[0]} is to be added and removed at once; choose one.")
    if not adds and not removes:
        raise InvalidTag("Choose at least one tag.")
    with db.begin() as connection:
        # Chosen once: after the first act the filter may choose others.
        acts: list[tuple[Verb, list[str]]] = [("add", adds), ("remove", removes)]
        if isinstance(chosen, Filter) and adds and removes:
            chosen = [*connection.execute(select(examples.c.id).where(where(chosen))).scalars()]
        return [_change(connection, verb, chosen, tags, actor=actor, reason=reason) for verb, tags in acts if tags]


def tag_created_between(
    db: Database,
    start: dt.datetime | None,
    end: dt.datetime | None,
    tags: Iterable[str],
    *,
    within: Filter | None = None,
    actor: str,
    reason: str,
) -> TagChange:
    """Tag what was created from `start` on and before `end`, inside the filter `within` (default: everything).

    Raises `InvalidFilter` when these leave no time in between.
    """
    base, given = within or Filter(exclude_tags=()), parse({"created_from": start, "created_to": end})
    starts = [moment for moment in (base.created_from, given.created_from) if moment]
    ends = [moment for moment in (base.created_to, given.created_to) if moment]
    bounds = {"created_from": max(starts, default=None), "created_to": min(ends, default=None)}
    return add_tags(db, parse({**base.model_dump(), **bounds}), tags, actor=actor, reason=reason)


def tag_by_quality(
    db: Database,
    lowest: float | None,
    highest: float | None,
    tags: Iterable[str],
    *,
    within: Filter | None = None,
    actor: str,
    reason: str,
) -> TagChange:
    """Tag what scored from `lowest` to `highest` (0.0 to 1.0, both included), inside the filter `within`."""
    base = within or Filter(exclude_tags=())
    lows = [score for score in (base.quality_min, lowest) if score is not None]
    highs = [score for score in (base.quality_max, highest) if score is not None]
    bounds = {"quality_min": max(lows, default=None), "quality_max": min(highs, default=None)}
    return add_tags(db, parse({**base.model_dump(), **bounds}), tags, actor=actor, reason=reason)


# One tag is the usual case: every changed row changed in the same way, so nothing is computed per row for undo.
# FOR UPDATE in id order: two bulk acts at once wait for each other instead of deadlocking.
_STATEMENT = """
WITH chosen AS (
    SELECT id, {changed} AS changed
    FROM orchestrator_training_data
    WHERE {choice} AND {differs}
    ORDER BY id
    FOR UPDATE
), changed AS (
    UPDATE orchestrator_training_data AS e
    SET tags = {new}, updated_at = now()
    FROM chosen
    WHERE e.id = chosen.id
    RETURNING e.id, chosen.changed
), kept AS (
    INSERT INTO tag_change_rows (change_id, tags, ids)
    SELECT %(change)s, changed, array_agg(id) FROM changed GROUP BY changed
    RETURNING cardinality(ids) AS ids
)
SELECT coalesce(sum(ids), 0)::bigint FROM kept
"""
# What a verb means for the tags of a row, given the tags it names: does it change them, to what, and by which of them.
_VERBS = {
    "add": {
        "differs": "NOT {row} @> {named}",
        "new": "ARRAY(SELECT DISTINCT t FROM unnest({row} || {named}) AS t ORDER BY t)",
        "changed": "ARRAY(SELECT t FROM unnest({named}) AS t WHERE t <> ALL ({row}) ORDER BY t)",
    },
    "remove": {
        "differs": "{row} && {named}",
        "new": "ARRAY(SELECT t FROM unnest({row}) AS t WHERE t <> ALL ({named}) ORDER BY t)",
        "changed": "ARRAY(SELECT t FROM unnest({named}) AS t WHERE t = ANY ({row}) ORDER BY t)",
    },
}
_GIVEN = "CAST(%(tags)s AS text[])"


def _sql(verb: Verb, part: str, *, row: str, named: str) -> str:
    return _VERBS[verb][part].format(row=row, named=named)


def _change(
    connection: Connection, verb: Verb, chosen: Filter | Sequence[int], tags: Iterable[str], *, actor: str, reason: str
) -> TagChange:
    wanted = canonical(tags)
    if not wanted:
        raise InvalidTag("Choose at least one tag.")
    by_id = not isinstance(chosen, Filter)
    filter_ = Filter(ids=tuple(chosen), exclude_tags=()) if by_id else chosen
    if by_id and filter_.ids:
        known_or_raise(connection, filter_.ids)
    change = connection.execute(
        text(
            "INSERT INTO tag_changes (actor, verb, tags, filter, reason, row_count) "
            "VALUES (:actor, :verb, :tags, CAST(:filter AS jsonb), :reason, 0) RETURNING id"
        ),
        {"actor": actor, "verb": verb, "tags": wanted, "filter": filter_.to_json(), "reason": reason},
    ).scalar_one()
    condition = where(filter_).compile(dialect=postgresql.psycopg.dialect())
    statement = _STATEMENT.format(
        choice=str(condition),
        differs=_sql(verb, "differs", row="tags", named=_GIVEN),
        new=_sql(verb, "new", row="e.tags", named=_GIVEN),
        changed=_GIVEN if len(wanted) == 1 else _sql(verb, "changed", row="tags", named=_GIVEN),
    )
    values = {**condition.params, "tags": wanted, "change": change}
    number = connection.exec_driver_sql(statement, values).scalar_one()
    connection.execute(
        text("UPDATE tag_changes SET row_count = :number WHERE id = :change"), {"number": number, "change": change}
    )
    audit.record(
        connection,
        actor=actor,
        action=f"{verb} tags",
        subject="examples",
        subject_id=change,
        after={"tags": wanted, "chosen": "by hand" if by_id else describe(filter_)},
        reason=reason,
        row_count=number,
    )
    return TagChange(change, verb, tuple(wanted), number)


# A tag that a later act gave or took again on a row is that act's now, and stays. In id order, as in _STATEMENT.
# Nothing that came out of `unnest` is joined with another such: the planner takes each for a hundred rows, and loops.
_UNDO = """
WITH acts AS (
    SELECT id, id = :id AS is_mine FROM tag_changes
    WHERE id = :id OR id > :id AND undone_at IS NULL AND tags && (SELECT tags FROM tag_changes WHERE id = :id)
), mine AS (
    SELECT ids.id, tag
    FROM acts JOIN tag_change_rows AS r ON r.change_id = acts.id, unnest(r.ids) AS ids (id), unnest(r.tags) AS tag
    GROUP BY ids.id, tag
    HAVING bool_and(is_mine)
), wanted AS (
    SELECT id, array_agg(tag) AS tags FROM mine GROUP BY id
), locked AS (
    SELECT e.id, wanted.tags FROM orchestrator_training_data AS e JOIN wanted USING (id) ORDER BY e.id FOR UPDATE OF e
)
UPDATE orchestrator_training_data AS e
SET tags = {new}, updated_at = now()
FROM locked
WHERE e.id = locked.id AND {differs}
"""


def undo_tags(db: Database, change_id: int, *, actor: str) -> int:
    """Take one tagging act back, on exactly the rows it changed; returns how many changed back.

    Rows whose tags were changed again since keep that later change. Raises `Conflict` when it was undone before.
    """
    with db.begin() as connection:
        change = connection.execute(
            text("SELECT verb, tags, undone_at FROM tag_changes WHERE id = :id FOR UPDATE"), {"id": change_id}
        ).one_or_none()
        if change is None:
            raise Conflict(f"There is no change of tags {change_id}; the activity page and the audit log name them.")
        if change.undone_at is not None:
            raise Conflict("This change of tags was undone already.")
        verb: Verb = "remove" if change.verb == "add" else "add"
        statement = _UNDO.format(
            new=_sql(verb, "new", row="e.tags", named="locked.tags"),
            differs=_sql(verb, "differs", row="e.tags", named="locked.tags"),
        )
        number = connection.execute(text(statement), {"id": change_id}).rowcount
        connection.execute(
            text("UPDATE tag_changes SET undone_at = now(), undone_by = :actor WHERE id = :id"),
            {"id": change_id, "actor": actor},
        )
        audit.record(
            connection,
            actor=actor,
            action="undo tags",
            subject="examples",
            subject_id=change_id,
            before={"verb": change.verb, "tags": change.tags},
            reason="undo",
            row_count=number,
        )
    return number
