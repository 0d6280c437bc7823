"""What goes with good work, found among the examples: mined, tried again on a held-out half, and kept. The planner is
told of a pattern once a person accepts it. An association, and not a cause.
"""

from core.patterns.fields import GOOD_FROM, Item, said
from core.patterns.matches import examples_of, ids_of
from core.patterns.running import AGENT, DEFAULT, EVERY, Tell, mine, request
from core.patterns.store import (
    Change,
    Kept,
    Run,
    State,
    accept,
    get,
    history,
    patterns,
    restore,
    retire,
    runs,
    unaccept,
    version,
)

__all__ = [
    "AGENT",
    "DEFAULT",
    "EVERY",
    "GOOD_FROM",
    "Change",
    "Item",
    "Kept",
    "Run",
    "State",
    "Tell",
    "accept",
    "examples_of",
    "get",
    "history",
    "ids_of",
    "mine",
    "patterns",
    "request",
    "restore",
    "retire",
    "runs",
    "said",
    "unaccept",
    "version",
]
