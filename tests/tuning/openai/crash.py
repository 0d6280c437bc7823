"""OpenAI under crashes: jobs that go on with every look at them, and a count of what was begun."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.tuning.providers.protocol import Spec
from tests.tuning.crash_cases import Case
from tests.tuning.loopback import DROPPED, Answer, Loopback, Seen
from tests.tuning.openai.service import Service

#: A base that is in no catalogue, so that no date of one ends the tests.
SPEC = Spec("openai", "tiny", "sft", {"n_epochs": 2})
#: What a job is at its first looks; then its model is there.
_COURSE = ("queued", "running", "running")


class Moving:
    """The service, with jobs that move by themselves."""

    def __init__(self, service: Service, key: str) -> None:
        self._service, self._key = service, key
        self._looks: Counter[str] = Counter()
        #: The table of results of every job; none.
        self.result = b""
        service.base("tiny")
        service.server.on("GET", "/v1/fine_tuning/jobs/([^/]+)", self._look)

    @property
    def environment(self) -> Mapping[str, str]:
        return {"OPENAI_BASE_URL": f"{self._service.server.url}/v1", "OPENAI_API_KEY": self._key}

    def submissions(self) -> Sequence[str]:
        return list(self._service.jobs)

    def drop_reply(self) -> None:
        self._service.next.append(DROPPED)

    def stall(self, on: bool) -> None:
        (self._service.gate.clear if on else self._service.gate.set)()

    @property
    def server(self) -> Loopback:
        return self._service.server

    def refuse(self, answer: Answer) -> None:
        """The next submission is answered so, and begins nothing."""
        self._service.next.append(answer)

    def _look(self, _: Seen, name: str) -> Any:
        looks = self._looks[name]
        self._looks[name] += 1
        if self._service.jobs[name]["status"] in ("cancelled", "succeeded"):
            pass
        elif looks < len(_COURSE):
            self._service.jobs[name] |= {"status": _COURSE[looks]}
            self._service.happen(name, f"Look {looks}")
        else:
            self._service.contents["file-results"] = self.result
            results = ["file-results"] if self.result else []
            self._service.succeed(name, f"ft:tiny:acme::{name}", result_files=results)
        return self._service.jobs[name]


@contextmanager
def _serve(_folder: Path) -> Iterator[Moving]:
    server = Loopback()
    with server.serving():
        yield Moving(Service(server), "sk-test-0123456789abcdefghijklmnop")


CASE = Case(SPEC, _serve)
