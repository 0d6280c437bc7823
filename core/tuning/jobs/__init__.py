"""Fine-tuning jobs: make one, look at it, stop it, take it up again.

What a person asks for is written down here, in one transaction with who asked and why; the engine does it.

create                                           a job of a frozen version, at a provider
get, page, open_jobs, counts, version            `Job`s as values
month                                            how those ended that came to their end in a month
events, newest_events                            what happened to one
cancel, stop, resume, retry, can_retry, give_up  what a person asks of one
look_again, submit_again, archive, unarchive
"""

from core.tuning.jobs.create import create
from core.tuning.jobs.queries import counts, events, get, month, newest_events, open_jobs, page, version
from core.tuning.jobs.records import FINISHING, SEARCHES, Job, JobEvent, JobPage, MonthlyJobs, Wants
from core.tuning.jobs.verbs import (
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
    "FINISHING",
    "SEARCHES",
    "Job",
    "JobEvent",
    "JobPage",
    "MonthlyJobs",
    "Wants",
    "archive",
    "can_retry",
    "cancel",
    "counts",
    "create",
    "events",
    "get",
    "give_up",
    "look_again",
    "month",
    "newest_events",
    "open_jobs",
    "page",
    "resume",
    "retry",
    "stop",
    "submit_again",
    "unarchive",
    "version",
]
