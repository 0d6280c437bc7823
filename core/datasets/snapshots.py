"""Freezing: a choice of examples becomes a numbered version that never changes.

Asking for a version is one small row, status queued. Building it is one transaction: members, counts, hashes and the
status frozen are committed together or not at all. Whoever builds holds an advisory lock that ends with that
transaction, so a killed process leaves a row that is simply built again, by anybody.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, text, update

from core import audit
from core.datasets import candidates, checks, manifests, pairs
from core.datasets.checks import CheckReport
from core.datasets.recipes import Recipe
from core.datasets.rendering import RENDERER, run
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion, by_id, get
from core.db import Database
from core.db.tables import datasets
from core.errors import Conflict, DatasetRefused
from core.examples.filters import Filter

_NAME_LENGTH = 100
_OPEN = ("queued", "building")


@dataclass(frozen=True)
class BuildProgress:
    """Where a build is: what it does now, and how many records are done."""

    phase: str
    done: int


class _NoLongerWanted(Exception):
    """The version was cancelled while it was built."""


def request(
    db: Database,
    name: str,
    *,
    filter: Filter,  # noqa: A002  (the word of the field)
    recipe: Recipe,
    split: Split,
    description: str = "",
    drop_duplicates: bool = True,
    excluded_ids: Sequence[int] = (),
    actor: str,
) -> DatasetVersion:
    """Ask for the next version of `name`; it is built by `build`, here or in any other process."""
    name = _checked_name(name)
    with db.begin() as connection:
        # Two that ask at once get two numbers, one after the other.
        connection.execute(select(func.pg_advisory_xact_lock(_key(db, f"name {name}"))))
        # An attempt that came to nothing gives its number back; that it was made stays in the audit log.
        came_to_nothing = datasets.c.status.in_(("failed", "cancelled"))
        connection.execute(delete(datasets).where(datasets.c.name == name, came_to_nothing))
        number = connection.scalar(
            select(func.coalesce(func.max(datasets.c.version), 0) + 1).where(datasets.c.name == name)
        )
        row = {
            "name": name,
            "version": number,
            "description": description,
            "filters": filter.canonical(),
            "recipe": recipe.canonical(),
            "split": split.model_dump(mode="json"),
            "left_out": {"excluded_ids": sorted(set(excluded_ids)), "drop_duplicates": drop_duplicates},
            "status": "queued",
            "phase": "waiting",
            "created_by": actor,
        }
        dataset_id = connection.execute(insert(datasets).values(row).returning(datasets.c.id)).scalar_one()
        _note(connection, actor, "create", dataset_id, after={"name": name, "version": number})
        return by_id(connection, dataset_id)


def build(
    db: Database,
    dataset_id: int,
    progress: Callable[[BuildProgress], None] | None = None,
    *,
    wait: bool = True,
) -> DatasetVersion:
    """Freeze a version that was asked for; the version as it then is: frozen, failed or cancelled.

    While another process builds it, this one waits, or raises `Conflict` when it shall not. Safe to call again.
    """
    try:
        with db.begin() as connection:
            key = _key(db, f"dataset {dataset_id}")
            if wait:
                connection.execute(select(func.pg_advisory_xact_lock(key)))
            elif not connection.scalar(select(func.pg_try_advisory_xact_lock(key))):
                raise Conflict(
                    f"The dataset version with the id {dataset_id} is being built by another process; look again."
                )
            version = by_id(connection, dataset_id)
            if not version.is_open:
                return version
            return _build(db, connection, version, progress)
    except _NoLongerWanted:
        return get(db, dataset_id)
    except DatasetRefused as refused:
        return fail(db, dataset_id, str(refused))


def create(
    db: Database,
    name: str,
    *,
    filter: Filter,  # noqa: A002
    recipe: Recipe,
    split: Split,
    description: str = "",
    drop_duplicates: bool = True,
    excluded_ids: Sequence[int] = (),
    actor: str,
    progress: Callable[[BuildProgress], None] | None = None,
) -> DatasetVersion:
    """Ask for a version and freeze it now. Raises `DatasetRefused` with the reason when checks stand against it."""
    asked = request(
        db,
        name,
        filter=filter,
        recipe=recipe,
        split=split,
        description=description,
        drop_duplicates=drop_duplicates,
        excluded_ids=excluded_ids,
        actor=actor,
    )
    version = build(db, asked.id, progress)
    if version.status != "frozen":
        raise DatasetRefused(f"{version.label} was not frozen: {version.error or version.status}")
    return version


def pending(db: Database) -> list[int]:
    """Return the ids of the versions that wait to be built, or whose builder may have died, the oldest first."""
    with db.connect() as connection:
        query = select(datasets.c.id).where(datasets.c.status.in_(_OPEN)).order_by(datasets.c.id)
        return list(connection.scalars(query))


def interrupted(db: Database) -> list[int]:
    """Return the ids of the versions that are said to be built while nobody builds them: the process was killed.

    Whoever builds holds the version's lock until the moment it is frozen, so one without a lock has no builder.
    """
    query = text(
        """SELECT d.id
           FROM (
               SELECT id, hashtextextended(:prefix || id, 0) AS key FROM training_datasets WHERE status = 'building'
           ) AS d
           WHERE NOT EXISTS (
               SELECT FROM pg_locks AS l
               WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND (l.classid::bigint << 32 | l.objid::bigint) = d.key
           )
           ORDER BY d.id"""
    )
    with db.connect() as connection:
        return list(connection.scalars(query, {"prefix": _key_words(db, "dataset ")}))


def cancel(db: Database, dataset_id: int, *, actor: str, reason: str) -> DatasetVersion:
    """Stop a version that is not frozen yet; its builder notices and takes everything back. Raises `Conflict`."""
    version = _close(db, dataset_id, "cancelled", actor=actor, reason=reason)
    if version.status != "cancelled":
        raise Conflict(f"{version.label} is {version.status} already; only one that is not finished can be stopped.")
    return version


def fail(db: Database, dataset_id: int, sentence: str) -> DatasetVersion:
    """Note that a version cannot be built, and why; one that was cancelled meanwhile stays cancelled."""
    return _close(db, dataset_id, "failed", actor="whetstone", reason=sentence, error=sentence)


def archive(db: Database, dataset_id: int, *, actor: str, reason: str) -> DatasetVersion:
    """Take a version out of the lists. It stays whole, exportable and verifiable."""
    return _change(db, dataset_id, "archive", actor=actor, reason=reason, archived_at=dt.datetime.now(dt.UTC))


def unarchive(db: Database, dataset_id: int, *, actor: str, reason: str) -> DatasetVersion:
    """Put an archived version back into the lists."""
    return _change(db, dataset_id, "unarchive", actor=actor, reason=reason, archived_at=None)


def describe(db: Database, dataset_id: int, description: str, *, actor: str, reason: str) -> DatasetVersion:
    """Replace the description of a version; name and number stay."""
    return _change(db, dataset_id, "describe", actor=actor, reason=reason, description=description)


def exported(db: Database, dataset_id: int, *, path: str, format: str, actor: str) -> DatasetVersion:  # noqa: A002
    """Note where a version was written to as a file, and in which format."""
    with db.begin() as connection:
        before = by_id(connection, dataset_id).file_path
        connection.execute(
            update(datasets)
            .where(datasets.c.id == dataset_id)
            .values(file_path=path, file_format=format, updated_at=func.now())
        )
        was = {"file_path": before} if before else None
        _note(connection, actor, "export", dataset_id, before=was, after={"file_path": path, "format": format})
        return by_id(connection, dataset_id)


def _build(
    db: Database, connection: Connection, version: DatasetVersion, progress: Callable[[BuildProgress], None] | None
) -> DatasetVersion:
    assert version.choice is not None, "only a legacy version has none, and it is not open"

    def tick(phase: str, done: int) -> None:
        _tell(db, version.id, phase, done)
        if progress:
            progress(BuildProgress(phase, done))

    run(connection, "SET LOCAL work_mem = '64MB'")
    left_out = candidates.gather(connection, version.choice, tick)
    review = checks.look_at(connection, version.choice, left_out)
    if review.blocked:
        raise DatasetRefused(" ".join(f"{error.sentence} {error.fix}" for error in review.errors))
    tick("freezing", review.kept)
    # In the order of the examples, counted from 1. One statement: the trigger that guards members runs once.
    run(
        connection,
        f"""INSERT INTO dataset_members (dataset_id, position, example_id, revision, split, sha256)
            SELECT {version.id:d}, row_number() OVER (ORDER BY example_id), example_id, revision, split, sha256
            FROM candidates ORDER BY example_id""",
    )
    pair_counts = pairs.freeze(connection, version.id, version.choice.recipe)
    _freeze(connection, version, review, pair_counts)
    return by_id(connection, version.id)


def _freeze(
    connection: Connection, version: DatasetVersion, review: CheckReport, pair_counts: Mapping[str, int]
) -> None:
    facts = manifests.facts(connection, version.id)
    now = connection.scalar(select(func.now()))
    manifest = manifests.manifest(version, review, facts, pair_counts, checks.not_carried(connection), now)
    assert version.choice is not None
    left_out = {
        "excluded_ids": list(version.choice.excluded_ids),
        "drop_duplicates": version.choice.drop_duplicates,
        "counts": review.left_out,
    }
    changed = connection.execute(
        update(datasets)
        .where(datasets.c.id == version.id, datasets.c.status == "building")
        .values(
            status="frozen",
            phase="",
            done_count=review.kept,
            example_count=review.kept,
            avg_quality=facts.average_quality,
            quality_distribution={"histogram": facts.histogram, "unscored": facts.unscored},
            left_out=left_out,
            renderer=RENDERER,
            manifest=manifest,
            root_hash=facts.root_hash,
            file_size_bytes=review.size,
            error=None,
            frozen_at=now,
            updated_at=now,
        )
    )
    if not changed.rowcount:
        raise _NoLongerWanted
    after = {"name": version.name, "version": version.version, "root_hash": facts.root_hash.hex()}
    _note(connection, version.created_by or "whetstone", "freeze", version.id, after=after, row_count=review.kept)


def _tell(db: Database, dataset_id: int, phase: str, done: int) -> None:
    """Write progress on a connection of its own: what the building transaction wrote, nobody else would see."""
    with db.begin() as connection:
        told = connection.execute(
            update(datasets)
            .where(datasets.c.id == dataset_id, datasets.c.status.in_(_OPEN))
            .values(status="building", phase=phase, done_count=done, updated_at=func.now())
        )
        if not told.rowcount:
            raise _NoLongerWanted


def _key(db: Database, what: str) -> object:
    """Return a key for an advisory lock; they are shared by all schemas of a database, so the schema is part of it."""
    return func.hashtextextended(_key_words(db, what), 0)


def _key_words(db: Database, what: str) -> str:
    return f"whetstone {db.schema} {what}"


def _close(
    db: Database, dataset_id: int, status: str, *, actor: str, reason: str, error: str | None = None
) -> DatasetVersion:
    with db.begin() as connection:
        closed = connection.execute(
            update(datasets)
            .where(datasets.c.id == dataset_id, datasets.c.status.in_(_OPEN))
            .values(status=status, phase="", error=error, updated_at=func.now())
        )
        if closed.rowcount:
            _note(connection, actor, "cancel" if status == "cancelled" else "fail", dataset_id, reason=reason)
        return by_id(connection, dataset_id)


def _change(db: Database, dataset_id: int, action: str, *, actor: str, reason: str, **values: object) -> DatasetVersion:
    with db.begin() as connection:
        before = by_id(connection, dataset_id)
        connection.execute(update(datasets).where(datasets.c.id == dataset_id).values(**values, updated_at=func.now()))
        was = {"description": before.description} if "description" in values else None
        now = {"description": values["description"]} if "description" in values else None
        _note(connection, actor, action, dataset_id, before=was, after=now, reason=reason)
        return by_id(connection, dataset_id)


def _note(
    connection: Connection,
    actor: str,
    action: str,
    dataset_id: int,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
    row_count: int | None = None,
) -> None:
    audit.record(
        connection,
        actor=actor,
        action=action,
        subject="dataset",
        subject_id=dataset_id,
        before=before,
        after=after,
        reason=reason,
        row_count=row_count,
    )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _NAME_LENGTH or "@" in name or not name.isprintable():
        raise DatasetRefused(
            f"{name[:_NAME_LENGTH]!r} cannot be the name of a dataset; "
            f"use 1 to {_NAME_LENGTH} printable characters without @, which marks the version."
        )
    return name
