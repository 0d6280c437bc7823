"""Servers on loopback that keep what they are asked: one that answers by routes, one that passes on to another."""

import http.client
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests import http_server


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What is answered. `status` 0: the connection ends instead; with `reset`, as after a crash."""

    status: int
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False


#: The request arrives, and no answer leaves.
DROPPED = Answer(0)
RESET = Answer(0, reset=True)

Route = Callable[..., Any]


class Loopback:
    """A server. Routes answer with a JSON value, or an `Answer`; the newest that fits is asked first."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.released = threading.Event()
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []
        self._server = _Server(_Handler)
        self._server.loopback = self
        self.url = self._server.url

    def on(self, method: str, pattern: str, answer: Route) -> None:
        """`answer(seen, *groups of the pattern)` answers what the whole path fits."""
        self._routes.insert(0, (method, re.compile(pattern), answer))

    def answered(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        for method, pattern, route in self._routes:
            found = pattern.fullmatch(seen.path)
            if found and method in (seen.method, "*"):
                answer = route(seen, *found.groups())
                return answer if isinstance(answer, Answer) else Answer(200, answer)
        return Answer(404, {"error": {"message": f"Unknown request URL: {seen}", "code": 404, "status": "NOT_FOUND"}})

    def asked(self, method: str, pattern: str) -> list[Seen]:
        """The requests that fit, in order."""
        return [each for each in self.seen if each.method == method and re.fullmatch(pattern, each.path)]

    @contextmanager
    def serving(self) -> Iterator["Loopback"]:
        with self._server:
            try:
                yield self
            finally:
                self.released.set()


class Proxy(Loopback):
    """Passes everything on to another server; `lose` takes the answers of some requests away."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._host = urlsplit(upstream).netloc
        self.lose: Callable[[Seen], bool] = lambda _: False
        self.on("*", ".*", self._pass_on)

    def _pass_on(self, seen: Seen) -> Answer:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        target = seen.headers["x-target"]
        headers = {name: value for name, value in seen.headers.items() if name not in _OWN}
        connection.request(seen.method, target, seen.body or None, headers)
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        if self.lose(seen):
            return DROPPED
        return Answer(reply.status, data, {"Content-Type": reply.headers.get("Content-Type", "")})


_OWN = {"host", "content-length", "connection", "transfer-encoding", "x-target", "accept-encoding"}


class _Server(http_server.Server):
    loopback: Loopback


class _Handler(http_server.Handler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def asked(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()} | {"x-target": self.path}
        body = self.sent()
        answer = self.server.loopback.answered(
            Seen(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
        )
        if answer.status == 0:
            self._end(answer.reset)
            return
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.reply(answer.status, data, answer.headers)

    def _end(self, is_reset: bool) -> None:
        self.close_connection = True
        if is_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
