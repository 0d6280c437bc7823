"""Traces with calls of tools, with several answers, and in the other forms of the same tools."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from core.db import Database
from core.errors import ImportRefused
from tests.examples.importing.files import imported, only, stored, written

NANO, START = "1768419047000000000", "2026-01-14T19:30:47Z"
CALL = {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": '{"item":"drill"}'}}
STEPS = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "stock"},
]


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def span(values: dict[str, Any]) -> bytes:
    held = {"spanId": "t-1", "startTimeUnixNano": NANO, "attributes": attributes(values)}
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [held]}]}]})


def part(kind: str, **values: Any) -> dict[str, Any]:
    return {"type": kind, **values}


CONVENTIONS = [
    {"role": "user", "parts": [part("text", content="How many?")]},
    {"role": "assistant", "parts": [part("tool_call", id="c1", name="stock", arguments={"item": "drill"})]},
    {"role": "tool", "parts": [part("tool_call_response", id="c1", response="42")]},
]
SPANS: dict[str, dict[str, Any]] = {
    "messages of the conventions": {
        "gen_ai.input.messages": orjson.dumps(CONVENTIONS).decode(),
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"42."}]}]',
    },
    "attributes of OpenLLMetry": {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "How many?",
        "gen_ai.prompt.1.role": "assistant",
        "gen_ai.prompt.1.tool_calls.0.id": "c1",
        "gen_ai.prompt.1.tool_calls.0.name": "stock",
        "gen_ai.prompt.1.tool_calls.0.arguments": '{"item":"drill"}',
        "gen_ai.prompt.2.role": "tool",
        "gen_ai.prompt.2.content": "42",
        "gen_ai.prompt.2.tool_call_id": "c1",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "42.",
    },
    "attributes of OpenInference": {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "How many?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c1",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "stock",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": '{"item":"drill"}',
        "llm.input_messages.2.message.role": "tool",
        "llm.input_messages.2.message.content": "42",
        "llm.input_messages.2.message.tool_call_id": "c1",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "42.",
    },
}


@pytest.mark.parametrize("form", SPANS)
def test_calls_in_a_span_are_kept_and_what_is_used_is_not_called_unused(
    database: Database, tmp_path: Path, form: str
) -> None:
    done = imported(database, written(tmp_path, "traces.json", span(SPANS[form])))
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == ("How many?", "42.")
    assert row["context"] == {"steps": STEPS}
    assert done.unused == {}


def test_thoughts_in_a_span_are_named_and_no_answer(database: Database, tmp_path: Path) -> None:
    said = [{"role": "assistant", "parts": [part("reasoning", content="So."), part("text", content="42.")]}]
    values = {"input.value": "How many?", "gen_ai.output.messages": orjson.dumps(said).decode()}
    done = imported(database, written(tmp_path, "traces.json", span(values)))
    assert only(database)["execution_result"] == "42."
    assert done.unused == {"messages[].content, parts of the type reasoning": 1}


LANGCHAIN_CALL = {
    "type": "ai",
    "content": "",
    "tool_calls": [{"name": "stock", "args": {"item": "drill"}, "id": "c1", "type": "tool_call"}],
}


@pytest.mark.parametrize("asked", [[{"type": "human", "content": "How many?"}], "How many?"])
@pytest.mark.parametrize("repeated", [[], [{"type": "human", "content": "How many?", "name": None}]])
def test_a_run_that_called_tools_keeps_every_step(
    database: Database, tmp_path: Path, asked: Any, repeated: list[dict[str, Any]]
) -> None:
    """LangChain calls the arguments `args`; its graphs give back what was asked and all steps."""
    answered = [*repeated, LANGCHAIN_CALL, {"type": "tool", "content": "42", "tool_call_id": "c1"}]
    answered += [{"type": "ai", "content": "42."}]
    row = {"id": "t-1", "start_time": START, "run_type": "chain"}
    row |= {"inputs": {"messages": asked}, "outputs": {"messages": answered}}
    done = imported(database, written(tmp_path, "runs.jsonl", [row]))
    found = only(database)
    assert (found["user_request"], found["execution_result"]) == ("How many?", "42.")
    assert found["context"] == {"steps": STEPS}
    assert done.unused == {}


@pytest.mark.parametrize("key", ["choices", "generations"])
def test_of_several_answers_the_first_is_taken_and_the_others_are_counted(
    database: Database, tmp_path: Path, key: str
) -> None:
    held = [{"message": {"role": "assistant", "content": words}} for words in ("One.", "Two.")]
    row = {"id": "t-1", "startTime": START, "input": "Sky?", "output": {key: held}}
    done = imported(database, written(tmp_path, "rows.jsonl", [row, row | {"id": "t-2", "output": {key: held[:1]}}]))
    assert [each["execution_result"] for each in stored(database)] == ["One.", "One."]
    assert done.unused == {"answers beyond the first": 1}


def test_phoenix_is_read_with_its_attributes_as_objects(database: Database, tmp_path: Path) -> None:
    messages = [
        {"message": {"role": "system", "content": "Be brief."}},
        {"message": {"role": "user", "content": "Sky?"}},
    ]
    llm = {"model_name": "small", "input_messages": messages}
    row = {
        "context": {"span_id": "t-1", "trace_id": "x"},
        "span_kind": "LLM",
        "start_time": START,
        "attributes": {"input": {"value": "Sky?"}, "output": {"value": "Blue."}, "llm": llm},
    }
    search = row | {"span_kind": "RETRIEVER", "context": {"span_id": "t-2"}}
    done = imported(database, written(tmp_path, "spans.jsonl", [row, search]))
    found = only(database)
    assert (done.shape, done.aside, found["execution_id"]) == ("Phoenix", 1, "t-1")
    assert (found["user_request"], found["execution_result"], found["source_model"]) == ("Sky?", "Blue.", "small")
    assert found["context"] == {"system": "Be brief."}


def test_first_steps_of_a_trace_that_ask_no_model_are_put_aside(database: Database, tmp_path: Path) -> None:
    run = {"id": "a", "run_type": "tool", "start_time": START, "inputs": {"q": "x"}, "outputs": {"output": "y"}}
    assert imported(database, written(tmp_path, "runs.jsonl", [run])).unused == {"runs of type tool": 1}
    row = {"id": "b", "type": "SPAN", "startTime": START, "input": "x", "output": "y"}
    assert imported(database, written(tmp_path, "rows.jsonl", [row])).unused == {"spans of type SPAN": 1}
    assert stored(database) == []
    table = {"type": "event", "input": "x", "output": "y"}
    assert imported(database, written(tmp_path, "table.jsonl", [table])).new == 1


def test_answers_and_titles_of_squad_that_are_not_used_are_counted(database: Database, tmp_path: Path) -> None:
    asked = [
        {"id": "a", "question": "When?", "answers": [{"text": "1999"}, {"text": "in 1999"}]},
        {"id": "b", "question": "Who?", "answers": [{"text": "Ana"}, {"text": "Ana"}]},
    ]
    document = {"data": [{"title": "Shops", "paragraphs": [{"context": "Ana did.", "qas": asked}]}]}
    done = imported(database, written(tmp_path, "nested.json", orjson.dumps(document)))
    assert done.unused == {"answers beyond the first": 1, "title": 2}
    flat = {"id": "c", "question": "Why?", "context": "So.", "answers": {"text": ["So", "so"], "answer_start": [0, 0]}}
    assert imported(database, written(tmp_path, "flat.jsonl", [flat])).unused == {"answers beyond the first": 1}


def test_keys_of_calls_that_are_not_used_are_named(database: Database, tmp_path: Path) -> None:
    said = [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "tool_calls": [CALL | {"thought": "I ask."}]},
    ]
    assert imported(database, written(tmp_path, "chats.jsonl", [{"messages": said}])).unused == {
        "tool_calls[].thought": 1
    }


def test_a_batch_of_responses_keeps_its_instructions_and_calls(database: Database, tmp_path: Path) -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "stock", "arguments": '{"item":"drill"}'}
    price = call | {"call_id": "c2", "name": "price"}
    asked = [{"role": "user", "content": "How many?"}]
    body = {"model": "small", "instructions": "Count.", "temperature": 0, "input": asked}
    output = [{"type": "reasoning", "summary": []}, call, price]
    done_by = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "42."}]}
    results = [{"type": "function_call_output", "call_id": each, "output": "42"} for each in ("c1", "c2")]
    rows = [
        {"custom_id": "a", "body": body, "response": {"body": {"output": output}}},
        {"custom_id": "b", "body": body | {"input": [*asked, *output[1:], *results]}},
    ]
    rows[1]["response"] = {"body": {"output": [done_by]}}
    done = imported(database, written(tmp_path, "batch.jsonl", rows))
    one, two = stored(database)
    assert (one["user_request"], one["execution_result"], one["context"]["system"]) == ("How many?", None, "Count.")
    assert [each["id"] for each in one["context"]["answer"]["tool_calls"]] == ["c1", "c2"]
    assert (two["execution_result"], two["context"]["steps"][1:]) == (
        "42.",
        [
            {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "stock"},
            {"role": "tool", "content": "42", "tool_call_id": "c2", "name": "price"},
        ],
    )
    assert done.unused == {"body.temperature": 2, "messages[].content, parts of the type reasoning": 1}


@pytest.mark.parametrize("answer", ['{"answer": "x",  "n": 1}', "[1,  2]", "{'text': 'x', 'n': 1}", '["a"]', "[ ]"])
@pytest.mark.parametrize("columns", [("input", "output"), ("request", "response")])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_an_answer_of_a_plain_table_that_is_json_is_kept_to_the_letter(
    database: Database, tmp_path: Path, name: str, columns: tuple[str, str], answer: str
) -> None:
    done = imported(database, written(tmp_path, name, [{columns[0]: '{"question": "a",  "b": 1}', columns[1]: answer}]))
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == ('{"question": "a",  "b": 1}', answer)
    assert done.unused == {}


def test_what_stands_beside_request_and_answer_is_named(database: Database, tmp_path: Path) -> None:
    row = {"id": "t-1", "start_time": START, "input": {"question": "Sky?", "user": "ana", "top_k": 3, "none": None}}
    row |= {"output": {"answer": "Blue.", "sources": ["x"]}}
    done = imported(database, written(tmp_path, "rows.jsonl", [row]))
    assert only(database)["execution_result"] == "Blue."
    assert done.unused == {"input.user": 1, "input.top_k": 1, "output.sources": 1}


def test_squad_saved_by_pandas_is_read(database: Database, tmp_path: Path) -> None:
    cells = [
        "{'text': ['1999'], 'answer_start': [5]}",
        "{'text': array(['in 1999'], dtype=object), 'answer_start': array([5])}",
        "{'text': array([], dtype=object), 'answer_start': array([], dtype=int32)}",
    ]
    rows = [{"id": place, "question": "When?", "context": "So.", "answers": cell} for place, cell in enumerate(cells)]
    imported(database, written(tmp_path, "squad.csv", rows))
    assert [row["execution_result"] for row in stored(database)] == ["1999", "in 1999", None]


START = "2026-01-14T19:30:47Z"


@pytest.mark.parametrize(
    ("row", "unused"),
    [
        ({"id": "a", "start_time": START, "metadata": {"user": 7}}, {"metadata"}),
        ({"id": "a", "start_time": START, "metadata": {"ls_model_name": "m"}, "trace_id": "t"}, set()),
        ({"id": "a", "start_time": START, "level": "WARNING"}, {"level"}),
        ({"id": "a", "start_time": START, "level": "DEFAULT", "status_code": "OK"}, set()),
        ({"id": "a", "error": "x", "type": "qa", "metadata": {"k": 1}}, {"id", "error", "type", "metadata"}),
    ],
)
def test_what_a_trace_says_of_itself_is_used_or_named(
    database: Database, tmp_path: Path, row: dict[str, Any], unused: set[str]
) -> None:
    done = imported(database, written(tmp_path, "rows.jsonl", [{"input": "Sky?", "output": "Blue.", **row}]))
    assert set(done.unused) == unused


@pytest.mark.parametrize(
    "failure", [{"error": "boom"}, {"level": "ERROR"}, {"status_code": "ERROR"}, {"error_info": {"message": "x"}}]
)
def test_a_trace_that_says_it_failed_has_failed(database: Database, tmp_path: Path, failure: dict[str, Any]) -> None:
    row = {"id": "a", "start_time": START, "input": "Sky?", "output": "Blue."}
    imported(database, written(tmp_path, "rows.jsonl", [row, row | {"id": "b"} | failure]))
    assert [each["success"] for each in stored(database)] == [None, False]


def test_the_model_of_a_plain_table_is_kept(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "rows.csv", [{"input": "Sky?", "output": "Blue.", "model": "small"}]))
    assert only(database)["source_model"] == "small"


@pytest.mark.parametrize("name", ["history", "chat_history"])
def test_what_was_said_before_a_question_is_earlier_turns(database: Database, tmp_path: Path, name: str) -> None:
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    row = {"id": "a", "start_time": START, "input": {"question": "Sky?", name: before}, "output": {"answer": "Blue."}}
    assert imported(database, written(tmp_path, "rows.jsonl", [row])).unused == {}
    assert only(database)["context"] == {"turns": before}


def test_answers_that_were_cut_are_counted(database: Database, tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "Sky?"}]}
    choices = [{"message": {"role": "assistant", "content": "Bl"}, "finish_reason": "length"}]
    row = {"custom_id": "a", "body": body, "response": {"status_code": 200, "body": {"choices": choices}}}
    done = imported(database, written(tmp_path, "rows.jsonl", [row]))
    assert done.unused == {"the end of answers that were cut at the limit of tokens": 1}


@pytest.mark.parametrize("body", [{"error": {"message": "x"}}, {}, {"choices": []}])
def test_a_request_of_a_batch_that_failed_has_no_answer(database: Database, tmp_path: Path, body: Any) -> None:
    asked = {"messages": [{"role": "user", "content": "Sky?"}]}
    row = {"custom_id": "a", "body": asked, "response": {"status_code": 500, "body": body}, "error": None}
    with pytest.raises(ImportRefused, match="this request failed"):
        imported(database, written(tmp_path, "rows.jsonl", [row]))


def test_lines_between_traces_that_are_none_are_put_aside(database: Database, tmp_path: Path) -> None:
    attributes = [{"key": name, "value": {"stringValue": "x"}} for name in ("input.value", "output.value")]
    span = {"spanId": "a", "startTimeUnixNano": "1768419047123456789", "attributes": attributes}
    rows = [{"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, {"resourceMetrics": []}, {"resourceLogs": [{}]}]
    done = imported(database, written(tmp_path, "rows.jsonl", rows))
    assert (done.new, done.aside) == (1, 2)
