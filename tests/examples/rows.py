"""Random examples and filters for property tests, and the filter as a plain Python predicate."""

import datetime as dt
import re
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select

from core.db import Database
from core.db.tables import examples
from core.examples.filters import VERDICTS, Filter

TAGS = ("PRODUCTION", "DEVELOPMENT", "EXCLUDE", "MANUAL_APPROVED", "X_1")
INTENTS = ("content", "finance", "", "-", "--", "a'b")
WORDS = ("launch", "Post", "plan", "émigré", "q3", "naïve")
EMPTY_CONTENT = ("success", " Success. ", "OK", "", "null", "{}")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

scores = st.none() | st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.55, 0.7, 0.95, 1.0]) | st.floats(0, 1)
moments = st.integers(0, 5_000).map(lambda minutes: START + dt.timedelta(minutes=minutes))
tag_sets = st.lists(st.sampled_from(TAGS), unique=True).map(sorted)
content = st.none() | st.sampled_from(EMPTY_CONTENT) | st.text(alphabet="abc \n", min_size=1, max_size=8)

rows = st.fixed_dictionaries(
    {
        "user_request": st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
        "intent": st.sampled_from(INTENTS),
        "execution_plan": content,
        "execution_result": content,
        "quality_score": scores,
        "success": st.none() | st.booleans(),
        "tags": tag_sets,
        "created_at": moments,
        "source_agent": st.sampled_from(("", "content", "financial")),
        "source_model": st.sampled_from(("", "base")),
        "withdrawn_at": st.none() | st.none() | st.just(START),
    }
)


def _ordered(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    low, high = pair
    return (high, low) if low is not None and high is not None and low > high else pair


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    """Any filter over the values that `rows` draws."""
    low, high = _ordered(draw(st.tuples(scores, scores)))
    start, end = _ordered(draw(st.tuples(st.none() | moments, st.none() | moments)))
    some = lambda values: st.lists(st.sampled_from(values), max_size=3)  # noqa: E731
    return Filter(
        quality_min=low,
        quality_max=high,
        unscored=draw(st.none() | st.sampled_from(("keep", "hide", "only"))),
        intents=draw(some(INTENTS)),
        success=draw(st.none() | st.booleans()),
        verdicts=draw(st.just([]) | some(tuple(VERDICTS))),
        include_tags=draw(st.just([]) | some(TAGS)),
        exclude_tags=draw(st.just(["EXCLUDE"]) | some(TAGS)),
        created_from=start,
        created_to=end,
        words=draw(st.just("") | st.lists(st.sampled_from([*WORDS, "LAUNCH"]), max_size=2).map(" ".join)),
        source_agents=draw(some(("", "content", "financial"))),
        source_models=draw(some(("", "base"))),
        trainable=draw(st.booleans()),
        ids=draw(st.none() | st.none() | st.lists(st.integers(1, 30), max_size=10)),
    )


def insert(db: Database, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Insert rows with ids from 1 on; returns them with id and execution_id."""
    whole = [{**row, "id": n, "execution_id": f"run-{n}"} for n, row in enumerate(values, start=1)]
    if whole:
        with db.begin() as connection:
            connection.execute(examples.insert(), whole)
    return whole


def teaches(text: str | None) -> bool:
    """Does `text` hold something to learn? The same question as the database's function, asked in Python."""
    nothing = {"", "success", "successful", "succeeded", "ok", "okay", "done", "completed", "complete", "failed"}
    nothing |= {"failure", "error", "none", "null", "n/a", "true", "false", "{}", "[]"}
    return text is not None and text.strip(' \t\n\r\f\v".').lower() not in nothing


def matches(chosen: Filter, row: dict[str, Any]) -> bool:
    """The oracle: what the filter means, field by field, in plain Python."""
    score, tags = row["quality_score"], set(row["tags"])
    ranged = chosen.quality_min is not None or chosen.quality_max is not None
    unscored = chosen.unscored or ("hide" if ranged else "keep")
    fits = score is not None and (chosen.quality_min or 0) <= score <= (
        1 if chosen.quality_max is None else chosen.quality_max
    )
    words = set(re.findall(r"\w+", row["user_request"].lower()))
    return (
        row["withdrawn_at"] is None
        and (unscored != "hide" if score is None else fits and unscored != "only")
        and (not chosen.intents or row["intent"] in chosen.intents)
        and (chosen.success is None or row["success"] is chosen.success)
        and (not chosen.verdicts or verdict(row) in chosen.verdicts)
        and set(chosen.include_tags) <= tags
        and not set(chosen.exclude_tags) & tags
        and (chosen.created_from is None or row["created_at"] >= chosen.created_from)
        and (chosen.created_to is None or row["created_at"] < chosen.created_to)
        and set(chosen.words.lower().split()) <= words
        and (not chosen.source_agents or row["source_agent"] in chosen.source_agents)
        and (not chosen.source_models or row["source_model"] in chosen.source_models)
        and (not chosen.trainable or is_trainable(row))
        and (chosen.ids is None or row["id"] in chosen.ids)
    )


def verdict(row: dict[str, Any]) -> str:
    """The one verdict of an example, in plain Python."""
    score = row["quality_score"]
    if row["success"] is False:
        return "failed"
    if score is not None and score < 0.5:
        return "poor"
    if row["success"]:
        return "succeeded"
    return "good" if (score is not None and score >= 0.7) or "MANUAL_APPROVED" in row["tags"] else "unknown"


def is_trainable(row: dict[str, Any]) -> bool:
    return bool(row["user_request"].strip()) and (teaches(row["execution_plan"]) or teaches(row["execution_result"]))


def tags_of(db: Database) -> dict[int, list[str]]:
    """Every example's tags by id."""
    with db.connect() as connection:
        return {row.id: row.tags for row in connection.execute(select(examples.c.id, examples.c.tags))}
