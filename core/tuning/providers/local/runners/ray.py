"""Trainers on a Ray cluster, through its Jobs API: five requests over HTTP, and nothing of Ray is needed here.

The job's folder lies on storage that the cluster's machines see under the same path; events and results come that way.
The id of a submission is made of the job's key and the number of the attempt, and Ray takes an id only once: so a
submission whose answer was lost is found again, and is never doubled.
"""

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.settings import without_login
from core.tuning.providers.local.runners import Artifacts, TrainerEvent, TrainerRun, TrainerStatus, folders
from core.tuning.providers.local.runners.folders import Begun
from core.tuning.providers.protocol import NotSubmitted, ProviderTrouble, SubmitUnknown

_TIMEOUT_S = 20.0
_OK, _MISSING = 200, 404
#: No token, and the wrong one.
_REFUSED = (401, 403)
#: Seconds from the stop file to the cluster's own stop, which leaves three seconds for a checkpoint unless its head
#: was told otherwise.
_PATIENCE_S: Mapping[str, float] = {"stop": 300.0, "cancel": 0.0}
_SHOWN = 300


class RayRunner:
    """Runs trainers on the cluster whose head answers at `address`, such as `http://10.0.0.5:8265`."""

    def __init__(self, address: str, token: SecretStr | None, *, clock: Callable[[], float] = time.time) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self._clock = clock

    def version(self) -> str:
        """Return the version of Ray.

        Raises `ProviderTrouble` when it cannot be asked, `NotSubmitted` when it refuses.
        """
        with self._asking() as ray:
            answer = ray.get("/api/version")
        self._refuse(answer)
        found = _json(answer).get("ray_version")
        if answer.status_code != _OK or not isinstance(found, str):
            raise ProviderTrouble(
                f"What answers at {without_login(self._address)} is not the dashboard of a Ray cluster."
            )
        return found

    def submit(self, work: TrainerRun) -> str:
        current = folders.begun(work.folder)
        if current is None or not (self._goes_on(work.folder, current) or folders.artifacts(work.folder)):
            current = folders.begin(work.folder, work, self._clock())
        return self._send(work.folder, current)

    def resume(self, folder: Path, *, died: bool = False, python: str | None = None) -> str:
        current = folders.begun_before(folder)
        if not self._goes_on(folder, current):
            current = folders.begin_again(folder, current, self._clock(), died=died, python=python)
        return self._send(folder, current)

    def find(self, folder: Path, key: str) -> str | None:
        current = folders.begun(folder)
        if current is None or current.key != key or self._told(current) is None:
            return None
        if current.state != "started":
            folders.note(folder, current, state="started")
        return _id(current)

    def advance(self, folder: Path) -> None:
        current = folders.begun(folder)
        if current is None:
            return
        if current.asked:
            assert current.asked_at is not None
            if self._clock() - current.asked_at >= _PATIENCE_S[current.asked]:
                self.kill(folder)
        elif current.state != "started":
            try:
                self._send(folder, current)
            except SubmitUnknown as unknown:
                raise ProviderTrouble(str(unknown)) from None
            except NotSubmitted as refused:
                if refused.passing:
                    raise ProviderTrouble(str(refused)) from None
                raise

    def status(self, folder: Path) -> TrainerStatus:
        current = folders.begun(folder)
        if current is None:
            return TrainerStatus("ended", "nothing was begun")
        if current.state != "started":
            return TrainerStatus("ended" if current.asked else "waiting")
        told = self._told(current)
        if told is None:  # a cluster that was started anew knows nothing of what ran before, and nothing of it runs
            return TrainerStatus("ended", "the cluster does not know it any more")
        said = str(told.get("status", ""))
        if said in ("SUCCEEDED", "FAILED", "STOPPED"):
            return TrainerStatus("ended", _words(said, told))
        return TrainerStatus("waiting" if said == "PENDING" else "running", _words(said, told))

    def events(self, folder: Path, offset: int) -> tuple[list[TrainerEvent], int]:
        return folders.events(folder, offset)

    def stop(self, folder: Path) -> None:
        folders.ask_to_end(folder, "stop", self._clock())
        self.advance(folder)

    def cancel(self, folder: Path) -> None:
        folders.ask_to_end(folder, "cancel", self._clock())
        self.advance(folder)

    def kill(self, folder: Path) -> None:
        current = folders.begun(folder)
        if current is None:
            return
        with self._asking() as ray:
            answer = ray.post(f"/api/jobs/{_id(current)}/stop")
        if answer.status_code not in (_OK, _MISSING):
            raise ProviderTrouble(f"Ray did not stop {_id(current)}: {_told_by(answer)}")

    def log_tail(self, folder: Path) -> str:
        current = folders.begun(folder)
        if current is None:
            return ""
        with self._asking() as ray:
            answer = ray.get(f"/api/jobs/{_id(current)}/logs")
        return str(_json(answer).get("logs") or "")[-4_000:].strip()

    def artifacts(self, folder: Path) -> Artifacts | None:
        return folders.artifacts(folder)

    def _goes_on(self, folder: Path, current: Begun) -> bool:
        """Whether a trainer waits or runs, and shall."""
        if self.status(folder).state == "ended":
            return False
        if current.asked:
            self.kill(folder)
        return not current.asked

    def _send(self, folder: Path, current: Begun) -> str:
        """Send the one request that begins something. Raises `NotSubmitted` or `SubmitUnknown`."""
        import httpx2

        if current.state == "started":
            return _id(current)
        current = folders.note(folder, current, state="starting")
        try:
            with self._client() as ray:
                answer = ray.post("/api/jobs/", json=_submission(folder, current))
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            folders.note(folder, current, state="waiting")
            raise NotSubmitted(
                f"The Ray cluster at {without_login(self._address)} cannot be reached.",
                code="not_reachable",
                advice="Start it, or correct RAY_ADDRESS; or train on this machine.",
                passing=True,
            ) from None
        except httpx2.HTTPError as error:
            raise SubmitUnknown(f"Ray was asked to begin, and did not answer ({type(error).__name__}).") from None
        if answer.status_code != _OK:
            self._not_begun(answer, current)
        folders.note(folder, current, state="started")
        return _id(current)

    def _not_begun(self, answer: Any, current: Begun) -> None:
        """Nothing, when the id was taken: by a submission of ours whose answer was lost. Raises otherwise."""
        self._refuse(answer)
        try:
            if self._told(current) is not None:
                return
        except ProviderTrouble as trouble:
            raise SubmitUnknown(f"Ray was asked to begin, and it is not known whether it did. {trouble}") from None
        if answer.status_code >= 500:
            raise SubmitUnknown(f"Ray was asked to begin, and failed: {_told_by(answer)}")
        raise NotSubmitted(f"Ray refused the job: {_told_by(answer)}", code=str(answer.status_code))

    def _told(self, current: Begun) -> Mapping[str, Any] | None:
        """Return what Ray says of the submission; None: it knows none."""
        with self._asking() as ray:
            answer = ray.get(f"/api/jobs/{_id(current)}")
        if answer.status_code == _MISSING:
            return None
        if answer.status_code != _OK:
            raise ProviderTrouble(f"Ray did not say what became of {_id(current)}: {_told_by(answer)}")
        return _json(answer)

    def _refuse(self, answer: Any) -> None:
        if answer.status_code in _REFUSED:
            what = "refused the token" if self._token else "asks for a token"
            raise NotSubmitted(
                f"The Ray cluster at {without_login(self._address)} {what}.",
                code="key_refused" if self._token else "key_missing",
                advice="Set RAY_AUTH_TOKEN to the cluster's token (`ray get-auth-token` prints it).",
            )

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        import httpx2

        try:
            with self._client() as client:
                yield client
        except httpx2.HTTPError as error:
            raise ProviderTrouble(
                f"The Ray cluster at {without_login(self._address)} does not answer ({type(error).__name__})."
            ) from None

    def _client(self) -> Any:
        import httpx2

        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}
        # A proxy in the environment is for the world outside.
        return httpx2.Client(
            base_url=self._address, headers=headers, timeout=_TIMEOUT_S, trust_env=not is_loopback(self._address)
        )


def is_loopback(address: str) -> bool:
    """Whether the address is this machine, so that nobody else hears what is sent there."""
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")


def is_address(address: str) -> bool:
    """Whether it can be a dashboard's. Ray's own tools also take `auto` and `host:6379`, which are none."""
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _id(current: Begun) -> str:
    return f"whetstone-{current.key}-{current.attempt}"


def _submission(folder: Path, current: Begun) -> dict[str, Any]:
    # `exec`: the signals that Ray sends are for the trainer, not for a shell around it.
    return {
        "submission_id": _id(current),
        "entrypoint": f"exec {shlex.join(current.work(folder).command)}",
        # With nothing reserved it runs on the head and sees its GPUs; with CPUs alone reserved it would see none.
        **({"entrypoint_num_cpus": current.cpus} if current.cpus else {}),
        **({"entrypoint_num_gpus": current.gpus} if current.gpus else {}),
        "runtime_env": {"env_vars": {"PYTHONUNBUFFERED": "1", **current.environment}},
        "metadata": {"whetstone_job": current.key},
    }


def _words(said: str, told: Mapping[str, Any]) -> str:
    # The lines after the first are the end of the log.
    message = str(told.get("message") or "").strip().partition("\n")[0]
    return f"{said}: {message[:_SHOWN]}" if message else said


def _told_by(answer: Any) -> str:
    """Return the last line of what a server says: the others are of a Python traceback."""
    lines = [line for line in answer.text.strip().splitlines() if line.strip()]
    return f"{answer.status_code} {lines[-1][:_SHOWN] if lines else ''}".strip()


def _json(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
