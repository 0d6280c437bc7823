"""The records a filter gives, in temporary tables of one transaction: what checks look at and a freeze takes over.

The choice is one statement, so it is one moment's state. Rendering then runs in batches, and needs no snapshot of its
own: it reads every example in the revision that was chosen, which no edit can change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION

from core.datasets import splits
from core.datasets.recipes import Recipe
from core.datasets.rendering import (
    ANY_ORDER,
    CANONICAL,
    IN_ORDER,
    IS_RICH,
    answer_sql,
    fault_sql,
    features_sql,
    line_sql,
    looked_at_once,
    pinned,
    prompt_sql,
    rejected_sql,
    run,
    target_sql,
)
from core.datasets.splits import Split
from core.db.tables import examples
from core.examples.filters import Filter, where

#: Records rendered by one statement; between two of them progress is told and a cancellation is noticed.
BATCH = 50_000

_chosen = Table(
    "chosen",
    MetaData(),
    Column("place", Integer),
    Column("example_id", BigInteger),
    Column("revision", Integer),
    Column("split", SmallInteger),
    Column("reason", Text),
    Column("quality_score", DOUBLE_PRECISION),
    Column("tags", ARRAY(Text)),
    Column("request_key", Uuid),
)
_TABLES = """
CREATE TEMP TABLE chosen (
    place integer, example_id bigint, revision integer, split smallint, reason text,
    quality_score double precision, tags text[], request_key uuid
) ON COMMIT DROP;
CREATE TEMP TABLE candidates (
    example_id bigint, revision integer, split smallint, quality_score double precision, tags text[], request_key uuid,
    intent text, sha256 bytea, size integer, request_length integer, target_length integer, fault text,
    features smallint, has_rejected boolean
) ON COMMIT DROP;
CREATE TEMP TABLE dropped (example_id bigint, reason text) ON COMMIT DROP;
"""


@dataclass(frozen=True)
class Choice:
    """What shall become a version."""

    filter: Filter
    recipe: Recipe
    split: Split
    excluded_ids: tuple[int, ...] = ()
    drop_duplicates: bool = True


@dataclass(frozen=True)
class LeftOut:
    """How many examples of the filter are not in the records, and the first of them."""

    count: int
    ids: tuple[int, ...]


def gather(
    connection: Connection, choice: Choice, tick: Callable[[str, int], None] = lambda _phase, _done: None
) -> dict[str, LeftOut]:
    """Fill the temporary table `candidates`; gives what was left out, by reason.

    Reasons: excluded, empty_request, no_plan, no_result, role_order, tool_calls, unlearned, duplicate.
    """
    run(connection, _TABLES)
    tick("choosing", 0)
    _choose(connection, choice)
    (kept,) = run(connection, "SELECT count(*) FROM chosen WHERE reason IS NULL")[0]
    if kept > BATCH:
        run(connection, "CREATE INDEX ON chosen (place) WHERE reason IS NULL")
    run(connection, "ANALYZE chosen")
    for start in range(0, kept, BATCH):
        tick("rendering", start)
        _render(connection, choice.recipe, start)
    tick("checking", kept)
    run(connection, "ANALYZE candidates")
    _drop_faulty(connection)
    if choice.drop_duplicates:
        _drop_duplicates(connection)
    return _left_out(connection)


def _choose(connection: Connection, choice: Choice) -> None:
    columns = examples.c
    reasons: list[tuple[ColumnElement[bool], str]] = [(literal_column("request_key = md5('')::uuid"), "empty_request")]
    if choice.excluded_ids:
        by_hand = columns.id == any_(bindparam(None, list(choice.excluded_ids), type_=ARRAY(BigInteger)))
        reasons.insert(0, (by_hand, "excluded"))
    if choice.recipe.target != "result":
        reasons.append((columns.has_plan.is_(False), "no_plan"))
    if choice.recipe.target != "plan":
        reasons.append((columns.has_result.is_(False), "no_result"))
    reason = case(*reasons)
    rows = select(
        # Only what is kept is counted through, so that the batches below are equally large.
        func.row_number().over(partition_by=reason.is_(None), order_by=columns.id),
        columns.id,
        columns.revision,
        literal_column(splits.sql(choice.split)),
        reason,
        columns.quality_score,
        columns.tags,
        columns.request_key,
    ).where(where(choice.filter))
    connection.execute(insert(_chosen).from_select([column.name for column in _chosen.c], rows))


def _render(connection: Connection, recipe: Recipe, start: int) -> None:
    batch = f"(SELECT * FROM chosen WHERE reason IS NULL AND place > {start} AND place <= {start + BATCH})"
    content = pinned(batch, ("split", "quality_score", "tags", "request_key"))
    line, fault, features, answer = map(
        looked_at_once,
        (line_sql(recipe, CANONICAL), fault_sql(recipe), features_sql(recipe), answer_sql(recipe)),
    )
    run(
        connection,
        f"""{IN_ORDER};
        INSERT INTO candidates
        SELECT example_id, revision, split, quality_score, tags, request_key, intent,
               sha256(convert_to(line, 'UTF8')), octet_length(line), length({prompt_sql(recipe)}),
               length({target_sql(recipe)}), {fault}, {features},
               CASE WHEN context ? 'rejected' THEN coalesce({rejected_sql()} <> {answer}, false) ELSE false END
        FROM (
            SELECT *, {line} AS line FROM (SELECT *, {IS_RICH} AS is_rich FROM ({content}) AS p OFFSET 0) AS c
            OFFSET 0
        ) AS rendered;
        {ANY_ORDER}""",
    )


def _left_out(connection: Connection) -> dict[str, LeftOut]:
    """Return what was never rendered first, then what was dropped of what was."""
    rows = run(
        connection,
        """SELECT reason, count(*), (array_agg(example_id ORDER BY example_id))[:20] FROM (
               SELECT 1 AS part, reason, example_id FROM chosen WHERE reason IS NOT NULL
               UNION ALL SELECT 2, reason, example_id FROM dropped
           ) AS gone GROUP BY part, reason ORDER BY part, reason = 'duplicate', reason""",
    )
    return {reason: LeftOut(count, tuple(ids)) for reason, count, ids in rows}


def _drop_faulty(connection: Connection) -> None:
    """One odd conversation never stops a version: it is left out, counted and named."""
    run(
        connection,
        """WITH faulty AS (DELETE FROM candidates WHERE fault IS NOT NULL RETURNING example_id, fault)
           INSERT INTO dropped SELECT example_id, fault FROM faulty""",
    )


def _drop_duplicates(connection: Connection) -> None:
    """Of equal records the one of the earliest example stays."""
    run(
        connection,
        """WITH later AS (
               SELECT example_id FROM (
                   SELECT example_id, row_number() OVER (PARTITION BY sha256 ORDER BY example_id) AS nth FROM candidates
               ) AS numbered WHERE nth > 1
           ), gone AS (
               DELETE FROM candidates WHERE example_id IN (SELECT example_id FROM later) RETURNING example_id
           )
           INSERT INTO dropped SELECT example_id, 'duplicate' FROM gone""",
    )


def sample(connection: Connection, recipe: Recipe, limit: int) -> Sequence[str]:
    """Up to `limit` records, the same ones every time: those whose hashes are the lowest."""
    lowest = f"(SELECT example_id, revision FROM candidates ORDER BY sha256, example_id LIMIT {limit:d})"
    run(connection, IN_ORDER)
    rows = run(connection, f"SELECT {line_sql(recipe, CANONICAL)} FROM ({pinned(lowest)}) AS c")
    run(connection, ANY_ORDER)
    return [line for (line,) in rows]
