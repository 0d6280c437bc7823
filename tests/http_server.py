"""HTTP servers on loopback, which stand in for what is elsewhere."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Handler(BaseHTTPRequestHandler):
    """One request; nothing of it is printed."""

    #: Head and body of an answer are packets of their own: the second would wait 40 ms until the first is confirmed.
    disable_nagle_algorithm = True

    def asked(self) -> None:
        """Answer the request; its method is `command`."""
        raise NotImplementedError

    def _any(self) -> None:
        self.asked()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 (the names of the base class)

    def sent(self) -> bytes:
        """The body of the request, whole."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            size = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(size)
            if len(data) < size:
                raise ConnectionError("the client left in the middle")
            return data
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def reply(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer with these bytes: JSON, unless `headers` say otherwise."""
        self.send_response(status)
        told = {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(data))}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Silent: tests have nothing to read there."""


class Server(ThreadingHTTPServer):
    """Serves from `start`, or from the beginning of a `with`, until `close`."""

    daemon_threads = True

    def __init__(self, handler: type[Handler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        # How long closing may have to wait.
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is part of some tests."""
