"""Conversations that hold more than texts: calls of tools, their results, and answers that must not be learned.

They come from `turns`, the request, `steps` and the answer, in this order, each as one row of a relation (`_said`), and
every format has its own piece for such a row. A format that cannot carry what is in a record gives NULL for it.
"""

from collections.abc import Mapping

from core.datasets.recipes import Recipe
from core.datasets.rendering import renderer_1
from core.datasets.rendering.renderer_1 import system_sql, target_sql, with_system

#: Keys of the context that are parts of the conversation, and so nothing to be shown beside the request.
PARTS = ("system", "turns", "steps", "answer", "tools", "parallel_tool_calls", "input", "rejected")

_ODD_TURN = '$.turns[*] ? (@.role == "tool" || exists(@.tool_calls) || exists(@.weight))'
#: Whether a conversation is one of these; of any other, renderer 1 says all.
IS_RICH = (
    "(context IS NOT NULL AND (context ?| ARRAY['steps', 'answer', 'tools', 'parallel_tool_calls']"
    f" OR jsonb_path_exists(context, '{_ODD_TURN}')))"
)


def looked_at_once(text: str) -> str:
    """Return the same SQL over a relation with `IS_RICH` as its column `is_rich`: four expressions
    ask it of every row.
    """
    return text.replace(IS_RICH, "is_rich")


#: What a record holds that not every format can carry, as bits, with its name.
TOOLS_BIT = 1
FEATURES: Mapping[int, str] = {
    TOOLS_BIT: "tools or calls of tools",
    2: "an answer that must not be learned (weight 0)",
    4: "text beside a call of a tool",
    8: "a call whose arguments are no JSON object",
}
#: Of each format, the bits that it cannot carry; the others carry all.
NOT_CARRIED: Mapping[str, int] = {
    "alpaca": 1 | 2,
    "sharegpt": 2 | 4,
    "gemini": 2 | 8,
    "anthropic": 2 | 8,
    "bedrock": 2 | 8,
}

_TOOLS = (
    "CASE jsonb_typeof(context->'tools') WHEN 'array' THEN (context->'tools')::text::json"
    " WHEN 'string' THEN sound_json(context->>'tools') END"
)
#: The tools as a JSON list that is not empty, or NULL.
TOOLS = (
    f"(SELECT tools FROM (SELECT {_TOOLS} AS tools) AS t WHERE json_typeof(tools) = 'array' AND tools::text <> '[]')"
)


def prompt_sql(recipe: Recipe) -> str:
    """Return the user's message; of the context, what is no part of the conversation."""
    shown = renderer_1.prompt_sql(recipe)
    return shown.replace("context - 'system' - 'turns'", f"context - ARRAY[{', '.join(repr(part) for part in PARTS)}]")


def _one_line(json: str) -> str:
    """JSON text as it was written, without the line breaks that may stand between its signs."""
    return f"translate(({json})::text, E'\\n\\r\\t', '   ')"


def _list(part: str) -> str:
    return f"CASE jsonb_typeof(context->'{part}') WHEN 'array' THEN context->'{part}' ELSE '[]' END"


def _said(recipe: Recipe) -> str:
    """Every message but the system prompt: part, place, role, content, calls, call_id, name, is_unlearned, is_text."""
    rows = """
        SELECT {part} AS part, place, m->>'role' AS role, m->>'content' AS content,
               CASE WHEN jsonb_typeof(m->'tool_calls') = 'array' AND m->'tool_calls' <> '[]' THEN m->'tool_calls' END
               AS calls, m->>'tool_call_id' AS call_id, m->>'name' AS name,
               coalesce(m->'weight' = '0', false) AS is_unlearned, jsonb_typeof(m->'content') = 'string' AS is_text
        FROM jsonb_array_elements({listed}) WITH ORDINALITY AS t (m, place)"""
    turns = rows.format(part=1, listed=_list("turns"))
    # A plan is what was thought of before anything was done.
    steps = rows.format(part=3, listed="'[]'::jsonb" if recipe.target == "plan" else _list("steps"))
    extras = "'{}'::jsonb" if recipe.target == "plan" else "coalesce(context->'answer', '{}')"
    return f"""
        (SELECT *, lag(role) OVER w AS before, lead(role) OVER w AS after FROM (
            {turns}
            UNION ALL SELECT 2, 0, 'user', {prompt_sql(recipe)}, NULL, NULL, NULL, false, true
            UNION ALL {steps}
            UNION ALL SELECT 4, 0, 'assistant',
                CASE WHEN jsonb_typeof(a->'tool_calls') = 'array' AND a->'tool_calls' <> '[]'
                     THEN nullif({target_sql(recipe)}, '') ELSE {target_sql(recipe)} END,
                CASE WHEN jsonb_typeof(a->'tool_calls') = 'array' AND a->'tool_calls' <> '[]' THEN a->'tool_calls' END,
                NULL, NULL, coalesce(a->'weight' = '0', false), true
            FROM (SELECT {extras} AS a) AS answer
        ) AS parts WINDOW w AS (ORDER BY part, place)) AS said"""


def _each_call(piece: str, calls: str = "calls") -> str:
    """One `piece` a call, with commas between; over `c`, the call, with its name and arguments."""
    return f"""(SELECT string_agg({piece}, ',' ORDER BY n) FROM (
        SELECT n, coalesce(c->>'id', '') AS id, coalesce(c->'function'->>'name', '') AS called,
               coalesce(c->'function'->>'arguments', '{{}}') AS arguments
        FROM jsonb_array_elements({calls}) WITH ORDINALITY AS x (c, n)) AS call)"""


_OPENAI_CALL = """concat('{"id":', to_json(id), ',"type":"function","function":{"name":', to_json(called),
    ',"arguments":', to_json(arguments), '}}')"""
_ARGUMENTS = f"coalesce({_one_line('sound_json(arguments)')}, to_json(arguments)::text)"
_CALL_OF_RESULT = (
    "coalesce(name, jsonb_path_query_first(context, '$.*[*].tool_calls[*] ? (@.id == $id).function.name',"
    " jsonb_build_object('id', call_id)) #>> '{}', 'tool')"
)


def _openai_message(*, weights: bool) -> str:
    weight = """CASE WHEN is_unlearned AND role = 'assistant' THEN ',"weight":0' END""" if weights else "''"
    return f"""concat('{{"role":', to_json(coalesce(role, '')), ',"content":',
        coalesce(to_json(content)::text, CASE WHEN calls IS NULL THEN '""' ELSE 'null' END),
        ',"tool_calls":[' || {_each_call(_OPENAI_CALL)} || ']',
        CASE WHEN role = 'tool' THEN concat(',"tool_call_id":', to_json(coalesce(call_id, ''))) END, {weight}, '}}')"""


_USE = f"""concat('{{"type":"tool_use","id":', to_json(id),
    ',"name":', to_json(called), ',"input":', {_ARGUMENTS}, '}}')"""
_ANTHROPIC = f"""CASE
    WHEN role = 'tool' THEN concat(
        CASE WHEN before IS DISTINCT FROM 'tool' THEN '{{"role":"user","content":[' END,
        '{{"type":"tool_result","tool_use_id":', to_json(coalesce(call_id, '')), ',"content":',
        to_json(coalesce(content, '')), '}}', CASE WHEN after IS DISTINCT FROM 'tool' THEN ']}}' END)
    WHEN calls IS NOT NULL THEN concat('{{"role":"assistant","content":[',
        '{{"type":"text","text":' || to_json(nullif(content, ''))::text || '}},', {_each_call(_USE)}, ']}}')
    ELSE concat('{{"role":', to_json(coalesce(role, '')), ',"content":', to_json(coalesce(content, '')), '}}') END"""
_FUNCTION_CALL = f"""concat('{{"functionCall":{{"name":', to_json(called), ',"args":', {_ARGUMENTS}, '}}}}')"""
_GEMINI = f"""CASE
    WHEN role = 'tool' THEN concat(
        CASE WHEN before IS DISTINCT FROM 'tool' THEN '{{"role":"user","parts":[' END,
        '{{"functionResponse":{{"name":', to_json({_CALL_OF_RESULT}), ',"response":{{"output":',
        to_json(coalesce(content, '')), '}}}}}}', CASE WHEN after IS DISTINCT FROM 'tool' THEN ']}}' END)
    WHEN calls IS NOT NULL THEN concat('{{"role":"model","parts":[',
        '{{"text":' || to_json(nullif(content, ''))::text || '}},', {_each_call(_FUNCTION_CALL)}, ']}}')
    ELSE concat('{{"role":"', CASE role WHEN 'assistant' THEN 'model' ELSE 'user' END, '","parts":[{{"text":',
        to_json(coalesce(content, '')), '}}]}}') END"""
_VALUE = f"""concat('{{"name":', to_json(called), ',"arguments":', {_ARGUMENTS}, '}}')"""
#: One call is an object and several are a list, as the readers of this form know it; ids stand beside, where nobody who
#: does not know them is disturbed.
_SHAREGPT = f"""CASE
    WHEN role = 'tool' THEN concat('{{"from":"observation","value":', to_json(coalesce(content, '')),
        ',"tool_call_id":', to_json(coalesce(call_id, '')), '}}')
    WHEN calls IS NOT NULL THEN concat('{{"from":"function_call","value":',
        to_json(CASE jsonb_array_length(calls) WHEN 1 THEN {_each_call(_VALUE)}
                ELSE concat('[', {_each_call(_VALUE)}, ']') END),
        ',"tool_call_ids":[', {_each_call("to_json(id)::text")}, ']}}')
    ELSE concat('{{"from":"', CASE role WHEN 'assistant' THEN 'gpt' ELSE 'human' END, '","value":',
        to_json(coalesce(content, '')), '}}') END"""


def _all(recipe: Recipe, piece: str, condition: str = "true") -> str:
    return f"(SELECT string_agg({piece}, ',' ORDER BY part, place) FROM {_said(recipe)} WHERE {condition})"


def _each_tool(before: str, schema: str, after: str) -> str:
    """Return the tools in a form of name, description and schema."""
    function = "coalesce(tool->'function', tool)"
    return f"""(SELECT concat('{before}', string_agg(concat('{{"name":', to_json(coalesce(f->>'name', '')),
        ',"description":' || to_json(f->>'description')::text,
        ',"{schema}":', coalesce({_one_line("f->'parameters'")}, '{{"type":"object","properties":{{}}}}'), '}}'),
        ',' ORDER BY n), '{after}')
        FROM (SELECT n, {function} AS f FROM json_array_elements({TOOLS}) WITH ORDINALITY AS t (tool, n)) AS each
        HAVING count(*) > 0)"""


_PARALLEL = "CASE WHEN jsonb_typeof(context->'parallel_tool_calls') = 'boolean' THEN {} END"
_OPENAI_TOOLS = [
    f"""',"tools":' || {_one_line(TOOLS)}""",
    _PARALLEL.format("""concat(',"parallel_tool_calls":', context->>'parallel_tool_calls')"""),
]
_ANTHROPIC_TOOLS = [
    "',' || " + _each_tool('"tools":[', "input_schema", "]"),
    _PARALLEL.format(
        """concat(',"tool_choice":{"type":"auto","disable_parallel_tool_use":',"""
        " NOT (context->'parallel_tool_calls')::boolean, '}')"
    ).replace("NOT (context->'parallel_tool_calls')::boolean",
              "CASE context->>'parallel_tool_calls' WHEN 'true' THEN 'false' ELSE 'true' END"),
]  # fmt: skip
_FLAT = (
    "(SELECT concat('[', string_agg(" + _one_line("coalesce(tool->'function', tool)") + ", ',' ORDER BY n), ']')"
    f" FROM json_array_elements({TOOLS}) WITH ORDINALITY AS t (tool, n) HAVING count(*) > 0)"
)


def line_sql(recipe: Recipe, format: str) -> str:  # noqa: A002  (the word of the field)
    """Return SQL text of one record; NULL where the format cannot carry it."""
    system = system_sql(recipe)
    match format:
        case "anthropic" | "bedrock":
            pieces = [
                "'{'",
                with_system('"system":', system, ","),
                """'"messages":['""",
                _all(recipe, _ANTHROPIC),
                "']'",
                *_ANTHROPIC_TOOLS,
                "'}'",
            ]
        case "gemini":
            first = with_system('"systemInstruction":{"role":"system","parts":[{"text":', system, "}]},")
            declared = "',' || " + _each_tool('"tools":[{"functionDeclarations":[', "parameters", "]}]")
            pieces = ["'{'", first, """'"contents":['""", _all(recipe, _GEMINI), "']'", declared, "'}'"]
        case "sharegpt":
            first = with_system('{"from":"system","value":', system, "},")
            pieces = [
                """'{"conversations":['""",
                first,
                _all(recipe, _SHAREGPT),
                "']'",
                f"""',"tools":' || to_json({_FLAT})::text""",
                "'}'",
            ]
        case "alpaca":
            pieces = alpaca(recipe)
        case _:
            first = with_system('{"role":"system","content":', system, "},")
            pieces = [
                """'{"messages":['""",
                first,
                _all(recipe, _openai_message(weights=True)),
                "']'",
                *_OPENAI_TOOLS,
                "'}'",
            ]
    line = f"concat({', '.join(pieces)})"
    mask = NOT_CARRIED.get(format, 0)
    return f"CASE WHEN ({_features(recipe)}) & {mask} = 0 THEN {line} END" if mask else line


def asked_sql(recipe: Recipe) -> str:
    """All before the answer, as preference training reads it: it knows no weights."""
    first = with_system('{"role":"system","content":', system_sql(recipe), "},")
    said = _all(recipe, _openai_message(weights=False), "part < 4")
    return f"""concat('{{"messages":[', {first}, {said}, ']', {", ".join(_OPENAI_TOOLS)}, '}}')"""


def answer_sql(recipe: Recipe) -> str:
    """Return SQL text of a record's answer as one message of the format `openai`."""
    return _all(recipe, _openai_message(weights=False), "part = 4")


def rejected_sql() -> str:
    """Return the answer that came beside a better one, as one message of the format `openai`; NULL
    where there is none.
    """
    calls = "context->'rejected'->'tool_calls'"
    listed = f"CASE WHEN jsonb_typeof({calls}) = 'array' AND {calls} <> '[]' THEN {calls} END"
    return f"""CASE WHEN jsonb_typeof(context->'rejected') = 'object' THEN (
        SELECT concat('{{"role":"assistant","content":',
            coalesce(to_json(context->'rejected'->>'content')::text, CASE WHEN calls IS NULL THEN '""' ELSE 'null' END),
            ',"tool_calls":[' || {_each_call(_OPENAI_CALL)} || ']', '}}')
        FROM (SELECT {listed} AS calls) AS other) END"""


def alpaca(recipe: Recipe) -> list[str]:
    """Return renderer 1's pieces, with the part of a request that came as `input` back in its place."""
    pieces = renderer_1.pieces(recipe, "alpaca", prompt_sql(recipe))
    if recipe.fields != ("request",):
        return pieces
    given = "nullif(context->>'input', '')"
    ends = f"right(user_request, length({given}) + 2) = E'\\n\\n' || {given}"
    shorter = f"left(user_request, length(user_request) - length({given}) - 2)"
    opening, prompt, between, *rest = pieces
    assert prompt == "to_json(user_request)"
    assert between == """',"input":"","output":'"""
    return [
        opening,
        f"to_json(CASE WHEN {ends} THEN {shorter} ELSE user_request END)",
        """',"input":'""",
        f"to_json(CASE WHEN {ends} THEN {given} ELSE '' END)",
        """',"output":'""",
        *rest,
    ]


def _features(recipe: Recipe) -> str:
    is_object = "(SELECT bool_and(coalesce(json_typeof(sound_json(c->'function'->>'arguments')) = 'object', false))"
    return f"""(SELECT (CASE WHEN bool_or(calls IS NOT NULL OR role = 'tool') OR {TOOLS} IS NOT NULL THEN 1 ELSE 0 END)
        | (CASE WHEN bool_or(is_unlearned AND role = 'assistant') THEN 2 ELSE 0 END)
        | (CASE WHEN bool_or(calls IS NOT NULL AND coalesce(content, '') <> '') THEN 4 ELSE 0 END)
        | (CASE WHEN bool_or(calls IS NOT NULL AND NOT {is_object} FROM jsonb_array_elements(calls) AS c))
                THEN 8 ELSE 0 END)
        FROM {_said(recipe)})"""


def features_sql(recipe: Recipe) -> str:
    """Return what a record holds that not every format can carry: the bits of `FEATURES`."""
    return f"CASE WHEN {IS_RICH} THEN {_features(recipe)} ELSE 0 END"


#: Roles of earlier turns: user first, assistant last, each once at a time; the request comes after them.
_PLAIN_FAULT = """
CASE WHEN context IS NULL OR context->'turns' IS NULL THEN NULL
     WHEN jsonb_typeof(context->'turns') <> 'array' THEN 'role_order'
     WHEN jsonb_array_length(context->'turns') % 2 = 1 OR EXISTS (
         SELECT FROM jsonb_array_elements(context->'turns') WITH ORDINALITY AS turns (turn, place)
         WHERE turn->>'role' IS DISTINCT FROM CASE place % 2 WHEN 1 THEN 'user' ELSE 'assistant' END
            OR jsonb_typeof(turn->'content') IS DISTINCT FROM 'string')
     THEN 'role_order' END"""
_LETTER = """CASE WHEN role = 'user' AND is_text THEN 'u' WHEN role = 'tool' AND is_text THEN 't'
    WHEN role = 'assistant' AND calls IS NOT NULL THEN 'c' WHEN role = 'assistant' AND is_text THEN 'a' ELSE 'x' END"""


#: What is said somewhere in a form that nobody can read would be lost without a word.
_NO_LIST = (
    "coalesce(jsonb_typeof(context->'turns'), 'array') <> 'array'"
    " OR coalesce(jsonb_typeof(context->'steps'), 'array') <> 'array'"
)
_NO_TOOLS = f"""(coalesce(context->'tools', 'null') NOT IN ('null', '[]', '""', '"[]"') AND {TOOLS} IS NULL)"""


def fault_sql(recipe: Recipe) -> str:
    """Why a conversation cannot be learned from: `role_order`, `tool_calls` or `unlearned`; NULL where it can.

    Whoever calls tools is answered by each of them, by its id, before anybody else speaks; only the last answer may
    itself be a call.
    """
    asked = "ARRAY(SELECT c->>'id' FROM jsonb_array_elements(calls) AS c ORDER BY 1)"
    nameless = "jsonb_path_exists(calls, '$[*] ? (!(@.function.name.type() == \"string\"))')"
    groups = f"""
        SELECT string_agg(letter, '' ORDER BY part, place) AS roles, max(asked) AS asked,
               array_agg(call_id ORDER BY call_id) FILTER (WHERE role = 'tool') AS given,
               bool_and(is_unlearned) FILTER (WHERE role = 'assistant') AS unlearned, bool_or(is_odd) AS odd, round
        FROM (SELECT *, {_LETTER} AS letter, count(calls) OVER (ORDER BY part, place) AS round,
                     CASE WHEN calls IS NOT NULL AND part < 4 THEN {asked} END AS asked, {nameless} AS is_odd
              FROM {_said(recipe)}) AS lettered
        GROUP BY round"""
    rich = f"""(SELECT CASE
            WHEN {_NO_LIST} OR string_agg(roles, '' ORDER BY round) !~ '^(u(ct+)*a)*u(ct+)*[ac]$' THEN 'role_order'
            WHEN bool_or(odd OR asked IS DISTINCT FROM given) OR {_NO_TOOLS} THEN 'tool_calls'
            WHEN bool_and(unlearned) THEN 'unlearned' END
        FROM ({groups}) AS rounds)"""
    return f"CASE WHEN {IS_RICH} THEN {rich} ELSE {_PLAIN_FAULT} END"
