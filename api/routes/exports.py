"""Exports as a stream: PostgreSQL makes the bytes, and nothing here holds more than one block of them."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import StreamingResponse

from api.workspaces import chosen_workspace
from core.bounds import LARGEST_INTEGER
from core.datasets import exporting as dataset_exporting
from core.datasets import rendering
from core.examples import exporting
from core.examples.filters import from_query

router = APIRouter(tags=["downloads"])

_MEDIA = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def download(*media: str) -> dict[str, Any]:
    """For the decorator of a route that streams: what its answer is, for the description."""
    content = {kind: {"schema": {"type": "string", "title": "File"}} for kind in media}
    return {"response_class": StreamingResponse, "responses": {200: {"description": "The file.", "content": content}}}


@router.get("/examples/export", **download("application/x-ndjson", "text/csv"))
def examples(
    request: Request,
    format: Annotated[Literal["jsonl", "csv"], Query()] = "jsonl",  # noqa: A002
    workspace: str = "public",
) -> StreamingResponse:
    """The examples of a filter, which has the parameters of the data page's address."""
    db = chosen_workspace(workspace)
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    return stream(exporting.export(db, from_query(query), format), name=f"examples-{workspace}", ending=format)


@router.get(
    "/datasets/{name:path}/{version}/export", **download("application/x-ndjson", "application/vnd.apache.parquet")
)  # a name may hold a slash
def dataset(
    name: str,
    version: Annotated[int, Path(ge=1, le=LARGEST_INTEGER)],
    format: Annotated[rendering.Format, Query()] = "openai",  # noqa: A002
    split: Annotated[dataset_exporting.Part, Query()] = "all",
    workspace: str = "public",
) -> StreamingResponse:
    """One split of a frozen version: the same bytes every time."""
    blocks = dataset_exporting.export(chosen_workspace(workspace), f"{name}@{version}", split, format)
    ending = "parquet" if format == "parquet" else "jsonl"
    return stream(blocks, name=f"{name}-v{version}-{split}-{format}", ending=ending)


def stream(blocks: Iterator[bytes], *, name: str, ending: str) -> StreamingResponse:
    """Return a download.

    The first block is made before the answer begins, so that an error still has a status of its own.
    """
    first = next(blocks, b"")
    headers = {"Content-Disposition": f'attachment; filename="{file_name(name)}.{ending}"', "Cache-Control": "no-store"}
    return StreamingResponse(chain([first], blocks), media_type=_MEDIA[ending], headers=headers)


def file_name(name: str) -> str:
    """`name` as every system accepts it, and as no header can be broken by it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100] or "export"
