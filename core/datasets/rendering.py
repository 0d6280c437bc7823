"""Rendering: the one place where an example becomes a line of a training file, written as SQL.

Rows never pass through Python, so a million of them can be hashed and exported at the database's speed. JSON is put
together as text, with our own punctuation: `to_json(text)` escapes the same way in every version of PostgreSQL (and
as orjson does), while the spacing and key order of `json_build_object` and `jsonb` are theirs to choose.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from psycopg import sql
from sqlalchemy import ColumnElement, Connection, any_, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from core.database import Database
from core.datasets.recipes import Part, Recipe
from core.examples.filters import Filter, where
from core.tables import CONTENT, examples

#: Stored with every version. Whoever changes what any format gives for any example makes this number grow, and
#: keeps the old text for the versions that were frozen with the old number.
RENDERER = 1

Format = Literal["openai", "chatml", "gemini", "anthropic", "bedrock", "sharegpt", "alpaca", "parquet", "dpo"]
FORMATS: tuple[Format, ...] = get_args(Format)

#: The format whose bytes are hashed when a version is frozen; every other format is made from the same parts.
CANONICAL: Format = "openai"

_SECTIONS: dict[Part, str] = {
    "request": r"E'Request:\n' || user_request",
    "intent": "'Intent: ' || nullif(intent, '')",
    "business_state": r"E'Business state:\n' || nullif(business_state, '{}')::text",
    "context": r"E'Context:\n' || CASE jsonb_typeof(context)"
    r" WHEN 'object' THEN nullif(context - 'system' - 'turns', '{}')::text"
    r" WHEN 'null' THEN NULL ELSE context::text END",
}
_TARGETS = {
    "plan": "coalesce(execution_plan, '')",
    "result": "coalesce(execution_result, '')",
    "both": r"E'Plan:\n' || coalesce(execution_plan, '') || E'\n\nResult:\n' || coalesce(execution_result, '')",
}
_ITS_OWN_SYSTEM_PROMPT = "CASE WHEN jsonb_typeof(context->'system') = 'string' THEN nullif(context->>'system', '') END"


def prompt_sql(recipe: Recipe) -> str:
    """The user's message."""
    if recipe.fields == ("request",):
        return "user_request"
    sections = ", ".join(_SECTIONS[part] for part in recipe.fields)
    return rf"concat_ws(E'\n\n', {sections})"


def target_sql(recipe: Recipe) -> str:
    """What the model shall answer."""
    return _TARGETS[recipe.target]


def asked_sql(recipe: Recipe) -> str:
    """SQL text of a record's conversation up to its answer, `{"messages":[…]}`, over the content columns."""
    first = _with_system('{"role":"system","content":', _system_sql(recipe), "},")
    turns, user, prompt, *_ = _messages(_json(prompt_sql(recipe)), "''")
    pieces = ["""'{"messages":['""", first, turns, user, prompt, "'}]}'"]
    return f"concat({', '.join(pieces)})"


def line_sql(recipe: Recipe, format: Format) -> str:  # noqa: A002  (the word of the field)
    """SQL text of one record, without line break, over a relation with the content columns.

    NULL where `user_request` is: of a revision that cannot be found there is no record. `dpo` has no line of a record:
    its lines are pairs of them (`pairs.lines_sql`), and what is asked for here is the record alone.
    """
    system = _system_sql(recipe)
    prompt, target = _json(prompt_sql(recipe)), _json(target_sql(recipe))
    match format:
        case "openai" | "chatml" | "parquet" | "dpo":
            pieces = _openai(system, prompt, target)
        case "anthropic" | "bedrock":
            pieces = _anthropic(system, prompt, target)
        case "gemini":
            pieces = _gemini(system, prompt, target)
        case "sharegpt":
            pieces = _sharegpt(system, prompt, target)
        case "alpaca":
            pieces = _alpaca(system, prompt, target)
    return f"CASE WHEN user_request IS NOT NULL THEN concat({', '.join(pieces)}) END"


def _system_sql(recipe: Recipe) -> str:
    own = sql.Literal(recipe.system_prompt).as_string(None) + "::text"
    return own if recipe.system_prompt else _ITS_OWN_SYSTEM_PROMPT


def _json(text: str) -> str:
    return f"to_json({text})"


def _with_system(before: str, system: str, after: str) -> str:
    """A piece that is there only when there is a system prompt. Concatenation with NULL is NULL, which is left out."""
    return f"'{before}' || {_json(system)}::text || '{after}'"


def _turns(piece: str) -> str:
    """One `piece` an earlier turn. Without turns the subquery is never entered."""
    return (
        "CASE WHEN jsonb_typeof(context->'turns') = 'array' THEN"
        f" (SELECT string_agg({piece}, '' ORDER BY place)"
        " FROM jsonb_array_elements(context->'turns') WITH ORDINALITY AS turns (turn, place)) END"
    )


def _turn(before: str, assistant: str, user: str, between: str, after: str) -> str:
    role = f"CASE turn->>'role' WHEN 'assistant' THEN '{assistant}' ELSE '{user}' END"
    content = _json("coalesce(turn->>'content', '')")
    return f"concat('{before}', {role}, '{between}', {content}, '{after}')"


def _messages(prompt: str, target: str) -> list[str]:
    return [
        _turns(_turn('{"role":"', "assistant", "user", '","content":', "},")),
        """'{"role":"user","content":'""",
        prompt,
        """'},{"role":"assistant","content":'""",
        target,
        "'}]}'",
    ]


def _openai(system: str, prompt: str, target: str) -> list[str]:
    first = _with_system('{"role":"system","content":', system, "},")
    return ["""'{"messages":['""", first, *_messages(prompt, target)]


def _anthropic(system: str, prompt: str, target: str) -> list[str]:
    return ["'{'", _with_system('"system":', system, ","), """'"messages":['""", *_messages(prompt, target)]


def _gemini(system: str, prompt: str, target: str) -> list[str]:
    return [
        "'{'",
        _with_system('"systemInstruction":{"role":"system","parts":[{"text":', system, "}]},"),
        """'"contents":['""",
        _turns(_turn('{"role":"', "model", "user", '","parts":[{"text":', "}]},")),
        """'{"role":"user","parts":[{"text":'""",
        prompt,
        """'}]},{"role":"model","parts":[{"text":'""",
        target,
        "'}]}]}'",
    ]


def _sharegpt(system: str, prompt: str, target: str) -> list[str]:
    return [
        """'{"conversations":['""",
        _with_system('{"from":"system","value":', system, "},"),
        _turns(_turn('{"from":"', "gpt", "human", '","value":', "},")),
        """'{"from":"human","value":'""",
        prompt,
        """'},{"from":"gpt","value":'""",
        target,
        "'}]}'",
    ]


def _alpaca(system: str, prompt: str, target: str) -> list[str]:
    """Earlier turns become `history`, pairs of question and answer, as the readers of this format know it."""
    content = _json("coalesce(turn->>'content', '')")
    pairs = (
        "CASE WHEN jsonb_typeof(context->'turns') = 'array' THEN ',\"history\":[' || (SELECT string_agg("
        "concat(CASE WHEN place % 2 = 0 THEN ',' WHEN place > 1 THEN '],[' ELSE '[' END,"
        f" {content}), '' ORDER BY place)"
        " FROM jsonb_array_elements(context->'turns') WITH ORDINALITY AS turns (turn, place)) || ']]' END"
    )
    return [
        """'{"instruction":'""",
        prompt,
        """',"input":"","output":'""",
        target,
        _with_system(',"system":', system, ""),
        pairs,
        "'}'",
    ]


def run(connection: Connection, statement: str) -> list[tuple]:
    """Run SQL text without parameters exactly as it stands; a system prompt may hold `%` and `:name`."""
    result = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return [tuple(row) for row in result] if result.returns_rows else []


def pinned(pairs: str, extra: Sequence[str] = ()) -> str:
    """The content of the examples and revisions in the relation `pairs` (example_id, revision, and `extra` columns).

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
    """A version's members with the content they were frozen with, whatever was edited since."""
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
    """The first records that a filter would give, or those of the examples with these ids, as the model would see them.

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
    return [line for (line,) in lines]
