"""Streamlit's own scripts and styles, compressed once a process: a third of the bytes of a first visit.

Streamlit leaves them out of its compression, because that would compress megabytes anew for every visitor. Here the
compressed bytes are kept: all files together are some 7 MB in memory, and only those that were asked for are there.
"""

import gzip
import re
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import anyio.to_thread
import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER = Path(streamlit.__file__).parent / "static"
PREFIX = "/static/"
#: What compresses; fonts and pictures are compressed already. A browser takes a script only under its own type.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
#: Below this, the headers weigh more than what is saved.
_SMALLEST_BYTES = 1_000
#: 0.16 s for the largest file of a first visit; level 9 takes a third longer and saves 0.3 %.
_LEVEL = 6
_QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def accepts_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip; what cannot be read allows nothing."""
    qualities: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, parameter = (piece.strip() for piece in part.partition(";"))
        quality = _QUALITY.fullmatch(parameter) if parameter else None
        qualities[coding] = 1.0 if not parameter else float(quality[1]) if quality else 0.0
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


class CompressedFiles:
    """Answers for the files of `folder` that compress; hands on everything else, and who takes no gzip."""

    def __init__(self, app: ASGIApp, folder: Path = FOLDER) -> None:
        self._app = app
        # Listed once: a request's path is looked up here, and never becomes a path on the disk.
        self._files = {PREFIX + path.relative_to(folder / "static").as_posix(): path for path in _compressible(folder)}
        self._locks = {name: threading.Lock() for name in self._files}
        self._bytes: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or name not in self._files:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Ranges are of the bytes on the disk.
        if "range" in headers or not accepts_gzip(",".join(headers.getlist("accept-encoding"))):
            await self._app(scope, receive, partial(_varying, send))
            return
        body = self._bytes.get(name) or await anyio.to_thread.run_sync(self._compressed, name)
        await _answer(self._files[name], body, headers.get("if-none-match", ""))(scope, receive, send)

    def _compressed(self, name: str) -> bytes:
        """Made by the first who asks; who asks meanwhile waits for it instead of making it again."""
        with self._locks[name]:
            if name not in self._bytes:
                self._bytes[name] = gzip.compress(self._files[name].read_bytes(), _LEVEL, mtime=0)
            return self._bytes[name]


def _compressible(folder: Path) -> Iterable[Path]:
    """Find the files under `static/`, whose names change with their content; so no answer is ever out of date."""
    for path in (folder / "static").rglob("*"):
        if path.suffix in TYPES and path.is_file() and path.stat().st_size >= _SMALLEST_BYTES:
            yield path


def _answer(path: Path, body: bytes, known: str) -> Response:
    headers = {
        "Cache-Control": "public, immutable, max-age=31536000",
        "ETag": f'"{path.stem}-gzip"',
        "Vary": "Accept-Encoding",
    }
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers={**headers, "Content-Encoding": "gzip"}, media_type=TYPES[path.suffix])


async def _varying(send: Send, message: Message) -> None:
    """Say in the plain answer too that another would have got another."""
    if message["type"] == "http.response.start":
        MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
    await send(message)
