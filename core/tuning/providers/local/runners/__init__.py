"""Where a trainer runs: on this machine, or on a Ray cluster. Both keep what they know in the job's folder.

A job's folder belongs to one runner. What was begun stands in its file `begun.json` before anything is started, so that
any process finds it again, also after this one was killed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class TrainerRun:
    """A trainer to run in a folder that has its `job.json`."""

    folder: Path
    #: The job's key (uuid hex): the marker by which a submission is found again.
    key: str
    #: The Python that has the trainer's packages, where the trainer runs.
    python: str
    #: The trainer's program. It is given the folder.
    program: Path
    #: More than one: `torchrun` starts so many.
    processes: int = 1
    #: What a cluster reserves for it.
    cpus: int = 0
    gpus: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        """The trainer's command line."""
        if self.processes == 1:
            return (self.python, str(self.program), str(self.folder))
        torchrun = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}")
        return (self.python, *torchrun, str(self.program), str(self.folder))


@dataclass(frozen=True)
class TrainerStatus:
    """What a trainer does. waiting: for its turn. ended: for whatever reason; its events say why."""

    state: Literal["waiting", "running", "ended"]
    #: The runner's own word for it.
    said: str = ""


@dataclass(frozen=True)
class TrainerEvent:
    """One line of `progress.jsonl`."""

    #: Where the line begins, which names it.
    at_byte: int
    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Artifacts:
    """What a trainer that is done leaves in its folder."""

    adapter: Path
    base_config: Path
    result: Mapping[str, Any]
    checkpoints: Sequence[Path]


class Runner(Protocol):
    """Runs trainers, each in a folder. Everything can be called twice without harm.

    `submit` and `resume` begin nothing while a trainer of the folder waits or runs.
    """

    def submit(self, work: TrainerRun) -> str:
        """Begin, or wait for a turn; the id of the submission. Raises `NotSubmitted` or `SubmitUnknown`."""
        ...

    def resume(self, folder: Path, *, died: bool = False, python: str | None = None) -> str:
        """Begin again from the last checkpoint. `died`: nobody asked for the end. `python`: another one than before.

        Raises like `submit`.
        """
        ...

    def find(self, folder: Path, key: str) -> str | None:
        """Return the id of the submission of this key; None: certainly nothing was begun. Raises `ProviderTrouble`."""
        ...

    def advance(self, folder: Path) -> None:
        """Do what is due: start what waits, insist where an end was asked for. Raises `ProviderTrouble`."""
        ...

    def status(self, folder: Path) -> TrainerStatus:
        """Return what the trainer does now. Raises `ProviderTrouble`."""
        ...

    def events(self, folder: Path, offset: int) -> tuple[list[TrainerEvent], int]:
        """Events from this byte on, and the byte to go on from."""
        ...

    def stop(self, folder: Path) -> None:
        """Ask for an end with a checkpoint. Raises `ProviderTrouble`."""
        ...

    def cancel(self, folder: Path) -> None:
        """Ask for an end of which nothing is kept. Raises `ProviderTrouble`."""
        ...

    def kill(self, folder: Path) -> None:
        """End it now, with all its processes. Raises `ProviderTrouble`."""
        ...

    def log_tail(self, folder: Path) -> str:
        """Return the last that the trainer printed. Raises `ProviderTrouble`."""
        ...

    def artifacts(self, folder: Path) -> Artifacts | None:
        """Return what it made; None while it is not done."""
        ...
