"""Requests that are sent twice are done once: the answer of the first is kept under the key that came with it."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.db import Database
from core.db.tables import idempotency_keys as keys
from core.errors import Conflict

#: How long an answer is kept.
KEPT = dt.timedelta(hours=24)
#: A request without an answer after this time is taken for one whose process was killed.
BROKEN_OFF_AFTER = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class KeptAnswer:
    """What a request was answered."""

    status: int
    body: bytes


def begin(db: Database, key: str, fingerprint: bytes, *, actor: str) -> KeptAnswer | None:
    """Take `key` for a request that is about to be done; the answer, where the same request was done before.

    Raises `Conflict` when the key came with another request, and when its first request has no answer (yet).
    """
    with db.begin() as connection:
        connection.execute(delete(keys).where(keys.c.at < func.now() - KEPT))
        taken = insert(keys).values(key=key, actor=actor, fingerprint=fingerprint).on_conflict_do_nothing()
        if connection.execute(taken.returning(keys.c.key)).one_or_none():
            return None
        is_broken = (keys.c.at < func.now() - BROKEN_OFF_AFTER).label("is_broken")
        found = select(keys, is_broken).where(keys.c.key == key, keys.c.actor == actor)
        row = connection.execute(found).one_or_none()
        if row is not None and row.fingerprint != fingerprint:
            raise Conflict(
                f"The Idempotency-Key {key!r} came with another request before; choose a new key for this one."
            )
        if row is not None and row.status is not None:
            return KeptAnswer(row.status, row.answer)
        if row is not None and row.is_broken:
            raise Conflict(
                f"The request with the Idempotency-Key {key!r} was broken off before it was answered, and whether it "
                "was done is not known. Look whether it was; if not, send it with a new key."
            )
        raise Conflict(f"The request with the Idempotency-Key {key!r} is being worked on; send it again in a moment.")


def answered(db: Database, key: str, answer: KeptAnswer, *, actor: str) -> None:
    """Keep the answer of a request that `begin` took the key for."""
    with db.begin() as connection:
        connection.execute(
            update(keys)
            .where(keys.c.key == key, keys.c.actor == actor)
            .values(status=answer.status, answer=answer.body)
        )


def forget(db: Database, key: str, *, actor: str) -> None:
    """Give the key of a request that was refused back: nothing was done, so it may be mended and sent again."""
    with db.begin() as connection:
        connection.execute(delete(keys).where(keys.c.key == key, keys.c.actor == actor, keys.c.status.is_(None)))


def break_off(db: Database, key: str, *, actor: str) -> None:
    """Note that a request failed in a way that leaves open whether it was done; it is not done again."""
    with db.begin() as connection:
        connection.execute(
            update(keys)
            .where(keys.c.key == key, keys.c.actor == actor, keys.c.status.is_(None))
            .values(at=func.now() - BROKEN_OFF_AFTER - dt.timedelta(seconds=1))
        )
