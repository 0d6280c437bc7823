"""A small model hub on loopback, for the hub's own client: one model, at one commit."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import http_server

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves the files of `folder` as the model `name` until `close`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.requests: list[str] = []
        self.gated = False
        self._folder, self._name = folder, name
        hub = self

        class Handler(http_server.Handler):
            def asked(self) -> None:
                hub.answer(self)

        self._server = http_server.Server(Handler).start()
        self.address = self._server.url

    def close(self) -> None:
        self._server.close()

    def answer(self, request: http_server.Handler) -> None:
        path = urlsplit(request.path).path
        self.requests.append(f"{request.command} {path}")
        if not path.startswith((f"/api/models/{self._name}", f"/{self._name}/resolve/")):
            return request.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if self.gated:
            return request.reply(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if path.startswith("/api/models/"):
            if "/tree/" in path:
                return request.reply(200, json.dumps(self._tree()).encode())
            return request.reply(200, json.dumps(self._info()).encode())
        file = self._folder / path.rpartition("/")[2]
        if not file.is_file():
            return request.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
        raw = file.read_bytes()
        etag = hashlib.sha1(raw).hexdigest()
        return request.reply(200, raw, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

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
