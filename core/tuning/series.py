"""Series of values of jobs (loss, tokens a second, …), thinned where they are stored."""

from collections.abc import Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from core.db import Database

# Of each of `most` equal parts of a series the last value, so that first and last stand and no average is invented.
_SERIES = text("""
    SELECT job_id, name, step, value FROM (
        SELECT *, row_number() OVER (PARTITION BY job_id, name, part ORDER BY step DESC) AS place FROM (
            SELECT job_id, name, step, value,
                   CASE row_number() OVER series WHEN 1 THEN 0 ELSE ntile(:parts) OVER series END AS part
            FROM fine_tuning_metrics
            WHERE job_id = ANY (:ids) AND (CAST(:names AS text[]) IS NULL OR name = ANY (:names))
            WINDOW series AS (PARTITION BY job_id, name ORDER BY step)
        ) AS dealt
    ) AS placed
    WHERE place = 1
    ORDER BY job_id, name, step
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("names", type_=ARRAY(Text)))

Series = dict[str, list[tuple[int, float]]]


def of(db: Database, ids: Sequence[int], names: Sequence[str] | None = None, most: int = 500) -> dict[int, Series]:
    """Each job's series by name, as (step, value) in order of steps; at most `most` values each.

    Jobs without values have an empty one. A value may be NaN where the provider said so.
    """
    found: dict[int, Series] = {job_id: {} for job_id in ids}
    values = {"ids": list(ids), "names": None if names is None else list(names), "parts": max(most - 1, 1)}
    with db.reading() as connection:
        for job_id, name, step, value in connection.execute(_SERIES, values):
            found[job_id].setdefault(name, []).append((step, value))
    return found
