"""Whether work flows, in a sentence, and why what failed has failed: grouped by cause, the most frequent first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text

from core.commands.statistics import Counts
from core.db import Database

Flow = Literal["flowing", "slow", "stuck", "idle"]

#: Who waits longer than this while nothing is wrong with the workers waits for too few of them.
SLOW_AFTER_S = 300.0


@dataclass(frozen=True)
class Cause:
    """Failed commands with the same error, apart from its numbers. `error` is the newest one's, text of others."""

    error: str
    count: int
    #: The newest of them, at most 200.
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Verdict:
    """How work flows now. `sentence` is ours and holds no text of others."""

    flow: Flow
    sentence: str


# By commands_status: only failed ones are read. Numbers differ between attempts of the same trouble.
_CAUSES = text("""
    SELECT left(coalesce(newest.error, ''), 500), cause.number, cause.ids
    FROM (
        SELECT count(*) AS number, max(id) AS newest, (array_agg(id ORDER BY id DESC))[1:200] AS ids
        FROM commands WHERE status = 'failed'
        GROUP BY regexp_replace(left(coalesce(error, ''), 200), '[0-9]+', '0', 'g')
        ORDER BY number DESC, newest DESC LIMIT :limit
    ) AS cause
    JOIN commands AS newest ON newest.id = cause.newest
    ORDER BY cause.number DESC, cause.newest DESC
""")


def causes(db: Database, *, limit: int = 10) -> list[Cause]:
    """Return why commands failed, the most frequent cause first."""
    with db.reading() as connection:
        return [Cause(row[0], row[1], tuple(row[2])) for row in connection.execute(_CAUSES, {"limit": limit})]


def verdict(numbers: Counts, *, alive: int) -> Verdict:
    """Judge the queue by its numbers; `alive` is how many workers are."""
    by, oldest = numbers.by_status, numbers.oldest_pending_s
    parts = [f"{by['running']:,} running"] if by["running"] else []
    if oldest is not None:
        parts.append(f"oldest waits {_span(oldest)}")
    if not alive and by["pending"]:
        return Verdict("stuck", f"Stuck: {by['pending']:,} pending and no worker is alive")
    if oldest is not None and oldest > SLOW_AFTER_S:
        return Verdict("slow", f"Slow: {', '.join(parts)}")
    if not parts:
        waiting = f"{by['pending']:,} scheduled or waiting for others" if by["pending"] else "nothing waits or runs"
        return Verdict("idle", f"Idle: {waiting}")
    return Verdict("flowing", f"Flowing: {', '.join(parts if oldest is not None else [*parts, 'nothing waits'])}")


def failures(failed: int, found: Sequence[Cause]) -> str:
    """Say how many failed, and how many of them for the most frequent reason; "" where none did. The reason itself is
    text of others, and stands in `found`.
    """
    if not failed or not found:
        return ""
    first = found[0].count
    if first == failed:
        return f"{failed:,} failed, all for the same reason" if failed > 1 else "1 failed"
    return f"{failed:,} failed, {first:,} for the same reason" if first > 1 else f"{failed:,} failed"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
