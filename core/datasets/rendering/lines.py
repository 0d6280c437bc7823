"""Rendering: the one place where an example becomes a line of a training file, written as SQL.

Rows never pass through Python, so a million of them can be hashed and exported at the database's speed. JSON is put
together as text, with our own punctuation: `to_json(text)` escapes the same way in every version of PostgreSQL (and
as orjson does), while the spacing and key order of `json_build_object` and `jsonb` are theirs to choose.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, any_, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from core.datasets.recipes import Recipe
from core.datasets.rendering import dialogues, renderer_1
from core.datasets.rendering.renderer_1 import target_sql
from core.db import Database
from core.db.tables import CONTENT, examples
from core.examples.filters import Filter, where

#: Stored with every version. Whoever changes what any format gives for any example makes this number grow, and
#: keeps the old text for the versions that were frozen with the old number.
RENDERER = 2
#: Versions that were frozen with any of these are read, exported and verified.
KNOWN = (1, 2)

Format = Literal["openai", "chatml", "gemini", "anthropic", "bedrock", "sharegpt", "alpaca", "parquet", "dpo"]
FORMATS: tuple[Format, ...] = get_args(Format)

#: The format whose bytes are hashed when a version is frozen; every other format is made from the same parts.
CANONICAL: Format = "openai"


def prompt_sql(recipe: Recipe, renderer: int = RENDERER) -> str:
    """Return the user's message."""
    return renderer_1.prompt_sql(recipe) if renderer == 1 else dialogues.prompt_sql(recipe)


def line_sql(recipe: Recipe, format: Format, renderer: int = RENDERER) -> str:  # noqa: A002  (the word of the field)
    """Return SQL text of one record, without line break, over a relation with the content columns.

    NULL where `user_request` is: of a revision that cannot be found there is no record. NULL, too, where the format
    cannot carry what is in the record (`features_sql`). `dpo` has no line of a record: its lines are pairs of them
    (`pairs.lines_sql`), and what is asked for here is the record alone.
    """
    plain = f"concat({', '.join(renderer_1.pieces(recipe, format, prompt_sql(recipe, renderer)))})"
    if renderer > 1:
        if format == "alpaca":
            plain = f"concat({', '.join(dialogues.alpaca(recipe))})"
        plain = f"CASE WHEN {dialogues.IS_RICH} THEN {dialogues.line_sql(recipe, format)} ELSE {plain} END"
    return f"CASE WHEN user_request IS NOT NULL THEN {plain} END"


def asked_sql(recipe: Recipe, renderer: int = RENDERER) -> str:
    """Return SQL text of a record's conversation up to its answer, `{"messages":[…]}`, over the content columns."""
    plain = renderer_1.asked_sql(recipe, prompt_sql(recipe, renderer))
    if renderer == 1:
        return plain
    return f"CASE WHEN {dialogues.IS_RICH} THEN {dialogues.asked_sql(recipe)} ELSE {plain} END"


def answer_sql(recipe: Recipe, renderer: int = RENDERER) -> str:
    """Return SQL text of a record's answer as one message of the format `openai`."""
    plain = f"""concat('{{"role":"assistant","content":', to_json({target_sql(recipe)}), '}}')"""
    if renderer == 1:
        return plain
    return f"CASE WHEN {dialogues.IS_RICH} THEN {dialogues.answer_sql(recipe)} ELSE {plain} END"


rejected_sql = dialogues.rejected_sql
fault_sql = dialogues.fault_sql
features_sql = dialogues.features_sql


def run(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """Run SQL text without parameters exactly as it stands; a system prompt may hold `%` and `:name`."""
    result = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return [tuple(row) for row in result] if result.returns_rows else []


def pinned(pairs: str, extra: Sequence[str] = ()) -> str:
    """Return the content of the examples and revisions in the relation `pairs` (example_id, revision, and `extra`
    columns).

    An example's current row is its newest revision; only content that was replaced stands in `example_revisions`.
    An outer join: of what is missing there is a row with NULL content, never a silent gap.
    """
    content = ", ".join(
        f"CASE WHEN e.revision = p.revision THEN e.{column} ELSE r.{column} END AS {column}" for column in CONTENT
    )
    more = "".join(f"p.{column}, " for column in extra)
    return (
        f"SELECT p.example_id, p.revision, {more}e.execution_id, {content} FROM {pairs} AS p"
        " LEFT JOIN orchestrator_training_data AS e ON e.id = p.example_id"
        # OFFSET 0 keeps the comparison in front of the index: of what was never edited no revision is looked for.
        " LEFT JOIN LATERAL (SELECT * FROM example_revisions WHERE example_id = p.example_id"
        " AND revision = p.revision AND p.revision <> e.revision OFFSET 0) AS r ON true"
    )


def frozen_content(dataset_id: int, condition: str = "true") -> str:
    """Return a version's members with the content they were frozen with, whatever was edited since."""
    members = (
        "(SELECT example_id, revision, position, split, sha256 FROM dataset_members"
        f" WHERE dataset_id = {dataset_id:d} AND {condition})"
    )
    return pinned(members, ("position", "split", "sha256"))


#: For the statements that read `pinned` in order: row by row through the keys, so that the first row comes at once
#: and nothing is sorted or hashed on disk. A few microseconds a row, whatever the size of the table.
IN_ORDER = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off"
ANY_ORDER = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; SET LOCAL enable_material = on"


def teaches(recipe: Recipe) -> ColumnElement[bool]:
    """Whether an example has a request, and what the recipe's target asks for."""
    needed = {"plan": "has_plan", "result": "has_result", "both": "has_plan AND has_result"}[recipe.target]
    return literal_column(f"request_key <> md5('')::uuid AND {needed}")  # type: ignore[return-value]


def preview(
    db: Database,
    chosen: Filter | Sequence[int],
    recipe: Recipe,
    format: Format = CANONICAL,  # noqa: A002
    limit: int = 3,
) -> list[str]:
    """Return the first records that a filter would give, or those of the examples with these ids, as the model would
    see them.

    For a filter what teaches nothing is passed over, as when freezing; what is asked for by id is always shown.
    """
    if isinstance(chosen, Filter):
        condition = where(chosen) & teaches(recipe)
    else:
        condition = examples.c.id == any_(bindparam(None, list(chosen), type_=ARRAY(examples.c.id.type)))
    first = select(examples.c.id).where(condition).order_by(examples.c.id).limit(limit)
    with db.connect() as connection:
        ids = connection.execute(select(func.coalesce(func.array_agg(first.subquery().c.id), []))).scalar_one()
        if not ids:
            return []
        content = f"(SELECT * FROM orchestrator_training_data WHERE id IN ({','.join(map(str, ids))})) AS e"
        lines = run(connection, f"SELECT {line_sql(recipe, format)} FROM {content} ORDER BY id")
    return [line for (line,) in lines if line is not None]
