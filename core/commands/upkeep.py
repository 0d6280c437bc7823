"""What a worker does beside the commands: it says that it lives, keeps its leases, takes commands away from workers
that are not heard of, and removes what finished long ago. No worker leads: each does this for all.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.commands import claims, presence, rules
from core.commands.handlers import Asked
from core.commands.models import Claim
from core.db import Database, workspaces
from core.db.transient import TRANSIENT_ERRORS, is_missing_schema

log = structlog.get_logger(__name__)

#: Seconds for which the list of workspaces is believed.
_LIST_S = 5.0
#: Seconds after a heartbeat that failed until the next one is tried.
_AGAIN_S = 1.0


@dataclass
class LeasedCommand:
    """A command that a worker has."""

    db: Database
    claim: Claim
    #: What the last heartbeat brought.
    asked: Asked = "go"


class InFlight:
    """The commands that a worker has, for its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[object, LeasedCommand] = {}

    def add(self, held: LeasedCommand) -> None:
        with self._lock:
            self._held[held.claim.token] = held

    def remove(self, held: LeasedCommand) -> None:
        with self._lock:
            self._held.pop(held.claim.token, None)

    def all(self) -> list[LeasedCommand]:
        with self._lock:
            return list(self._held.values())


class WorkspaceList:
    """The workspaces that a worker looks at: those it was given, or all there are."""

    def __init__(self, db: Database, only: Sequence[str] | None, *, table: str = "command_events") -> None:
        """`table`: only workspaces new enough to have it."""
        self._db, self._table = db, table
        self._only = None if only is None else list(only)
        self._names: list[str] = []
        self._read_at = -_LIST_S

    def now(self) -> list[Database]:
        """Return the workspaces; a new one is found after a few seconds."""
        if time.monotonic() - self._read_at >= _LIST_S:
            names = workspaces.with_table(self._db, self._table)
            self._names = names if self._only is None else [name for name in names if name in self._only]
            self._read_at = time.monotonic()
        return self.known()

    def known(self) -> list[Database]:
        """Return the workspaces of the last look."""
        return [self._db.in_workspace(name) for name in self._names]

    @contextlib.contextmanager
    def skipping_dropped(self) -> Iterator[None]:
        """Pass over a workspace that is dropped meanwhile, and read the list again."""
        try:
            yield
        except DBAPIError as error:
            if not is_missing_schema(error):
                raise
            self._read_at = -_LIST_S


class Upkeep:
    """The thread that does it, four times a lease."""

    def __init__(
        self,
        workspace_list: WorkspaceList,
        in_flight: InFlight,
        *,
        name: str,
        threads: int,
        agents: Sequence[str],
        lease_s: float,
        backoff_s: float,
        keep_days: int,
    ) -> None:
        self._workspace_list, self._in_flight = workspace_list, in_flight
        self._name, self._threads, self._agents = name, threads, agents
        self._lease_s, self._backoff_s, self._keep_days = lease_s, backoff_s, keep_days
        self._retained_at = -rules.RETAIN_EVERY_S

    def run(self, ended: threading.Event) -> None:
        """Until `ended`."""
        pause = 0.0
        while not ended.wait(pause):
            try:
                self.beat()
                pause = self._lease_s / 4
            except (SQLAlchemyError, *TRANSIENT_ERRORS) as error:
                log.info("heartbeat_failed", worker=self._name, kind=type(error).__name__)
                pause = min(_AGAIN_S, self._lease_s / 4)

    def beat(self) -> None:
        """One round. The leases come first: they are what cannot wait."""
        held = self._in_flight.all()
        for db in {each.db.schema: each.db for each in held}.values():
            with self._workspace_list.skipping_dropped():
                self._keep_leases(db, [each for each in held if each.db.schema == db.schema])
        retains = time.monotonic() - self._retained_at >= rules.RETAIN_EVERY_S
        for db in self._workspace_list.now():
            with self._workspace_list.skipping_dropped():
                self._tidy(db, sum(each.db.schema == db.schema for each in held), retains=retains)
        if retains:
            self._retained_at = time.monotonic()

    def _keep_leases(self, db: Database, held: list[LeasedCommand]) -> None:
        pairs = [(each.claim.command.id, each.claim.token) for each in held]
        answers: dict[int, claims.Answer] = {}
        with self._workspace_list.skipping_dropped():
            answers = claims.heartbeats(db, pairs, lease_s=self._lease_s)
        for each in held:
            each.asked = answers.get(each.claim.command.id, "lost")

    def _tidy(self, db: Database, running: int, *, retains: bool) -> None:
        presence.seen(db, self._name, threads=self._threads, agents=self._agents, running=running)
        reaped = claims.reap(db, backoff_s=self._backoff_s, grace_s=self._lease_s / 2)
        if reaped:
            log.warning("commands_taken_away", workspace=db.schema, commands=reaped[:20], number=len(reaped))
        if retains:
            removed = claims.retain(db, self._keep_days)
            presence.forget(db, self._keep_days)
            if removed:
                log.info("commands_removed", workspace=db.schema, number=removed)
