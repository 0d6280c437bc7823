"""Comparing two versions: which examples came, went, changed or moved, and how the whole drifted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from sqlalchemy import Connection

from core.datasets.rendering import run
from core.datasets.versions import DatasetVersion, frozen
from core.db import WHOLE, Database

#: Ids given of each kind.
FIRST = 50
#: Scored records that each side must have before its mean is judged.
_ENOUGH = 30
_TWO_SIDED_95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Rows:
    """How many examples, and the ids of the first."""

    count: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """A value's share of the records on each side, 0.0 to 1.0."""

    name: str
    left: float
    right: float


@dataclass(frozen=True)
class Gap:
    """The right side's mean quality less the left one's, and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_chance(self) -> bool:
        """Whether as large a gap would also come of other examples of the same kind."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class Comparison:
    """The right version, seen from the left one. Members are the same when they are of the same example."""

    left: DatasetVersion
    right: DatasetVersion
    added: Rows
    removed: Rows
    #: In both, but rendered to another record: the example was edited, or the recipes differ.
    changed: Rows
    #: In both, in another split.
    moved_split: Rows
    #: In both, with the same record in the same split.
    same: int
    #: What of the recipe, filter and split differs, by name.
    settings_changed: tuple[str, ...]
    intents: tuple[Share, ...]
    tags: tuple[Share, ...]
    #: Share of records in each twentieth of quality.
    quality: tuple[Share, ...]
    #: Characters of request and target at each quantile.
    request_length: tuple[Share, ...]
    target_length: tuple[Share, ...]
    tokens: tuple[int, int]
    #: None where a side has too few scored records, or the same records.
    quality_gap: Gap | None


def compare(db: Database, left: str | int | DatasetVersion, right: str | int | DatasetVersion) -> Comparison:
    """Compare two frozen versions, of one name or of two. Drift is read from their manifests, as frozen."""
    one, other = frozen(db, left), frozen(db, right)
    with db.reading(WHOLE) as connection:
        run(connection, "SET LOCAL work_mem = '64MB'")
        kinds = _kinds(connection, one.id, other.id)
        gap = _quality_gap(connection, one, other)
    before, after = one.manifest or {}, other.manifest or {}
    nothing = Rows(0, ())
    return Comparison(
        left=one,
        right=other,
        added=kinds.get("added", nothing),
        removed=kinds.get("removed", nothing),
        changed=kinds.get("changed", nothing),
        moved_split=kinds.get("moved", nothing),
        same=kinds.get("same", nothing).count,
        settings_changed=tuple(name for name in ("filter", "recipe", "split") if before.get(name) != after.get(name)),
        intents=_shares(before, after, "intents"),
        tags=_shares(before, after, "tags"),
        quality=_bins(before, after),
        request_length=_lengths(before, after, "request"),
        target_length=_lengths(before, after, "target"),
        tokens=(before["tokens"]["all"], after["tokens"]["all"]),
        quality_gap=gap,
    )


def _kinds(connection: Connection, left: int, right: int) -> dict[str, Rows]:
    """Count members by what became of them.

    One that changed and moved is both: content is one matter, leakage another.
    """
    rows = run(
        connection,
        f"""WITH pairs AS (
                SELECT example_id, l.sha256 AS before, r.sha256 AS after, l.split AS from_split, r.split AS to_split
                FROM (SELECT * FROM dataset_members WHERE dataset_id = {left:d}) AS l
                FULL JOIN (SELECT * FROM dataset_members WHERE dataset_id = {right:d}) AS r USING (example_id)
            ), kinds AS (
                SELECT example_id, CASE WHEN before IS NULL THEN 'added' WHEN after IS NULL THEN 'removed'
                    WHEN before <> after THEN 'changed' WHEN from_split = to_split THEN 'same' END AS kind
                FROM pairs
                UNION ALL SELECT example_id, 'moved' FROM pairs WHERE from_split <> to_split
            )
            SELECT kind, count(*), (array_agg(example_id ORDER BY example_id) FILTER (WHERE kind <> 'same'))[:{FIRST}]
            FROM kinds WHERE kind IS NOT NULL GROUP BY kind""",
    )
    return {kind: Rows(count, tuple(ids or ())) for kind, count, ids in rows}


def _quality_gap(connection: Connection, one: DatasetVersion, other: DatasetVersion) -> Gap | None:
    """Compare the mean scores that both sides were frozen with.

    Most examples are often in both versions, so the two means are not independent. With z = (q - mean) / n of the
    right side, less the same of the left one, each where the example is in it, the variance of the gap is the sum of
    z² (linearised difference of two domain means: Särndal, Swensson and Wretman 1992, sections 5.5 and 5.8). A version
    keeps its mean and not each score, so q is the score as it stands now.
    """
    if one.avg_quality is None or other.avg_quality is None:
        return None
    sides = [
        "SELECT e.id, e.quality_score AS q FROM dataset_members m JOIN orchestrator_training_data e"
        f" ON e.id = m.example_id WHERE m.dataset_id = {version.id:d} AND e.quality_score IS NOT NULL"
        for version in (one, other)
    ]
    ((n_left, n_right, variance),) = run(
        connection,
        """WITH l AS MATERIALIZED ({}), r AS MATERIALIZED ({}),
                means AS (SELECT (SELECT count(*) FROM l) AS nl, (SELECT avg(q) FROM l) AS ml,
                                 (SELECT count(*) FROM r) AS nr, (SELECT avg(q) FROM r) AS mr)
            SELECT nl, nr, (SELECT sum((coalesce((r.q - mr) / nr, 0) - coalesce((l.q - ml) / nl, 0)) ^ 2)
                            FROM l FULL JOIN r USING (id))
            FROM means""".format(*sides),
    )
    if min(n_left, n_right) < _ENOUGH or not variance:
        return None
    value, half = other.avg_quality - one.avg_quality, _TWO_SIDED_95 * math.sqrt(variance)
    return Gap(value, value - half, value + half)


def _shares(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> tuple[Share, ...]:
    """Return the largest differences first."""
    left, right = before.get(what, {}), after.get(what, {})
    shares = [
        Share(name, _part(left.get(name, 0), before), _part(right.get(name, 0), after))
        for name in sorted(left.keys() | right.keys())
    ]
    return tuple(sorted(shares, key=lambda share: -abs(share.right - share.left)))


def _bins(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Share, ...]:
    pairs = zip(before["quality"]["histogram"], after["quality"]["histogram"], strict=True)
    return tuple(
        Share(f"{number / 20:.2f}", _part(left, before), _part(right, after))
        for number, (left, right) in enumerate(pairs)
    )


def _lengths(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> tuple[Share, ...]:
    quantiles = before["lengths"]["quantiles"]
    pairs = zip(quantiles, before["lengths"][what], after["lengths"][what], strict=True)
    return tuple(Share(f"{quantile:.0%}", left, right) for quantile, left, right in pairs)


def _part(count: int, manifest: Mapping[str, Any]) -> float:
    return count / manifest["counts"]["all"]
