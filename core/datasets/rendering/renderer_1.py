"""The text of renderer 1: a conversation of texts alone. Versions that were frozen with it are rendered by it for good.

Renderer 2 gives the same bytes for such conversations, and takes its pieces from here. So nothing here ever changes.
"""

from psycopg import sql

from core.datasets.recipes import Part, Recipe

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
    """Return the user's message."""
    if recipe.fields == ("request",):
        return "user_request"
    sections = ", ".join(_SECTIONS[part] for part in recipe.fields)
    return rf"concat_ws(E'\n\n', {sections})"


def target_sql(recipe: Recipe) -> str:
    """Return what the model shall answer."""
    return _TARGETS[recipe.target]


def asked_sql(recipe: Recipe, prompt: str) -> str:
    """Return SQL text of a record's conversation up to its answer, `{"messages":[…]}`, over the content columns."""
    first = with_system('{"role":"system","content":', system_sql(recipe), "},")
    turns, user, prompt, *_ = _messages(_json(prompt), "''")
    parts = ["""'{"messages":['""", first, turns, user, prompt, "'}]}'"]
    return f"concat({', '.join(parts)})"


def pieces(recipe: Recipe, format: str, prompt: str) -> list[str]:  # noqa: A002  (the word of the field)
    """Return the pieces of a record's line, as SQL texts to be put together; `prompt` is what the user says."""
    system = system_sql(recipe)
    asked, target = _json(prompt), _json(target_sql(recipe))
    match format:
        case "anthropic" | "bedrock":
            return _anthropic(system, asked, target)
        case "gemini":
            return _gemini(system, asked, target)
        case "sharegpt":
            return _sharegpt(system, asked, target)
        case "alpaca":
            return _alpaca(system, asked, target)
        case _:
            return _openai(system, asked, target)


def system_sql(recipe: Recipe) -> str:
    """Return SQL text of the system prompt: the recipe's, or else the record's own."""
    own = sql.Literal(recipe.system_prompt).as_string(None) + "::text"
    return own if recipe.system_prompt else _ITS_OWN_SYSTEM_PROMPT


def _json(text: str) -> str:
    return f"to_json({text})"


def with_system(before: str, system: str, after: str) -> str:
    """Return a piece that is there only when there is a system prompt.

    Concatenation with NULL is NULL, which is left out.
    """
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
    first = with_system('{"role":"system","content":', system, "},")
    return ["""'{"messages":['""", first, *_messages(prompt, target)]


def _anthropic(system: str, prompt: str, target: str) -> list[str]:
    return ["'{'", with_system('"system":', system, ","), """'"messages":['""", *_messages(prompt, target)]


def _gemini(system: str, prompt: str, target: str) -> list[str]:
    return [
        "'{'",
        with_system('"systemInstruction":{"role":"system","parts":[{"text":', system, "}]},"),
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
        with_system('{"from":"system","value":', system, "},"),
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
        with_system(',"system":', system, ""),
        pairs,
        "'}'",
    ]
