"""What was typed into an example and not saved yet. The process keeps it: neither Esc, the next example nor a reload of
the page loses it; a restart of the app does."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from core.db import Database
from core.examples.store import Example
from ui.parts import session

#: So many are kept, the latest ones.
_MOST = 200
_Key = tuple[str, str, str, int]
_lock = threading.Lock()
_kept: OrderedDict[_Key, "Draft"] = OrderedDict()


@dataclass(frozen=True)
class Draft:
    """The content that the edit started from, and what stands in the fields: those that differ, and the reason."""

    start: Example
    typed: dict[str, str]


def of(db: Database, example_id: int) -> Draft | None:
    """The visitor's draft of this example."""
    with _lock:
        return _kept.get(_key(db, example_id))


def keep(db: Database, start: Example, typed: dict[str, str]) -> None:
    """Remember what is typed; nothing typed is no draft."""
    key = _key(db, start.id)
    with _lock:
        _kept.pop(key, None)
        if typed:
            _kept[key] = Draft(start, typed)
        while len(_kept) > _MOST:
            _kept.popitem(last=False)


def drop(db: Database, example_id: int) -> None:
    with _lock:
        _kept.pop(_key(db, example_id), None)


def _key(db: Database, example_id: int) -> _Key:
    return (str(db.url), db.schema, session.actor(), example_id)
