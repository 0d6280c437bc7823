"""What is done to commands from the page. Pausing and resuming undo each other and happen at once; what throws work
away is asked first, with the exact count, and then done to exactly the commands that were counted."""

from collections.abc import Callable

from core.commands import choices, store, verbs
from core.commands.filters import CommandFilter
from core.commands.models import Change, Status
from core.commands.verbs import Verb
from core.db import Database
from ui.parts import messages, modals, session
from ui.parts.formatting import count
from ui.queue import report
from ui.queue.labels import DONE, by_status
from ui.queue.selection import GRID

REASON = "on the queue page"
_ACTS: dict[Verb, Callable[..., Change]] = {
    "resume": verbs.resume,
    "pause": verbs.pause,
    "cancel": verbs.cancel,
    "retry": verbs.retry,
    "delete": verbs.delete,
}
_OPPOSITE: dict[Verb, Verb] = {"pause": "resume", "resume": "pause"}
_CONSEQUENCE: dict[Verb, str] = {
    "cancel": "Running ones are asked to stop, which takes a moment. A cancelled command can be retried.",
    "retry": "Each gets a new round of attempts; steps that are done are not done again.",
    "delete": "They are removed with payload, result, attempts and steps, and cannot be brought back; "
    "a line about each stays on record.",
}


def at_once(db: Database, verb: Verb, target: CommandFilter) -> None:
    """Do it, and say what was done and what not."""
    messages.attempt(lambda: _said(db, verb, _do(db, verb, target)))


def at_once_for(db: Database, verb: Verb, command_id: int) -> str:
    """The same for one command; returns why it was left as it was, or nothing."""
    change = _do(db, verb, CommandFilter(ids=(command_id,)))
    _said(db, verb, change)
    return change.refused[0][1] if change.refused else ""


def asked(db: Database, verb: Verb, target: CommandFilter) -> None:
    """Ask first, with what would happen now. Nothing to change is said without a question."""
    foreseen = verbs.foresee(db, verb, target)
    if not foreseen.changed:
        _said(db, verb, foreseen)
        return
    number = len(foreseen.changed)
    parts = [f"{count(number, 'command')}: {by_status(_statuses(db, foreseen))}.", _CONSEQUENCE[verb]]
    if foreseen.refused:
        parts.append(f"Unchanged: {len(foreseen.refused):,} ({report.reasons(foreseen)}).")
    modals.ask(
        f"{verb.capitalize()} {count(number, 'command')}?",
        " ".join(parts),
        yes=f"{verb.capitalize()} {count(number, 'command')}",
        no="Keep it" if number == 1 else "Keep them",
        act=lambda: _as_foreseen(db, verb, foreseen),
    )


def _as_foreseen(db: Database, verb: Verb, foreseen: Change) -> None:
    """To the commands of the question and no others; those that changed meanwhile are listed with the rest."""
    done = _do(db, verb, CommandFilter(ids=foreseen.changed))
    _said(db, verb, Change(done.changed, tuple(sorted((*foreseen.refused, *done.refused)))))


def _do(db: Database, verb: Verb, target: CommandFilter) -> Change:
    return _ACTS[verb](db, target, actor=session.actor(), reason=REASON)


def _said(db: Database, verb: Verb, change: Change) -> None:
    number = len(change.changed)
    if verb == "delete":
        GRID.forget(change.changed)
    said = f"{count(number, 'command')} {DONE[verb]}." if number else f"Nothing was {DONE[verb]}."
    running = _still_running(db, verb, change)
    if running:
        said += f" Of them {running:,} {'is' if running == 1 else 'are'} running and asked to stop."
    if change.refused:
        said += f" Unchanged: {len(change.refused):,} ({report.reasons(change)})."
    opposite = _OPPOSITE.get(verb)
    report.say(said, change, undo=None if opposite is None else lambda: _undone(db, opposite, change))


def _still_running(db: Database, verb: Verb, change: Change) -> int:
    if verb not in ("pause", "cancel") or not change.changed:
        return 0
    return store.count(db, CommandFilter(ids=change.changed, statuses=("running",)))


def _undone(db: Database, verb: Verb, change: Change) -> str:
    back = _do(db, verb, CommandFilter(ids=change.changed))
    return f"Undone: {count(len(back.changed), 'command')} {DONE[verb]}."


def _statuses(db: Database, change: Change) -> dict[Status, int]:
    return choices.by_status(db, CommandFilter(ids=change.changed))
