"""Moves fine-tuning jobs from state to state: claims what is due, does one step of it, and lets go.

Any number of engines may run: a claim is one statement, and every write of an owner names its token.
"""

import os
import socket
import threading
from collections.abc import Callable
from uuid import uuid4

import structlog

from core.datasets.versions import frozen
from core.db import Database
from core.db.transient import TRANSIENT_ERRORS, is_missing_schema
from core.settings import Settings, get_settings
from core.text import describe_error
from core.tuning import facts, files, places
from core.tuning.engine import completion, leases, submission
from core.tuning.engine.leases import Heartbeats, LeasedJob, LeaseLost
from core.tuning.engine.schedule import Schedule
from core.tuning.engine.step import JobStep, Stopping
from core.tuning.jobs import Job
from core.tuning.preflight import Providers
from core.tuning.providers import pricing, registry
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import JobView, NewJobEvent

log = structlog.get_logger(__name__)


def no_hook(_point: str) -> None:
    """Nothing happens at the commit points."""


class Engine:
    """The engine of one workspace, for one thread or many."""

    def __init__(
        self,
        db: Database,
        *,
        owner: str | None = None,
        settings: Settings | None = None,
        providers: Providers = registry.provider,
        schedule: Schedule | None = None,
        beats: Heartbeats | None = None,
        stopping: threading.Event | None = None,
        hook: Callable[[str], None] = no_hook,
    ) -> None:
        """`beats` and `stopping` are shared by the engines of a process; `hook` is told of every commit point."""
        self.db = db
        self.owner = owner or new_owner()
        self.schedule = schedule or Schedule()
        self._settings = settings or get_settings()
        self._providers = providers
        self._host = places.machine(self._settings.home)
        self._beats = beats or Heartbeats(self.schedule.lease_s)
        self._stopping = stopping or threading.Event()
        self._hook = hook
        self._facts: dict[int, DataFacts] = {}

    def advance(self, job_id: int, *, anytime: bool = False) -> bool:
        """Do the next step of this job, if it is due (or at any time) and nobody has it; whether anything was done."""
        hold = leases.claim_one(
            self.db,
            job_id,
            owner=self.owner,
            host=self._host,
            leads=True,
            anytime=anytime,
            lease_s=self.schedule.lease_s,
        )
        if hold is None:
            return False
        self._beats.add([hold])
        self.work(hold)
        return True

    def claim(self, limit: int, *, leads: bool, slow: bool) -> list[LeasedJob]:
        """Up to `limit` jobs that are due; each is to be given to `work`, or to `release`."""
        holds = leases.claim(
            self.db,
            owner=self.owner,
            host=self._host,
            leads=leads,
            slow=slow,
            limit=limit,
            lease_s=self.schedule.lease_s,
        )
        self._beats.add(holds)
        return holds

    def until_next(self, *, leads: bool, slow: bool) -> float | None:
        """Seconds until the next job is due, negative for one that is; None: there is none."""
        return leases.until_next(self.db, host=self._host, leads=leads, slow=slow)

    def release(self, holds: list[LeasedJob]) -> None:
        """Give back jobs nothing was done with."""
        for hold in holds:
            self._beats.drop(hold)
        if holds:
            leases.release(self.db, holds)

    def work(self, hold: LeasedJob) -> None:
        """Do what comes next with the job, and let go of it. Never raises: what went wrong stands in its history."""
        work: JobStep | None = None
        try:
            with pricing.prices_of(self.db):
                provider = self._providers(hold.job.provider)
                work = JobStep(hold, provider, self.schedule, self._stopping, self._hook, self._view)
                while _step(work):
                    pass
        except LeaseLost:
            log.info("tuning_job_lost", workspace=self.db.schema, job=hold.job.id)
        except Stopping:
            self._quietly(hold, lambda: leases.release(self.db, [hold]))
        except TRANSIENT_ERRORS as error:
            # The lease ends, and the job is taken up again.
            log.warning("tuning_step_not_written", job=hold.job.id, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 the edge of the thread: a fault in one job is no fault in the others
            self._fault(hold, work, error)
        finally:
            self._beats.drop(hold)

    def _view(self, job: Job) -> JobView:
        """Return the job for its provider. A frozen version never changes, so what is known of it is looked up once."""
        home = self._settings.home
        if job.dataset_id not in self._facts:
            self._facts[job.dataset_id] = facts.of(self.db, frozen(self.db, job.dataset_id), home=home)
        return JobView(
            id=job.id,
            key=job.key,
            stage=job.stage,
            state=job.state,
            spec=job.spec,
            remote=job.remote,
            remote_id=job.remote_id,
            submitted_at=job.submitted_at,
            folder=places.of_job(home, job.key),
            files=lambda format_: files.of(self.db, job.dataset_id, format_, home),
            data=self._facts[job.dataset_id],
            settings=self._settings,
        )

    def _fault(self, hold: LeasedJob, work: JobStep | None, error: Exception) -> None:
        """Our own fault, or a provider's that it did not put into words: said in the history, and tried again later."""
        if is_missing_schema(error):
            return
        log.exception("tuning_step_failed", workspace=self.db.schema, job=hold.job.id, state=hold.job.state)
        words = NewJobEvent(f"A step could not be done, and is tried again: {describe_error(error)}", "error")
        pause = self.schedule.after_fault(hold.job.faults + 1)
        if work is not None and hold.job.state == "submitting":
            self._quietly(hold, lambda: submission.interrupted(work))
        else:
            self._quietly(hold, lambda: hold.write(faults=hold.job.faults + 1, notes=[words], release_s=pause) and None)

    def _quietly(self, hold: LeasedJob, write: Callable[[], object]) -> None:
        try:
            write()
        except (LeaseLost, *TRANSIENT_ERRORS):
            log.info("tuning_job_not_let_go", job=hold.job.id)


def _step(work: JobStep) -> bool:
    """One step; whether the next follows at once."""
    job = work.job
    match job.state:
        case "validating":
            return submission.validate(work)
        case "uploading":
            return submission.upload(work)
        case "submitting":
            return submission.interrupted(work)
        case "submit_unknown":
            return submission.search(work)
        case _ if job.is_finishing:
            return completion.finish(work)
        case _ if job.wants is not None:
            return completion.ask(work)
        case _:
            return completion.poll(work)


def new_owner() -> str:
    """Return a name for an owner that nobody else has."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:4]}"
