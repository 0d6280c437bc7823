"""Past work like a text."""

import datetime as dt
from typing import Annotated

from fastapi import Query

from api.envelope import Answer, enveloped
from api.routing import Workspace, new_router
from api.shapes import shown
from core import similarity
from core.similarity import KINDS, Ask, Kind

router = new_router("/similar", "similar work")

FoundModel = shown(similarity.Found, name="SimilarWork", without=("note",))
_NAME = Query(max_length=300)


@router.get("", response_model=enveloped(FoundModel))
def find_similar(
    db: Workspace,
    text: Annotated[str, Query(max_length=4_000)],
    kind: Annotated[list[Kind] | None, Query(max_length=len(KINDS))] = None,
    topic: Annotated[str, _NAME] = "",
    platform: Annotated[str, _NAME] = "",
    since: dt.datetime | None = None,
    as_of: dt.datetime | None = None,
    leave_out: Annotated[str, _NAME] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 10,
) -> Answer:
    """Past examples, tasks and posts like the text, the most similar first, with what they brought."""
    kinds: tuple[Kind, ...] = tuple(each for each in KINDS if not kind or each in kind)
    ask = Ask(text, kinds, topic, platform, _in_utc(since), _in_utc(as_of), leave_out, limit)
    with db.reading() as connection:
        found = similarity.find(connection, ask)
    return Answer(found, found.note)


def _in_utc(moment: dt.datetime | None) -> dt.datetime | None:
    """A moment without a zone is meant in UTC."""
    return moment.replace(tzinfo=dt.UTC) if moment and moment.tzinfo is None else moment
