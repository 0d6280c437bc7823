"""A small model hub on loopback, for the hub's own client: one model, at one commit."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves the files of `folder` as the model `name` until `close`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.requests: list[str] = []
        self.gated = False
        self._folder, self._name = folder, name
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                hub.answer(self)

            do_GET = do_HEAD = _serve  # noqa: N815 (the names of the base class)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        self.requests.append(f"{request.command} {path}")
        if not path.startswith((f"/api/models/{self._name}", f"/{self._name}/resolve/")):
            return self._send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if self.gated:
            return self._send(request, 403, b"{}", {"X-Error-Code": "GatedRepo"})
        if path.startswith("/api/models/"):
            if "/tree/" in path:
                return self._send(request, 200, json.dumps(self._tree()).encode())
            return self._send(request, 200, json.dumps(self._info()).encode())
        file = self._folder / path.rpartition("/")[2]
        if not file.is_file():
            return self._send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
        raw = file.read_bytes()
        etag = hashlib.sha1(raw).hexdigest()
        return self._send(request, 200, raw, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def _info(self) -> dict[str, Any]:
        siblings = [{"rfilename": each.name, "size": each.stat().st_size} for each in self._folder.iterdir()]
        return {
            "id": self._name,
            "modelId": self._name,
            "sha": COMMIT,
            "siblings": siblings,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
        }

    def _tree(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "file",
                "path": each.name,
                "size": each.stat().st_size,
                "oid": hashlib.sha1(each.read_bytes()).hexdigest(),
            }
            for each in self._folder.iterdir()
        ]

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, raw: bytes, headers: dict[str, str] | None = None
    ) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(raw)
