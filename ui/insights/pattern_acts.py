"""What is decided on patterns, each with a reason and with Undo, since every decision has an opposite."""

from collections.abc import Callable

from core import patterns
from core.db import Database
from core.patterns import Kept
from ui.parts import messages, session
from ui.parts.formatting import shortened

Act = Callable[..., Kept]


def accept(db: Database, pattern: Kept, reason: str) -> None:
    _decided(db, pattern, reason, patterns.accept, patterns.unaccept, "The planner is told of it from now on")


def unaccept(db: Database, pattern: Kept, reason: str) -> None:
    _decided(db, pattern, reason, patterns.unaccept, patterns.accept, "The planner is not told of it any more")


def retire(db: Database, pattern: Kept, reason: str) -> None:
    _decided(db, pattern, reason, patterns.retire, patterns.restore, "Retired, also for when it is found again")


def restore(db: Database, pattern: Kept, reason: str) -> None:
    _decided(db, pattern, reason, patterns.restore, patterns.retire, "In the list again")


def _decided(db: Database, pattern: Kept, reason: str, act: Act, opposite: Act, said: str) -> None:
    def do() -> None:
        act(db, pattern.id, actor=session.actor(), reason=reason.strip() or "on the insights page")
        messages.done(f"{said}: {shortened(pattern.sentence, 90)}", undo=undone)

    def undone() -> str:
        opposite(db, pattern.id, actor=session.actor(), reason="undone on the insights page")
        return f"Undone: {shortened(pattern.sentence, 90)}"

    messages.attempt(do)
