"""Past work like a text."""

import datetime as dt
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse

from api.envelope import answer
from api.workspaces import chosen_workspace
from core import similarity
from core.similarity import KINDS, Ask, Kind

router = APIRouter()

_NAME = Query(max_length=300)


@router.get("/similar")
def similar(
    text: Annotated[str, Query(max_length=4_000)],
    kind: Annotated[list[Kind] | None, Query(max_length=len(KINDS))] = None,
    topic: Annotated[str, _NAME] = "",
    platform: Annotated[str, _NAME] = "",
    since: dt.datetime | None = None,
    as_of: dt.datetime | None = None,
    leave_out: Annotated[str, _NAME] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 10,
    workspace: str = "public",
) -> JSONResponse:
    """Past examples, tasks and posts like the text, the most similar first, with what they brought."""
    kinds: tuple[Kind, ...] = tuple(each for each in KINDS if not kind or each in kind)
    ask = Ask(text, kinds, topic, platform, _in_utc(since), _in_utc(as_of), leave_out, limit)
    with chosen_workspace(workspace).reading() as connection:
        found = similarity.find(connection, ask)
    return answer(jsonable_encoder({"method": found.method, "hits": [*map(asdict, found.hits)]}), message=found.note)


def _in_utc(moment: dt.datetime | None) -> dt.datetime | None:
    """A moment without a zone is meant in UTC."""
    return moment.replace(tzinfo=dt.UTC) if moment and moment.tzinfo is None else moment
