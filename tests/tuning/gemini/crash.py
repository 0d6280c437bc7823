"""Gemini under crashes: jobs that go on with every look at them, and a count of what was begun."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.tuning.providers.protocol import Spec
from tests.llm.servers import machine_credentials
from tests.tuning.crash_cases import Case
from tests.tuning.gemini import emulator
from tests.tuning.gemini.service import Service
from tests.tuning.loopback import DROPPED, Loopback, Seen

#: A base that is in no catalogue, so that no date of one ends the tests.
SPEC = Spec("gemini", "gemini-tiny", "sft", {"epoch_count": 2})
#: What a job is at its first looks; then its model is deployed.
_COURSE = ("JOB_STATE_QUEUED", "JOB_STATE_RUNNING", "JOB_STATE_RUNNING")


class Moving:
    """The service, with jobs that move by themselves."""

    def __init__(self, service: Service, storage: str) -> None:
        self._service, self._storage = service, storage
        self._looks: Counter[str] = Counter()
        service.server.on("GET", "/v1/(projects/.*/tuningJobs/[^/:]+)", self._look)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "GOOGLE_CLOUD_PROJECT": "acme",
            "GOOGLE_CLOUD_LOCATION": "europe-west4",
            "WHETSTONE_GCS_BUCKET": emulator.BUCKET,
            "GOOGLE_VERTEX_BASE_URL": self._service.server.url,
            "STORAGE_EMULATOR_HOST": self._storage,
            "GOOGLE_APPLICATION_CREDENTIALS": os.environ["GOOGLE_APPLICATION_CREDENTIALS"],
        }

    def submissions(self) -> Sequence[str]:
        return list(self._service.jobs)

    def drop_reply(self) -> None:
        self._service.next.append(DROPPED)

    def stall(self, on: bool) -> None:
        (self._service.gate.clear if on else self._service.gate.set)()

    def _look(self, _: Seen, name: str) -> Any:
        looks = self._looks[name]
        self._looks[name] += 1
        state = self._service.jobs[name]["state"]
        if state == "JOB_STATE_CANCELLING":
            self._service.put(name, "JOB_STATE_CANCELLED")
        elif state in ("JOB_STATE_CANCELLED", "JOB_STATE_SUCCEEDED"):
            pass
        elif looks < len(_COURSE):
            self._service.put(name, _COURSE[looks])
        else:
            self._service.succeed(name)
        return self._service.jobs[name]


@contextmanager
def _serve(_folder: Path) -> Iterator[Moving]:
    server = Loopback()
    with server.serving(), emulator.running() as storage, machine_credentials(f"{server.url}/token"):
        yield Moving(Service(server), storage)


CASE = Case(SPEC, _serve)
