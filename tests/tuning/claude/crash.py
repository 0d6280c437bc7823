"""Profiles under crashes: a service whose batches end by themselves, on the second look at them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.tuning.providers.protocol import Spec
from tests.tuning.claude.server import KEY, FakeAnthropic, serving, turns
from tests.tuning.crash_cases import Case

SPEC = Spec("claude", "claude-haiku-5-5", "profile", {"sizes": "2", "validation_rows": 8, "test_rows": 4})


def answer(params: dict) -> str:
    """The plan of the question, but only by a model that was shown what plans look like."""
    *shown, (_, question) = turns(params)
    number = question.split()[2]
    return json.dumps({"steps": [f"research {number}", "write"]}) if shown else "I would write it."


class _Service:
    """The service, as the crash test needs it."""

    def __init__(self, fake: FakeAnthropic) -> None:
        self._fake = fake

    @property
    def environment(self) -> Mapping[str, str]:
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self._fake.base_url}

    def submissions(self) -> Sequence[str]:
        return list(self._fake.begun)

    def drop_reply(self) -> None:
        self._fake.next.append("drop")

    def stall(self, on: bool) -> None:
        (self._fake.gate.clear if on else self._fake.gate.set)()


@contextmanager
def _serve(_folder: Path) -> Iterator[_Service]:
    with serving(answer) as fake:
        fake.ends_after = 2
        fake.most_kept = 6  # those of the jobs before are still there, and are never taken for this one's
        yield _Service(fake)


CASE = Case(
    SPEC,
    _serve,
    stages=2,
    adopted=lambda remote: [str(value) for name, value in remote.items() if name in ("batch0", "batch1")],
    rows=150,
)
