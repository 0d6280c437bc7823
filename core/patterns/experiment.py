"""Whether hints help: while the experiment is on, a random half of the requests is planned without them.

The half is drawn by a hash of the execution's id, so that planning the same execution again comes to the same.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from core import workspace_settings
from core.db import Database

if TYPE_CHECKING:  # numpy and scipy take a second to load; planning asks only whether there is an experiment
    from core.patterns.figures import Mean

_KEY = "patterns_experiment"

#: Scored executions for which there were hints while the experiment was on: whether they were given, and the score.
_SCORED = text("""
    SELECT (context->'patterns'->>'withheld')::boolean AS withheld, score
    FROM executions
    WHERE context->'patterns' ? 'withheld' AND (context->'patterns'->>'is_tried')::boolean AND score IS NOT NULL
    ORDER BY execution_id
""")


@dataclass(frozen=True)
class Effect:
    """Mean score of executions that were planned with hints, and of those from which they were withheld."""

    with_n: int
    without_n: int
    with_mean: float | None
    without_mean: float | None
    #: With less without, and its 95 % interval; None while a side has fewer than two.
    difference: "Mean | None"

    @property
    def sentence(self) -> str:
        if self.difference is None:
            return (
                f"{self.with_n:,} scored executions had hints and {self.without_n:,} had to do without; two on each "
                "side are the least that says anything."
            )
        side = self.difference
        verdict = "hints help" if side.low > 0 else "hints do harm" if side.high < 0 else "no difference is shown"
        return (
            f"With hints {self.with_mean:.2f} (n {self.with_n:,}), without {self.without_mean:.2f} "
            f"(n {self.without_n:,}): {side.value:+.2f}, 95 % interval {side.low:+.2f} to {side.high:+.2f}; {verdict}."
        )


def is_on(db: Database) -> bool:
    """Whether half of the requests is planned without hints now."""
    with db.reading() as connection:
        return is_on_in(connection)


def is_on_in(connection: Connection) -> bool:
    """Return the same inside the caller's transaction."""
    return bool(workspace_settings.read(connection, _KEY, False))


def switch(db: Database, on: bool, *, actor: str, reason: str) -> bool:
    """Begin or end the experiment; whether that changed anything."""
    with db.begin() as connection:
        workspace_settings.lock(connection, _KEY)
        return workspace_settings.write(connection, _KEY, on, False, actor=actor, reason=reason)


def is_withheld(execution_id: str) -> bool:
    """Whether this execution is of the half that does without."""
    return hashlib.blake2b(execution_id.encode(), digest_size=1).digest()[0] % 2 == 1


def effect(db: Database) -> Effect:
    """Return what the experiment has shown so far."""
    import numpy as np

    from core.patterns import figures

    with db.reading() as connection:
        rows = connection.execute(_SCORED).all()
    withheld = np.array([row.withheld for row in rows], np.bool_)
    scores = np.array([row.score for row in rows], np.float64)
    given, without = scores[~withheld], scores[withheld]
    return Effect(
        with_n=len(given),
        without_n=len(without),
        with_mean=float(given.mean()) if len(given) else None,
        without_mean=float(without.mean()) if len(without) else None,
        difference=figures.mean_difference(scores, ~withheld),
    )
