"""A provider that refuses everything, and says in its refusal whatever it was sent: keys, too."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests import http_server

_SECRET = ("authorization", "x-api-key", "x-goog-api-key", "x-amz-security-token", "x-ray-authorization")


class Echo(http_server.Server):
    #: What the next requests are refused with, the last one for ever.
    status = 401

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.heard: list[str] = []


class _Handler(http_server.Handler):
    server: Echo

    def asked(self) -> None:
        body = self.sent()
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
        self.reply(self.server.status, answer)


@contextmanager
def echoing() -> Iterator[Echo]:
    with Echo() as server:
        yield server
