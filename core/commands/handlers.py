"""What a handler is given, and what it gives back: the code that does an agent's commands.

A handler may run more than once for one command: its machine can die at any moment, and another takes the command up.
So what must not happen twice is a step, and a call to the outside carries the key of its step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from core.commands.claims import Answer
from core.commands.models import Claim, Command, NewCommand
from core.db import Database
from core.errors import CommandRefused

JSON: TypeAlias = Any


@dataclass(frozen=True)
class Outcome:
    """How a command ended well."""

    result: Mapping[str, Any] = field(default_factory=dict)
    #: Enqueued if and only if this attempt is the one that counts.
    then: Sequence[NewCommand] = ()
    #: Called in the transaction of the finish. What it raises fails the attempt, and nothing was written.
    within: Callable[[Connection], None] | None = None


# BaseException: a handler's own `except Exception` lets them pass.
class Stopped(BaseException):
    """The command is to be put down: somebody paused or cancelled it, or its worker ends."""


class LeaseLost(BaseException):
    """The command is another worker's now; whatever this one still does is refused."""


Asked: TypeAlias = Answer | Literal["stop", "lost"]
#: Calls what it is given, and calls it again while the database is away.
Insist: TypeAlias = Callable[[Callable[[], Any]], Any]


def _go() -> Asked:
    return "go"


def _once(call: Callable[[], Any]) -> Any:
    return call()


# FOR SHARE: the command does not change hands between the look and the write.
_KEEP = text("""
    INSERT INTO command_steps (command_id, step, output)
    SELECT id, :step, CAST(:output AS jsonb) FROM commands
    WHERE id = :id AND token = :token AND status = 'running'
    FOR SHARE
    ON CONFLICT (command_id, step) DO NOTHING
    RETURNING step
""")
_OWNED = text("SELECT EXISTS (SELECT FROM commands WHERE id = :id AND token = :token AND status = 'running')")
_KEPT = text("SELECT output FROM command_steps WHERE command_id = :id AND step = :step")


class CommandContext:
    """One attempt at one command."""

    def __init__(self, db: Database, claim: Claim, *, asked: Callable[[], Asked] = _go, insist: Insist = _once) -> None:
        #: The workspace that the command belongs to.
        self.db = db
        self.command: Command = claim.command
        self.token: UUID = claim.token
        self._asked = asked
        self._insist = insist

    def check(self) -> None:
        """Between pieces of work: raises `Stopped` or `LeaseLost` when this attempt is to end here."""
        asked = self._asked()
        if asked == "lost":
            raise LeaseLost
        if asked != "go":
            raise Stopped

    def step(self, name: str, do: Callable[[], JSON]) -> JSON:
        """Return what `do` gives, as JSON values; what an earlier attempt has done is not done again.

        `do` may still run twice when a machine dies between doing and noting it: give `key(name)` to the outside.
        """
        self.check()
        kept, output = self._insist(lambda: self._kept(name))
        if kept:
            return output
        done = do()
        return self._insist(lambda: self._keep(name, done))

    def _kept(self, name: str) -> tuple[bool, JSON]:
        with self.db.connect() as connection:
            row = connection.execute(_KEPT, {"id": self.command.id, "step": name}).one_or_none()
        return (False, None) if row is None else (True, row.output)

    def _keep(self, name: str, output: JSON) -> JSON:
        written = orjson.dumps(output).decode()
        given = {"id": self.command.id, "token": self.token, "step": name, "output": written}
        with self.db.begin() as connection:
            if (
                connection.execute(_KEEP, given).one_or_none() is None
                and not connection.execute(_OWNED, given).scalar()
            ):
                raise LeaseLost
            return connection.execute(_KEPT, given).scalar_one()

    def key(self, step: str) -> str:
        """Return the idempotency key of a step: the same in every attempt, and no other command's."""
        return f"commands/{self.command.id}/{step}"


Handler: TypeAlias = Callable[[CommandContext], Outcome | Mapping[str, Any]]
#: Agent -> its handler.
Registry: TypeAlias = Mapping[str, Handler]


def by_action(agent: str, actions: Mapping[str, Handler]) -> Handler:
    """Return a handler that calls the one for the command's action, and refuses an action that there is not."""

    def handle(work: CommandContext) -> Outcome | Mapping[str, Any]:
        action = actions.get(work.command.action)
        if action is None:
            raise CommandRefused(
                f"The agent {agent} has no action {work.command.action!r}; it has {', '.join(sorted(actions))}."
            )
        return action(work)

    return handle
