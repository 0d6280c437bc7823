"""What went into a model and what came out of it, as tracing tools write it, as one conversation.

Either is a text, messages, or an object that holds one of them; an output may repeat what was asked.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.converting.messages import of_python
from core.examples.importing.converting.shapes import SHAPES, UNUSED, Raw
from core.examples.importing.converting.values import text
from core.examples.importing.models import Unfit

#: Keys under which an input holds what was asked, and an output what was answered.
_ASKED = (
    "messages",
    "input",
    "question",
    "query",
    "prompt",
    "text",
    "content",
    "user_request",
    "request",
    "user_input",
)
_ANSWERED = (
    "messages",
    "output",
    "answer",
    "response",
    "result",
    "completion",
    "text",
    "content",
    "generations",
    "choices",
)
_KINDS = {
    "human": "user",
    "ai": "assistant",
    "humanmessage": "user",
    "aimessage": "assistant",
    "systemmessage": "system",
}
_KINDS |= {
    "system": "system",
    "tool": "tool",
    "toolmessage": "tool",
    "humanmessagechunk": "user",
    "aimessagechunk": "assistant",
}


def loaded(given: Any) -> Any:
    """Tables hold objects and lists as JSON text."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        try:
            return exact_json.loads(given)
        except orjson.JSONDecodeError:
            found = of_python(given)
            return given if found is None else found
    return given


def _messages(value: Any) -> list[dict[str, Any]] | None:
    """Return a list of messages with role and content, in whichever of the tools' forms; None for what is none."""
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]  # LangChain asks for several conversations at once
    if not isinstance(value, list) or not value:
        return None
    found: list[dict[str, Any]] = []
    for each in value:
        if (message := _message(each)) is None:
            return None
        if each.get("type") == "function_call" and found and found[-1].get("tool_calls"):
            found[-1]["tool_calls"] += message["tool_calls"]  # called at once
        else:
            found.append(message)
    return found


def _message(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    if isinstance(inner := value.get("message"), dict) and "role" not in value:
        return _message(inner)  # a choice of OpenAI, a generation of LangChain, OpenInference
    if isinstance(said := value.get("kwargs"), dict):  # LangChain
        kind = str(said.get("type") or (value.get("id") or [""])[-1])
        return _message({**said, "type": kind})
    if "role" not in value and (item := _item(value)) is not None:
        return item
    named = {key.removeprefix("message."): each for key, each in value.items()}
    role = named.get("role") or _KINDS.get(str(named.get("type", "")).lower().replace("_", ""))
    if not isinstance(role, str):
        return None
    if isinstance(parts := named.get("parts"), list) and "content" not in named:  # the semantic conventions of OTLP
        named["content"] = _content(parts)
    return {**{key: each for key, each in named.items() if key not in ("type", "parts")}, "role": role}


def _item(value: Raw) -> dict[str, Any] | None:
    """Return what stands between the messages of OpenAI's API for responses."""
    kind = value.get("type")
    if kind == "reasoning":
        return {"role": "assistant", "content": [{"type": kind}]}
    if kind == "function_call":
        call = {"id": value.get("call_id"), "name": value.get("name"), "arguments": value.get("arguments")}
        return {"role": "assistant", "tool_calls": [call]}
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": value.get("call_id"), "content": value.get("output")}
    return None


def instructions(value: Any) -> str:
    """Return what a system prompt beside the messages says: a text, or parts as the semantic conventions have them."""
    parts = loaded(value)
    if isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
        said = _content(parts)
        return said if isinstance(said, str) else ""
    return value if isinstance(value, str) else ""


def _content(parts: list[Any]) -> Any:
    """Return the parts of a message in the semantic conventions of OTLP: one text, or parts as Anthropic has them."""
    if all(isinstance(part, dict) and part.get("type") in (None, "text") for part in parts):
        return "\n".join(str(part.get("content", "")) for part in parts)
    return [_part(part) if isinstance(part, dict) else part for part in parts]


def _part(part: Raw) -> Raw:
    kind = part.get("type")
    if kind == "text":
        return {"type": kind, "text": str(part.get("content", ""))}
    if kind == "tool_call":
        return {"type": "tool_use", "id": part.get("id"), "name": part.get("name"), "input": part.get("arguments")}
    if kind == "tool_call_response":
        answered = part.get("response", part.get("result"))
        return {"type": "tool_result", "tool_use_id": part.get("id"), "content": answered}
    return part


#: What says nothing.
NOTHING: tuple[Any, ...] = (None, "", [], {})
#: Several answers to one request. The first is taken, as the tool that asked took it.
_ALTERNATIVES = ("choices", "generations")


def _alternatives(value: Any) -> list[Any]:
    """Return the several answers under one of these keys; LangChain has a list of them for each request."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    return value if isinstance(value, list) else []


def _said(value: Any, role: str, keys: tuple[str, ...]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Return what one side said as messages, and what else its object holds."""
    given, value = value, loaded(value)
    if value is None or value == "" or value in ({}, []):
        return [], {}
    if (messages := _messages(value)) is not None:
        return messages, {}
    if isinstance(value, dict):
        for key in keys:
            if value.get(key) not in (None, "", [], {}):
                held = _alternatives(value[key])[:1] if key in _ALTERNATIVES else []
                messages, _ = _said(held or value[key], role, keys)
                return messages, {name: each for name, each in value.items() if name != key}
    if isinstance(value, list) and len(value) == 1:
        return _said(value[0], role, keys)
    return [{"role": role, "content": given if isinstance(given, str) else str(text(value))}], {}


#: Under which an input has what was said before.
_EARLIER = ("chat_history", "history")
#: What is used of an object that holds the request: the rest is named as not used.
_USED = ("system", "instructions", "tools", "model", "context", "documents", "history")


def conversation(
    asked: Any, answered: Any, model: Any = None, names: tuple[str, str] = ("input", "output")
) -> dict[str, Any]:
    """Return the fields of an example. `names`: those of the two columns, for what is not used of them."""
    question, rest_of_question = _said(asked, "user", _ASKED)
    beside = dict(rest_of_question)
    answer, rest_of_answer = _said(answered, "assistant", _ANSWERED)
    if not question:
        raise Unfit("an input with a text or messages")
    if not answer:
        return _unanswered(question) | {UNUSED: {f"{names[0]}.{key}" for key in beside if beside[key] not in NOTHING}}
    for name in _EARLIER:
        if name in beside and (earlier := _messages(loaded(beside[name]))) is not None:
            question = [*earlier, *question]
            del beside[name]
    row: dict[str, Any] = {"messages": _whole(question, answer)}
    if isinstance(system := beside.get("system") or beside.get("instructions"), str | list):
        row["system"] = system
    if isinstance(beside.get("tools"), list):
        row["tools"] = beside["tools"]
    converted = next(shape.converted for shape in SHAPES if shape.name == "messages")
    assert converted
    made = dict(converted(row))
    if rest := {name: each for name, each in beside.items() if name in ("context", "documents", "history")}:
        made["context"] = {**(made.get("context") or {}), **rest}
    output = loaded(answered)
    held = [_alternatives(output.get(key)) for key in _ALTERNATIVES] if isinstance(output, dict) else []
    unused = {f"{names[0]}.{key}" for key in beside if key not in _USED and beside[key] not in NOTHING}
    unused |= {f"{names[1]}.{key}" for key in rest_of_answer if rest_of_answer[key] not in NOTHING}
    if any(len(each) > 1 for each in held):
        unused.add("answers beyond the first")
    taken = [each[0] for each in held if each and isinstance(each[0], dict)]
    unused |= {f"{names[1]}[].{key}" for each in taken for key in each.keys() - _OF_CHOICES if each[key] not in NOTHING}
    if any(each.get("finish_reason") in ("length", "max_tokens") for each in taken):
        unused.add("the end of answers that were cut at the limit of tokens")
    made[UNUSED] = {*made[UNUSED], *unused}
    model = model or beside.get("model")
    return made | ({"source_model": model} if isinstance(model, str) else {})


#: What is read of one of several answers, or says nothing of it.
_OF_CHOICES = {
    "message",
    "text",
    "index",
    "finish_reason",
    "type",
    "role",
    "content",
    "tool_calls",
    "kwargs",
    "id",
    "lc",
}


def as_written(value: Any, role: str) -> Any:
    """Take a text of a plain table for what was said, also where it holds JSON, unless that is messages."""
    is_text = isinstance(value, str) and value and _messages(loaded(value)) is None
    return [{"role": role, "content": value}] if is_text else value


def _whole(question: list[dict[str, Any]], answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One conversation. An output may repeat it from its beginning, perhaps with ids that the input did not have."""
    asked, repeated = (
        [(each["role"], each.get("content")) for each in part] for part in (question, answer[: len(question)])
    )
    if len(answer) > len(question) and asked == repeated:
        return answer
    last = max((place for place, each in enumerate(answer) if each["role"] in ("user", "system")), default=-1)
    return [*question, *answer[last + 1 :]]


def _unanswered(question: list[dict[str, Any]]) -> dict[str, Any]:
    asked = next((each for each in reversed(question) if each["role"] == "user"), None)
    if asked is None or not isinstance(asked.get("content"), str):
        raise Unfit("an input with a message of the user")
    return {"user_request": asked["content"]}
