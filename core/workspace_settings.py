"""What a workspace is set to, by key: read, and changed by one after another with its line in the audit log."""

from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from core import audit
from core.db.tables import workspace_settings


def lock(connection: Connection, key: str) -> None:
    """Two who change one setting at once: the second sees what the first made of it, and the log tells the truth."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"setting {key}", 5))))


def read(connection: Connection, key: str, default: Any) -> Any:
    """Return the value of a setting; `default` while nobody changed it."""
    columns = workspace_settings.c
    found = connection.execute(select(columns.value).where(columns.key == key)).scalar_one_or_none()
    return default if found is None else found


def write(connection: Connection, key: str, value: Any, default: Any, *, actor: str, reason: str) -> bool:
    """Set it, for who holds its lock; whether that changed anything."""
    before = read(connection, key, default)
    if before == value:
        return False
    new = {"value": value, "actor": actor, "at": func.now()}
    connection.execute(
        insert(workspace_settings).values(key=key, **new).on_conflict_do_update(index_elements=["key"], set_=new)
    )
    audit.record(
        connection,
        actor=actor,
        action="setting",
        subject="setting",
        subject_id=key,
        before={"value": before},
        after={"value": value},
        reason=reason,
        row_count=1,
    )
    return True
