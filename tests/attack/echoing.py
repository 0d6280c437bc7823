"""A provider that refuses everything, and says in its refusal whatever it was sent: keys, too."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SECRET = ("authorization", "x-api-key", "x-goog-api-key", "x-amz-security-token", "x-ray-authorization")


class Echo(ThreadingHTTPServer):
    daemon_threads = True
    #: What the next requests are refused with, the last one for ever.
    status = 401

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Clients go away when they like."""


class _Handler(BaseHTTPRequestHandler):
    server: Echo

    def _refuse(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        # First what is secret: whoever shortens what it reads shortens the rest.
        told = sorted(self.headers.items(), key=lambda each: each[0].lower() not in _SECRET)
        said = f"{dict(told)} {self.path} {body[:2_000].decode(errors='replace')}"
        self.server.heard.append(said)
        answer = json.dumps(
            {
                "error": {"message": f"You sent {said}", "type": "invalid", "code": self.server.status, "status": "X"},
                "message": f"You sent {said}",
                "__type": "AccessDeniedException",
                "error_description": said,
            }
        ).encode()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _refuse  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing of it belongs into a test's output."""


@contextmanager
def echoing() -> Iterator[Echo]:
    server = Echo()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
