"""What other tools export: traces of Langfuse, Opik, LangSmith, Phoenix and OTLP, batches of OpenAI, SQuAD, Dolly.

Spans that ask no model, such as a search, are no examples: they are put aside, and counted.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.examples.importing.converting.conversations import BESIDE
from core.examples.importing.converting.plain import from_query_and_calls
from core.examples.importing.converting.shapes import UNUSED, Raw, Shape, table
from core.examples.importing.converting.traces import NOTHING as _NOTHING
from core.examples.importing.converting.traces import as_written, conversation, instructions, loaded
from core.examples.importing.converting.trees import of_tree
from core.examples.importing.models import Unfit, UnfitColumn


class Aside(Exception):
    """The row is no example and nothing is wrong with it. The message names what it is, for the count."""


def _first(row: Raw, *names: str) -> Any:
    """Return the first of these that has a value; a dot leads into an object."""
    for name in names:
        value: Any = row.get(name)
        if value is None and "." in name:
            outer, _, inner = name.partition(".")
            held = loaded(row.get(outer))
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
    """Return what a trace says of itself: id, moment, duration, model, tags, failure; and what is not used of it."""
    start, end = _first(row, *_START), _first(row, *_END)
    model = _first(row, *_MODEL)
    made: dict[str, Any] = {"source_model": model} if isinstance(model, str) else {}
    used = {name for name in ("model", *_START, *_END) if name in row}
    if start is None:  # a plain table with input and output: its id is the number of a row
        return made | {UNUSED: _beside(row, used)}
    made["created_at"] = start
    if key := next((name for name in _KEYS if _first(row, name)), None):
        made["execution_id"] = _first(row, key)
        used.add(key)
    if tags := _first(row, "tags"):
        made["tags"] = tags
        used.add("tags")
    if failed := {name for name in _FAILURES if _first(row, name) and _is_failure(name, row[name])}:
        made["success"] = False
        used |= failed
    if (took := _between(start, end)) is not None:
        made["execution_time_ms"] = took
    return made | {UNUSED: _beside(row, used)}


_KEYS = ("id", "run_id", "trace_id", "traceId", "context.span_id")
_FAILURES = ("error", "error_info", "level", "status_code")
#: Of what a tool says of the model, all that is read.
_ABOUT_MODELS = {"model", "ls_model_name", "ls_provider", "ls_model_type", "metadata", "invocation_params"}


def _is_failure(name: str, value: Any) -> bool:
    return name.startswith("error") or str(value).upper() in ("ERROR", "STATUSCODE.ERROR")


def _beside(row: Raw, used: set[str]) -> set[str]:
    """Name the columns that say something of a trace and are not used; whose part a span is, is not asked."""
    named = {name for name in _READS_ABOUT if name not in used and row.get(name) not in _NOTHING}
    named -= {name for name in ("level", "status_code") if row.get(name) in ("DEFAULT", "OK", "UNSET")}
    if not used.isdisjoint(_KEYS):
        named -= {*_KEYS, "parent_run_id"}
    for name in ("metadata", "extra"):
        held = loaded(row.get(name))
        if isinstance(held, dict) and held.keys() <= _ABOUT_MODELS and str(_first(row, *_MODEL)) in str(held):
            named.discard(name)
    return named


def _between(start: Any, end: Any) -> float | None:
    try:
        began, ended = (
            each if isinstance(each, dt.datetime) else dt.datetime.fromisoformat(str(each)) for each in (start, end)
        )
        took = (ended - began).total_seconds() * 1000
    except (ValueError, TypeError):
        return None
    return took if took >= 0 else None


_READS_ABOUT = (
    "tags", "metadata", "extra", "parent_run_id", *_FAILURES, *(key for key in _KEYS if "." not in key), *_START, *_END,
)  # fmt: skip


#: Kinds of spans and runs that ask no model, also where they are the first of their trace.
_STEPS = ("span", "event", "tool", "retriever", "embedding", "guardrail", "evaluator", "parser", "prompt")


def _from_input_output(row: Raw) -> Raw:
    return _trace(row, "input", "output")


def _from_request_response(row: Raw) -> Raw:
    return _trace(row, "request", "response")


def _trace(row: Raw, asked: str, answered: str) -> Raw:
    kind = row.get("type")
    about = _about(row)
    # A table may have a column of this name, too; only traces have moments.
    is_trace = _first(row, "traceId", "trace_id") or ("created_at" in about and str(kind).lower() in _STEPS)
    if is_trace and isinstance(kind, str) and kind.lower() not in ("", "generation", "llm"):
        raise Aside(f"spans of type {kind}")
    request, answer = row.get(asked), row.get(answered)
    if "created_at" not in about:
        request, answer = as_written(request, "user"), as_written(answer, "assistant")
    if kind not in _NOTHING and str(kind).lower() not in ("generation", "llm"):
        about[UNUSED].add("type")
    return _with_about(about, request, answer, names=(asked, answered))


def _with_about(about: dict[str, Any], asked: Any, answered: Any, **more: Any) -> Raw:
    said = conversation(asked, answered, about.get("source_model"), **more)
    return about | said | {UNUSED: {*about[UNUSED], *said.get(UNUSED, ())}}


def _from_langsmith(row: Raw) -> Raw:
    kind = row.get("run_type")
    if kind not in (None, "", "llm") and (kind in _STEPS or _first(row, "parent_run_id")):
        raise Aside(f"runs of type {kind}")
    return _with_about(_about(row), row.get("inputs"), row.get("outputs"), names=("inputs", "outputs"))


def _from_phoenix(row: Raw) -> Raw:
    kind = row.get("span_kind") or row.get("attributes.openinference.span.kind")
    if kind not in (None, "", "LLM") or (row.get("attributes.input.value") in (None, "")):
        raise Aside(f"spans of kind {kind or 'none'}")
    asked = row.get("attributes.llm.input_messages")
    answered = row.get("attributes.llm.output_messages")
    return _with_about(
        _about(row),
        asked if isinstance(asked, list) and asked else row.get("attributes.input.value"),
        answered if isinstance(answered, list) and answered else row.get("attributes.output.value"),
    )


def _from_phoenix_json(row: Raw) -> Raw:
    """Return the same with its attributes as objects in objects, as the client for Python writes them."""
    return _from_phoenix({**row, **_flattened(row.get("attributes"), "attributes")})


def _flattened(value: Any, name: str) -> dict[str, Any]:
    value = loaded(value)
    if not isinstance(value, dict):
        return {name: value}
    return {inner: each for key, held in value.items() for inner, each in _flattened(held, f"{name}.{key}").items()}


def _from_batch(row: Raw) -> Raw:
    """Return a line of an OpenAI batch: the request in `body`, the answer in `response`."""
    body, response = loaded(row.get("body")), loaded(row.get("response"))
    answer = response.get("body") if isinstance(response, dict) else None
    if not isinstance(body, dict):
        raise Unfit(
            "a request beside its answer: the output of a batch holds answers only. Import it together with its "
            "input file, in one command"
        )
    if not isinstance(answer, dict) or _first(row, "error") or not (answer.get("choices") or answer.get("output")):
        raise Unfit("an answer of the batch; this request failed, or its answer is in the output file")
    said = {"choices": answer["choices"]} if answer.get("choices") else {"messages": answer.get("output")}
    made = conversation(body, said, names=("body", "response"))
    model = answer.get("model") or body.get("model")
    made |= {"execution_id": row.get("custom_id"), "source_model": model if isinstance(model, str) else ""}
    return made | ({"created_at": answer["created"]} if isinstance(answer.get("created"), int) else {})


def _from_squad(row: Raw) -> Raw:
    answers = loaded(row.get("answers"))
    texts = answers.get("text") if isinstance(answers, dict) else answers
    first = texts[0] if isinstance(texts, list) and texts else texts if isinstance(texts, str) else None
    said = first.get("text") if isinstance(first, dict) else first
    if texts and not isinstance(said, str):
        raise UnfitColumn("a list of answers, each with a text", "answers")
    passage = row.get("context")
    return {
        "user_request": row.get("question"),
        "execution_result": said,
        "context": {"passage": passage} if isinstance(passage, str) and passage else passage,
        "execution_id": row.get("id"),
        UNUSED: {"answers beyond the first"} if _differ(texts) else set[str](),
    }


def _differ(texts: Any) -> bool:
    found = [each.get("text") if isinstance(each, dict) else each for each in texts] if isinstance(texts, list) else []
    return any(each != found[0] for each in found)


def from_span(row: Raw) -> Raw:
    """Return a span as `spans_of` gives it as a record. Raises `Aside` for one that calls no model."""
    kind = row.get("openinference.span.kind")
    asked = next((row[name] for name in _SPAN_ASKED if row.get(name)), None)
    answered = next((row[name] for name in _SPAN_ANSWERED if row.get(name)), None)
    if asked is None or kind not in (None, "LLM"):
        raise Aside(f"spans of kind {kind or 'without a prompt'}")
    model = _first(row, "gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
    start, end = row.get("startTimeUnixNano"), row.get("endTimeUnixNano")
    made = conversation(asked, answered, model) | {"execution_id": row.get("spanId"), "created_at": start}
    if system := instructions(row.get("gen_ai.system_instructions")):
        made["context"] = {"system": system, **(made.get("context") or {})}
    if agent := _first(row, "gen_ai.agent.name", "service.name"):
        made["source_agent"] = agent
    status = row.get("status")
    if isinstance(status, dict) and status.get("code") in (2, "STATUS_CODE_ERROR"):
        made["success"] = False
    if str(start).isdecimal() and str(end).isdecimal():
        made["execution_time_ms"] = (int(str(end)) - int(str(start))) / 1e6
    return made


_SPAN_ASKED = ("gen_ai.input.messages", "gen_ai.prompt", "llm.input_messages", "input.value")
_SPAN_ANSWERED = ("gen_ai.output.messages", "gen_ai.completion", "llm.output_messages", "output.value")
_PLACE = re.compile(
    r"(gen_ai\.prompt|gen_ai\.completion|llm\.input_messages|llm\.output_messages)\.(\d+)\.(?:message\.)?"
    r"(?:(role|content|name|tool_call_id)|tool_calls\.(\d+)\.(?:tool_call\.)?(?:function\.)?(id|name|arguments))"
)


def _gathered(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Messages that are spread over attributes such as gen_ai.prompt.0.content, as lists under gen_ai.prompt."""
    rest: dict[str, Any] = {}
    messages: dict[str, dict[int, dict[str, Any]]] = {}
    calls: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for name, value in attributes.items():
        if (found := _PLACE.fullmatch(name)) is None:
            rest[name] = value
            continue
        column, place = found[1], int(found[2])
        message = messages.setdefault(column, {}).setdefault(place, {})
        if found[3]:
            message[found[3]] = value
        else:
            calls.setdefault((column, place), {}).setdefault(int(found[4]), {})[found[5]] = value
    for (column, place), made in calls.items():
        messages[column][place]["tool_calls"] = [made[each] for each in sorted(made)]
    return rest | {column: [found[place] for place in sorted(found)] for column, found in messages.items()}


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
    Shape("Phoenix", ("attributes", "span_kind"), {}, _from_phoenix_json, (*_READS_ABOUT, "context")),
    Shape(
        "OTLP",
        ("spanId", "startTimeUnixNano"),
        {},
        from_span,
        (
            "endTimeUnixNano",
            "status",
            "service.name",
            "gen_ai.agent.name",
            "openinference.span.kind",
            "gen_ai.response.model",
            "gen_ai.request.model",
            "llm.model_name",
            "gen_ai.system_instructions",
            *_SPAN_ASKED,
            *_SPAN_ANSWERED,
        ),
    ),
    Shape("LangSmith", ("inputs", "outputs"), {}, _from_langsmith, (*_READS_ABOUT, "model", "run_type")),
    Shape("input/output", ("input", "output"), {}, _from_input_output, (*_READS_ABOUT, "model", "type")),
    Shape("input/output", ("request", "response"), {}, _from_request_response, (*_READS_ABOUT, "model", "type")),
    table("Dolly", "instruction", "response", intent="category"),
    table("question/response", "question", "response"),
    table("query/response", "query", "response"),
    table("query/answer", "query", "answer"),
    Shape("xLAM", ("query", "tools", "answers"), {}, from_query_and_calls, BESIDE),
    table("input/output", "input_text", "output_text"),
)


def unfolding(row: Raw) -> Callable[[Raw], Iterator[Raw]] | None:
    """How rows like this one are taken apart, where one of them holds many records."""
    if isinstance(row.get("paragraphs"), list):
        return _of_squad
    if isinstance(row.get("resourceSpans"), list) or isinstance(row.get("scopeSpans"), list):
        return spans_of
    if isinstance(tree := row.get("prompt"), dict) and "replies" in tree:
        return of_tree
    if isinstance(row.get("row"), dict) and "row_idx" in row:
        return _of_viewer
    return None


def _of_squad(row: Raw) -> Iterator[Raw]:
    for paragraph in _objects(row.get("paragraphs")):
        for asked in _objects(paragraph.get("qas")):
            yield {"title": row.get("title"), "context": paragraph.get("context"), "answers": [], **asked}


def _of_viewer(row: Raw) -> Iterator[Raw]:
    """Yield a row as the API of Hugging Face's viewer gives it, and which of its cells it cut."""
    if isinstance(held := row.get("row"), dict):
        cut = row.get("truncated_cells")
        yield {**held, "truncated_cells": cut} if cut else held


def spans_of(row: Raw) -> Iterator[Raw]:
    """Yield the spans of a request of OTLP as JSON, or of one of its parts, with their attributes beside their fields.

    The name of the service, which the resource has, is that of each of its spans.
    """
    for resource in _objects(row.get("resourceSpans")) if "resourceSpans" in row else (row,):
        service = _attributes(resource.get("resource")).get("service.name")
        for scope in _objects(resource.get("scopeSpans")):
            for span in _objects(scope.get("spans")):
                own = {name: each for name, each in span.items() if name != "attributes"}
                yield {**own, **({"service.name": service} if service else {}), **_gathered(_attributes(span))}


def _attributes(of: Any) -> dict[str, Any]:
    listed = of.get("attributes") if isinstance(of, dict) else None
    return {str(each.get("key")): _attribute(each.get("value")) for each in _objects(listed)}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _attribute(value: Any) -> Any:
    """Return the value of an attribute, without the name of its type."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, held),) = value.items()
    if kind == "arrayValue" and isinstance(held, dict):
        return [_attribute(each) for each in held.get("values") or ()]
    if kind == "kvlistValue" and isinstance(held, dict):
        return {str(each.get("key")): _attribute(each.get("value")) for each in _objects(held.get("values"))}
    return held
