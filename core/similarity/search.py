"""Past work like a text, and what it brought: by meaning where there are vectors, else by shared rarer words."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, text

from core.errors import SimilarityRefused
from core.similarity import matrix, vectors, weights, words
from core.similarity.matrix import Chosen
from core.similarity.sources import KINDS, SOURCES, Ask, Kind
from core.similarity.weights import EncoderModel

#: Texts with a smaller cosine are not listed, or are not clearly similar. Of 60 pairs of paraphrases 95 % have more
#: than the first and 82 % more than the second; of 299 other requests, seven and less than one.
LEAST_COSINE, CLEAR_COSINE = 0.25, 0.4
#: As of the rows: a model reads no more.
_MOST_CHARACTERS = 2_000
Method = Literal["meaning", "words"]
#: Gives the model of this process, or None.
Models = Callable[[], EncoderModel | None]


@dataclass(frozen=True)
class Hit:
    """One past work. A figure is None where it does not exist, nobody gave it, or it was not known at the moment."""

    kind: Kind
    id: int
    #: The execution, task or post as other tables name it.
    key: str
    text: str
    #: By meaning the cosine; by words the share of the text's words that it has, weighed by their rarity.
    similarity: float
    at: dt.datetime | None
    topic: str
    platform: str
    intent: str
    source_model: str
    quality: float | None
    success: bool | None
    completion: float | None
    engagement: float | None
    views: float | None
    #: Whether it was brought in, approved or judged; what nobody judged says nothing of what is usual.
    counts: bool


@dataclass(frozen=True)
class Found:
    """What is similar, the most similar first."""

    method: Method
    #: How it was compared, and with how much; or why only words were compared.
    note: str
    hits: tuple[Hit, ...] = ()


def find(connection: Connection, ask: Ask, *, models: Models = weights.model) -> Found:
    """Past work like a text, with the figures that were known at `as_of`: nothing that was recorded later is read."""
    said = ask.text.strip()
    model, why = _usable(connection, models) if said else (None, "")
    if model is None:
        found = words.find(connection, ask)
        hits = tuple(_hit(row) for row in _ordered(found.rows, ask.limit))
        return Found("words", f"Compared by words. {found.note or why}".strip(), hits)
    return _by_meaning(connection, replace(ask, text=said[:_MOST_CHARACTERS]), model)


def _usable(connection: Connection, models: Models) -> tuple[EncoderModel | None, str]:
    """Return the model, if the vectors of the workspace are its and most of them are made; else why not."""
    try:
        model = models()
    except SimilarityRefused as refused:
        return None, str(refused)
    if model is None:
        return None, weights.missing()
    known = vectors.registered(connection)
    if not known:
        return (
            None,
            "No vectors have been made yet; `python -m core similarity encode` makes them, and so does the app.",
        )
    if known != model.name:
        return None, (
            f"The vectors of this workspace are of {known}, and here {model.name} is installed;"
            " `python -m core similarity encode` makes them anew."
        )
    waiting, made = connection.execute(_PROGRESS, {"model": model.name}).one()
    if waiting > made:
        return None, f"The vectors are still being made: {waiting:,} {'row waits' if waiting == 1 else 'rows wait'}."
    return model, ""


def _by_meaning(connection: Connection, ask: Ask, model: EncoderModel) -> Found:
    query = model.encoder.encode([ask.text])[0]
    chosen = Chosen(ask.kinds, ask.topic, ask.platform, _seconds(ask.since), _seconds(ask.as_of))
    held = matrix.of_workspace(connection, model)
    least = CLEAR_COSINE if ask.clearly else LEAST_COSINE
    most = max(2 * ask.limit, 20)
    while True:
        near, compared = held.nearest(connection, query, chosen, most, least)
        rows = _ordered([row for kind in ask.kinds for row in _true(connection, ask, kind, near)], ask.limit)
        # Some may be hidden, or not what they were when they were encoded: then further ones move up.
        if len(rows) >= ask.limit or len(near) < most:
            break
        most *= 4
    waiting = connection.execute(_PROGRESS, {"model": model.name}).one().waiting
    said = f"Compared by meaning ({model.name}) with {compared:,} past work{'' if compared == 1 else 's'}."
    if waiting:
        said += f" {waiting:,} new or changed {'one is' if waiting == 1 else 'ones are'} not encoded yet."
    return Found("meaning", said, tuple(_hit(row) for row in rows))


def _true(connection: Connection, ask: Ask, kind: Kind, near: Sequence[matrix.Near]) -> Sequence[Any]:
    """Return the rows of a kind as they are: what is hidden, later than thought or encoded anew drops out."""
    mine = [each for each in near if each.kind == kind]
    if not mine:
        return ()
    given = {
        "ids": [each.row_id for each in mine],
        "changes": [each.change for each in mine],
        "similar": [each.similarity for each in mine],
    }
    return connection.execute(_TRUE[kind], {**words.parameters(ask), **given}).all()


def _ordered(rows: Sequence[Any], limit: int) -> list[Any]:
    """Return the most similar first; of equals the newest, and those of unknown date last."""
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    newest = sorted(rows, key=lambda row: (KINDS.index(row.kind), -row.id))
    newest.sort(key=lambda row: row.at or oldest, reverse=True)
    newest.sort(key=lambda row: row.similarity, reverse=True)
    return newest[:limit]


def _hit(row: Any) -> Hit:
    values = row._asdict()
    return replace(Hit(**values), similarity=round(row.similarity, 3))


def _seconds(moment: dt.datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


#: Vectors are counted only up to the number of rows that wait, which is none most of the time.
_PROGRESS = text(
    """
    WITH due AS (SELECT count(*) AS waiting FROM similarity_due)
    SELECT waiting,
           (SELECT count(*) FROM (SELECT FROM similarity_vectors WHERE model = :model LIMIT waiting) AS v) AS made
    FROM due
    """
)
_TRUE = {
    kind: text(
        words.rows_of(
            kind,
            """
            SELECT g.id AS row_id, g.similarity
            FROM unnest(CAST(:ids AS bigint[]), CAST(:changes AS bigint[]), CAST(:similar AS float8[]))
                AS g (id, change, similarity)
            JOIN similarity_vectors v ON v.kind = '{kind}' AND v.row_id = g.id AND v.change = g.change
            """.replace("{kind}", kind),
        )
    )
    for kind in SOURCES
}
