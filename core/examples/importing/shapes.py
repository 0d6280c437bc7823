"""The kinds of records that files hold, and how the parts of a conversation become the fields of an example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.models import Unfit, shortened
from core.examples.importing.values import text

Raw = Mapping[str, Any]
#: Role and text of each message.
Messages = list[tuple[str, str]]


@dataclass(frozen=True)
class Shape:
    """One kind of record: which columns show it, which column is which field, and what has to be taken apart."""

    name: str
    #: Every one of these columns has to be there.
    signs: tuple[str, ...]
    mapping: Mapping[str, str]
    #: Makes fields out of columns that hold several; its columns are the first of `signs`. Under `UNUSED` it may name
    #: what it found in a row and did not use.
    converted: Callable[[Raw], Raw] | None = None
    #: Columns that `converted` reads beside its signs.
    reads: tuple[str, ...] = ()


#: Key of a converted row under which the names of what was not used stand, such as `messages[].name`.
UNUSED = "unused"


_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "developer": "system",
    "function_call": "assistant",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
    "tool_response": "tool",
}
_KNOWN = {"system", "user", "assistant", "tool"}


def _loaded(value: Any) -> Any:
    """Tables hold lists of messages as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return exact_json.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unfit(f"a list of messages as JSON ({error.msg})") from None


def _content(value: Any) -> str:
    """The text of a message: a string, or parts that hold text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise Unfit("messages whose content is text")
    texts = []
    for part in value:
        is_text = isinstance(part, dict) and part.get("type", "text") in ("text", "input_text", "output_text")
        if isinstance(part, str) or (is_text and isinstance(part.get("text"), str)):
            texts.append(part if isinstance(part, str) else part["text"])
        else:
            raise Unfit("messages whose content is text; other parts, such as images, cannot be imported")
    return "".join(texts)


def _message(message: Any, role_key: str, content_key: str) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise Unfit("a list of messages, each an object")
    said = str(message.get(role_key, ""))
    role = _ROLES.get(said, said)
    if role not in _KNOWN:
        raise Unfit(f"messages of system, developer, user, assistant or tool, not of {shortened(said)}")
    content = _content(message.get(content_key))
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        content = str(text({**({"content": content} if content else {}), "tool_calls": calls}))
    return role, content


def _messages(value: Any, role_key: str = "role", content_key: str = "content") -> Messages:
    value = _loaded(value)
    if not isinstance(value, list) or not value:
        raise Unfit("a list of messages")
    return [_message(message, role_key, content_key) for message in value]


def _conversation(messages: Messages, system: str = "") -> Raw:
    """Request and result of a conversation, and as context what came before them.

    Messages between the request and the result (calls of tools and their answers) are the context's `steps`.
    """
    if messages[-1][0] != "assistant":
        raise Unfit("a conversation that ends with the assistant's answer")
    last = len(messages) - 1
    asked = next((place for place in range(last, -1, -1) if messages[place][0] == "user"), None)
    if asked is None:
        raise Unfit("a conversation with a message of the user before the answer")
    before = messages[:asked]
    leading = next((place for place, message in enumerate(before) if message[0] != "system"), len(before))
    prompts = [system, *(content for _, content in before[:leading])]
    context: dict[str, Any] = {}
    if prompt := "\n\n".join(part for part in prompts if part):
        context["system"] = prompt
    for name, part in (("turns", before[leading:]), ("steps", messages[asked + 1 : last])):
        if part:
            context[name] = [{"role": role, "content": content} for role, content in part]
    return {
        "user_request": messages[asked][1],
        "execution_result": messages[last][1],
        "context": context or None,
    }


def _from_messages(row: Raw) -> Raw:
    return _conversation(_messages(row.get("messages")), _content(row.get("system")))


def _from_sharegpt(row: Raw) -> Raw:
    messages = _loaded(row.get("conversations"))
    has_roles = isinstance(messages, list) and messages and isinstance(messages[0], dict) and "role" in messages[0]
    keys = ("role", "content") if has_roles else ("from", "value")
    return _conversation(_messages(messages, *keys), _content(row.get("system")))


def _from_gemini(row: Raw) -> Raw:
    instruction = _loaded_object(row.get("systemInstruction") or row.get("system_instruction"))
    return _conversation(_messages(row.get("contents"), "role", "parts"), instruction)


def _loaded_object(value: Any) -> str:
    if isinstance(value, dict):
        return _content(value.get("parts"))
    if isinstance(value, str) and value.lstrip().startswith("{"):
        loaded = _loaded(value)
        return _content(loaded.get("parts"))
    return _content(value)


def _from_alpaca(row: Raw) -> Raw:
    """The input goes behind the instruction after an empty line, which is where an export parts them again."""
    for column in ("instruction", "input", "system"):
        if not isinstance(row.get(column) or "", str):
            raise Unfit(f"text in {column}")
    instruction, given = row.get("instruction") or "", row.get("input") or ""
    return {
        "user_request": f"{instruction}\n\n{given}" if given else instruction,
        "execution_result": row.get("output"),
        "context": {"system": row["system"]} if row.get("system") else None,
    }


#: In the order in which they are tried.
SHAPES = (
    Shape("messages", ("messages",), {}, _from_messages, ("system",)),
    Shape("sharegpt", ("conversations",), {}, _from_sharegpt, ("system",)),
    Shape("gemini", ("contents",), {}, _from_gemini, ("systemInstruction", "system_instruction")),
    Shape("executions", ("user_request",), {}),
    Shape("alpaca", ("instruction", "output"), {}, _from_alpaca, ("input", "system")),
    Shape("question/answer", ("question", "answer"), {"user_request": "question", "execution_result": "answer"}),
    Shape("prompt/completion", ("prompt", "completion"), {"user_request": "prompt", "execution_result": "completion"}),
    Shape("prompt/response", ("prompt", "response"), {"user_request": "prompt", "execution_result": "response"}),
)
UNKNOWN = Shape("", (), {})
