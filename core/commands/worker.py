"""Works on commands of every workspace, in threads, until it is told to stop.

Any number of workers, in any number of processes and on any number of machines, share one database and nothing else.
"""

import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.commands import claims, presence, rules
from core.commands.attempts import Ended, perform
from core.commands.handlers import CommandContext, Registry
from core.commands.listening import Listener
from core.commands.upkeep import InFlight, LeasedCommand, Upkeep, WorkspaceList
from core.db import Database
from core.db.transient import TRANSIENT_ERRORS, RetryWhileDown
from core.errors import ConfigurationError

log = structlog.get_logger(__name__)

#: The pause after a look that failed doubles with each, up to this.
_LONGEST_PAUSE_S = 10.0
#: Seconds a worker waits at its end for commands that do not ask whether they should stop.
STOP_S = 8.0


@dataclass(frozen=True)
class WorkerState:
    """What a worker of this process does, for pages and for who started it."""

    name: str
    running: bool = False
    busy: int = 0
    completed: int = 0
    failed: int = 0
    #: Handed back at a stop, a pause or a cancellation.
    handed_back: int = 0
    #: Taken up by another worker meanwhile.
    lost: int = 0
    #: Why the last look did not succeed, or "".
    error: str = ""


class Worker:
    """`start` and `stop` may be called again; `run` works until SIGTERM or Ctrl+C."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        *,
        name: str | None = None,
        threads: int = 2,
        agents: Sequence[str] | None = None,
        workspaces: Sequence[str] | None = None,
        lease_s: float = rules.LEASE_S,
        poll_s: float = rules.POLL_S,
        backoff_s: float = rules.BACKOFF_S,
        keep_days: int | None = None,
    ) -> None:
        """Make a worker. Raises `ConfigurationError` for an agent in `agents` that `registry` does not have."""
        unknown = sorted(set(agents or ()) - set(registry))
        if unknown:
            there = ", ".join(sorted(registry)) or "none"
            raise ConfigurationError(f"There is no agent {unknown[0]!r} here; there are: {there}.")
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:4]}"
        self.agents = tuple(sorted(registry if agents is None else set(agents)))
        self.threads = threads
        self._db, self._registry = db, registry
        self._lease_s, self._poll_s, self._backoff_s = lease_s, poll_s, backoff_s
        self._keep_days = rules.keep_days() if keep_days is None else keep_days
        self._workspace_list = WorkspaceList(db, workspaces)
        self._in_flight = InFlight()
        self._lock = threading.Lock()
        self._state = WorkerState(self.name)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._turn = 0
        self._ready: queue.SimpleQueue[LeasedCommand | None] = queue.SimpleQueue()
        self._started: list[threading.Thread] = []
        self._listener: Listener | None = None

    # Beginning and end

    def start(self) -> None:
        """Begin to work. Does nothing when it does already."""
        with self._lock:
            if self._state.running:
                return
            self._state = replace(self._state, running=True)
        # New ones, so that a thread that did not end in time knows only of its own end.
        self._wake, self._stopping, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._ready = queue.SimpleQueue()
        upkeep = Upkeep(
            self._workspace_list,
            self._in_flight,
            name=self.name,
            threads=self.threads,
            agents=self.agents,
            lease_s=self._lease_s,
            backoff_s=self._backoff_s,
            keep_days=self._keep_days,
        )
        jobs = [lambda: upkeep.run(self._ended)]
        if self.agents:
            jobs += [self._look_out, *[self._work] * self.threads]
            self._listener = Listener(self._db, self._wake.set)
            self._listener.start()
        self._started = [threading.Thread(target=job, name=f"worker {self.name}", daemon=True) for job in jobs]
        for thread in self._started:
            thread.start()

    def stop(self, timeout: float = STOP_S) -> bool:
        """Take nothing new; what is in hand is finished, or handed back as soon as its handler asks.

        Whether all of it ended within `timeout`. What did not is handed back too, and refused when it comes later.
        """
        if not self._state.running:
            return True
        self._stopping.set()
        self._wake.set()
        deadline = time.monotonic() + timeout
        while self._in_flight.all() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self._in_flight.all()
        for each in left:
            each.asked = "lost"
            try:
                claims.hand_back(each.db, each.claim.command.id, each.claim.token)
            except (SQLAlchemyError, *TRANSIENT_ERRORS):
                # Its lease will end, and another worker takes it up.
                log.warning("not_handed_back", workspace=each.db.schema, command=each.claim.command.id)
        self._end(wait_s=0.1 if left else 5.0)
        return not left

    def _end(self, wait_s: float) -> None:
        self._ended.set()
        for _ in range(self.threads):
            self._ready.put(None)
        if self._listener is not None:
            self._listener.stop(2.0)
            self._listener = None
        for thread in self._started:
            thread.join(wait_s)
        for db in self._workspace_list.known():
            try:
                presence.stopped(db, self.name)
            except (SQLAlchemyError, *TRANSIENT_ERRORS) as error:
                log.info("goodbye_not_heard", workspace=db.schema, kind=type(error).__name__)
        self._note(running=False)

    def run(self, stop_s: float = STOP_S) -> WorkerState:
        """Work until SIGTERM or Ctrl+C comes, then stop as `stop` does. Only from the main thread."""
        told = threading.Event()
        before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            log.info("worker_ready", worker=self.name, threads=self.threads, agents=self.agents)
            while not told.wait(1.0):  # not for ever: on Windows nothing interrupts a wait without an end
                pass
            self.stop(stop_s)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return self.snapshot()

    def snapshot(self) -> WorkerState:
        """Return what it does now, and has done so far."""
        with self._lock:
            return replace(self._state, busy=len(self._in_flight.all()))

    # Taking commands

    def _look_out(self) -> None:
        wake, stopping, faults = self._wake, self._stopping, 0
        while not stopping.is_set():
            wake.clear()
            try:
                self._take()
                faults = 0
                self._fault("")
            except (SQLAlchemyError, *TRANSIENT_ERRORS) as error:
                faults += 1
                self._fault(type(error).__name__)
            wake.wait(min(self._poll_s * 2**faults, max(_LONGEST_PAUSE_S, self._poll_s)))

    def _take(self) -> None:
        """Claim as much as there are threads free, from each workspace in turn."""
        databases = self._workspace_list.now()
        self._turn += 1
        for number in range(len(databases)):
            free = self.threads - len(self._in_flight.all())
            if free <= 0 or self._stopping.is_set():
                return
            db = databases[(self._turn + number) % len(databases)]
            with self._workspace_list.skipping_dropped():
                for claim in claims.claim(db, worker=self.name, agents=self.agents, limit=free, lease_s=self._lease_s):
                    held = LeasedCommand(db, claim)
                    self._in_flight.add(held)
                    self._ready.put(held)

    def _work(self) -> None:
        ready, wake = self._ready, self._wake
        while (held := ready.get()) is not None:
            try:
                ended = self._perform(held)
                with self._lock:
                    self._state = replace(self._state, **{ended: getattr(self._state, ended) + 1})
            except (SQLAlchemyError, *TRANSIENT_ERRORS) as error:
                # It could not be written down. The lease ends, and another worker takes the command up.
                log.warning("end_not_written", command=held.claim.command.id, error=type(error).__name__)
            finally:
                self._in_flight.remove(held)
                wake.set()

    def _perform(self, held: LeasedCommand) -> Ended:
        stopping, ended = self._stopping, self._ended
        insist = RetryWhileDown(max(2 * self._lease_s, 60.0), ended)
        work = CommandContext(
            held.db,
            held.claim,
            asked=lambda: "stop" if held.asked == "go" and stopping.is_set() else held.asked,
            insist=insist,
        )
        handler = self._registry[held.claim.command.agent]
        return perform(work, handler, insist=insist, backoff_s=self._backoff_s)

    def _fault(self, sentence: str) -> None:
        if sentence and sentence != self._state.error:
            log.warning("worker_fault", worker=self.name, error=sentence)
        if sentence != self._state.error:
            self._note(error=sentence)

    def _note(self, **values: object) -> None:
        with self._lock:
            self._state = replace(self._state, **values)  # type: ignore[arg-type]
