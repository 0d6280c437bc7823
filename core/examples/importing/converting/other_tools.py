"""What other tools export: traces of Langfuse, Opik, LangSmith, Phoenix and OTLP, batches of OpenAI, SQuAD, Dolly.

A trace is a conversation: its input is a text, messages, or an object that holds one of them; its output likewise.
Spans that ask no model, such as a search, are no examples: they are put aside, and counted.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.converting.shapes import SHAPES, Raw, Shape
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


class Aside(Exception):
    """The row is no example and nothing is wrong with it. The message names what it is, for the count."""


def _value(given: Any) -> Any:
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
        named["content"] = "\n".join(str(part.get("content", "")) for part in parts if isinstance(part, dict))
    return {**{key: each for key, each in named.items() if key not in ("type", "parts")}, "role": role}


def _said(value: Any, role: str, keys: tuple[str, ...]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """What one side said as messages, and what else its object holds."""
    value = _value(value)
    if value is None or value == "" or value in ({}, []):
        return [], {}
    if (messages := _messages(value)) is not None:
        return messages, {}
    if isinstance(value, dict):
        for key in keys:
            if value.get(key) not in (None, "", [], {}):
                messages, _ = _said(value[key], role, keys)
                return messages, {name: each for name, each in value.items() if name != key}
    if isinstance(value, list) and len(value) == 1:
        return _said(value[0], role, keys)
    return [{"role": role, "content": value if isinstance(value, str) else str(text(value))}], {}


def _conversation(asked: Any, answered: Any, model: Any = None) -> dict[str, Any]:
    question, beside = _said(asked, "user", _ASKED)
    answer, _ = _said(answered, "assistant", _ANSWERED)
    if not question:
        raise Unfit("an input with a text or messages")
    if not answer:
        return _unanswered(question)
    # An output may repeat the whole conversation.
    whole = answer if len(answer) > len(question) and answer[: len(question)] == question else [*question, answer[-1]]
    row: dict[str, Any] = {"messages": whole}
    if isinstance(beside.get("system"), str | list):
        row["system"] = beside["system"]
    if isinstance(beside.get("tools"), list):
        row["tools"] = beside["tools"]
    converted = next(shape.converted for shape in SHAPES if shape.name == "messages")
    assert converted
    made = dict(converted(row))
    if rest := {name: each for name, each in beside.items() if name in ("context", "documents", "history")}:
        made["context"] = {**(made.get("context") or {}), **rest}
    model = model or beside.get("model")
    return made | ({"source_model": model} if isinstance(model, str) else {})


def _unanswered(question: list[dict[str, Any]]) -> dict[str, Any]:
    asked = next((each for each in reversed(question) if each["role"] == "user"), None)
    if asked is None or not isinstance(asked.get("content"), str):
        raise Unfit("an input with a message of the user")
    return {"user_request": asked["content"]}


def _first(row: Raw, *names: str) -> Any:
    """The first of these that has a value; a dot leads into an object."""
    for name in names:
        value: Any = row.get(name)
        if value is None and "." in name:
            outer, _, inner = name.partition(".")
            held = _value(row.get(outer))
            value = _first(held, inner) if isinstance(held, dict) else None
        if value not in (None, "", [], {}):
            return value
    return None


_START = ("timestamp", "startTime", "start_time", "created_at", "createdAt")
_END = ("endTime", "end_time")
_MODEL = (
    "model", "metadata.model", "metadata.ls_model_name", "extra.metadata.ls_model_name",
    "extra.invocation_params.model", "providedModelName", "attributes.llm.model_name",
)  # fmt: skip


def _about(row: Raw) -> dict[str, Any]:
    """What a trace says of itself: id, moment, duration, model, tags, failure."""
    start, end = _first(row, *_START), _first(row, *_END)
    if start is None:
        return {}  # a plain table with input and output: its id is the number of a row
    made: dict[str, Any] = {"created_at": start}
    if key := _first(row, "id", "run_id", "trace_id", "traceId", "context.span_id"):
        made["execution_id"] = key
    if isinstance(model := _first(row, *_MODEL), str):
        made["source_model"] = model
    if tags := _first(row, "tags"):
        made["tags"] = tags
    if _first(row, "error"):
        made["success"] = False
    if (took := _between(start, end)) is not None:
        made["execution_time_ms"] = took
    return made


def _between(start: Any, end: Any) -> float | None:
    try:
        began, ended = (
            each if isinstance(each, dt.datetime) else dt.datetime.fromisoformat(str(each)) for each in (start, end)
        )
        took = (ended - began).total_seconds() * 1000
    except (ValueError, TypeError):
        return None
    return took if took >= 0 else None


_READS_ABOUT = ("id", "tags", "error", "metadata", "run_id", "trace_id", "traceId", *_START, *_END)


def _from_input_output(row: Raw) -> Raw:
    kind = row.get("type")
    if isinstance(kind, str) and kind.lower() not in ("", "generation", "llm") and _first(row, "traceId", "trace_id"):
        raise Aside(f"spans of type {kind}")
    about = _about(row)
    return about | _conversation(row.get("input"), row.get("output"), about.get("source_model"))


def _from_langsmith(row: Raw) -> Raw:
    kind = row.get("run_type")
    if kind not in (None, "", "llm") and _first(row, "parent_run_id"):
        raise Aside(f"runs of type {kind}")
    about = _about(row)
    return about | _conversation(row.get("inputs"), row.get("outputs"), about.get("source_model"))


def _from_phoenix(row: Raw) -> Raw:
    kind = row.get("span_kind") or row.get("attributes.openinference.span.kind")
    if kind not in (None, "", "LLM") or (row.get("attributes.input.value") in (None, "")):
        raise Aside(f"spans of kind {kind or 'none'}")
    asked = row.get("attributes.llm.input_messages")
    answered = row.get("attributes.llm.output_messages")
    about = _about(row)
    return about | _conversation(
        asked if isinstance(asked, list) and asked else row.get("attributes.input.value"),
        answered if isinstance(answered, list) and answered else row.get("attributes.output.value"),
        about.get("source_model"),
    )


def _from_batch(row: Raw) -> Raw:
    """A line of an OpenAI batch: the request in `body`, the answer in `response`."""
    body, response = _value(row.get("body")), _value(row.get("response"))
    answer = response.get("body") if isinstance(response, dict) else None
    if not isinstance(body, dict):
        raise Unfit(
            "a request beside its answer: the output of a batch holds answers only. Import it together with its "
            "input file, in one command"
        )
    if not isinstance(answer, dict) or _first(row, "error"):
        raise Unfit("an answer of the batch; this request failed, or its answer is in the output file")
    made = _conversation(body, {"choices": answer.get("choices") or answer.get("output")})
    model = answer.get("model") or body.get("model")
    made |= {"execution_id": row.get("custom_id"), "source_model": model if isinstance(model, str) else ""}
    return made | ({"created_at": answer["created"]} if isinstance(answer.get("created"), int) else {})


def _from_squad(row: Raw) -> Raw:
    answers = _value(row.get("answers"))
    texts = answers.get("text") if isinstance(answers, dict) else answers
    first = texts[0] if isinstance(texts, list) and texts else texts if isinstance(texts, str) else None
    return {
        "user_request": row.get("question"),
        "execution_result": first.get("text") if isinstance(first, dict) else first,
        "context": {"passage": row["context"]} if isinstance(row.get("context"), str) and row["context"] else None,
        "execution_id": row.get("id"),
    }


def _from_span(row: Raw) -> Raw:
    """A span of OTLP, whose attributes were brought into one object by `unfolded`."""
    kind = row.get("openinference.span.kind")
    asked = _first(row, "gen_ai.input.messages") or _numbered(row, "gen_ai.prompt", "llm.input_messages")
    answered = _first(row, "gen_ai.output.messages") or _numbered(row, "gen_ai.completion", "llm.output_messages")
    asked, answered = asked or row.get("input.value"), answered or row.get("output.value")
    if asked is None or kind not in (None, "LLM"):
        raise Aside(f"spans of kind {kind or 'without a prompt'}")
    model = _first(row, "gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
    start, end = row.get("startTimeUnixNano"), row.get("endTimeUnixNano")
    made = _conversation(asked, answered, model) | {"execution_id": row.get("spanId"), "created_at": start}
    if isinstance(system := row.get("gen_ai.system_instructions"), str):
        made["context"] = {"system": system, **(made.get("context") or {})}
    if str(start).isdecimal() and str(end).isdecimal():
        made["execution_time_ms"] = (int(str(end)) - int(str(start))) / 1e6
    return made


_PLACE = re.compile(r"\.(\d+)\.(?:message\.)?(role|content)")


def _numbered(row: Raw, *prefixes: str) -> list[dict[str, Any]] | None:
    """Messages that are spread over attributes such as gen_ai.prompt.0.content."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in row.items():
        for prefix in prefixes:
            if name.startswith(prefix) and (place := _PLACE.fullmatch(name.removeprefix(prefix))):
                found.setdefault(int(place[1]), {})[place[2]] = value
    return [found[place] for place in sorted(found)] or None


#: In the order in which they are tried, after those of `shapes`.
OTHER_TOOLS = (
    Shape("SQuAD", ("question", "context", "answers"), {}, _from_squad, ("id",)),
    Shape("OpenAI batch", ("custom_id", "response"), {}, _from_batch, ("body", "error")),
    Shape("OpenAI batch", ("custom_id", "body"), {}, _from_batch, ("error",)),
    Shape(
        "Phoenix",
        ("attributes.input.value", "attributes.output.value"),
        {},
        _from_phoenix,
        (
            *_READS_ABOUT,
            "span_kind",
            "context.span_id",
            "attributes.openinference.span.kind",
            "attributes.llm.model_name",
            "attributes.llm.input_messages",
            "attributes.llm.output_messages",
        ),
    ),
    Shape("OTLP", ("spanId", "startTimeUnixNano"), {}, _from_span, ("endTimeUnixNano",)),
    Shape(
        "LangSmith", ("inputs", "outputs"), {}, _from_langsmith, (*_READS_ABOUT, "run_type", "parent_run_id", "extra")
    ),
    Shape("input/output", ("input", "output"), {}, _from_input_output, (*_READS_ABOUT, "model", "type")),
    Shape(
        "Dolly",
        ("instruction", "response"),
        {"user_request": "instruction", "execution_result": "response", "intent": "category"},
    ),
    Shape("question/response", ("question", "response"), {"user_request": "question", "execution_result": "response"}),
    Shape("query/response", ("query", "response"), {"user_request": "query", "execution_result": "response"}),
    Shape("query/answer", ("query", "answer"), {"user_request": "query", "execution_result": "answer"}),
)


def unfolding(row: Raw) -> Callable[[Raw], Iterator[Raw]] | None:
    """How rows like this one are taken apart, where one of them holds many records."""
    if isinstance(row.get("paragraphs"), list):
        return _of_squad
    if isinstance(row.get("resourceSpans"), list) or isinstance(row.get("scopeSpans"), list):
        return _of_otlp
    return None


def _of_squad(row: Raw) -> Iterator[Raw]:
    for paragraph in _objects(row.get("paragraphs")):
        for asked in _objects(paragraph.get("qas")):
            yield {"context": paragraph.get("context"), "answers": [], **asked}


def _of_otlp(row: Raw) -> Iterator[Raw]:
    for resource in _objects(row.get("resourceSpans")) if "resourceSpans" in row else (row,):
        for scope in _objects(resource.get("scopeSpans")):
            for span in _objects(scope.get("spans")):
                attributes = {
                    str(each.get("key")): _attribute(each.get("value")) for each in _objects(span.get("attributes"))
                }
                yield {**{name: each for name, each in span.items() if name != "attributes"}, **attributes}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _attribute(value: Any) -> Any:
    """The value of an attribute, without the name of its type."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, held),) = value.items()
    if kind == "arrayValue" and isinstance(held, dict):
        return [_attribute(each) for each in held.get("values") or ()]
    if kind == "kvlistValue" and isinstance(held, dict):
        return {str(each.get("key")): _attribute(each.get("value")) for each in _objects(held.get("values"))}
    return held
