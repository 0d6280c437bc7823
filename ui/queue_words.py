"""How the queue's states, verbs and times are said: an icon and a word, never a colour alone."""

import datetime as dt
from collections.abc import Mapping

from core.commands.models import Command, CommandRow, Status
from core.commands.verbs import Verb

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


def span(seconds: float | None) -> str:
    """A length of time: `0.8 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d`."""
    if seconds is None:
        return "–"
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    for limit, large, small, units in ((3_600, 60, 1, ("min", "s")), (86_400, 3_600, 60, ("h", "min"))):
        if round(seconds) < limit:
            whole, rest = divmod(round(seconds), large)
            return f"{whole} {units[0]}" + (f" {rest // small} {units[1]}" if rest // small else "")
    return f"{seconds / 86_400:.0f} d"


def age(seconds: float) -> str:
    """The same in one unit, for what grows while one looks: `12 s`, `3 min`, `2 h`, `4 d`."""
    for limit, size, unit in ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h")):
        if seconds < limit:
            return f"{max(int(seconds // size), 0)} {unit}"
    return f"{seconds // 86_400:,.0f} d"


def by_status(numbers: Mapping[Status, int]) -> str:
    """`14 pending, 3 running`; what there is none of is left out."""
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number) or "none"
