"""What went into a model and what came out of it, as tracing tools write it, as one conversation.

Either is a text, messages, or an object that holds one of them; an output may repeat what was asked.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.models import Unfit
from core.examples.importing.shapes import SHAPES, UNUSED, Raw
from core.examples.importing.values import text

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
            return given
    return given


def _messages(value: Any) -> list[dict[str, Any]] | None:
    """A list of messages with role and content, in whichever of the tools' forms; None for what is none."""
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]  # LangChain asks for several conversations at once
    if not isinstance(value, list) or not value:
        return None
    found = [_message(each) for each in value]
    return None if any(each is None for each in found) else found  # pyright: ignore[reportReturnType]


def _message(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    if isinstance(inner := value.get("message"), dict) and "role" not in value:
        return _message(inner)  # a choice of OpenAI, a generation of LangChain, OpenInference
    if isinstance(said := value.get("kwargs"), dict):  # LangChain
        kind = str(said.get("type") or (value.get("id") or [""])[-1])
        return _message({**said, "type": kind})
    named = {key.removeprefix("message."): each for key, each in value.items()}
    role = named.get("role") or _KINDS.get(str(named.get("type", "")).lower().replace("_", ""))
    if not isinstance(role, str):
        return None
    if isinstance(parts := named.get("parts"), list) and "content" not in named:  # the semantic conventions of OTLP
        named["content"] = _content(parts)
    return {**{key: each for key, each in named.items() if key not in ("type", "parts")}, "role": role}


def _content(parts: list[Any]) -> Any:
    """The parts of a message in the semantic conventions of OTLP: one text, or parts as Anthropic has them."""
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


#: Several answers to one request. The first is taken, as the tool that asked took it.
_ALTERNATIVES = ("choices", "generations")


def _alternatives(value: Any) -> list[Any]:
    """The several answers under one of these keys; LangChain has a list of them for each request."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    return value if isinstance(value, list) else []


def _said(value: Any, role: str, keys: tuple[str, ...]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """What one side said as messages, and what else its object holds."""
    value = loaded(value)
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
    return [{"role": role, "content": value if isinstance(value, str) else str(text(value))}], {}


def conversation(asked: Any, answered: Any, model: Any = None) -> dict[str, Any]:
    question, beside = _said(asked, "user", _ASKED)
    answer, _ = _said(answered, "assistant", _ANSWERED)
    if not question:
        raise Unfit("an input with a text or messages")
    if not answer:
        return _unanswered(question)
    row: dict[str, Any] = {"messages": _whole(question, answer)}
    if isinstance(beside.get("system"), str | list):
        row["system"] = beside["system"]
    if isinstance(beside.get("tools"), list):
        row["tools"] = beside["tools"]
    converted = next(shape.converted for shape in SHAPES if shape.name == "messages")
    assert converted
    made = dict(converted(row))
    if rest := {name: each for name, each in beside.items() if name in ("context", "documents", "history")}:
        made["context"] = {**(made.get("context") or {}), **rest}
    output = loaded(answered)
    held = [_alternatives(output.get(key)) for key in _ALTERNATIVES] if isinstance(output, dict) else []
    if any(len(each) > 1 for each in held):
        made[UNUSED] = {*made[UNUSED], "answers beyond the first"}
    model = model or beside.get("model")
    return made | ({"source_model": model} if isinstance(model, str) else {})


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
