"""What is written down about a version when it is frozen: counts, shares, hashes, and how it was made."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core import __version__
from core.datasets import tokens
from core.datasets.checks import CheckReport
from core.datasets.rendering import RENDERER, run
from core.datasets.splits import NAMES
from core.datasets.versions import BINS, DatasetVersion
from core.examples.filters import describe

#: Records whose hashes are hashed together first, so that the root hash of any number of them takes no memory.
BLOCK = 10_000
_MOST = 100
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Facts:
    """Counted in one transaction over the records that are frozen in it."""

    average_quality: float | None
    histogram: list[int]
    unscored: int
    intents: dict[str, int]
    tags: dict[str, int]
    request_length: list[int]
    target_length: list[int]
    root_hash: bytes


def root_hash(connection: Connection, dataset_id: int) -> bytes:
    """One hash over all members.

    Each is a line `POSITION SPLIT SHA256` with a line break at its end (split as its name, hash in hexadecimal); the
    lines of each 10,000 positions (1 to 10,000, and so on) are hashed together, and the root is the hash of those
    hashes in order. Anybody can check an export against the manifest with a few lines of code.
    """
    name = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(NAMES))
    blocks = f"""
        SELECT (position - 1) / {BLOCK} AS block, sha256(convert_to(string_agg(
            concat(position, ' ', CASE split {name} END, ' ', encode(sha256, 'hex'), E'\\n'), '' ORDER BY position
        ), 'UTF8')) AS hash
        FROM dataset_members WHERE dataset_id = {dataset_id:d} GROUP BY block"""
    return run(connection, f"SELECT sha256(coalesce(string_agg(hash, '' ORDER BY block), '')) FROM ({blocks}) AS b")[0][
        0
    ]


def facts(connection: Connection, dataset_id: int) -> Facts:
    """From the `candidates` that have just become members of the dataset."""
    average, unscored, requests, targets = run(
        connection,
        f"""SELECT avg(quality_score), count(*) - count(quality_score),
                   percentile_disc(ARRAY{list(_QUANTILES)}) WITHIN GROUP (ORDER BY request_length),
                   percentile_disc(ARRAY{list(_QUANTILES)}) WITHIN GROUP (ORDER BY target_length)
            FROM candidates""",
    )[0]
    bins = dict(
        run(
            connection,
            f"""SELECT least(floor(quality_score * {BINS})::integer, {BINS - 1}), count(*)
                FROM candidates WHERE quality_score IS NOT NULL GROUP BY 1""",
        )
    )
    return Facts(
        average_quality=average,
        histogram=[bins.get(number, 0) for number in range(BINS)],
        unscored=unscored,
        intents=_most_frequent(connection, "SELECT intent AS value FROM candidates"),
        tags=_most_frequent(connection, "SELECT unnest(tags) AS value FROM candidates"),
        request_length=requests,
        target_length=targets,
        root_hash=root_hash(connection, dataset_id),
    )


def _most_frequent(connection: Connection, values: str) -> dict[str, int]:
    query = f"SELECT value, count(*) FROM ({values}) AS v GROUP BY value ORDER BY count(*) DESC, value LIMIT {_MOST}"
    return dict(run(connection, query))


def manifest(
    version: DatasetVersion,
    review: CheckReport,
    facts: Facts,
    pairs: Mapping[str, int],
    not_carried: Mapping[str, Mapping[str, int]],
    now: dt.datetime | None,
) -> dict[str, Any]:
    """Everything that explains a version, as JSON values."""
    choice = version.choice
    assert choice is not None, "only a legacy version has none"
    return {
        "name": version.name,
        "version": version.version,
        "filter": choice.filter.canonical(),
        "filter_in_words": describe(choice.filter),
        "recipe": choice.recipe.canonical(),
        "split": choice.split.model_dump(mode="json"),
        "counts": {**review.splits, "all": review.kept},
        "pairs": dict(pairs),
        # Records that a format leaves out, of each split and of all.
        "not_carried": {name: dict(counts) for name, counts in not_carried.items()},
        "left_out": review.left_out,
        "excluded_ids": list(choice.excluded_ids),
        "drop_duplicates": choice.drop_duplicates,
        "warnings": [
            {"code": each.code, "count": each.count, "sentence": each.sentence, "fix": each.fix, "ids": list(each.ids)}
            for each in review.findings
        ],
        "average_quality": facts.average_quality,
        "quality": {"histogram": facts.histogram, "unscored": facts.unscored},
        "intents": facts.intents,
        "tags": facts.tags,
        "lengths": {"quantiles": list(_QUANTILES), "request": facts.request_length, "target": facts.target_length},
        "tokens": {
            "all": review.tokens.count,
            "method": review.tokens.method,
            "tokenizer": "o200k_base" if review.tokens.method != "estimate (bytes)" else "4 bytes a token",
            "sample": min(review.kept, tokens.SAMPLE),
        },
        "bytes": review.size,
        "renderer": RENDERER,
        "root_hash": facts.root_hash.hex(),
        "created_by": version.created_by,
        "created_at": version.created_at and version.created_at.isoformat(),
        "frozen_at": now and now.isoformat(),
        "whetstone": __version__,
    }
