"""Two models on the same records: who was right where the other was not, and whether that may be luck."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from sqlalchemy import Connection, Select, select

from core import metrics
from core.db import Database
from core.db.tables import evaluation_outputs, evaluations
from core.errors import ModelRefused
from core.evaluation import records
from core.evaluation.records import INDICATIVE_BELOW, Evaluation
from core.metrics import Mean

#: What is rarer than this under equal models is taken for a difference.
_RARE = 0.05
#: From fewer rows an interval of a mean is too sure of itself to hold anything against a model.
_LEAST_ROWS = 20
_Z = 1.959964

Where = Literal["only_a", "only_b", "both", "neither"]
WHERE: tuple[Where, ...] = get_args(Where)
#: Of one record: whether a and b were exactly right, and the likeness of their answers.
_Row: TypeAlias = tuple[bool, bool, float | None, float | None]


@dataclass(frozen=True)
class Comparison:
    """Evaluation `a` beside `b`, on the records that both answered."""

    a: Evaluation
    b: Evaluation
    #: Records answered exactly right by both, by one alone, by none.
    both: int
    only_a: int
    only_b: int
    neither: int
    #: McNemar's exact test: how likely so uneven a difference is if neither were better.
    p: float
    #: Exactly right answers of `a` less those of `b`, as a share, with the interval.
    exact: Mean
    #: The same of the likeness by characters.
    similarity: Mean

    @property
    def n(self) -> int:
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def is_indicative(self) -> bool:
        """Whether the rows are too few to prove anything."""
        return self.n < INDICATIVE_BELOW

    @property
    def is_worse(self) -> bool:
        """Whether `a` is worse beyond what may be luck."""
        return self._clearly(self.only_b - self.only_a, -self.similarity.high)

    @property
    def is_better(self) -> bool:
        """Whether `a` is better beyond what may be luck."""
        return self._clearly(self.only_a - self.only_b, self.similarity.low)

    @property
    def is_clear_in_exact(self) -> bool:
        """Whether the exactly right answers alone show a difference beyond luck; otherwise it is likeness that does."""
        return self.p < _RARE

    def _clearly(self, exact: int, likeness: float) -> bool:
        """By exactly right answers, or, where they do not say the opposite, by likeness."""
        return (self.is_clear_in_exact and exact > 0) or (self.n >= _LEAST_ROWS and exact >= 0 and likeness > 0)

    def sentence(self, a: str = "", b: str = "") -> str:
        """Return what came out, with the names of the two models."""
        a, b = a or self.a.model_name, b or self.b.model_name
        told = (
            f"on {self.n:,} records of {self.a.dataset_label} ({self.a.split}) {a} alone was exactly right "
            f"{self.only_a:,} times and {b} alone {self.only_b:,} times (p = {self.p:.3f}), and likeness differed by "
            f"{self.similarity.mean:+.3f} ({self.similarity.low:+.3f} to {self.similarity.high:+.3f})."
        )
        return f"{told} Fewer than {INDICATIVE_BELOW} records are indicative only." if self.is_indicative else told


@dataclass(frozen=True)
class Pair:
    """The answers of both models to one record."""

    position: int
    expected: str
    a: str
    b: str
    a_exact: bool
    b_exact: bool
    a_similarity: float | None
    b_similarity: float | None
    a_error: str
    b_error: str


def compare(db: Database, a: int, b: int) -> Comparison:
    """Two evaluations of the same split. Raises `ModelRefused` where they have no record in common."""
    with db.reading() as connection:
        return _compare(connection, records.find(connection, a), records.find(connection, b))


def latest_comparison_in(connection: Connection, model_id: int, other_id: int) -> Comparison | None:
    """Return the last evaluation of a model beside the last one of another on the same split; None without such a pair.

    What was learned from is no test, so train splits do not count.
    """
    a, b = evaluations.alias(), evaluations.alias()
    ids = connection.execute(
        select(a.c.id, b.c.id)
        .join(b, (b.c.dataset_id == a.c.dataset_id) & (b.c.split == a.c.split))
        .where(a.c.model_id == model_id, b.c.model_id == other_id, a.c.state == "done", b.c.state == "done")
        .where(a.c.split != "train")
        .order_by((a.c.split == "test").desc(), a.c.id.desc(), b.c.id.desc())
        .limit(1)
    ).one_or_none()
    if ids is None:
        return None
    try:
        return _compare(connection, *(records.find(connection, each) for each in ids))
    except ModelRefused:
        return None  # two draws without a record in common


def pairs(db: Database, a: int, b: int, where: Where, *, offset: int = 0, limit: int = 10) -> list[Pair]:
    """Answers side by side: where one alone was right, both, or none; in the order of the records."""
    left, right = evaluation_outputs.alias(), evaluation_outputs.alias()
    wanted = {
        "only_a": left.c.exact & ~right.c.exact,
        "only_b": ~left.c.exact & right.c.exact,
        "both": left.c.exact & right.c.exact,
        "neither": ~left.c.exact & ~right.c.exact,
    }[where]
    query = (
        select(
            left.c.position,
            left.c.expected,
            left.c.output.label("a"),
            right.c.output.label("b"),
            left.c.exact.label("a_exact"),
            right.c.exact.label("b_exact"),
            left.c.similarity.label("a_similarity"),
            right.c.similarity.label("b_similarity"),
            left.c.error.label("a_error"),
            right.c.error.label("b_error"),
        )
        .join(right, right.c.position == left.c.position)
        .where(left.c.evaluation_id == a, right.c.evaluation_id == b, wanted)
        .order_by(left.c.position)
        .offset(offset)
        .limit(limit)
    )
    with db.reading() as connection:
        return [Pair(**row._asdict()) for row in connection.execute(query)]


def _compare(connection: Connection, a: Evaluation, b: Evaluation) -> Comparison:
    if (a.dataset_id, a.split) != (b.dataset_id, b.split):
        raise ModelRefused(
            f"Evaluation {a.id} is on {a.dataset_label} ({a.split}) and {b.id} on {b.dataset_label} ({b.split}); only "
            "answers to the same records can be compared. Evaluate one of the models on the other's split."
        )
    rows: list[_Row] = [tuple(row) for row in connection.execute(_paired(a.id, b.id))]  # type: ignore[misc]
    if not rows:
        raise ModelRefused(
            f"Evaluations {a.id} and {b.id} have no answered record in common; let them go on, or evaluate more rows."
        )
    return of_rows(a, b, rows)


def of_rows(a: Evaluation, b: Evaluation, rows: Sequence[_Row]) -> Comparison:
    """Return the comparison of exact (a, b) and likeness (a, b), record by record."""
    ours, theirs = [bool(row[0]) for row in rows], [bool(row[1]) for row in rows]
    better = sum(new and not old for new, old in zip(ours, theirs, strict=True))
    worse = sum(old and not new for new, old in zip(ours, theirs, strict=True))
    both = sum(new and old for new, old in zip(ours, theirs, strict=True))
    return Comparison(
        a=a,
        b=b,
        both=both,
        only_a=better,
        only_b=worse,
        neither=len(rows) - both - better - worse,
        p=metrics.chance(ours, theirs),
        exact=difference(better, worse, len(rows)),
        similarity=metrics.difference([row[2] or 0.0 for row in rows], [row[3] or 0.0 for row in rows]),
    )


def difference(better: int, worse: int, n: int) -> Mean:
    """Return the difference of two shares on the same rows, with the interval of Agresti and Min (2005): half a row is
    added to each of the four cells, so that few rows do not look like certainty.
    """
    low = high = (better - worse) / (n + 2)
    spread = math.sqrt(max(0.0, better + worse + 1 - (better - worse) ** 2 / (n + 2))) / (n + 2)
    return Mean((better - worse) / n, max(-1.0, low - _Z * spread), min(1.0, high + _Z * spread), n)


def _paired(a: int, b: int) -> Select[Any, Any, Any, Any]:
    left, right = evaluation_outputs.alias(), evaluation_outputs.alias()
    return (
        select(left.c.exact, right.c.exact, left.c.similarity, right.c.similarity)
        .join(right, right.c.position == left.c.position)
        .where(left.c.evaluation_id == a, right.c.evaluation_id == b)
        .order_by(left.c.position)
    )
