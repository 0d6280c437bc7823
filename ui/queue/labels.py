"""How the queue's states, verbs and times are said: an icon and a word, never a colour alone."""

import datetime as dt
from collections.abc import Mapping

from core.commands.models import Command, CommandRow, Status
from core.commands.verbs import Verb
from ui.parts.formatting import span

ICONS: Mapping[Status, str] = {
    "pending": "○",
    "running": "►",
    "completed": "✓",
    "failed": "✗",
    "paused": "‖",
    "cancelled": "⊘",
}
#: What a verb has done, as a participle.
DONE: Mapping[Verb, str] = {
    "resume": "resumed",
    "pause": "paused",
    "cancel": "cancelled",
    "retry": "put into the queue again",
    "delete": "deleted",
}
_STOPPING = {"pause": "pausing", "cancel": "cancelling"}


def status(name: Status) -> str:
    return f"{ICONS[name]} {name}"


def state(command: CommandRow | Command, now: dt.datetime) -> str:
    """The status, and what keeps a command from going on where something does."""
    said = status(command.status)
    if command.stop_requested:
        return f"{said}, {_STOPPING[command.stop_requested]}"
    if command.status == "pending" and command.waits:
        return f"{said}, after {command.waits:,}"
    if command.status == "pending" and command.not_before > now:
        return f"{said}, in {span((command.not_before - now).total_seconds())}"
    return said


def by_status(numbers: Mapping[Status, int]) -> str:
    """`14 pending, 3 running`; what there is none of is left out."""
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number) or "none"
