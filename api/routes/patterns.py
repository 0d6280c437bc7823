"""Patterns of good work: mined from the examples, accepted or retired by people."""

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

from api.envelope import Answer, enveloped
from api.routing import Actor, Page, Workspace, from_first, new_router
from api.shapes import Strict, page_of, shown
from core import patterns
from core.examples.filters import Filter
from core.patterns import experiment

router = new_router("/orchestrator/patterns", "patterns")

PatternId = Annotated[str, Path(max_length=200, description="The id of a pattern.")]
_MOST = 10_000


class PatternItem(Strict):
    """One thing that is so of an example."""

    field: str
    value: str


PatternModel = shown(patterns.Kept, name="Pattern", without=("items",), also={"items": list[PatternItem]})
ChangeModel = shown(patterns.Change, name="PatternChange")


class WithHistory(Strict):
    pattern: PatternModel  # pyright: ignore[reportInvalidTypeForm]
    history: list[ChangeModel]  # pyright: ignore[reportInvalidTypeForm]


class Mining(Strict):
    filter: Filter = Field(
        default=patterns.DEFAULT, description="Which examples; all but tests and drafts unless given."
    )
    threshold: float = Field(default=patterns.GOOD_FROM, ge=0, le=1, description="From which quality on it did well.")


class Queued(Strict):
    command_id: int


class Decision(Strict):
    act: Literal["accept", "unaccept", "retire", "restore"]
    reason: str = Field(default="", max_length=2_000)


class Difference(Strict):
    """Mean score with patterns less that without, and its 95 % interval."""

    value: float
    low: float
    high: float


class Experiment(Strict):
    """Whether half of the requests is planned without patterns, and what that has shown."""

    on: bool
    with_n: int
    without_n: int
    with_mean: float | None
    without_mean: float | None
    difference: Difference | None = Field(description="null: fewer than two scored executions on a side.")


class Switch(Strict):
    on: bool
    reason: str = Field(default="", max_length=2_000)


_ACTS = {
    "accept": patterns.accept,
    "unaccept": patterns.unaccept,
    "retire": patterns.retire,
    "restore": patterns.restore,
}


@router.get("", response_model=enveloped(page_of(PatternModel)))
def list_patterns(
    db: Workspace,
    paging: Page,
    state: Annotated[list[patterns.State] | None, Query(description="new and accepted unless given.")] = None,
) -> Answer:
    """Patterns, the surest first: each with its sentence, how often it held, and the interval of that."""
    rows = patterns.patterns(db, states=state or ("new", "accepted"), limit=_MOST)
    return Answer(from_first(rows, paging, lambda kept: kept.id))


@router.get("/experiment", response_model=enveloped(Experiment))
def get_experiment(db: Workspace) -> Answer:
    """Whether patterns help the planner: scores with and without, and the difference with its interval."""
    effect = experiment.effect(db)
    side = effect.difference
    shown_ = {
        "on": experiment.is_on(db),
        "with_n": effect.with_n,
        "without_n": effect.without_n,
        "with_mean": effect.with_mean,
        "without_mean": effect.without_mean,
        "difference": None if side is None else {"value": side.value, "low": side.low, "high": side.high},
    }
    return Answer(shown_, effect.sentence)


@router.put("/experiment", response_model=enveloped(Experiment))
def switch_experiment(db: Workspace, actor: Actor, body: Switch) -> Answer:
    """Plan a random half of the requests without patterns from now on, or no longer."""
    experiment.switch(db, body.on, actor=actor, reason=body.reason)
    return get_experiment(db)


@router.get("/{pattern_id}", response_model=enveloped(WithHistory))
def get_pattern(db: Workspace, pattern_id: PatternId) -> Answer:
    """One pattern, and what happened to it."""
    return Answer({"pattern": patterns.get(db, pattern_id), "history": patterns.history(db, pattern_id)})


@router.post("/mine", response_model=enveloped(Queued), status_code=202)
def mine_patterns(db: Workspace, actor: Actor, body: Mining) -> Answer:
    """Have a worker look for patterns; the command that does it, or the one that waits already."""
    return Answer({"command_id": patterns.request(db, body.filter, threshold=body.threshold, actor=actor)})


@router.post("/{pattern_id}/decide", response_model=enveloped(PatternModel))
def decide(db: Workspace, actor: Actor, pattern_id: PatternId, body: Decision) -> Answer:
    """Tell the planner of a pattern or no more, or take it off the list and put it back."""
    return Answer(_ACTS[body.act](db, pattern_id, actor=actor, reason=body.reason))
