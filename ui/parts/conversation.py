"""Messages of a conversation as text, with the calls of tools in them. All of it is captured, and may have any form."""

from typing import Any

import orjson


def words(message: Any) -> str:
    """What a message says, and below it what it calls."""
    if not isinstance(message, dict):
        return str(message)
    content = message.get("content")
    said = content if isinstance(content, str) else "" if content is None else str(content)
    return "\n".join(part for part in (said, *calls(message)) if part)


def told(message: Any) -> str:
    """A message with who says it, and which call a tool answers."""
    if not isinstance(message, dict):
        return str(message)
    role = str(message.get("role", "?"))
    if role == "tool":
        role = " ".join(str(part) for part in (role, message.get("name"), message.get("tool_call_id")) if part)
    mark = " (not learned: weight 0)" if is_unlearned(message) else ""
    return f"{role}{mark}: {words(message)}"


def calls(message: Any) -> list[str]:
    """Each call as `name(arguments)` with its id."""
    made = message.get("tool_calls") if isinstance(message, dict) else None
    return [_call(call) for call in made] if isinstance(made, list) else []


def _call(call: Any) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return str(call)
    return f"calls {function.get('name', '?')}({function.get('arguments', '')}) [{call.get('id', 'no id')}]"


def is_unlearned(message: Any) -> bool:
    return isinstance(message, dict) and message.get("weight") == 0


def tools(value: Any) -> list[Any]:
    """The tools of an example: a list, or one as JSON text, which keeps its order."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return [value]
    return value if isinstance(value, list) else [value] if value else []
