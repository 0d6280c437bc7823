"""From a job that was made to one that its provider has, paid for once at most.

The intent is committed before the one request that may cost money. Whoever finds a job with an intent and without an
answer searches for it by its marker, and never sends it again by itself, unless the provider is certain that nothing
was begun. Each function does one step and returns whether the next one follows at once.
"""

import datetime as dt
import time
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import func, insert, update

from core.db.tables import tuning_events, tuning_jobs
from core.db.transient import TRANSIENT_ERRORS
from core.errors import WhetstoneError
from core.text import describe_error, sanitize
from core.tuning.engine.leases import Cancelled, LeasedJob, LeaseLost
from core.tuning.engine.step import JobStep, Stopping
from core.tuning.jobs import SEARCHES
from core.tuning.providers.protocol import NewJobEvent, NotSubmitted, NotThere, ProviderTrouble, Submitted

log = structlog.get_logger(__name__)


def validate(work: JobStep) -> bool:
    """Ask the provider whether the job can start now; what stands in the way ends it, with its remedy."""
    try:
        view = work.view()
        data = replace(view.data, files=view.files)  # who measures needs the records, too
        checked = work.provider.check(view.spec, data, view.settings, live=True)
    except TRANSIENT_ERRORS:
        raise  # the database is away, which is no fault of the job
    except ProviderTrouble as error:
        return _again_or_end(work, error)
    except WhetstoneError as error:
        work.end("failed", error=str(error))
        return False
    blocking = [each for each in checked.obstacles if each.blocks]
    if blocking:
        work.end(
            "blocked" if any(each.code == "not_eligible" for each in blocking) else "failed",
            error=" ".join(each.sentence for each in blocking),
            code=blocking[0].code,
            advice=" ".join(each.remedy for each in blocking),
        )
        return False
    lost = [each.sentence for each in checked.obstacles if each.code == "left_out"]
    notes = [NewJobEvent(sentence, "warning", source=f"left_out:{number}") for number, sentence in enumerate(lost)]
    work.write("uploading", state="uploading", phase="", faults=0, notes=notes)
    return True


def upload(work: JobStep) -> bool:
    """Bring the data to the provider, and then submit. Uploads can be repeated: they cost nothing."""
    try:
        # A person had it sent again, while nobody knew whether it was there: the last look before it may be paid twice.
        if work.job.submitted_at is not None and (found := _found(work)) is not None:
            return _accept(work, "found", found, _is_there(work, found))
        remote = work.provider.upload(work.view(), work.report_progress)
    except (LeaseLost, Stopping, *TRANSIENT_ERRORS):
        raise
    except NotSubmitted as error:
        return _refused(work, error)
    except ProviderTrouble as error:
        return _again_or_end(work, error)
    except WhetstoneError as error:
        work.end("failed", error=str(error))
        return False
    return submit(work, work.merged(remote))


def submit(work: JobStep, remote: dict[str, object], *, resubmit: bool = False) -> bool:
    """Commit the intent, send the one request, write down what came of it."""
    began_at = time.monotonic()
    try:
        work.write(
            "submitting",
            state="submitting",
            submitted_at=func.now(),
            remote=remote,
            phase="",
            resubmit=resubmit,
            unless_cancelled=True,
            **({"faults": work.job.faults + 1} if resubmit else {}),
        )
    except Cancelled:
        work.end("cancelled", notes=[NewJobEvent(f"Cancelled; nothing was sent to {work.job.where}.")])
        return False
    view = work.view()
    if time.monotonic() - began_at > work.schedule.lease_s / 2:
        # The process was frozen, and somebody else may have the job: they do not know that nothing was sent.
        raise LeaseLost
    try:
        submitted = work.provider.submit(view)
    except NotSubmitted as error:
        return _refused(work, error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 whatever it was, the request may have been sent
        return _unknown(work, describe_error(error))
    return _accept(work, "submitted", submitted)


def interrupted(work: JobStep) -> bool:
    """Take up a job in the middle of being submitted whose owner is gone: the request may have been sent."""
    return _unknown(work, f"Whoever submitted this to {work.job.where} was interrupted before the answer was known.")


def _unknown(work: JobStep, words: str) -> bool:
    work.write(
        "unknown",
        state="submit_unknown",
        searches=0,
        error_message=sanitize(words),
        error_code=None,
        advice="It is looked for at the provider by its marker. Nothing is sent again by itself.",
        release_s=work.schedule.until_search(0),
    )
    return False


def search(work: JobStep) -> bool:
    """Look for a submission that was not answered: adopt it, or ask a person after several searches over minutes."""
    try:
        found = work.provider.find(work.view())
    except NotThere as error:
        return _certainly_not(work, error) if work.provider.capabilities.finds == "exact" else _not_found(work)
    except Exception as error:  # noqa: BLE001 a search that fails changes nothing
        work.trouble(error)
        return False
    if found is None:
        return _not_found(work)
    return _accept(work, "found", found, _is_there(work, found))


def _found(work: JobStep) -> Submitted | None:
    try:
        return work.provider.find(work.view())
    except NotThere:
        return None


def _is_there(work: JobStep, found: Submitted) -> NewJobEvent:
    return NewJobEvent(f"{work.job.where} has it: it was found by its marker, as {found.remote_id}.")


def _certainly_not(work: JobStep, error: NotThere) -> bool:
    """Go on from a provider that is certain that nothing was begun."""
    job = work.job
    sent = job.submitted_at
    age_s = float("inf") if sent is None else (dt.datetime.now(dt.UTC) - sent).total_seconds()
    left_s = work.schedule.settle_s - age_s
    if left_s > 0:
        work.write("waiting", release_s=left_s)
        return False
    if job.wants == "cancel":
        work.end("cancelled", notes=[NewJobEvent(f"Cancelled; {job.where} is certain that it was never begun.")])
        return False
    if job.needs_person or job.faults >= work.schedule.tries:
        return _ask_person(work, str(error))
    return submit(work, dict(job.remote), resubmit=True)


def _not_found(work: JobStep) -> bool:
    searches = work.job.searches + 1
    if searches == SEARCHES or work.provider.capabilities.finds == "none":
        return _ask_person(work, f"It was looked for at {work.job.where} by its marker, and was not found.")
    work.write("searched", searches=searches, faults=0, release_s=work.schedule.until_search(searches))
    return False


def _ask_person(work: JobStep, words: str) -> bool:
    """Ask a person what to do: searching has not found out. It goes on, seldom."""
    job = work.job
    told = [] if job.needs_person else [NewJobEvent(f"{words} A person has to decide.", "warning")]
    advice = (
        f"Look at {job.where} for a job with the marker {job.key}. If it is there, look again. If it is not, give it "
        "up, or submit it again: should it have been begun after all, that is paid for twice."
    )
    work.write(
        "asking",
        searches=max(job.searches + 1, SEARCHES),
        faults=0,
        advice=advice,
        notes=told,
        release_s=work.schedule.late_search_s,
    )
    return False


def _refused(work: JobStep, error: NotSubmitted) -> bool:
    """Certainly nothing was begun. What passes is tried again; otherwise the provider's own words end the job."""
    if error.passing:
        return _again_or_end(work, error, state="uploading", submitted_at=None)
    state = "blocked" if error.blocked else "failed"
    work.end(state, error=str(error), code=error.code, advice=error.advice, submitted_at=None)
    return False


def _again_or_end(work: JobStep, error: WhetstoneError, **values: Any) -> bool:
    sent_before = work.job.state == "uploading" and work.job.submitted_at is not None
    if sent_before or work.job.faults + 1 < work.schedule.tries:
        # While nobody knows whether it was begun before, it is not given up by itself.
        work.trouble(error, **values)
        return False
    code, advice = (error.code, error.advice) if isinstance(error, NotSubmitted) else ("", "")
    begun = "no more was begun" if work.job.stage else "nothing was begun"
    values.pop("state", None)
    work.end("failed", error=str(error), code=code, advice=advice or f"Try again later; {begun}.", **values)
    return False


def _accept(work: JobStep, point: str, submitted: Submitted, *notes: NewJobEvent) -> bool:
    """Write that the provider has the job. This is certain, so it is kept even where the lease has ended meanwhile."""
    try:
        work.write(
            point,
            state="queued",
            remote_id=submitted.remote_id,
            provider_status=submitted.provider_status,
            remote=work.merged(submitted.remote),
            faults=0,
            searches=0,
            error_message=None,
            advice="",
            notes=notes,
            release_s=0.0,
        )
    except LeaseLost:
        _late(work.hold, submitted)
        raise
    return False


def _late(hold: LeasedJob, submitted: Submitted) -> None:
    """Somebody else has the job by now, and may be searching for what this owner knows."""
    job, columns = hold.job, tuning_jobs.c
    statement = (
        update(tuning_jobs)
        .where(columns.id == job.id, columns.stage == job.stage, columns.state == "submit_unknown")
        .where(columns.submitted_at == job.submitted_at)
        .values(
            state="queued",
            remote_id=submitted.remote_id,
            provider_status=submitted.provider_status,
            remote={**job.remote, **submitted.remote},
            faults=0,
            searches=0,
            error_message=None,
            advice="",
            owner=None,
            token=None,
            lease_until=None,
            poll_at=func.now(),
        )
    )
    with hold.db.begin() as connection:
        if connection.execute(statement).rowcount:
            return
        query = tuning_jobs.select().where(columns.id == job.id).with_for_update()
        now = connection.execute(query).one()
        if now.remote_id == submitted.remote_id:
            return
        message = (
            f"{job.where} has begun {submitted.remote_id} under the marker of this job, which learned of it too late: "
            f"it is {now.state.replace('_', ' ')}. Look at it there, and cancel it if it is not wanted."
        )
        connection.execute(
            insert(tuning_events).values(
                job_id=job.id, kind="warning", message=message, actor="tuning", data={"remote_id": submitted.remote_id}
            )
        )
        connection.execute(update(tuning_jobs).where(columns.id == job.id).values(updated_at=func.clock_timestamp()))
    log.warning("tuning_submission_late", job=job.id, state=now.state)
