"""Examples: list, capture, tag and count. The filter is that of the data page."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import Discriminator, Field, Tag, model_validator

from api.envelope import Answer, enveloped
from api.routing import READS, Actor, Page, Workspace, new_router
from api.shapes import AnyJson, JsonObject, Strict, page_of, shown
from core.bounds import LARGEST_ID, Id
from core.errors import InvalidFilter
from core.examples import statistics, store, tagging
from core.examples.filters import EVERYTHING, PARAMETERS, Filter, from_query
from core.examples.importing import capture

PREFIX = "/orchestrator/training"
router = new_router(PREFIX, "training data")

MOST_AT_ONCE = 1_000
ExampleId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The id of an example.")]
Reason = Annotated[str, Field(max_length=2_000, description="Why, for the audit log.")]
Tags = Annotated[list[str], Field(max_length=100, default_factory=list)]

ExampleModel = shown(store.Example, without=("source_digest", "request_key"))
Row = shown(store.ExampleRow)
SavedModel = shown(capture.Saved)
TagChangeModel = shown(tagging.TagChange)
StatisticsModel = shown(statistics.Statistics, also={"new_this_week": int})


async def filter_of_query(request: Request) -> Filter:
    """Return the filter in the parameters of an address, which are those of the data page."""
    return from_query({name: request.query_params.getlist(name) for name in request.query_params})


Chosen = Annotated[Filter, Depends(filter_of_query)]
#: For the description: parameters that `filter_of_query` reads.
FILTER: dict[str, Any] = {
    "parameters": [
        {
            "name": parameter,
            "in": "query",
            "required": False,
            "schema": {"type": "array", "items": {"type": "string"}, "title": parameter},
            "description": f"`{field}` of the filter, as in a link to the data page.",
        }
        for field, parameter in PARAMETERS.items()
    ]
}


class Capture(Strict):
    """One execution of an agent. What is left out is unknown; the same `execution_id` again replaces what it said."""

    execution_id: str = Field(min_length=1, max_length=255, examples=["run-2026-11-30-17"])
    user_request: str = Field(description="What was asked.", examples=["Draft a post about the new lamp"])
    intent: str = ""
    business_state: JsonObject = Field(default_factory=dict)
    context: JsonObject | None = None
    system_prompt: str | None = None
    execution_plan: str | JsonObject | list[AnyJson] | None = Field(default=None, description="Text or JSON.")
    execution_result: str | JsonObject | list[AnyJson] | None = Field(default=None, description="Text or JSON.")
    quality_score: float | None = Field(default=None, description="0 to 1; null: not scored.")
    success: bool | None = Field(default=None, description="null: unknown.")
    tags: Tags
    created_at: dt.datetime | None = Field(default=None, description="When it was done; now unless given.")
    source_agent: str = ""
    source_model: str = ""
    execution_time_ms: int | None = None


class Captures(Strict):
    """Several executions: all of them are saved, or none."""

    examples: list[Capture] = Field(min_length=1, max_length=MOST_AT_ONCE)


def _how_many(body: Any) -> str:
    return "many" if isinstance(body, dict) and "examples" in body else "one"


#: Told apart by the one field, so that a mistake is told of what was meant.
OneOrMany = Annotated[Annotated[Capture, Tag("one")] | Annotated[Captures, Tag("many")], Discriminator(_how_many)]


class Choice(Strict):
    """Which examples: a filter, or ids. One of the two."""

    filter: Filter | None = None
    ids: list[Id] | None = Field(default=None, max_length=100_000)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Choice":
        if (self.filter is None) == (self.ids is None):
            raise ValueError("give either a filter or ids; the filter {} chooses all examples that are not excluded")
        return self

    @property
    def chosen(self) -> Filter | list[int]:
        return self.filter if self.filter is not None else self.ids or []


class Tagging(Choice):
    """Tags to add to the chosen examples, and tags to take from them."""

    add: Tags
    remove: Tags
    reason: Reason = ""


class TaggingByDate(Strict):
    """Tags for what was created from `start` on and before `end`, inside the filter."""

    tags: list[str] = Field(max_length=100)
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    filter: Filter | None = None
    reason: Reason = ""


class TaggingByQuality(Strict):
    """Tags for what scored from `lowest` to `highest`, both included, inside the filter."""

    tags: list[str] = Field(max_length=100)
    lowest: float | None = Field(default=None, ge=0, le=1)
    highest: float | None = Field(default=None, ge=0, le=1)
    filter: Filter | None = None
    reason: Reason = ""


class Undo(Strict):
    change_id: int = Field(ge=1, le=LARGEST_ID, description="The `id` of a change of tags.")


class ExampleQuery(Strict):
    """A filter in a body, for those too long for an address, and the page of it."""

    filter: Filter = Field(default_factory=Filter)
    sort: store.Sort = "newest"
    after: str | None = Field(default=None, max_length=400)
    limit: int = Field(default=50, ge=1, le=10_000)
    offset: int = Field(default=0, ge=0, le=10_000)


class Undone(Strict):
    change_id: int
    count: int = Field(description="How many examples changed back.")


@router.get("/data", response_model=enveloped(page_of(Row)), openapi_extra=FILTER)
def list_examples(
    db: Workspace, chosen: Chosen, paging: Page, sort: Annotated[store.Sort, Query()] = "newest"
) -> Answer:
    """Examples of a filter, a page at a time; without parameters all that are not excluded, the newest first."""
    return Answer(store.page(db, chosen, sort=sort, after=paging.after, limit=paging.limit, offset=paging.offset))


@router.post("/data", response_model=enveloped(list[SavedModel]))
def capture_examples(db: Workspace, actor: Actor, body: OneOrMany) -> Answer:
    """Save one execution, or several at once, each under its `execution_id`: told again, it is changed and not doubled.

    What a person scored, edited or tagged outlives a repeat. All are saved or none; the message names row and field.
    """
    records = body.examples if isinstance(body, Captures) else [body]
    saved = capture.save_many(db, [each.model_dump(exclude_unset=True) for each in records], actor=actor)
    return Answer(saved)


@router.get("/data/{example_id}", response_model=enveloped(ExampleModel))
def get_example(db: Workspace, example_id: ExampleId) -> Answer:
    """One example, whole."""
    return Answer(store.get(db, example_id))


@router.post("/data/filter", response_model=enveloped(page_of(Row)), openapi_extra=READS)
def filter_examples(db: Workspace, body: ExampleQuery) -> Answer:
    """Examples of a filter in the body, a page at a time. `"exclude_tags": []` also gives what is excluded."""
    page = store.page(db, body.filter, sort=body.sort, after=body.after, limit=body.limit, offset=body.offset)
    return Answer(page)


@router.patch("/data/tag", response_model=enveloped(list[TagChangeModel]))
def tag_examples(db: Workspace, actor: Actor, body: Tagging) -> Answer:
    """Add tags to the chosen examples and remove others, in one transaction. The ids that come back can be undone."""
    changes = tagging.change_tags(db, body.chosen, add=body.add, remove=body.remove, actor=actor, reason=body.reason)
    return Answer(changes)


@router.post("/data/tag-by-date", response_model=enveloped(TagChangeModel))
def tag_by_date(db: Workspace, actor: Actor, body: TaggingByDate) -> Answer:
    """Tag what was created between two moments."""
    if body.start is None and body.end is None:
        raise InvalidFilter("Give a start, an end, or both; without either it would be every example.")
    change = tagging.tag_created_between(
        db, body.start, body.end, body.tags, within=body.filter or EVERYTHING, actor=actor, reason=body.reason
    )
    return Answer(change)


@router.post("/data/tag-by-quality", response_model=enveloped(TagChangeModel))
def tag_by_quality(db: Workspace, actor: Actor, body: TaggingByQuality) -> Answer:
    """Tag what scored between two bounds."""
    if body.lowest is None and body.highest is None:
        raise InvalidFilter("Give a lowest or a highest score, or both; without either it would be every example.")
    change = tagging.tag_by_quality(
        db, body.lowest, body.highest, body.tags, within=body.filter or EVERYTHING, actor=actor, reason=body.reason
    )
    return Answer(change)


@router.post("/data/undo-tag", response_model=enveloped(Undone))
def undo_tags(db: Workspace, actor: Actor, body: Undo) -> Answer:
    """Take one change of tags back, on exactly the examples that it changed."""
    return Answer({"change_id": body.change_id, "count": tagging.undo_tags(db, body.change_id, actor=actor)})


@router.get("/stats", response_model=enveloped(StatisticsModel), openapi_extra=FILTER)
def statistics_of(db: Workspace, chosen: Chosen) -> Answer:
    """Counts, shares and distributions of the examples of a filter, as the data page shows them."""
    return Answer(statistics.overview(db, chosen))
