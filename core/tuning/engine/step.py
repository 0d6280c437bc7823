"""One job in the hands of the engine: its provider, its view, and the writes that every step shares."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func

from core.db.transient import RetryWhileDown
from core.text import describe_error, sanitize
from core.tuning.engine.leases import LeasedJob, LeaseLost
from core.tuning.engine.schedule import Schedule
from core.tuning.jobs import Job
from core.tuning.providers.protocol import JobView, NewJobEvent, Provider, ProviderTrouble, State

#: Seconds for which a result that cannot be written down, because the database is away, is kept and tried again.
_INSIST_S = 600.0
#: Of faults in a row the first, and then each of so many, stands in the job's history.
_EVERY = 10


class Stopping(Exception):
    """The process ends; the job is left to the next."""


@dataclass
class JobStep:
    """What the steps of a job need. `hook` is told before and after each commit: tests end the process there."""

    hold: LeasedJob
    provider: Provider
    schedule: Schedule
    stopping: threading.Event
    hook: Callable[[str], None]
    make_view: Callable[[Job], JobView]
    _reported_at: float = field(default=-1e9)

    @property
    def job(self) -> Job:
        return self.hold.job

    def view(self) -> JobView:
        """Return the job as it is now, for the provider."""
        return self.make_view(self.hold.job)

    def write(self, point: str, **values: Any) -> None:
        """Commit one change, as `LeasedJob.write` does; `point` names it. Tried again while the database is away."""
        self.hook(f"before {point}")
        insist = RetryWhileDown(_INSIST_S, self.hold.lost)
        insist(lambda: self.hold.write(**dict(values)))
        self.hook(f"after {point}")

    def merged(self, remote: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.job.remote, **remote}

    def end(
        self,
        state: State,
        *,
        notes: Sequence[NewJobEvent] = (),
        error: str = "",
        code: str = "",
        advice: str = "",
        **values: Any,
    ) -> None:
        """Write that the job has ended so."""
        began = self.job.started_at
        # Whole seconds since it ran, in the column of the original system.
        duration = None if began is None else max(0, int((dt.datetime.now(dt.UTC) - began).total_seconds()))
        self.write(
            "ended",
            state=state,
            completed_at=func.now(),
            duration_seconds=duration,
            error_message=sanitize(error) or None,
            error_code=sanitize(code) or None,
            advice=sanitize(advice),
            wants=None,
            seconds_left=None,
            release_s=0.0,
            notes=notes,
            **values,
        )

    def trouble(self, error: BaseException, *, notes: Sequence[NewJobEvent] = (), **values: Any) -> None:
        """Note a call that failed for now: the job is as it was, and is taken up again later."""
        faults = self.job.faults + 1
        again_s = error.retry_after_s if isinstance(error, ProviderTrouble) else None
        told = [NewJobEvent(describe_error(error), "warning")] if faults == 1 or faults % _EVERY == 0 else []
        self.write(
            "trouble",
            faults=faults,
            notes=[*notes, *told],
            release_s=self.schedule.after_fault(faults, again_s),
            **values,
        )

    def report_progress(self, what: str, share: float | None) -> None:
        """Make the progress of a provider that uploads or finishes the phase.

        Raises `Stopping` when the process ends, `LeaseLost` when the job was taken away; so the provider stops.
        """
        if self.stopping.is_set():
            raise Stopping
        if self.hold.lost.is_set():
            raise LeaseLost
        if time.monotonic() - self._reported_at < self.schedule.report_s and share != 1.0:
            return
        self._reported_at = time.monotonic()
        text = sanitize(what) if share is None else f"{sanitize(what)} {share:.0%}"
        self.write("told", phase=f"{self.prefix}{text}")

    @property
    def prefix(self) -> str:
        """Stands before the phase while the provider is done, so that this is known."""
        return "finishing: " if self.job.is_finishing else ""
