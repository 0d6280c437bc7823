"""The audit log: who did what, to what, from what to what, and why. Written in the transaction of the act itself."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from core.db import Database
from core.db.tables import audit_log


@dataclass(frozen=True)
class Entry:
    """One line of the audit log."""

    id: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    subject_id: str
    before: Any
    after: Any
    reason: str
    row_count: int | None


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    subject_id: str | int = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    row_count: int | None = None,
) -> None:
    """Write one line in the caller's transaction: the act and its line are committed together or not at all."""
    connection.execute(
        audit_log.insert().values(
            actor=actor,
            action=action,
            subject=subject,
            subject_id=str(subject_id),
            before=before,
            after=after,
            reason=reason,
            row_count=row_count,
        )
    )


def acting(connection: Connection, *, actor: str, reason: str) -> None:
    """Tell the database's own triggers who acts in this transaction, and why (they keep revisions)."""
    connection.execute(
        select(func.set_config("whetstone.actor", actor, True), func.set_config("whetstone.reason", reason, True))
    )


def entries(
    db: Database,
    *,
    subject: str | None = None,
    subject_id: str | int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Return the newest lines first; `before` is the id of the last line already seen."""
    query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(audit_log.c.subject == subject)
    if subject_id is not None:
        query = query.where(audit_log.c.subject_id == str(subject_id))
    if before is not None:
        query = query.where(audit_log.c.id < before)
    with db.reading() as connection:
        return [Entry(*row) for row in connection.execute(query)]
