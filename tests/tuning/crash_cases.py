"""What the crash test runs against: each provider, and a server that counts what it was made to begin.

To add a provider, write a `Case` beside its tests and name it in `CASES`, as `module:attribute`. The provider is the
one of the registry, made in a process of its own, and reached by the environment that the service gives.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from core.tuning.providers import registry
from core.tuning.providers.protocol import PROVIDER_IDS, Provider, Spec
from tests.tuning.conftest import SPEC
from tests.tuning.scripted import CAPABILITIES, Scripted, Server

Scenario = Literal["through", "answer lost", "cancelled", "stopped", "resumed"]


class Service(Protocol):
    """The outside world of one test, in the test's process or a child of it."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings with which the provider finds it, by the names of environment variables."""
        ...

    def submissions(self) -> Sequence[str]:
        """The remote id of everything that was begun, and would be paid, in order. Counted by the service itself."""
        ...

    def drop_reply(self) -> None:
        """The next submission is begun, and its answer is lost."""
        ...

    def stall(self, on: bool) -> None:
        """While it is on, a submission is begun and not answered."""
        ...


@runtime_checkable
class Holding(Protocol):
    """A service whose jobs end by themselves, however often they were asked about: it makes them wait for that."""

    def hold(self, polls: int) -> None:
        """Until it was seen running so often, what is begun does not end unless it is told to."""
        ...


@dataclass(frozen=True)
class Case:
    """One provider under crashes."""

    spec: Spec
    #: Starts the service with a folder of its own, and ends it.
    serve: Callable[[Path], AbstractContextManager[Service]]
    #: `module:function` that makes the provider of the environment; "": the registry's.
    provider: str = ""
    scenarios: tuple[Scenario, ...] = ("through", "answer lost", "cancelled")
    #: Submissions that a job makes on its way.
    stages: int = 1
    #: Remote ids that a job may have adopted: those of earlier stages are kept in `remote`, under names of its own.
    adopted: Callable[[Mapping[str, object]], Sequence[str]] = lambda _remote: ()
    #: Examples of the version it is trained on.
    rows: int = 20

    def make_provider(self) -> Provider:
        """The provider, with the environment of this process."""
        if not self.provider:
            return registry.provider(self.spec.provider)
        module, _, name = self.provider.partition(":")
        return getattr(import_module(module), name)()


#: Every case by its name.
CASES = {
    "finds exactly": "tests.tuning.crash_cases:EXACT",
    "finds likely": "tests.tuning.crash_cases:LIKELY",
    "finds nothing": "tests.tuning.crash_cases:NONE",
    "two stages": "tests.tuning.crash_cases:STAGES",
    **{each: f"tests.tuning.{each}.crash:CASE" for each in PROVIDER_IDS},
}


def case(name: str) -> Case:
    """The case of this name."""
    module, _, attribute = CASES[name].partition(":")
    return getattr(import_module(module), attribute)


# The scripted provider


class _Scripted:
    """Its server, as a service."""

    def __init__(self, server: Server, finds: str, stages: int) -> None:
        self._world = server.world
        self._environment = {"SCRIPTED_URL": server.url, "SCRIPTED_FINDS": finds, "SCRIPTED_STAGES": str(stages)}

    @property
    def environment(self) -> Mapping[str, str]:
        return self._environment

    def submissions(self) -> Sequence[str]:
        return [each["id"] for each in list(self._world.paid)]

    def drop_reply(self) -> None:
        self._world.drops += 1

    def stall(self, on: bool) -> None:
        (self._world.gate.clear if on else self._world.gate.set)()


def _scripted(finds: str, *scenarios: Scenario, stages: int = 1) -> Case:
    @contextmanager
    def serve(_folder: Path) -> Iterator[_Scripted]:
        server = Server()
        server.world.finds = finds != "none"
        server.world.script = ("queued", "running", "running", "trained")
        try:
            yield _Scripted(server, finds, stages)
        finally:
            server.close()

    return Case(
        SPEC,
        serve,
        provider="tests.tuning.crash_cases:scripted_provider",
        stages=stages,
        scenarios=scenarios,
        adopted=lambda remote: [str(value) for name, value in remote.items() if name.startswith("done_")],
    )


def scripted_provider() -> Provider:
    """The scripted provider of the environment."""
    can = replace(CAPABILITIES, finds=os.environ["SCRIPTED_FINDS"], stops_and_resumes=True)  # pyright: ignore[reportArgumentType]
    return Scripted(os.environ["SCRIPTED_URL"], capabilities=can, stages=int(os.environ["SCRIPTED_STAGES"]))


EXACT = _scripted("exact", "through", "answer lost")
LIKELY = _scripted("likely", "through", "answer lost", "cancelled", "stopped", "resumed")
NONE = _scripted("none", "through", "answer lost")
STAGES = _scripted("likely", "through", stages=2)
