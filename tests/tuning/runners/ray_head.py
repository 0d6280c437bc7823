"""A small head of a Ray cluster: the five requests of its Jobs API as 2.60 answers them; entrypoints really run.

What it says to a taken id, to an unknown job, to a missing and to a wrong token was seen at a real one.
"""

import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import http_server

#: How long a stopped job may take to end, as Ray has it unless it is told otherwise.
STOP_WAIT_S = 3.0


@dataclass
class Job:
    process: subprocess.Popen[bytes]
    log: Path
    was_stopped: bool = False

    @property
    def status(self) -> str:
        code = self.process.poll()
        if code is None:
            return "RUNNING"
        return "STOPPED" if self.was_stopped else "SUCCEEDED" if code == 0 else "FAILED"


class RayHead:
    """Serves until `close`. `drops`: so many answers to submissions are lost on their way."""

    def __init__(self, folder: Path, *, token: str = "") -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.drops = 0
        self.breaks = 0
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        head = self

        class Handler(http_server.Handler):
            def asked(self) -> None:
                head.answer(self, self.command)

        self._token = token
        self._server = http_server.Server(Handler).start()
        self.address = self._server.url

    def close(self) -> None:
        self._server.close()
        for job in self.jobs.values():
            if job.process.poll() is None:
                os.killpg(job.process.pid, signal.SIGKILL)
            job.process.wait()

    def answer(self, request: http_server.Handler, method: str) -> None:
        body = json.loads(request.sent() or b"null")
        self.requests.append((method, request.path, body))
        status, said = self._refusal(request) or self._said(method, request.path, body)
        if method == "POST" and request.path == "/api/jobs/" and self.drops:
            self.drops -= 1
            request.connection.close()
            return
        out = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        request.reply(status, out)

    def _refusal(self, request: http_server.Handler) -> tuple[int, str] | None:
        given = request.headers.get("Authorization", "")
        if self._token and not given:
            return 401, "Unauthorized: Missing authentication token"
        if self._token and given != f"Bearer {self._token}":
            return 403, "Forbidden: Invalid authentication token"
        return None

    def _said(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if (method, path) == ("GET", "/api/version"):
            return 200, {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}
        if (method, path) == ("POST", "/api/jobs/"):
            return self._submit(body)
        name, _, act = path.removeprefix("/api/jobs/").partition("/")
        job = self.jobs.get(name)
        if job is None:
            return 404, f"Job {name} does not exist"
        if (method, act) == ("POST", "stop"):
            return 200, {"stopped": self._stop(job)}
        if act == "logs":
            return 200, {"logs": job.log.read_text()}
        return 200, {"type": "SUBMISSION", "submission_id": name, "status": job.status, "message": "", "metadata": {}}

    def _submit(self, body: Any) -> tuple[int, Any]:
        if self.breaks:
            self.breaks -= 1
            return 500, "Traceback (most recent call last):\nException: no agent"
        name = body["submission_id"]
        if name in self.jobs:
            return 400, f"Traceback (most recent call last):\nValueError: Job with submission_id {name} already exists."
        log = self._folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                body["entrypoint"],
                shell=True,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **body["runtime_env"]["env_vars"]},
            )
        self.jobs[name] = Job(process, log)
        return 200, {"job_id": name, "submission_id": name}

    def _stop(self, job: Job) -> bool:
        if job.process.poll() is not None:
            return False
        job.was_stopped = True
        os.killpg(job.process.pid, signal.SIGTERM)
        threading.Thread(target=self._insist, args=(job,), daemon=True).start()
        return True

    def _insist(self, job: Job) -> None:
        try:
            job.process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(job.process.pid, signal.SIGKILL)
