"""What an agent is given, and what it gives back."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.commands.handlers import CommandContext
from core.db import Database
from core.deployments.preferences import Preferences
from core.orchestrator.material import context as contexts
from core.orchestrator.material.wording import sentences
from core.orchestrator.plans import Request

BUILT_IN = "built-in"


@dataclass(frozen=True)
class Task:
    """One action to do: its payload, and all there is to do it with."""

    db: Database
    work: CommandContext
    payload: Mapping[str, Any]
    #: What was asked for. A command without an execution has only its payload.
    request: Request
    #: Nothing recorded later is read.
    as_of: dt.datetime
    preferences: Preferences
    context: contexts.Context | None = None
    #: Results of the steps that this one depends on, in the order of the plan.
    before: tuple["Before", ...] = ()

    @property
    def topic(self) -> str:
        """What it is about: as the payload says, else the topic found, else the request in short."""
        found = self.context.topic.name if self.context else ""
        return str(self.payload.get("topic") or found or sentences(self.request.text)[0][:120]).strip().rstrip(".?!")

    @property
    def audience(self) -> str:
        return str(self.payload.get("audience") or self.request.audience)


@dataclass(frozen=True)
class Before:
    """What an earlier step gave."""

    step: str
    agent: str
    action: str
    result: Mapping[str, Any]

    @property
    def text(self) -> str:
        return str(self.result.get("text", ""))


@dataclass
class Findings:
    """What an action found: a text to read, the figures behind it, and what could not be said."""

    text: str
    #: Figures and fields, plain JSON values.
    data: dict[str, Any] = field(default_factory=dict)
    #: Rows that it rests on; None where nothing was counted.
    n: int | None = None
    #: What could not be said, and why, in sentences.
    missing: list[str] = field(default_factory=list)
    #: BUILT_IN, or the model that wrote.
    source: str = BUILT_IN
    #: Why it was not the model that should have written.
    note: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    #: None: the model's price is not known.
    cost_usd: str | None = "0"

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


Action = Callable[[Task], Findings]
