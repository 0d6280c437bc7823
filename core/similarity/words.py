"""Past work by full text: what shares the rarer words of a text, weighed by their rarity. Needs no model."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from core.similarity.sources import SOURCES, Ask, Kind

#: Words looked for, and rows looked at: both bound the work, whatever the size of the table.
_MOST_WORDS = 24
_MOST_LOOKED_AT = 20_000
#: Rows that share less of the text's words (weighed by rarity) than this are not listed, or are not clearly similar.
LEAST_SHARE, CLEAR_SHARE = 0.1, 0.3
_RAREST_FREQUENCY = 0.0005
#: Too common in requests to say what they are about. English, and the verbs every request begins with.
_COMMON = """
    a about above after again against ahead all also am an and any are as ask at be because been before being below
    between both but by can check could did do does doing done down draft during each few find for from further get
    give had has have having he her here him his how i if in into is it its just keep let lets list make may me more
    most much my new no nor not of off on once one only or other our out over own please plan prepare put review same
    say she should so some such than that the their them then there these they this those through to too turn under
    until up us use very want was way we were what when where whether which while who whom why will with would write
    yes you your meant aimed written explain mention words tone
"""
STOP_WORDS = frozenset(_COMMON.split())
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ENDINGS = ("ings", "ing", "ies", "ers", "er", "es", "ed", "s", "e")


@dataclass(frozen=True)
class SearchedRows:
    """Rows as `rows_of` gives them, of all kinds; and why there can be none."""

    rows: Sequence[Any]
    note: str = ""


def find(connection: Connection, ask: Ask) -> SearchedRows:
    """Return the most similar rows of each kind."""
    said = key_words(ask.text)[:_MOST_WORDS]
    if not said:
        return SearchedRows((), "The text has no word to look for in past work.")
    # A plan for any words at all reads every row and cuts each text into words: a second for 10,000 posts.
    connection.execute(_PLANNED_EACH_TIME)
    return SearchedRows([row for kind in ask.kinds for row in _of_kind(connection, ask, kind, said)])


def _of_kind(connection: Connection, ask: Ask, kind: Kind, said: list[str]) -> Sequence[Any]:
    weights_ = _weights(connection, kind, said)
    if not weights_:
        return ()
    given = {
        "query": " | ".join(f"'{word}'" for word in _rarest(weights_)),
        "words": list(weights_),
        "weights": list(weights_.values()),
        "all": sum(weights_.values()),
        "least": CLEAR_SHARE if ask.clearly else LEAST_SHARE,
        "looked_at": _MOST_LOOKED_AT,
    }
    return connection.execute(_FIND[kind], {**parameters(ask), **given}).all()


def parameters(ask: Ask) -> Mapping[str, Any]:
    """Return what `rows_of` takes."""
    return {
        "as_of": "infinity" if ask.as_of is None else ask.as_of.isoformat(),
        "since": "-infinity" if ask.since is None else ask.since.isoformat(),
        "dated": ask.as_of is not None or ask.since is not None,
        "topic": ask.topic,
        "platform": ask.platform,
        "leave_out": ask.leave_out,
        "limit": ask.limit,
    }


def rows_of(kind: Kind, found: str) -> str:
    """Return the statement that makes hits of what `found` selects (`row_id`, `similarity`): as of
    then, with figures.
    """
    source = SOURCES[kind]
    return f"""
    SELECT '{kind}' AS kind, r.id, {source.key} AS key, left({source.text}, 200) AS text, f.similarity,
           {source.known_at} AS at, {source.topic} AS topic, {source.platform} AS platform, {source.figures}
    FROM ({found}) AS f JOIN {source.table} r ON r.id = f.row_id {source.joins}
    WHERE {source.shown} AND (CAST(:leave_out AS text) = '' OR NOT coalesce({source.own}, false))
      AND (NOT CAST(:dated AS boolean) OR ({source.known_at} < CAST(:as_of AS timestamptz)
                          AND {source.known_at} >= CAST(:since AS timestamptz)))
      AND (CAST(:topic AS text) = '' OR {source.topic} = CAST(:topic AS text))
      AND (CAST(:platform AS text) = '' OR {source.platform} = CAST(:platform AS text))
    ORDER BY f.similarity DESC, {source.known_at} DESC NULLS LAST, r.id DESC
    LIMIT :limit
    """


def words_of(said: str) -> list[str]:
    """Return the words of a text in lower case, in order."""
    return [match.lower() for match in _WORD.findall(said)]


def key_words(said: str) -> list[str]:
    """Return the different words that carry meaning, in order of appearance."""
    return [
        word
        for word in dict.fromkeys(words_of(said))
        if word not in STOP_WORDS and len(word) > 1 and not word.isdigit()
    ]


def _weights(connection: Connection, kind: Kind, said: list[str]) -> dict[str, float]:
    """How much each word says: minus the logarithm of its share of rows, from the planner's own statistics."""
    # As the index cut them: one word may be several lexemes there, or none.
    lexemes = connection.execute(_LEXEMES, {"words": " ".join(said)}).scalars().all()[:_MOST_WORDS]
    table, column = SOURCES[kind].statistics
    known = connection.execute(_FREQUENCIES, {"table": table, "column": column}).one_or_none()
    frequencies = dict(zip(known.words, known.frequencies, strict=False)) if known and known.words else {}
    return {word: -math.log(min(frequencies.get(word, _RAREST_FREQUENCY), 0.99)) for word in lexemes}


def _rarest(weights_: Mapping[str, float]) -> list[str]:
    """Return the words that are looked up in the index: those in few rows, so that few are read."""
    rare = sorted(weights_, key=lambda word: -weights_[word])
    return [word.replace("'", "''").replace("\\", "\\\\") for word in rare[: max(3, len(rare) * 2 // 3)]]


_PLANNED_EACH_TIME = text("SET LOCAL plan_cache_mode = force_custom_plan")
_LEXEMES = text("SELECT lexeme FROM unnest(to_tsvector('simple', :words)) ORDER BY positions[1]")
_FREQUENCIES = text(
    "SELECT most_common_elems::text::text[] AS words, most_common_elem_freqs AS frequencies FROM pg_stats"
    " WHERE schemaname = current_schema() AND tablename = :table AND attname = :column"
)
#: The newest rows that have one of the words, from the index.
_CANDIDATES: dict[Kind, str] = {
    "example": "SELECT w.example_id AS id, w.words FROM example_words w"
    " WHERE w.words @@ CAST(:query AS tsquery) ORDER BY w.example_id DESC LIMIT :looked_at",
    **{
        kind: f"SELECT r.id, {SOURCES[kind].words} AS words FROM {SOURCES[kind].table} r"
        f" WHERE {SOURCES[kind].words} @@ CAST(:query AS tsquery) ORDER BY r.id DESC LIMIT :looked_at"
        for kind in ("task", "post")
    },
}
#: Each candidate is weighed by the words that it has.
_FIND = {
    kind: text(
        rows_of(
            kind,
            f"""
            SELECT row_id, similarity FROM (
                SELECT c.id AS row_id,
                       (SELECT sum(g.weight)
                        FROM unnest(CAST(:words AS text[]), CAST(:weights AS float8[])) AS g (word, weight)
                        WHERE g.word = ANY (tsvector_to_array(c.words))) / :all AS similarity
                FROM ({candidates}) AS c
            ) AS weighed WHERE similarity >= :least
            """,
        )
    )
    for kind, candidates in _CANDIDATES.items()
}


def stem(word: str) -> str:
    """Return a word without the commonest English endings, so that `posts` and `post` are one. Rough on purpose."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def holds(said: str, phrase: str) -> bool:
    """Whether the text holds the phrase as whole words, whatever the case."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", said, re.IGNORECASE) is not None
