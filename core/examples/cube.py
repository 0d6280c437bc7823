"""The examples summed up once for each of their versions, so that a page answers from thousands of rows, not millions.

The cube is built beside the pages (`core/runtime/builder.py`), and is exact or not used at all: who asks compares its
version with that of the examples first. A filter by words, by ids or by a date within a month reads the examples.
"""

import datetime as dt

from sqlalchemy import ColumnElement, Connection, and_, any_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from core.db import Database
from core.db.tables import cube
from core.examples.filters import GOOD_FROM, POOR_BELOW, Filter, scored_between, text_array, verdict

#: Fewer examples than this are read directly in a few milliseconds.
WORTH_IT = 20_000

#: Changes with every committed change of examples: newest, number and sum of the rows in `example_changes`.
#: Transactions commit in another order than they began, and each may take an old row out as it puts its own in. Newest
#: and number alone stay the same when a late one does both; the sum does not, for what comes in has the higher id.
CURRENT_VERSION = "SELECT concat_ws('.', coalesce(max(id), 0), count(*), coalesce(sum(id), 0)) FROM example_changes"

_EDGES = [k / 20 for k in range(21)]

# The examples have rested for 2 s: while they change every moment, every cube would be old at once. A build takes at
# most a tenth of the time. The number of rows is an estimate: it costs nothing, and near the border any way is quick.
_IS_DUE = f"""
SELECT coalesce((SELECT max(at) < now() - interval '2 s' FROM example_changes), true)
   AND coalesce(
       (SELECT version <> ({CURRENT_VERSION}) AND now() > built_at + took * 10 FROM example_cube_version), true
   )
   AND (SELECT reltuples >= {WORTH_IT} FROM pg_class WHERE oid = 'orchestrator_training_data'::regclass)
"""

# One statement, so one snapshot: a change that commits meanwhile is neither in the version nor in the sums.
# width_bucket of an array compares and never computes, so a score on an edge is never taken for one beside it.
_BUILD = f"""
WITH celled AS (
    SELECT e.*, CASE WHEN quality_score = edges[edge] THEN 2 * edge - 2 ELSE 2 * edge - 1 END AS cell
    FROM orchestrator_training_data e,
         (SELECT ARRAY{_EDGES}::double precision[] AS edges) AS twentieths,
         width_bucket(e.quality_score, edges) AS edge
    WHERE withdrawn_at IS NULL
),
sums AS MATERIALIZED (
    SELECT intent, source_agent, source_model, success, month, cell, tags, is_trainable, count(*) AS number,
           count(quality_score), sum(quality_score), min(created_at), max(created_at)
    FROM celled
    GROUP BY intent, source_agent, source_model, success, month, cell, tags, is_trainable
),
gone AS (DELETE FROM example_cube),
filled AS (
    INSERT INTO example_cube (intent, source_agent, source_model, success, month, cell, tags, is_trainable,
                              number, scored, quality, first, last)
    SELECT * FROM sums
)
INSERT INTO example_cube_version (version, total, intents, tags, source_agents, source_models)
SELECT ({CURRENT_VERSION}),
       coalesce((SELECT sum(number) FROM sums), 0),
       ARRAY(SELECT DISTINCT intent FROM sums),
       ARRAY(SELECT DISTINCT unnest(tags) FROM sums),
       ARRAY(SELECT DISTINCT source_agent FROM sums),
       ARRAY(SELECT DISTINCT source_model FROM sums)
ON CONFLICT (only_one) DO UPDATE SET
    version = excluded.version, built_at = now(), total = excluded.total, intents = excluded.intents,
    tags = excluded.tags, source_agents = excluded.source_agents, source_models = excluded.source_models
"""


def refresh_if_due(db: Database) -> bool:
    """Build the cube where it is old, worth it, and the examples have come to rest. True if it was built."""
    with db.connect() as connection:
        due = connection.exec_driver_sql(_IS_DUE).scalar_one()
    return due and refresh(db)


def refresh(db: Database) -> bool:
    """Build the cube of the examples as they are now. False if another process is building it."""
    with db.begin() as connection:
        lock = func.hashtextextended(f"whetstone {db.schema} cube", 0)
        if not connection.execute(select(func.pg_try_advisory_xact_lock(lock))).scalar_one():
            return False
        connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
        connection.exec_driver_sql(_BUILD)
        connection.exec_driver_sql("UPDATE example_cube_version SET took = clock_timestamp() - now()")
    return True


def is_fresh(connection: Connection) -> bool:
    """Whether the cube is of the examples as they are."""
    asked = text(f"SELECT version = ({CURRENT_VERSION}) FROM example_cube_version")
    return connection.execute(asked).scalar() is True


def usable(connection: Connection, chosen: Filter) -> ColumnElement[bool] | None:
    """Return the filter as a condition on the cube; None when the cube is old, or does not know enough to tell."""
    found = condition(chosen)
    return found if found is not None and is_fresh(connection) else None


def condition(chosen: Filter) -> ColumnElement[bool] | None:
    """Return the filter as a condition on a fresh cube; None where its bounds lie within a cell, or
    it asks for more.
    """
    scores = [_twentieth(score) for score in (chosen.quality_min, chosen.quality_max) if score is not None]
    moments = [_month(moment) for moment in (chosen.created_from, chosen.created_to) if moment is not None]
    if chosen.words or chosen.ids is not None or None in scores or None in moments:
        return None
    c = cube.c
    low, high = _cell(chosen.quality_min), _cell(chosen.quality_max)
    conditions: list[ColumnElement[bool]] = [literal(True)]
    conditions += scored_between(
        c.cell, None if low is None else c.cell >= low, None if high is None else c.cell <= high, chosen
    )
    for bound, compared in (
        (chosen.created_from and chosen.created_from.date(), c.month.__ge__),
        (chosen.created_to and chosen.created_to.date(), c.month.__lt__),
    ):
        if bound is not None:
            conditions.append(compared(bound))
    for choice, column in (
        (chosen.intents, c.intent),
        (chosen.source_agents, c.source_agent),
        (chosen.source_models, c.source_model),
    ):
        if choice:
            conditions.append(column == any_(bindparam(None, list(choice), type_=ARRAY(column.type))))
    if chosen.success is not None:
        conditions.append(c.success.is_(chosen.success))
    if chosen.verdicts:
        # Both bounds are edges of the cells, so no cell holds two verdicts for its score.
        is_good, is_poor = c.cell >= _cell(GOOD_FROM), c.cell < _cell(POOR_BELOW)
        conditions.append(verdict(c.success, is_good, is_poor, c.tags, chosen))
    if chosen.include_tags:
        conditions.append(c.tags.contains(text_array(chosen.include_tags)))
    if chosen.exclude_tags:
        conditions.append(~c.tags.overlap(text_array(chosen.exclude_tags)))
    if chosen.trainable:
        conditions.append(c.is_trainable)
    return and_(*conditions)


def _cell(score: float | None) -> int | None:
    """Return the cell of a score that is an edge."""
    return None if score is None else 2 * round(score * 20)


def _twentieth(score: float) -> int | None:
    """Which edge of the cells this score is, or None when it lies within one."""
    edge = round(score * 20)
    return edge if _EDGES[edge] == score else None


def _month(moment: dt.datetime) -> dt.date | None:
    """Return the month that begins at this moment (UTC), or None when it lies within one."""
    begins = moment == moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return moment.date() if begins else None
