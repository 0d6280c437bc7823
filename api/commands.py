"""Commands of the queue, as a stream."""

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from api.exports import stream
from api.workspaces import chosen_workspace
from core.commands import verbs
from core.commands.filters import from_query

router = APIRouter()


@router.get("/commands/export")
def commands(request: Request, workspace: str = "public") -> StreamingResponse:
    """The commands of a filter, which has the parameters of the queue page's address, as one JSON array."""
    db = chosen_workspace(workspace)
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    return stream(verbs.export(db, from_query(query)), name=f"commands-{workspace}", ending="json")
