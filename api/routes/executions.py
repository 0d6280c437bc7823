"""Executions of the orchestrator, as a stream."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from api.routes.exports import download, stream
from api.workspaces import chosen_workspace
from core.orchestrator import queries
from core.orchestrator.records import Status

router = APIRouter(tags=["downloads"])

#: As many as fit into an address.
_MOST_IDS = 200


@router.get("/executions/export", **download("application/json"))
def executions(
    id: Annotated[list[str] | None, Query(max_length=_MOST_IDS)] = None,  # noqa: A002
    status: Annotated[list[Status] | None, Query()] = None,
    workspace: str = "public",
) -> StreamingResponse:
    """Executions with everything that is known of them, as one JSON array: those named, or all of some statuses."""
    db = chosen_workspace(workspace)
    for each in id or ():
        queries.get(db, each)  # one that is not there is an error, not a shorter file
    name = f"execution-{id[0]}" if id and len(id) == 1 else f"executions-{workspace}"
    return stream(queries.export(db, id, statuses=status or ()), name=name, ending="json")
