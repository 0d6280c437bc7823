"""The vectors of a workspace in memory, kept up to date by what was written since, and compared all at once.

100,000 vectors take 146 MB and 20 ms of one core; what is chosen (kind, topic, platform, date) is masked out before.
"""

import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, text

from core.similarity.sources import KINDS, Kind
from core.similarity.threads import one_core
from core.similarity.weights import EncoderModel

_FETCHED = 5_000
#: Seconds since 1970 of a row whose date nobody knows: never before any moment.
_UNKNOWN = np.inf


@dataclass(frozen=True)
class Chosen:
    """What may be among the hits."""

    kinds: tuple[Kind, ...] = KINDS
    topic: str = ""
    platform: str = ""
    #: Seconds since 1970; None: whenever.
    since: float | None = None
    before: float | None = None


@dataclass(frozen=True)
class Near:
    """One vector and how near it is; `change` says which writing of it."""

    kind: Kind
    row_id: int
    change: int
    similarity: float


class Matrix:
    """All vectors of one model in one workspace. Threads take turns."""

    def __init__(self, model: EncoderModel) -> None:
        self.model = model
        self._lock = threading.Lock()
        self._clear(0)

    def _clear(self, table: int) -> None:
        self._table, self._seen, self._n = table, 0, 0
        self._places: dict[tuple[int, int], int] = {}
        self._names: dict[str, int] = {"": 0}
        self._vectors = np.zeros((0, self.model.encoder.dimension), np.float32)
        self._rows = np.zeros(0, _ROW)

    def nearest(
        self, connection: Connection, query: np.ndarray[Any, Any], chosen: Chosen, most: int, least: float
    ) -> tuple[list[Near], int]:
        """Return the `most` nearest vectors that are chosen and not below `least`, the nearest first and of equals the
        newest; and how many there were to choose from.
        """
        with self._lock, one_core():
            self._refresh(connection)
            rows = self._rows[: self._n]
            places = np.flatnonzero(self._mask(rows, chosen))
            # A choice of few is gathered first; of many, all are compared where they lie.
            if len(places) * 4 < self._n:
                similar = self._vectors[places] @ query
            else:
                similar = (self._vectors[: self._n] @ query)[places]
            return _best(similar, rows, places, most, least), len(places)

    def _mask(self, rows: np.ndarray[Any, Any], chosen: Chosen) -> np.ndarray[Any, Any]:
        mask = np.isin(rows["kind"], [KINDS.index(kind) for kind in chosen.kinds])
        for field, wanted in (("topic", chosen.topic), ("platform", chosen.platform)):
            if wanted:
                mask &= rows[field] == self._names.get(wanted, -1)
        if chosen.since is not None:
            mask &= (rows["known"] >= chosen.since) & (rows["known"] != _UNKNOWN)
        if chosen.before is not None:
            mask &= rows["known"] < chosen.before
        return mask

    def _refresh(self, connection: Connection) -> None:
        """Read what was written since. A table that was made anew is read from its beginning."""
        table, newest = connection.execute(_NEWEST).one()
        if table != self._table or (newest or 0) < self._seen:
            self._clear(table)
        if (newest or 0) == self._seen:
            return
        raw = connection.connection.driver_connection
        assert raw is not None
        with raw.cursor(binary=True) as cursor:
            cursor.execute(_WRITTEN, [self._seen, newest, self.model.name])
            while rows := cursor.fetchmany(_FETCHED):
                self._take(rows)
        self._seen = newest

    def _take(self, rows: list[tuple[Any, ...]]) -> None:
        """Put rows at their places; new ones at the end."""
        places = np.array([self._place(KINDS.index(row[0]), row[1]) for row in rows])
        if self._n > len(self._rows):
            room = max(1_024, self._n * 5 // 4)
            self._rows = np.concatenate([self._rows, np.zeros(room - len(self._rows), _ROW)])
            more = np.zeros((room - len(self._vectors), self._vectors.shape[1]), np.float32)
            self._vectors = np.concatenate([self._vectors, more])
        self._vectors[places] = np.frombuffer(b"".join(row[2] for row in rows), "<f2").reshape(len(rows), -1)
        self._rows[places] = [
            (KINDS.index(row[0]), row[1], row[6], _UNKNOWN if row[3] is None else row[3], *self._codes(row[4:6]))
            for row in rows
        ]

    def _place(self, kind: int, row_id: int) -> int:
        place = self._places.setdefault((kind, row_id), self._n)
        self._n = max(self._n, place + 1)
        return place

    def _codes(self, names: Iterable[str]) -> list[int]:
        return [self._names.setdefault(name, len(self._names)) for name in names]


_ROW = np.dtype([("kind", "i1"), ("id", "i8"), ("change", "i8"), ("known", "f8"), ("topic", "i4"), ("platform", "i4")])


def _best(
    similar: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], places: np.ndarray[Any, Any], most: int, least: float
) -> list[Near]:
    """Return the best of the rows at `places`, whose similarities are given.

    Those level with the last of them are in the draw, too, so that the newest of many equal texts is found.
    """
    best = np.flatnonzero(similar >= least)
    if len(best) > most:
        bound = np.partition(similar[best], -most)[-most]
        best = best[similar[best] >= bound]
    found, similar = rows[places[best]], similar[best]
    known = np.where(found["known"] == _UNKNOWN, -np.inf, found["known"])
    order = np.lexsort((-found["id"], found["kind"], -known, -similar))[:most]
    return [
        Near(KINDS[row["kind"]], int(row["id"]), int(row["change"]), float(value))
        for row, value in zip(found[order], similar[order], strict=True)
    ]


_NEWEST = text(
    "SELECT CAST(CAST('similarity_vectors' AS regclass) AS oid)::bigint, (SELECT max(change) FROM similarity_vectors)"
)
#: psycopg's own form, for a cursor that fetches bytes as bytes.
_WRITTEN = (
    "SELECT kind, row_id, vector, extract(epoch FROM known_at)::float8, topic, platform, change FROM similarity_vectors"
    " WHERE change > %s AND change <= %s AND model = %s ORDER BY change"
)

_all: "weakref.WeakKeyDictionary[Engine, Matrix]" = weakref.WeakKeyDictionary()
_all_lock = threading.Lock()


def of_workspace(connection: Connection, model: EncoderModel) -> Matrix:
    """Return the matrix of the connection's workspace; one of another model gives way to it."""
    with _all_lock:
        found = _all.get(connection.engine)
        if found is None or found.model.name != model.name:
            found = _all[connection.engine] = Matrix(model)
        return found
