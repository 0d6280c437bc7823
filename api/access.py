"""Who asks, and what each operation needs: the one place that says so. What is not said here is refused."""

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import Request
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope
from streamlit import config

from api.envelope import of_database, of_error
from core import access
from core.access import Role
from core.db import PUBLIC
from core.errors import NotAllowed, NotIdentified, WhetstoneError
from core.runtime.process import RUNNING
from core.settings import get_settings

#: The only operation that anybody may ask for.
HEALTH = "/health"
METRICS = "/metrics"
_CALLER = "whetstone.caller"
_T = "/orchestrator/training"
_E = "/orchestrator/executions/{execution_id}"

#: Operations that only read, or that answer as if they did.
_VIEWER = (
    "GET /docs",
    "GET /openapi.json",
    "GET /metrics",
    "GET /examples/export",
    "GET /datasets/{name}/{version}/export",
    "GET /executions/export",
    "GET /commands/export",
    f"GET {_T}/data",
    f"GET {_T}/data/{{example_id}}",
    f"POST {_T}/data/filter",
    f"GET {_T}/stats",
    f"GET {_T}/datasets",
    f"GET {_T}/datasets/compare",
    f"GET {_T}/datasets/{{which}}",
    f"GET {_T}/datasets/{{which}}/lineage",
    f"GET {_T}/datasets/{{which}}/files/{{split}}",
    f"POST {_T}/datasets/export",
    f"GET {_T}/jobs",
    f"GET {_T}/jobs/{{job_id}}",
    f"GET {_T}/jobs/{{job_id}}/events",
    f"GET {_T}/jobs/{{job_id}}/metrics",
    f"GET {_T}/providers",
    f"GET {_T}/models",
    f"GET {_T}/models/{{which}}",
    "GET /commands",
    "GET /commands/{command_id}",
    "GET /orchestrator/executions",
    f"GET {_E}",
    f"GET {_E}/export",
    f"GET {_E}/learnings",
    "GET /orchestrator/stats",
    "GET /orchestrator/patterns",
    "GET /orchestrator/patterns/experiment",
    "GET /orchestrator/patterns/{pattern_id}",
    "GET /similar",
)
#: Operations that write what can be written again.
_ANALYST = (
    "POST /v1/traces",
    f"POST {_T}/data",
    f"PATCH {_T}/data/tag",
    f"POST {_T}/data/tag-by-date",
    f"POST {_T}/data/tag-by-quality",
    f"POST {_T}/data/undo-tag",
    f"POST {_T}/datasets",
    f"POST {_T}/datasets/{{which}}/verify",
    f"POST {_T}/fine-tune",
    f"POST {_T}/jobs/{{job_id}}/cancel",
    "POST /commands",
    "POST /commands/claim",
    "POST /commands/{command_id}/heartbeat",
    "POST /commands/{command_id}/complete",
    "POST /commands/{command_id}/fail",
    "POST /commands/{command_id}/hand-back",
    "POST /commands/{command_id}/retry",
    "DELETE /commands/{command_id}",
    "POST /tasks/bulk",
    "POST /orchestrator/process",
    "POST /orchestrator/patterns/mine",
)
#: Operations that decide what is carried out, and what the planner works with.
_APPROVER = (
    f"POST {_E}/approve",
    f"POST {_E}/reject",
    "POST /orchestrator/patterns/{pattern_id}/decide",
    "PUT /orchestrator/patterns/experiment",
    f"POST {_T}/jobs/{{job_id}}/deploy",
    f"POST {_T}/jobs/{{job_id}}/rollback",
    f"PUT {_T}/models/active",
)

#: The role that an operation needs; None: it is open to all.
NEEDS: dict[str, Role | None] = {
    f"GET {HEALTH}": None,
    **dict.fromkeys(_VIEWER, "viewer"),
    **dict.fromkeys(_ANALYST, "analyst"),
    **dict.fromkeys(_APPROVER, "approver"),
}
#: About no workspace, so a token for any of them will do.
_OF_NO_WORKSPACE = frozenset(("GET /docs", "GET /openapi.json", f"GET {_T}/providers"))
#: About all workspaces at once, so a token for some of them is not enough.
_OF_ALL_WORKSPACES = frozenset(("GET /metrics",))


@dataclass(frozen=True)
class Caller:
    """Who asks. `workspaces`: None for all of them."""

    actor: str
    role: Role
    workspaces: tuple[str, ...] | None = None
    #: Its number, where a token says who it is.
    token_id: int | None = None


class Admission(NamedTuple):
    """Who asks, or the answer to who may not ask at all."""

    caller: Caller | None
    refusal: JSONResponse | None = None


async def admit(scope: Scope) -> Admission:
    """Say who sends a request, before its body is read. At `HEALTH` nobody has to say who they are."""
    if route_path(scope) == HEALTH:
        return Admission(None)
    try:
        caller = await _caller(scope, Headers(scope=scope))
    except WhetstoneError as error:
        return Admission(None, of_error(error))
    except OperationalError as error:
        return Admission(None, of_database(error))
    scope[_CALLER] = caller
    return Admission(caller)


async def _caller(scope: Scope, headers: Headers) -> Caller:
    said = headers.get("authorization")
    if said is None:
        if is_token_required(scope, headers):
            raise NotIdentified("The API needs a token here: Authorization: Bearer ….")
        return Caller(get_settings().actor, "admin")
    scheme, _, secret = said.partition(" ")
    if scheme.lower() != "bearer":
        raise NotIdentified("The API takes tokens alone: Authorization: Bearer ….")
    token = await run_in_threadpool(lambda: access.identify(RUNNING.database(), secret.strip()))
    return Caller(token.name, token.role, token.workspaces, token.id)


def caller_of(request: Request) -> Caller:
    """Return who sends this request. Raises `NotIdentified` where nobody asked for that."""
    caller = request.scope.get(_CALLER)
    if not isinstance(caller, Caller):
        raise NotIdentified("Nobody has said who sends this request.")
    return caller


async def permit(request: Request) -> None:
    """Raise `NotAllowed` unless whoever asks may do what the route does. Every route depends on this."""
    operation = f"{request.method} {request.scope['route'].path_format}"
    if operation not in NEEDS:
        raise NotAllowed(f"It is not said which role {operation} needs, so nobody may do it.")
    needed = NEEDS[operation]
    if needed is None:
        return
    caller = caller_of(request)
    if not access.suffices(caller.role, needed):
        raise NotAllowed(f"This needs the role {needed}; the token {caller.actor!r} has the role {caller.role}.")
    if caller.workspaces is None or operation in _OF_NO_WORKSPACE:
        return
    if operation in _OF_ALL_WORKSPACES:
        raise NotAllowed(f"This needs a token for all workspaces; the token {caller.actor!r} is for some of them.")
    asked = request.query_params.get("workspace", PUBLIC)
    if asked not in caller.workspaces:
        raise NotAllowed(f"The token {caller.actor!r} is not for the workspace {asked!r}.")


def is_token_required(scope: Scope, headers: Headers) -> bool:
    """Whether nobody may ask without a token: where that is set, and where others than this machine can ask.

    Others can where the server listens to more than loopback, and where it is called by another name, as by a proxy.
    """
    if get_settings().api_tokens == "required":
        return True
    reached, _port = scope.get("server") or ("", None)
    called = headers.get("host", "")
    return not (
        is_loopback(config.get_option("server.address") or "")
        and is_loopback(reached)
        and is_loopback(called.rpartition(":")[0] if called.rpartition(":")[2].isdecimal() else called)
    )


def is_loopback(host: str) -> bool:
    """Whether this names this machine to itself alone: a name, an address, or a socket of the file system."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.startswith(("unix://", "/")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def route_path(scope: Scope) -> str:
    """Return the address below /api."""
    return scope["path"].removeprefix(scope.get("root_path", ""))
