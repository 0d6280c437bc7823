"""Fine-tuning jobs: make one, look at it, stop it, take it up again.

What a person asks for is written down here, in one transaction with who asked and why; the engine does it.
"""

from core.tuning.creating import create
from core.tuning.reading import counts, events, get, newest_events, open_jobs, page, version
from core.tuning.records import FINISHING, SEARCHES, Event, Job, Page, Wants
from core.tuning.verbs import (
    archive,
    can_retry,
    cancel,
    give_up,
    look_again,
    resume,
    retry,
    stop,
    submit_again,
    unarchive,
)

__all__ = [
    "FINISHING", "SEARCHES", "Event", "Job", "Page", "Wants", "archive", "can_retry", "cancel", "counts", "create",
    "events", "get", "give_up", "look_again", "newest_events", "open_jobs", "page", "resume", "retry", "stop",
    "submit_again", "unarchive", "version",
]  # fmt: skip
