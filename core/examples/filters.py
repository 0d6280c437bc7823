"""The one description of a choice of examples: the same in a page, a URL, a dataset and the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from sqlalchemy import ColumnElement, Text, and_, any_, bindparam, case, cast, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from core.bounds import Id
from core.db.tables import example_words as words
from core.db.tables import examples
from core.errors import InvalidFilter
from core.examples.tags import Tag

Score = Annotated[float, Field(ge=0.0, le=1.0)]
Unscored = Literal["keep", "hide", "only"]

#: What is known of an example's worth: each example has exactly one of these.
#:
#: - failed: it is no success, whatever its score;
#: - poor: no failure, and scored below 0.5;
#: - succeeded: a success that nobody scored below 0.5;
#: - good: nobody knows whether it is a success, and it scored 0.7 or more, or a person approved it (MANUAL_APPROVED);
#: - unknown: none of these.
Verdict = Literal["succeeded", "good", "unknown", "poor", "failed"]
VERDICTS: dict[Verdict, str] = {
    "succeeded": "succeeded",
    "good": "judged good",
    "unknown": "not judged",
    "poor": "judged poor",
    "failed": "failed",
}
#: The bounds of those words. Frozen versions rest on them, so they never change: a new meaning gets a new word.
GOOD_FROM, POOR_BELOW = 0.7, 0.5
APPROVED = "MANUAL_APPROVED"


def _listed(values: Any) -> Any:
    """Make a list of the single value of a URL or a command line; JSON has no sets."""
    return [values] if isinstance(values, str) else list(values) if isinstance(values, set | frozenset) else values


def _sorted_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sort a choice without repeats, so that equal filters are equal in JSON too."""
    return tuple(sorted(set(values)))


def _validated(text: str) -> str:
    if "\0" in text:
        raise ValueError("text cannot hold a NUL character")
    text.encode()  # half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
    return text


Line = Annotated[str, AfterValidator(_validated)]
Words = Annotated[tuple[Line, ...], BeforeValidator(_listed), AfterValidator(_sorted_once)]
Tags = Annotated[tuple[Tag, ...], BeforeValidator(_listed), AfterValidator(_sorted_once)]
Verdicts = Annotated[tuple[Verdict, ...], BeforeValidator(_listed), AfterValidator(_sorted_once)]
#: Ids are PostgreSQL's bigint; what no id can be is told and not asked for.
Ids = Annotated[tuple[Id, ...], AfterValidator(_sorted_once)]


class Filter(BaseModel):
    """Which examples are meant. The default is everything but what is tagged EXCLUDE; withdrawn rows never match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Lowest and highest quality score, both included, 0.0 to 1.0. Unscored examples match only when both are None.
    quality_min: Score | None = None
    quality_max: Score | None = None
    #: Unscored examples, whatever the bounds: kept, hidden, or only they. None: as said above.
    unscored: Unscored | None = None
    #: Any of these intents; "" means no intent. Empty: all.
    intents: Words = ()
    #: True: succeeded, False: failed, None: either, or unknown.
    success: bool | None = None
    #: Any of these verdicts: succeeded, good, unknown, poor, failed. Empty: all.
    verdicts: Verdicts = ()
    #: Examples that have all of these.
    include_tags: Tags = ()
    #: Examples that have none of these.
    exclude_tags: Tags = ("EXCLUDE",)
    #: From this moment on, and before this one. Without a zone: UTC.
    created_from: dt.datetime | None = None
    created_to: dt.datetime | None = None
    #: Every one of these words stands in the request; case does not matter.
    words: Line = Field(default="", max_length=1_000)
    source_agents: Words = ()
    source_models: Words = ()
    #: Only examples that hold something a model could learn.
    trainable: bool = False
    #: Only these examples. None: not asked; empty: none at all.
    ids: Ids | None = None

    @field_validator("created_from", "created_to")
    @classmethod
    def _in_utc(cls, moment: dt.datetime | None) -> dt.datetime | None:
        if moment is None:
            return None
        try:
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        except OverflowError:
            raise ValueError("in UTC this moment lies outside the years 1 to 9999") from None

    @field_validator("words")
    @classmethod
    def _without_margins(cls, words: str) -> str:
        return words.strip()

    @model_validator(mode="after")
    def _ranges_run_upwards(self) -> Filter:
        if self.quality_min is not None and self.quality_max is not None and self.quality_min > self.quality_max:
            raise ValueError(f"the lowest quality {self.quality_min} is above the highest {self.quality_max}")
        if self.created_from and self.created_to and self.created_from > self.created_to:
            raise ValueError("the first date is after the last")
        return self

    @property
    def takes_unscored(self) -> Unscored:
        """Which of the three holds: unscored examples match beside the scored ones, not at all, or alone."""
        is_bounded = self.quality_min is not None or self.quality_max is not None
        return self.unscored or ("hide" if is_bounded else "keep")

    def canonical(self) -> dict[str, Any]:
        """Plain JSON values of what differs from the default, keys sorted: equal filters are equal here."""
        return dict(sorted(self.model_dump(mode="json", exclude_defaults=True).items()))

    def to_json(self) -> str:
        return orjson.dumps(self.canonical(), option=orjson.OPT_SORT_KEYS).decode()


EVERYTHING = Filter(exclude_tags=())

#: What a filter asks of one dimension of a chart.
Dimension = Literal["quality", "intent", "tag", "agent", "model", "month"]
_FIELDS_OF: dict[Dimension, tuple[str, ...]] = {
    "quality": ("quality_min", "quality_max", "unscored"),
    "intent": ("intents",),
    "tag": ("include_tags",),
    "agent": ("source_agents",),
    "model": ("source_models",),
    "month": ("created_from", "created_to"),
}


def without(chosen: Filter, dimension: Dimension) -> Filter:
    """Return the filter but for what it asks of this dimension: a chart of it shows what else could be chosen."""
    return chosen.model_copy(update={name: getattr(Filter(), name) for name in _FIELDS_OF[dimension]})


def parse(value: str | bytes | Mapping[str, Any]) -> Filter:
    """Return a filter from JSON text or plain values. Raises `InvalidFilter` naming the field."""
    try:
        return Filter.model_validate(orjson.loads(value) if isinstance(value, str | bytes) else value)
    except orjson.JSONDecodeError as error:
        raise InvalidFilter(f"The filter is not JSON: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "filter"
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = f"there is no such field; there are {', '.join(Filter.model_fields)}"
        raise InvalidFilter(f"Filter field {where!r}: {what.rstrip('.')}.") from None


#: URL parameter of each field. Short, because a link is read by people; distinct from every page's own parameters.
PARAMETERS = {
    "quality_min": "q_min",
    "quality_max": "q_max",
    "unscored": "unscored",
    "intents": "intent",
    "success": "success",
    "verdicts": "verdict",
    "include_tags": "tag",
    "exclude_tags": "without",
    "created_from": "from",
    "created_to": "to",
    "words": "words",
    "source_agents": "agent",
    "source_models": "model",
    "trainable": "trainable",
    "ids": "id",
}
_MANY = {"intents", "verdicts", "include_tags", "exclude_tags", "source_agents", "source_models", "ids"}


def to_query(chosen: Filter) -> dict[str, list[str]]:
    """URL parameters of a filter; defaults are left out. A list chosen empty is one empty value."""
    query: dict[str, list[str]] = {}
    for field, value in chosen.canonical().items():
        if field in _MANY:
            query[PARAMETERS[field]] = [_shown(str(item)) for item in value] or [""]
        else:
            query[PARAMETERS[field]] = [str(value).lower() if isinstance(value, bool) else str(value)]
    return query


def _shown(item: str) -> str:
    """Write "" (no intent) as "-", so that it differs from an empty list; a value that is all dashes grows by one."""
    return item + "-" if not item.strip("-") else item


def _hidden(item: str) -> str:
    return item[1:] if item and not item.strip("-") else item


def from_query(query: Mapping[str, Sequence[str]]) -> Filter:
    """Return the filter that URL parameters describe; unknown parameters are ignored. Raises `InvalidFilter`."""
    values: dict[str, Any] = {}
    for field, name in PARAMETERS.items():
        given = list(query.get(name, ()))
        if not given:
            continue
        if field in _MANY:
            values[field] = [] if given == [""] else [_hidden(item) for item in given]
        else:
            values[field] = given[-1]
    return parse(values)


def where(chosen: Filter) -> ColumnElement[bool]:
    """Return the filter as a condition on `orchestrator_training_data`; withdrawn rows are always left out."""
    columns = examples.c
    score = columns.quality_score
    conditions: list[ColumnElement[bool]] = [columns.withdrawn_at.is_(None)]
    conditions += scored_between(
        score,
        None if chosen.quality_min is None else score >= chosen.quality_min,
        None if chosen.quality_max is None else score <= chosen.quality_max,
        chosen,
    )
    for bound, compared in (
        (chosen.created_from, columns.created_at.__ge__),
        (chosen.created_to, columns.created_at.__lt__),
    ):
        if bound is not None:
            conditions.append(compared(bound))
    for choice, column in (
        (chosen.intents, columns.intent),
        (chosen.source_agents, columns.source_agent),
        (chosen.source_models, columns.source_model),
        (chosen.ids, columns.id),
    ):
        if choice or (choice is not None and column is columns.id):
            # = ANY(array): one parameter whatever the number of values, and one plan for all of them.
            conditions.append(column == any_(bindparam(None, list(choice), type_=ARRAY(column.type))))
    if chosen.success is not None:
        conditions.append(columns.success.is_(chosen.success))
    if chosen.verdicts:
        conditions.append(verdict(columns.success, score >= GOOD_FROM, score < POOR_BELOW, columns.tags, chosen))
    if chosen.include_tags:
        conditions.append(columns.tags.contains(text_array(chosen.include_tags)))
    if chosen.exclude_tags:
        conditions.append(not_(columns.tags.overlap(text_array(chosen.exclude_tags))))
    if chosen.words:
        # 'simple' knows no language: no stemming, no stop words, the same in every database. Served by example_words.
        wanted = func.plainto_tsquery("simple", chosen.words)
        conditions.append(columns.id.in_(select(words.c.example_id).where(words.c.words.op("@@")(wanted))))
    if chosen.trainable:
        conditions.append(columns.is_trainable)
    return and_(*conditions)


def scored_between(
    score: ColumnElement[Any], lowest: ColumnElement[bool] | None, highest: ColumnElement[bool] | None, chosen: Filter
) -> list[ColumnElement[bool]]:
    """Return what the filter asks of the score, whose column may hold scores or the cells of the cube."""
    bounds = [bound for bound in (lowest, highest) if bound is not None]
    if chosen.takes_unscored == "only":
        return [score.is_(None)]
    if chosen.takes_unscored == "hide":
        return bounds or [score.is_not(None)]
    return [or_(score.is_(None), and_(*bounds))] if bounds else []


def verdict(
    success: ColumnElement[bool | None],
    is_good: ColumnElement[bool],
    is_poor: ColumnElement[bool],
    tags: ColumnElement[Any],
    chosen: Filter,
) -> ColumnElement[bool]:
    """Whether the verdict is one of the chosen. `is_good` and `is_poor` may be NULL, where there is no score."""
    is_one: dict[Verdict, ColumnElement[bool]] = {
        "failed": success.is_(False),
        "poor": is_poor,
        "succeeded": success.is_(True),
        "good": is_good | tags.contains(text_array((APPROVED,))),
    }
    first = case(*((condition, literal(name)) for name, condition in is_one.items()), else_=literal("unknown"))
    return first == any_(text_array(chosen.verdicts))


def text_array(values: Sequence[str]) -> ColumnElement[Sequence[str]]:
    """Return the values as one parameter of the type text[]."""
    return cast(list(values), ARRAY(Text))


def describe(chosen: Filter) -> str:
    """Return the filter in words, one clause after the other; for manifests, audit lines and pages."""
    parts = []
    if chosen.quality_min is not None or chosen.quality_max is not None:
        highest = 1 if chosen.quality_max is None else chosen.quality_max
        parts.append(f"quality {chosen.quality_min or 0:.15g} to {highest:.15g}")
    if chosen.unscored is not None:
        parts.append({"keep": "or not scored", "hide": "scored", "only": "not scored"}[chosen.unscored])
    for label, choice in (
        ("intent", chosen.intents),
        ("agent", chosen.source_agents),
        ("model", chosen.source_models),
    ):
        if choice:
            parts.append(f"{label} {' or '.join(item or 'none' for item in choice)}")
    if chosen.success is not None:
        parts.append("succeeded" if chosen.success else "failed")
    if chosen.verdicts:
        parts.append(" or ".join(word for name, word in VERDICTS.items() if name in chosen.verdicts))
    for label, said in (
        ("tagged", " and ".join(chosen.include_tags)),
        ("not tagged", " or ".join(chosen.exclude_tags)),
        ("from", _told(chosen.created_from)),
        ("before", _told(chosen.created_to)),
    ):
        if said:
            parts.append(f"{label} {said}")
    if chosen.words:
        parts.append(f"request with the words “{chosen.words}”")
    if chosen.trainable:
        parts.append("only trainable")
    if chosen.ids is not None:
        parts.append(f"{len(chosen.ids):,} chosen by hand")
    return ", ".join(parts) or "all examples"


def _told(moment: dt.datetime | None) -> str:
    """To the minute where that is all of it: words that say less than the filter would name other examples."""
    if moment is None:
        return ""
    whole = moment.replace(tzinfo=None)
    return whole.isoformat(" ", "minutes" if not (moment.second or moment.microsecond) else "auto")
