"""Whetstone's client: one file to copy beside an agent. It needs `httpx`, and nothing else.

    from whetstone import Whetstone

    with Whetstone("http://127.0.0.1:8501") as whetstone:
        whetstone.capture("run-17", "Draft a post about the new lamp", execution_result="A post.", success=True)

`capture` writes to a file on this machine and returns; a thread sends what is there in batches. While the server is
away everything waits in that file, also for the next process. A capture that arrives twice changes nothing there.
"""

import atexit
import datetime as dt
import json
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

log = logging.getLogger("whetstone")

#: Most records and most characters in one request.
BATCH, BATCH_CHARACTERS = 500, 4_000_000
#: Seconds between two tries while the server is away: the first pause, and the longest.
PAUSES_S = (0.5, 30.0)
#: Seconds for which one process is the only one that sends; longer than any request takes.
_LEASE_S = 90.0
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_DATA = "/api/orchestrator/training/data"
#: The record itself is at fault, and sending it again would not help. A token that is missing, has ended or may not do
#: this (401, 403) is no fault of the record: it waits until somebody gives the agent another one.
_REFUSED = (400, 413, 422)

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, server TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS waiting_server ON waiting (server, id);
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY, server TEXT NOT NULL, record TEXT NOT NULL, message TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sender (server TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
"""


class WhetstoneError(Exception):
    """The server refused a request. `error` is a word that programs may rely on, the message a sentence."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, error


class Refused(NamedTuple):
    """A capture that the server does not take, and why. It stays in the spool until it is looked at."""

    record: dict[str, Any]
    message: str


class _Away(Exception):
    """The server cannot take anything now; `wait_s` where it says for how long."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class Whetstone:
    """One server, or one workspace of it. Threads may share it; processes may share its spool.

    `token`: of the role analyst for capturing; unless given, what WHETSTONE_TOKEN holds.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8501",
        *,
        workspace: str = "public",
        token: str | None = None,
        spool: str | Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        token = token or os.environ.get("WHETSTONE_TOKEN", "").strip()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=url, params={"workspace": workspace}, headers=headers, timeout=_TIMEOUT, transport=transport
        )
        self._spool = _Spool(Path(spool) if spool else _usual_spool(), f"{url.rstrip('/')} {workspace}")
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._why_waiting = ""
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def capture(
        self,
        execution_id: str,
        user_request: str,
        *,
        intent: str = "",
        business_state: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        system_prompt: str | None = None,
        execution_plan: str | Mapping[str, Any] | Sequence[Any] | None = None,
        execution_result: str | Mapping[str, Any] | Sequence[Any] | None = None,
        quality_score: float | None = None,
        success: bool | None = None,
        tags: Sequence[str] = (),
        created_at: dt.datetime | None = None,
        source_agent: str = "",
        source_model: str = "",
        execution_time_ms: int | None = None,
    ) -> None:
        """Keep one execution. `quality_score` is 0 to 1; None means unknown.

        Told again under its id, it replaces what was told before. Returns when it is on this machine's disk; raises
        `TypeError` for what is no JSON, and `OSError` or `sqlite3.Error` when the spool cannot be written.
        """
        if self._stopping.is_set():
            raise RuntimeError("This client is closed.")
        record = {
            "execution_id": execution_id,
            "user_request": user_request,
            "intent": intent,
            "business_state": dict(business_state or {}),
            "context": None if context is None else dict(context),
            "system_prompt": system_prompt,
            "execution_plan": execution_plan,
            "execution_result": execution_result,
            "quality_score": quality_score,
            "success": success,
            "tags": list(tags),
            # Now, and not when it is sent, which may be tomorrow.
            "created_at": (created_at or dt.datetime.now(dt.UTC)).isoformat(),
            "source_agent": source_agent,
            "source_model": source_model,
            "execution_time_ms": execution_time_ms,
        }
        self._spool.add(json.dumps({name: value for name, value in record.items() if value is not None}))
        self._work()

    @property
    def waiting(self) -> int:
        """How many captures are on this machine and not on the server yet."""
        return self._spool.count()

    @property
    def why_waiting(self) -> str:
        """Why the last try to send did not succeed, such as a token that has expired; empty where it did."""
        return self._why_waiting

    def refused(self) -> list[Refused]:
        """Return captures that the server does not take, for a person to look at."""
        return self._spool.refused()

    def flush(self, timeout_s: float = 60.0) -> bool:
        """Wait until everything is on the server. False: some still waits, and nothing of it is lost."""
        self._work()
        deadline = time.monotonic() + timeout_s
        while self.waiting:
            if time.monotonic() > deadline:
                return False
            self._wake.set()
            time.sleep(0.02)
        return True

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what can be sent in a moment, and stop. The rest is sent by the next process with this spool."""
        atexit.unregister(self.close)
        if self._thread is not None and not self._stopping.is_set():
            self.flush(timeout_s)
            self._stopping.set()
            self._wake.set()
            self._thread.join(timeout_s)
        self._stopping.set()
        self._http.close()
        self._spool.close()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        """Any other route, such as `call("GET", "/api/commands")`: the `data` of its answer.

        A POST is sent with an `Idempotency-Key`, so that sending it twice does it once; `key` names one that outlives
        this process. Raises `WhetstoneError` for what is refused, and `httpx.TransportError` where nobody answers.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())} if method == "POST" else {}
        answer = self._http.request(method, path, json=body, params=dict(query or {}), headers=headers)
        return _data(answer)

    def rows(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list, page after page."""
        after: str | None = None
        while True:
            page = self.call("GET", path, query=query if after is None else {**query, "after": after})
            yield from page["rows"]
            after = page["next"]
            if after is None:
                return

    def _work(self) -> None:
        """Have the thread send, and begin it where there is none, as in a process that was forked."""
        with self._thread_lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="whetstone-client", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        pause = PAUSES_S[0]
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set() and self._send_batch():
                    pause, self._why_waiting = PAUSES_S[0], ""
                self._wake.wait(PAUSES_S[1])
            except (_Away, sqlite3.Error, httpx.HTTPError) as error:
                self._why_waiting = str(error)
                log.warning("%d captures wait: %s", self._count(), error)
                # A wake-up does not end this pause: a busy agent would ask a server that is away all the time.
                self._stopping.wait(max(pause, getattr(error, "wait_s", 0.0)))
                pause = min(pause * 2, PAUSES_S[1])
            self._wake.clear()

    def _count(self) -> int:
        try:
            return self._spool.count()
        except sqlite3.Error:
            return -1

    def _send_batch(self) -> bool:
        """Send the oldest captures; whether there were any."""
        batch = self._spool.batch()
        if not batch:
            return False
        if not self._spool.lease():
            raise _Away("another process sends them")
        self._send(batch)
        return True

    def _send(self, batch: list[tuple[int, str]]) -> None:
        """Send all, or find by halves the ones that the server does not take."""
        body = '{"examples":[' + ",".join(record for _, record in batch) + "]}"
        answer = self._http.post(_DATA, content=body.encode(), headers={"Content-Type": "application/json"})
        if answer.is_success:
            self._spool.sent([number for number, _ in batch])
        elif answer.status_code not in _REFUSED:
            raise _Away(f"{answer.status_code} {_message(answer)}", _wait_s(answer))
        elif len(batch) == 1:
            log.error("The server does not take a capture: %s", _message(answer))
            self._spool.refuse(*batch[0], _message(answer))
        else:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])


class _Spool:
    """Captures in a file, the oldest first. Written before `capture` returns, and removed once the server has them."""

    def __init__(self, path: Path, server: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._server, self._owner = path, server, str(uuid.uuid4())
        self._lock = threading.Lock()
        self._connection, self._process = self._open(), os.getpid()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        self._path.chmod(0o600)  # what an agent was asked is nobody else's matter
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._process != os.getpid():  # SQLite's connections do not outlive a fork
                self._connection, self._process, self._owner = self._open(), os.getpid(), str(uuid.uuid4())
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._writing() as connection:
            return connection.execute(query, values).fetchall()

    def add(self, record: str) -> None:
        self._rows("INSERT INTO waiting (server, record) VALUES (?, ?)", self._server, record)

    def count(self) -> int:
        return self._rows("SELECT count(*) FROM waiting WHERE server = ?", self._server)[0][0]

    def batch(self) -> list[tuple[int, str]]:
        query = "SELECT id, record FROM waiting WHERE server = ? ORDER BY id LIMIT ?"
        taken, characters = [], 0
        for number, record in self._rows(query, self._server, BATCH):
            characters += len(record)
            if taken and characters > BATCH_CHARACTERS:
                break
            taken.append((number, record))
        return taken

    def lease(self) -> bool:
        """Whether this process may send: with two of them, an older word could arrive after a newer one."""
        now = time.time()
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO sender VALUES (?, ?, ?) ON CONFLICT (server) DO UPDATE"
                " SET owner = excluded.owner, until = excluded.until WHERE owner = excluded.owner OR until < ?",
                (self._server, self._owner, now + _LEASE_S, now),
            )
            (owner,) = connection.execute("SELECT owner FROM sender WHERE server = ?", (self._server,)).fetchone()
        return owner == self._owner

    def sent(self, numbers: Sequence[int]) -> None:
        with self._writing() as connection:
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in numbers])

    def refuse(self, number: int, record: str, message: str) -> None:
        with self._writing() as connection:
            connection.execute("INSERT INTO refused VALUES (?, ?, ?, ?)", (number, self._server, record, message))
            connection.execute("DELETE FROM waiting WHERE id = ?", (number,))

    def refused(self) -> list[Refused]:
        rows = self._rows("SELECT record, message FROM refused WHERE server = ? ORDER BY id", self._server)
        return [Refused(json.loads(record), message) for record, message in rows]

    def close(self) -> None:
        with self._lock:
            if self._process == os.getpid():
                self._connection.execute("DELETE FROM sender WHERE owner = ?", (self._owner,))
                self._connection.close()


def _usual_spool() -> Path:
    folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "whetstone" / "captures.sqlite3"


def _data(answer: httpx.Response) -> Any:
    if answer.is_success and "json" not in answer.headers.get("content-type", ""):
        return answer.content
    try:
        told = answer.json()
    except ValueError:
        raise WhetstoneError(answer.status_code, "NotWhetstone", _message(answer)) from None
    if not answer.is_success:
        raise WhetstoneError(answer.status_code, told.get("error") or "", told.get("message") or "")
    return told["data"] if isinstance(told, dict) and "data" in told else told


def _wait_s(answer: httpx.Response) -> float:
    """Return how long the server asks to be left alone; at most as long as between two tries to reach it."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), PAUSES_S[1]) if said.isascii() and said.isdecimal() else 0.0


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.reason_phrase}: {answer.text[:200]}"
