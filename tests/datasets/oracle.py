"""Every format once more, in plain Python: what the SQL renderer is held against, byte by byte."""

from typing import Any

import orjson

from core.datasets.recipes import Recipe

Example = dict[str, Any]


def render(example: Example, recipe: Recipe, format_: str) -> str:
    system = recipe.system_prompt or own_system_prompt(example)
    turns = [(turn["role"], turn["content"]) for turn in (example["context"] or {}).get("turns", [])]
    prompt, target = user_message(example, recipe), answer(example, recipe)
    conversation = [*turns, ("user", prompt), ("assistant", target)]
    return orjson.dumps(FORMATS[format_](system, conversation)).decode()


def own_system_prompt(example: Example) -> str | None:
    system = (example["context"] or {}).get("system")
    return system if isinstance(system, str) and system else None


def user_message(example: Example, recipe: Recipe) -> str:
    if recipe.fields == ("request",):
        return example["user_request"]
    rest = {key: value for key, value in (example["context"] or {}).items() if key not in {"system", "turns"}}
    sections = {
        "request": "Request:\n" + example["user_request"],
        "intent": example["intent"] and "Intent: " + example["intent"],
        "business_state": example["business_state"] and "Business state:\n" + json_text(example["business_state"]),
        "context": rest and "Context:\n" + json_text(rest),
    }
    return "\n\n".join(sections[field] for field in recipe.fields if sections[field])


def answer(example: Example, recipe: Recipe) -> str:
    plan, result = example["execution_plan"] or "", example["execution_result"] or ""
    return {"plan": plan, "result": result, "both": f"Plan:\n{plan}\n\nResult:\n{result}"}[recipe.target]


def json_text(value: Any) -> str:
    """As PostgreSQL writes jsonb: a space after comma and colon, keys by length and then by bytes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{json_text(key)}: {json_text(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return orjson.dumps(value).decode()


Conversation = list[tuple[str, str]]


def openai(system: str | None, conversation: Conversation) -> Any:
    messages = [("system", system), *conversation] if system else conversation
    return {"messages": [{"role": role, "content": text} for role, text in messages]}


def anthropic(system: str | None, conversation: Conversation) -> Any:
    return ({"system": system} if system else {}) | openai(None, conversation)


def gemini(system: str | None, conversation: Conversation) -> Any:
    first = {"systemInstruction": {"role": "system", "parts": [{"text": system}]}} if system else {}
    names = {"user": "user", "assistant": "model"}
    return first | {"contents": [{"role": names[role], "parts": [{"text": text}]} for role, text in conversation]}


def sharegpt(system: str | None, conversation: Conversation) -> Any:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    messages = [("system", system), *conversation] if system else conversation
    return {"conversations": [{"from": names[role], "value": text} for role, text in messages]}


def alpaca(system: str | None, conversation: Conversation) -> Any:
    *earlier, (_, prompt), (_, target) = conversation
    record: dict[str, Any] = {"instruction": prompt, "input": "", "output": target}
    if system:
        record["system"] = system
    if earlier:
        texts = [text for _, text in earlier]
        record["history"] = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return record


FORMATS = {
    "openai": openai,
    "chatml": openai,
    "gemini": gemini,
    "anthropic": anthropic,
    "bedrock": anthropic,
    "sharegpt": sharegpt,
    "alpaca": alpaca,
}
