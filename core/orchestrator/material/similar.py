"""Similar past work, by full text: which earlier requests share the rarer words of this one, and how those went."""

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from sqlalchemy import Connection, text

from core.orchestrator.material.wording import key_words, plural

#: Words looked for, and examples looked at: both bound the work, whatever the size of the table.
_MOST_WORDS = 24
_MOST_LOOKED_AT = 20_000
SHOWN = 5
#: Examples that share less of the request's words (weighed by rarity) than this are not called similar.
_LEAST = 0.3
#: How many of the best matches the averages are taken over.
_COUNTED = 50
_RAREST_FREQUENCY = 0.0005


@dataclass(frozen=True)
class Similar:
    """One earlier example. `similarity` is the share of the request's words that it has, weighed by their rarity."""

    example_id: int
    execution_id: str
    request: str
    intent: str
    similarity: float
    score: float | None
    success: bool | None
    created_at: str
    source_model: str
    #: Whether it was brought in, approved or judged; what nobody judged says nothing of what is usual.
    counts: bool = True


@dataclass(frozen=True)
class SimilarWork:
    """Earlier examples like the request; the averages are over all `n` of them, `items` are the most similar."""

    n: int
    note: str
    average_score: float | None = None
    scored: int = 0
    success_rate: float | None = None
    judged: int = 0
    usual_intent: str = ""
    #: All of them, the most similar first.
    ids: tuple[int, ...] = ()
    items: tuple[Similar, ...] = ()


def find(connection: Connection, request: str, *, as_of: dt.datetime, leave_out: str = "") -> SimilarWork:
    """Examples from before `as_of` that share the rarer words of `request`, neither excluded nor withdrawn."""
    weights = _weights(connection, key_words(request)[:_MOST_WORDS])
    if not weights:
        return SimilarWork(0, "The request has no word to look for in past work.")
    rows = connection.execute(
        _FIND,
        {
            "query": " | ".join(f"'{word}'" for word in _rarest(weights)),
            "words": list(weights),
            "weights": list(weights.values()),
            "all": sum(weights.values()),
            "least": _LEAST,
            "as_of": as_of,
            "leave_out": leave_out,
            "looked_at": _MOST_LOOKED_AT,
            "counted": _COUNTED,
        },
    ).all()
    if not rows:
        return SimilarWork(0, "No similar past work was found.")
    items = tuple(
        Similar(row.id, row.execution_id, row.request, row.intent, round(row.similarity, 3), row.quality_score,
                row.success, row.created_at.isoformat(), row.source_model, row.counts)
        for row in rows
    )  # fmt: skip
    return _summary(items)


def _summary(items: tuple[Similar, ...]) -> SimilarWork:
    scores = [item.score for item in items if item.score is not None]
    outcomes = [item.success for item in items if item.success is not None]
    average = round(fmean(scores), 3) if scores else None
    rate = round(fmean(outcomes), 3) if outcomes else None
    said = [f"{plural(len(items), 'similar request')} found"]
    if average is not None:
        said.append(f"they scored {average:.2f} on average (n {len(scores)})")
    if rate is not None:
        said.append(f"{rate:.0%} succeeded (n {len(outcomes)})")
    intents = Counter(item.intent for item in items if item.intent and item.counts)
    usual = intents.most_common(1)[0][0] if intents else ""
    return SimilarWork(
        n=len(items),
        note=f"{', '.join(said)}.",
        average_score=average,
        scored=len(scores),
        success_rate=rate,
        judged=len(outcomes),
        usual_intent=usual,
        ids=tuple(item.example_id for item in items),
        items=items[:SHOWN],
    )


def _weights(connection: Connection, words: list[str]) -> dict[str, float]:
    """How much each word says: minus the logarithm of its share of requests, from the planner's own statistics."""
    # As the index cut them: one word may be several lexemes there, or none.
    lexemes = connection.execute(_LEXEMES, {"words": " ".join(words)}).scalars().all()[:_MOST_WORDS]
    known = connection.execute(_FREQUENCIES).one_or_none()
    frequencies = dict(zip(known.words, known.frequencies, strict=False)) if known and known.words else {}
    return {word: -math.log(min(frequencies.get(word, _RAREST_FREQUENCY), 0.99)) for word in lexemes}


def _rarest(weights: dict[str, float]) -> list[str]:
    """The words that are looked up in the index: those in few requests, so that few rows are read."""
    rare = sorted(weights, key=lambda word: -weights[word])
    return [word.replace("'", "''").replace("\\", "\\\\") for word in rare[: max(3, len(rare) * 2 // 3)]]


_LEXEMES = text("SELECT lexeme FROM unnest(to_tsvector('simple', :words)) ORDER BY positions[1]")
_FREQUENCIES = text(
    "SELECT most_common_elems::text::text[] AS words, most_common_elem_freqs AS frequencies FROM pg_stats"
    " WHERE schemaname = current_schema() AND tablename = 'example_words' AND attname = 'words'"
)
#: The candidates come from the index of words, newest first; then each is weighed by the words that it has.
_FIND = text(
    """
    SELECT e.id, e.execution_id, left(e.user_request, 200) AS request, e.intent, c.similarity, e.quality_score,
           e.success, e.created_at, e.source_model,
           is_judged(e.judgement, e.quality_score, e.success) AS counts
    FROM (
        SELECT w.example_id,
               (SELECT sum(g.weight) FROM unnest(CAST(:words AS text[]), CAST(:weights AS float8[])) AS g (word, weight)
                WHERE g.word = ANY (tsvector_to_array(w.words))) / :all AS similarity
        FROM (SELECT example_id, words FROM example_words WHERE words @@ CAST(:query AS tsquery)
              ORDER BY example_id DESC LIMIT :looked_at) AS w
    ) AS c
    JOIN orchestrator_training_data e ON e.id = c.example_id
    WHERE c.similarity >= :least AND e.created_at < :as_of AND e.execution_id <> :leave_out
      AND e.withdrawn_at IS NULL AND NOT e.tags && ARRAY['EXCLUDE', 'TEST', 'CANCELLED']
    ORDER BY c.similarity DESC, e.quality_score DESC NULLS LAST, e.id DESC
    LIMIT :counted
    """
)
