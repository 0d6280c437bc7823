"""What looks after fine-tuning jobs beside the pages: one thread that finds what is due, and some that do it.

Of all processes one leads a workspace; a lock of its own connection says which, so that another takes over the moment
it is gone. Jobs that run on a machine are looked after by every process on that machine, leader or not. Leases decide
who has a job: that one leads spares the others the work, and nothing depends on it.
"""

import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.commands.upkeep import WorkspaceList
from core.db import Database
from core.db.transient import TRANSIENT_ERRORS
from core.errors import DatabaseUnavailable
from core.settings import Settings, get_settings
from core.tuning.engine.engine import Engine, new_owner, no_hook
from core.tuning.engine.leases import Heartbeats, LeasedJob
from core.tuning.engine.schedule import Schedule
from core.tuning.jobs.records import CHANNEL
from core.tuning.preflight import Providers
from core.tuning.providers import registry

log = structlog.get_logger(__name__)

#: Seconds between two looks when nothing is due, and nobody says that there is something new.
IDLE_S = 5.0
#: Jobs that are claimed ahead for each thread, when so many are due: one claim for many steps.
_AHEAD = 8
#: Seconds a stop waits for what is being done.
STOP_S = 10.0
_PAUSE_S = 1.0
#: Seconds between two looks at least, so that one claim takes several jobs; what is new is heard of at once.
_LEAST_S = 0.2
#: Seconds for which a lead is believed, and after which it is asked for again.
_LEAD_S = 2.0
_KEY = "hashtextextended('whetstone tuning leader ' || name, 8)"
_LEAD = f"SELECT name FROM unnest(%s::text[]) AS t (name) WHERE pg_try_advisory_lock({_KEY})"
_LET_GO = f"SELECT pg_advisory_unlock({_KEY}) FROM unnest(%s::text[]) AS t (name)"


@dataclass(frozen=True)
class PollerState:
    """What the poller of this process does, for pages and for /api/health."""

    running: bool = False
    #: The workspaces it leads.
    leads: tuple[str, ...] = ()
    #: Jobs being worked on at this moment.
    busy: int = 0
    #: Steps that were done since the start.
    steps: int = 0
    #: Why the last look did not succeed, or "".
    error: str = ""


@dataclass(frozen=True)
class _Task:
    engine: Engine
    hold: LeasedJob


class _WorkerPool:
    """Jobs that wait for a thread, and threads that take them: one pool for what may take long, one for the rest."""

    def __init__(self, threads: int, ahead: int) -> None:
        self.threads, self._most = threads, threads * (1 + ahead)
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        #: Jobs that wait or are being worked on.
        self.held = 0
        self.busy = 0

    @property
    def room(self) -> int:
        return self._most - self.held

    def put(self, task: _Task) -> None:
        with self._lock:
            self.held += 1
        self._queue.put(task)

    def take(self) -> _Task | None:
        """Return the next job; None: the thread is to end."""
        task = self._queue.get()
        if task is not None:
            with self._lock:
                self.busy += 1
        return task

    def done(self) -> bool:
        """Note that a job was done, and tell whether there is little left to do."""
        with self._lock:
            self.held, self.busy = self.held - 1, self.busy - 1
            return self.held <= self.threads

    def end(self) -> None:
        for _ in range(self.threads):
            self._queue.put(None)

    def drain(self) -> list[_Task]:
        """Return what still waits; no thread will take it."""
        waiting: list[_Task] = []
        while not self._queue.empty():
            if (task := self._queue.get()) is not None:
                waiting.append(task)
        return waiting


class Poller:
    """`start` and `stop` may be called again; `wake` makes it look now."""

    def __init__(
        self,
        db: Database,
        *,
        workspaces: Sequence[str] | None = None,
        threads: int = 4,
        settings: Settings | None = None,
        providers: Providers = registry.provider,
        schedule: Schedule | None = None,
        idle_s: float = IDLE_S,
        hook: Callable[[str], None] = no_hook,
    ) -> None:
        """`workspaces` None: all there are. Two threads or more, so that an upload does not hold up all polls."""
        self._db = db
        self._workspaces = workspaces
        self._threads = max(threads, 2)
        self._settings = settings or get_settings()
        self._providers, self._schedule, self._hook = providers, schedule or Schedule(), hook
        self._idle_s = idle_s
        self._owner = new_owner()
        self._lock = threading.Lock()
        self._state = PollerState()
        self._started: list[threading.Thread] = []
        self._stopping = threading.Event()

    # Beginning and end

    def start(self) -> None:
        """Begin to look. Does nothing when it does already."""
        with self._lock:
            if self._state.running:
                return
            self._state = PollerState(running=True)
        # New ones, so that a thread that did not end in time knows only of its own end.
        self._stopping = threading.Event()
        slow = self._threads // 2
        self._slow, self._quick = _WorkerPool(slow, ahead=1), _WorkerPool(self._threads - slow, _AHEAD)
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._beats = Heartbeats(self._schedule.lease_s)
        self._workspace_list = WorkspaceList(self._db, self._workspaces, table="fine_tuning_metrics")
        self._engines: dict[str, Engine] = {}
        self._leads: set[str] = set()
        #: More may be due than there is room for.
        self._starved = False
        pools = [pool for pool in (self._slow, self._quick) for _ in range(pool.threads)]
        jobs = [self._look_out, *[partial(self._work, pool) for pool in pools]]
        self._started = [threading.Thread(target=job, name="whetstone-tuning", daemon=True) for job in jobs]
        for thread in self._started:
            thread.start()

    def stop(self, timeout: float = STOP_S) -> bool:
        """Take nothing new and end; whether what was being done ended in time.

        An upload stops and is taken up by the next; a submission is waited for, and searched for where it took longer.
        """
        if not self._state.running:
            return True
        self._stopping.set()
        self.wake()
        self._started[0].join(timeout)
        self._release()
        for pool in (self._slow, self._quick):
            pool.end()
        for thread in self._started[1:]:
            thread.join(timeout)
        self._beats.stop()
        ended = not any(thread.is_alive() for thread in self._started)
        if ended:
            self._bell.close()
            self._ear.close()
        self._note(running=False, leads=())
        return ended

    def wake(self) -> None:
        """Look now and not after the pause."""
        try:
            self._bell.send(b"!")
        except (BlockingIOError, OSError):
            return  # it was rung before, or the poller has ended

    def snapshot(self) -> PollerState:
        with self._lock:
            busy = self._slow.busy + self._quick.busy if self._state.running else 0
            return replace(self._state, busy=busy)

    # Finding what is due

    def _look_out(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._db.dedicated() as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    self._watch(connection)
            except (psycopg.Error, SQLAlchemyError, *TRANSIENT_ERRORS, DatabaseUnavailable, OSError) as error:
                self._fault(type(error).__name__)
            finally:
                # The lock went with the connection.
                self._leads = set()
                self._note(leads=())
            self._stopping.wait(_PAUSE_S)

    def _watch(self, connection: psycopg.Connection) -> None:
        asked_at = -_LEAD_S
        while not self._stopping.is_set():
            names = [db.schema for db in self._workspace_list.now()]
            if time.monotonic() - asked_at >= min(_LEAD_S, self._idle_s):
                self._lead(connection, names)
                asked_at = time.monotonic()
            pause = self._look()
            self._fault("")
            ready, _, _ = select.select([connection, self._ear], [], [], pause)
            if self._ear in ready:
                self._ear.recv(4096)
            if connection in ready:
                list(connection.notifies(timeout=0))

    def _lead(self, connection: psycopg.Connection, names: list[str]) -> None:
        """Ask for the lead of every workspace that this process does not lead; that it leads shows that it lives."""
        wanted = [name for name in names if name not in self._leads]
        gone = [name for name in self._leads if name not in names]
        if gone:
            connection.execute(_LET_GO.encode(), [gone])
            self._leads -= set(gone)
        # Also with an empty list: a connection that has died must not be taken for one that holds its locks.
        won = [name for (name,) in connection.execute(_LEAD.encode(), [wanted]).fetchall()]
        if won:
            self._leads |= set(won)
            log.info("tuning_leads", owner=self._owner, workspaces=won)
        self._note(leads=tuple(sorted(self._leads)))

    def _look(self) -> float:
        """Claim what is due, from each workspace in turn; seconds until there may be more."""
        pause = self._idle_s
        for db in self._workspace_list.known():
            with self._workspace_list.skipping_dropped():
                pause = min(pause, self._take(self._engine(db), db.schema in self._leads))
        return pause if pause == 0.0 else max(pause, _LEAST_S)

    def _take(self, engine: Engine, leads: bool) -> float:
        slow, room = self._slow.room > 0, self._quick.room
        self._starved = not slow or room <= 0
        if room <= 0:
            return self._idle_s  # a thread that has little left rings
        until_next = engine.until_next(leads=leads, slow=slow)
        if until_next is None or until_next > 0:
            return self._idle_s if until_next is None else until_next
        holds = engine.claim(room, leads=leads, slow=slow)
        for hold in holds:
            (self._slow if hold.is_slow else self._quick).put(_Task(engine, hold))
        return 0.0 if holds else self._idle_s

    def _engine(self, db: Database) -> Engine:
        if db.schema not in self._engines:
            self._engines[db.schema] = Engine(
                db,
                owner=self._owner,
                settings=self._settings,
                providers=self._providers,
                schedule=self._schedule,
                beats=self._beats,
                stopping=self._stopping,
                hook=self._hook,
            )
        return self._engines[db.schema]

    # Doing it

    def _work(self, pool: _WorkerPool) -> None:
        while (task := pool.take()) is not None:
            task.engine.work(task.hold)
            with self._lock:
                self._state = replace(self._state, steps=self._state.steps + 1)
            has_little_left = pool.done()
            again_s = task.hold.released_s
            if (self._starved and has_little_left) or (again_s is not None and again_s < self._idle_s):
                self.wake()

    def _release(self) -> None:
        """Give back what was claimed and not begun, so that others need not wait for the leases to end."""
        for pool in (self._slow, self._quick):
            for task in pool.drain():
                try:
                    task.engine.release([task.hold])
                except (SQLAlchemyError, *TRANSIENT_ERRORS):
                    log.info("tuning_job_not_let_go", job=task.hold.job.id)

    def _fault(self, sentence: str) -> None:
        if sentence and sentence != self._state.error:
            log.warning("tuning_poller_fault", error=sentence)
        if sentence != self._state.error:
            self._note(error=sentence)

    def _note(self, **values: object) -> None:
        with self._lock:
            self._state = replace(self._state, **values)  # type: ignore[arg-type]
