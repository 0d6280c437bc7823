"""The command queue: for those who submit commands, for workers of other programs, and for bulk acts."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from pydantic import Field, model_validator
from starlette.responses import StreamingResponse

from api.envelope import Answer, enveloped
from api.routes.exports import download, stream
from api.routing import Actor, Page, Workspace, new_router
from api.shapes import JsonObject, Strict, page_of, shown
from core.bounds import LARGEST_ID, Id
from core.commands import claims, store, verbs
from core.commands.filters import PARAMETERS, CommandFilter, from_query
from core.commands.models import Attempt, Change, Command, CommandRow, Event, FinishedStep, NewCommand, Status
from core.commands.rules import LEASE_S, RETRIES
from core.db import Database
from core.errors import Conflict

router = new_router("", "commands")

CommandId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The id of a command.")]
Reason = Annotated[str, Field(max_length=2_000, description="Why, for the audit log.")]
Lease = Annotated[float, Field(ge=5, le=3_600, description="Seconds until it is taken for lost, unless heard of.")]

#: The token proves whose a command is, so only who claimed it is told.
CommandModel = shown(Command, without=("token", "attempt_base"))
Row = shown(CommandRow)


class Whole(Strict):
    """A command with everything that happened to it."""

    command: CommandModel  # pyright: ignore[reportInvalidTypeForm]
    attempts: list[shown(Attempt, without=("command_id",))]  # pyright: ignore[reportInvalidTypeForm]
    steps: list[shown(FinishedStep, without=("command_id",))]  # pyright: ignore[reportInvalidTypeForm]
    waits_for: list[int]
    events: list[shown(Event, name="CommandEvent", without=("command_id",))]  # pyright: ignore[reportInvalidTypeForm]


class Submitted(Strict):
    """A command for the queue."""

    agent: str = Field(min_length=1, max_length=200, examples=["content"])
    action: str = Field(min_length=1, max_length=200, examples=["draft"])
    payload: JsonObject = Field(default_factory=dict)
    priority: int = Field(default=0, description="Higher goes first.")
    dedupe_key: str | None = Field(
        default=None, max_length=200, description="While one with this key is open, no second one is made."
    )
    not_before: dt.datetime | None = None
    max_attempts: int = Field(default=RETRIES + 1, ge=1, le=1_000)
    waits_for: list[Id] = Field(default_factory=list[Id], max_length=1_000)


class Claiming(Strict):
    worker: str = Field(min_length=1, max_length=200, examples=["agent-7"])
    agents: list[str] | None = Field(default=None, max_length=100, description="Only for these; null: for any.")
    limit: int = Field(default=1, ge=1, le=100)
    lease_s: Lease = LEASE_S


class Claimed(Strict):
    """A command that is yours, with the token that proves it."""

    command: CommandModel  # pyright: ignore[reportInvalidTypeForm]
    token: UUID


class Beat(Strict):
    token: UUID
    lease_s: Lease = LEASE_S


class Go(Strict):
    answer: claims.Answer = Field(description="`pause` and `cancel` ask you to hand the command back.")


class Completion(Strict):
    token: UUID
    result: JsonObject = Field(default_factory=dict)


class Failure(Strict):
    token: UUID
    error: str = Field(max_length=100_000)
    retry: bool = Field(default=True, description="false: trying again would not help.")


class HandingBack(Strict):
    token: UUID


class Ended(Strict):
    status: Status


class RetryRequest(Strict):
    reason: Reason = ""


class Refused(Strict):
    id: int
    why: str


class Changed(Strict):
    """What an act did, command by command."""

    changed: list[int]
    refused: list[Refused]

    @classmethod
    def of(cls, change: Change) -> "Changed":
        refused = [Refused(id=command_id, why=why) for command_id, why in change.refused]
        return cls(changed=list(change.changed), refused=refused)


class Bulk(Strict):
    """An act on many commands: those of a filter, or those with these ids."""

    action: Literal["resume", "pause", "cancel", "retry", "delete", "export"]
    filter: CommandFilter | None = None
    ids: list[Id] | None = Field(default=None, max_length=100_000)
    reason: Reason = ""
    dry_run: bool = Field(default=False, description="Say what it would change, and change nothing.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Bulk":
        if (self.filter is None) == (self.ids is None):
            raise ValueError("give either a filter or ids; the filter {} chooses all commands")
        return self

    @property
    def chosen(self) -> CommandFilter:
        return self.filter if self.filter is not None else CommandFilter(ids=tuple(self.ids or ()))


_ACTS: dict[verbs.Verb, Callable[..., Change]] = {
    "resume": verbs.resume,
    "pause": verbs.pause,
    "cancel": verbs.cancel,
    "retry": verbs.retry,
    "delete": verbs.delete,
}


async def filter_of_query(request: Request) -> CommandFilter:
    """Return the filter in the parameters of an address, which are those of the queue's page."""
    return from_query({name: request.query_params.getlist(name) for name in request.query_params})


Chosen = Annotated[CommandFilter, Depends(filter_of_query)]
#: For the description: parameters that `filter_of_query` reads.
FILTER: dict[str, Any] = {
    "parameters": [
        {
            "name": parameter,
            "in": "query",
            "required": False,
            "schema": {"type": "array", "items": {"type": "string"}, "title": parameter},
            "description": f"`{field}` of the filter, as in the address of the queue page.",
        }
        for field, parameter in PARAMETERS.items()
    ]
}


@router.get("/commands/export", openapi_extra=FILTER, **download("application/json"))
def export_commands(db: Workspace, chosen: Chosen) -> StreamingResponse:
    """The commands of a filter, which has the parameters of the queue page's address, as one JSON array."""
    return _exported(db, chosen)


@router.post("/commands", response_model=enveloped(CommandModel), status_code=201)
def submit_command(db: Workspace, actor: Actor, body: Submitted) -> Answer:
    """Put a command into the queue. With a `dedupe_key` the open command of that key is answered."""
    new = NewCommand(
        agent=body.agent,
        action=body.action,
        payload=body.payload,
        priority=body.priority,
        dedupe_key=body.dedupe_key,
        not_before=body.not_before,
        max_attempts=body.max_attempts,
        waits_for=tuple(body.waits_for),
    )
    return Answer(store.get(db, store.enqueue(db, new, actor=actor)))


@router.get("/commands", response_model=enveloped(page_of(Row)), openapi_extra=FILTER)
def list_commands(
    db: Workspace, chosen: Chosen, paging: Page, sort: Annotated[store.Sort, Query()] = "newest"
) -> Answer:
    """Commands of a filter, a page at a time."""
    return Answer(store.page(db, chosen, sort=sort, after=paging.after, limit=paging.limit, offset=paging.offset))


@router.get("/commands/{command_id}", response_model=enveloped(Whole))
def get_command(db: Workspace, command_id: CommandId) -> Answer:
    """One command with its attempts, finished steps, what it waits for, and what happened to it."""
    command = store.get(db, command_id)
    history = {
        "attempts": store.attempts(db, command_id),
        "steps": store.steps(db, command_id),
        "waits_for": store.waits_for(db, command_id),
        "events": store.events(db, command_id),
    }
    return Answer({"command": command, **history})


@router.post("/commands/claim", response_model=enveloped(list[Claimed]))
def claim_commands(db: Workspace, body: Claiming) -> Answer:
    """Take up to `limit` commands that are ready, the most urgent first. They are yours until their lease ends."""
    return Answer(claims.claim(db, worker=body.worker, agents=body.agents, limit=body.limit, lease_s=body.lease_s))


@router.post("/commands/{command_id}/heartbeat", response_model=enveloped(Go))
def heartbeat(db: Workspace, command_id: CommandId, body: Beat) -> Answer:
    """Say that you still work on it, which moves the lease on, and hear whether to go on."""
    return Answer({"answer": _own(db, command_id, claims.heartbeat(db, command_id, body.token, lease_s=body.lease_s))})


@router.post("/commands/{command_id}/complete", response_model=enveloped(Ended))
def complete(db: Workspace, command_id: CommandId, body: Completion) -> Answer:
    """Finish a command that you claimed, with its result. Said again it is the same; from another worker it is 409."""
    return Answer({"status": _own(db, command_id, claims.complete(db, command_id, body.token, body.result))})


@router.post("/commands/{command_id}/fail", response_model=enveloped(Ended))
def fail(db: Workspace, command_id: CommandId, body: Failure) -> Answer:
    """End your attempt with an error. The command is `pending` again while it has attempts left, else `failed`."""
    ended = claims.fail(db, command_id, body.token, body.error, retry=body.retry)
    return Answer({"status": _own(db, command_id, ended)})


@router.post("/commands/{command_id}/hand-back", response_model=enveloped(Ended))
def hand_back(db: Workspace, command_id: CommandId, body: HandingBack) -> Answer:
    """End your attempt without a result, because you stop or were asked to; it does not count."""
    _own(db, command_id, claims.hand_back(db, command_id, body.token) or None)
    return Answer({"status": store.get(db, command_id).status})


@router.post("/commands/{command_id}/retry", response_model=enveloped(CommandModel))
def retry(db: Workspace, actor: Actor, command_id: CommandId, body: RetryRequest) -> Answer:
    """Give a failed or cancelled command a new round of attempts."""
    _done(db, "retry", command_id, actor, body.reason)
    return Answer(store.get(db, command_id))


@router.delete("/commands/{command_id}", response_model=enveloped(Changed))
def delete(
    db: Workspace, actor: Actor, command_id: CommandId, reason: Annotated[str, Query(max_length=2_000)] = ""
) -> Answer:
    """Remove a command that is not running and that no other waits for. Its events stay."""
    return Answer(Changed.of(_done(db, "delete", command_id, actor, reason)))


@router.post(
    "/tasks/bulk",
    response_model=enveloped(Changed),
    responses={200: {"content": {"application/json": {}}, "description": "What changed; for `export` the commands."}},
)
def bulk(db: Workspace, actor: Actor, body: Bulk) -> Any:
    """Resume, pause, cancel, retry, delete or export many commands; what stays as it is is named with the reason."""
    if body.action == "export":
        return _exported(db, body.chosen)
    if body.dry_run:
        return Answer(Changed.of(verbs.foresee(db, body.action, body.chosen)))
    return Answer(Changed.of(_ACTS[body.action](db, body.chosen, actor=actor, reason=body.reason)))


def _exported(db: Database, chosen: CommandFilter) -> StreamingResponse:
    return stream(verbs.export(db, chosen), name=f"commands-{db.schema}", ending="json")


def _done(db: Database, verb: verbs.Verb, command_id: int, actor: str, reason: str) -> Change:
    store.get(db, command_id)  # one that is not there is 404
    change = _ACTS[verb](db, CommandFilter(ids=(command_id,)), actor=actor, reason=reason)
    if change.refused:
        raise Conflict(change.refused[0][1])
    return change


def _own(db: Database, command_id: int, answer: Any) -> Any:
    """Return the answer to who works on the command. Raises `Conflict` for who does not."""
    if answer is None:
        store.get(db, command_id)
        raise Conflict(f"Command {command_id} is not yours any more; what you send for it is refused.")
    return answer
