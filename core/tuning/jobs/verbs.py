"""What a person asks of a job. Each act is one transaction, with who asked and why; the engine does the rest.

Before a job is sent it needs no engine: a job that is taken from the engine cannot be sent by it any more.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
from sqlalchemy import Connection, func, insert, null, select, update
from sqlalchemy.exc import IntegrityError

from core import audit
from core.db import Database
from core.db.tables import tuning_events, tuning_jobs
from core.errors import AlreadyTrained, TuningRefused
from core.tuning import budget, preflight
from core.tuning.jobs.records import NOT_SENT, SEARCHES, Job, notify, read
from core.tuning.preflight import Providers
from core.tuning.providers import registry

#: Nobody holds the job any more: what its holder still writes is refused.
_FREE: dict[str, Any] = {"owner": None, "token": None, "lease_until": None}
#: A job of a machine on which nobody has looked after it for so many minutes can be cancelled from elsewhere.
_ABANDONED_MIN = 10
_NOW: dict[str, Any] = {"poll_at": func.now()}


def cancel(db: Database, job_id: int, *, actor: str, reason: str, providers: Providers = registry.provider) -> str:
    """End a job as soon as that can be done; what becomes of it now, in a sentence.

    What was not sent is cancelled at once. What may have been sent is looked for first. What a provider has is
    cancelled there, and what the provider says about the cost becomes an event. Raises `TuningRefused` for a job that
    has ended.
    """
    with _asked(db, job_id, "cancel", actor, reason) as (connection, job):
        if not job.is_open:
            _refuse(job, "cancelled")
        if job.state in NOT_SENT and job.submitted_at is None:
            _set(connection, job, state="cancelled", completed_at=func.now(), wants=None, **_FREE)
            already = " for this step" if job.stage else ""
            return f"Job {job.id} is cancelled; nothing was sent to {job.where}{already}."
        if job.host is not None and _is_abandoned(connection, job):
            _set(connection, job, state="cancelled", completed_at=func.now(), wants=None, **_FREE)
            return (
                f"Job {job.id} is cancelled here; its machine {job.host} has not been heard of for {_ABANDONED_MIN} "
                "minutes, and what still runs there was not stopped."
            )
        if job.is_at_provider and not job.is_finishing and not providers(job.provider).capabilities.cancels:
            raise TuningRefused(f"Job {job.id} cannot be cancelled: {job.where} does not offer that; wait for its end.")
        if job.state in NOT_SENT:  # to be sent again, so it may have been sent before
            _set(connection, job, state="submit_unknown", searches=0, faults=0, **_FREE)
        searches = {"searches": 0} if job.state == "submit_unknown" else {}
        _set(connection, job, wants="cancel", **searches, **_NOW)
        return _cancelling(job)


def _is_abandoned(connection: Connection, job: Job) -> bool:
    """Whether nobody on its machine has looked after a job that is due for long."""
    due = func.greatest(tuning_jobs.c.poll_at, func.coalesce(tuning_jobs.c.lease_until, tuning_jobs.c.poll_at))
    since = func.now() - func.make_interval(0, 0, 0, 0, 0, _ABANDONED_MIN)
    query = select(due < since).where(tuning_jobs.c.id == job.id)
    return bool(connection.execute(query).scalar_one())


def _cancelling(job: Job) -> str:
    if job.is_finishing:
        return f"Job {job.id} ends without a model; {job.where} was done with it already, and may charge for it."
    if job.is_at_provider:
        return (
            f"{job.where[0].upper()}{job.where[1:]} is asked to cancel job {job.id}; "
            "what it says about the cost will stand in the job's history."
        )
    return f"Whether {job.where} has job {job.id} is not known; it is looked for, and cancelled when it is found."


def stop(db: Database, job_id: int, *, actor: str, reason: str, providers: Providers = registry.provider) -> str:
    """Stop the training with a checkpoint, so that it can go on later. Raises `TuningRefused` where that is not so."""
    with _asked(db, job_id, "stop", actor, reason) as (connection, job):
        _needs_checkpoints(job, providers)
        if job.state not in ("queued", "running") or job.is_finishing:
            _refuse(job, "stopped")
        _set(connection, job, wants="stop", **_NOW)
        return f"Job {job.id} stops at its next step and keeps a checkpoint."


def resume(db: Database, job_id: int, *, actor: str, reason: str, providers: Providers = registry.provider) -> str:
    """Go on with a stopped job from its checkpoint. Raises `TuningRefused` for one that was not stopped."""
    with _asked(db, job_id, "resume", actor, reason) as (connection, job):
        _needs_checkpoints(job, providers)
        if job.state != "paused":
            _refuse(job, "resumed")
        _set(connection, job, wants="resume", **_NOW)
        return f"Job {job.id} goes on from its last checkpoint."


def retry(db: Database, job_id: int, *, actor: str, reason: str, providers: Providers = registry.provider) -> Job:
    """Go on with a failed job, where that costs nothing: it was never sent, it was trained already, or its provider
    goes on for free. Raises `TuningRefused` where it would be paid again, `AlreadyTrained` when the same was started
    anew meanwhile.
    """
    try:
        with _asked(db, job_id, "retry", actor, reason) as (connection, job):
            if job.state != "failed":
                _refuse(job, "tried again")
            _set(connection, job, **_anew(job, providers), **_NOW, **_FREE)
            return read(connection, job.id)
    except IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise _anew_already(db, job_id) from None
        raise


def can_retry(job: Job, *, providers: Providers = registry.provider) -> bool:
    """Whether `retry` goes on with this job, which costs nothing then."""
    try:
        return job.state == "failed" and bool(_anew(job, providers))
    except TuningRefused:
        return False


def _anew(job: Job, providers: Providers) -> dict[str, Any]:
    """Where a failed job goes on."""
    clean = {
        "faults": 0,
        "searches": 0,
        "error_message": None,
        "error_code": None,
        "advice": "",
        "completed_at": None,
        "duration_seconds": None,
        "wants": None,
    }
    if job.is_finishing:
        return {**clean, "state": "running"}
    if job.submitted_at is None:
        return {**clean, "state": "uploading" if job.stage else "validating", "phase": ""}
    can = providers(job.provider).capabilities
    if can.retries_free and can.stops_and_resumes and job.remote_id is not None:
        return {**clean, "state": "paused", "wants": "resume"}
    if can.retries_free and job.error_code != budget.GIVEN_UP:
        return {**clean, "state": "uploading", "phase": "", "remote_id": None, "submitted_at": None}
    raise TuningRefused(
        f"Job {job.id} was sent to {job.where}, and going on would be paid again; start it as a new job instead."
    )


def _anew_already(db: Database, job_id: int) -> AlreadyTrained:
    with db.connect() as connection:
        spec_hash = connection.execute(select(tuning_jobs.c.spec_hash).where(tuning_jobs.c.id == job_id)).scalar_one()
        other = preflight.duplicate_of(connection, spec_hash) or job_id
    return AlreadyTrained(f"The same as job {job_id} was started anew as job {other}; look after that one.", other)


def look_again(db: Database, job_id: int, *, actor: str, reason: str) -> str:
    """Search anew for a submission that was not answered."""
    with _asked(db, job_id, "look again", actor, reason) as (connection, job):
        if job.state != "submit_unknown":
            _refuse(job, "looked for")
        _set(connection, job, searches=0, faults=0, **_NOW)
        return f"Job {job.id} is looked for at {job.where} again, {SEARCHES} times over some minutes."


def submit_again(db: Database, job_id: int, *, actor: str, reason: str) -> str:
    """Send what may have been sent already. It may be begun, and paid for, twice: a person says so, and why.

    It is looked for once more right before. Raises `TuningRefused` without a reason, and while it is still looked for.
    """
    if not reason.strip():
        raise TuningRefused(
            "Say why it is sent again: the provider may have begun it already, and then it is paid for twice."
        )
    with _asked(db, job_id, "submit again, though it may be paid for twice", actor, reason) as (connection, job):
        _needs_person(job)
        connection.execute(select(func.set_config("whetstone.resubmit", "yes", True)))
        _set(connection, job, state="uploading", searches=0, faults=0, wants=None, **_NOW, **_FREE)
        return (
            f"Job {job.id} is looked for once more, and then sent again; if it had begun before, it is paid for twice."
        )


def give_up(db: Database, job_id: int, *, actor: str, reason: str) -> str:
    """End a job of which nobody knows whether the provider has begun it. The provider may still charge for it."""
    with _asked(db, job_id, "give up", actor, reason) as (connection, job):
        _needs_person(job)
        _set(
            connection,
            job,
            state="failed",
            completed_at=func.now(),
            wants=None,
            error_message=f"Given up: nobody knows whether {job.where} has begun it, and it may charge for it.",
            error_code=budget.GIVEN_UP,
            advice=f"Look at {job.where} for a job with the marker {job.key}, and cancel it there if there is one.",
            **_FREE,
        )
        return f"Job {job.id} is given up; look at {job.where} for the marker {job.key}, and cancel it there."


def archive(db: Database, job_id: int, *, actor: str, reason: str) -> Job:
    """Take a job that has ended off the lists."""
    with _asked(db, job_id, "archive", actor, reason) as (connection, job):
        if job.is_open:
            raise TuningRefused(f"Job {job.id} is {job.state.replace('_', ' ')}; cancel it before it is archived.")
        _set(connection, job, archived_at=func.now())
        return read(connection, job.id)


def unarchive(db: Database, job_id: int, *, actor: str, reason: str) -> Job:
    """Put it back onto the lists."""
    with _asked(db, job_id, "unarchive", actor, reason) as (connection, job):
        _set(connection, job, archived_at=null())
        return read(connection, job.id)


@contextmanager
def _asked(db: Database, job_id: int, what: str, actor: str, reason: str) -> Generator[tuple[Connection, Job]]:
    """Yield the job, locked; that it was asked for is on record when the act succeeds."""
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason=reason)
        job = read(connection, job_id, lock=True)
        yield connection, job
        audit.record(
            connection,
            actor=actor,
            action="tuning",
            subject="job",
            subject_id=job.id,
            after={"asked": what},
            reason=reason,
            row_count=1,
        )
        message = f"Asked to {what}." + (f" {reason}" if reason else "")
        connection.execute(insert(tuning_events).values(job_id=job.id, kind="asked", message=message, actor=actor))
        notify(connection)


def _set(connection: Connection, job: Job, **values: Any) -> None:
    # What is shown of the job changes with its events, so pages are told even where no column of theirs did.
    values = {"updated_at": func.clock_timestamp(), **values}
    connection.execute(update(tuning_jobs).where(tuning_jobs.c.id == job.id).values(**values))


def _needs_checkpoints(job: Job, providers: Providers) -> None:
    if not providers(job.provider).capabilities.stops_and_resumes:
        raise TuningRefused(f"Job {job.id} cannot be stopped and resumed: {job.where} does not offer that; cancel it.")


def _needs_person(job: Job) -> None:
    if job.state != "submit_unknown":
        _refuse(job, "decided on")
    if not job.needs_person:
        raise TuningRefused(f"Job {job.id} is still looked for at {job.where}; wait until that has ended.")


def _refuse(job: Job, what: str) -> NoReturn:
    doing = "is being finished" if job.is_finishing and job.is_open else f"is {job.state.replace('_', ' ')}"
    raise TuningRefused(f"Job {job.id} {doing}; it cannot be {what}.")
