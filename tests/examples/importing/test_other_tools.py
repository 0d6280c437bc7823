"""What trace tools, OpenAI's batches and well-known data sets write becomes examples."""

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.db import Database
from core.errors import ImportRefused
from tests.examples.importing.files import as_jsonl, imported, only, stored, written

SYSTEM, ASKED = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Sky?"}
ANSWER = {"role": "assistant", "content": "Blue."}
START, END = "2026-01-14T19:30:47.000Z", "2026-01-14T19:30:48.500Z"
LANGCHAIN = [
    [
        {
            "lc": 1,
            "type": "constructor",
            "id": ["x", "SystemMessage"],
            "kwargs": {"content": "Be brief.", "type": "system"},
        },
        {"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "Sky?"}},
    ]
]
GENERATION = {"text": "Blue.", "message": {"id": ["x", "AIMessage"], "kwargs": {"content": "Blue.", "type": "ai"}}}

TRACES: list[tuple[str, dict[str, Any]]] = [
    ("input/output", {"id": "t-1", "timestamp": START, "input": [SYSTEM, ASKED], "output": ANSWER}),
    ("input/output", {"id": "t-1", "timestamp": START, "input": {"messages": [SYSTEM, ASKED]}, "output": "Blue."}),
    (
        "input/output",
        {
            "id": "t-1",
            "startTime": START,
            "input": {"question": "Sky?", "system": "Be brief."},
            "output": {"answer": "Blue."},
        },
    ),
    ("input/output", {"id": "t-1", "start_time": START, "input": [SYSTEM, ASKED], "output": [SYSTEM, ASKED, ANSWER]}),
    (
        "input/output",
        {"id": "t-1", "start_time": START, "input": [SYSTEM, ASKED], "output": {"choices": [{"message": ANSWER}]}},
    ),
    (
        "input/output",
        {
            "id": "t-1",
            "timestamp": START,
            "input": orjson.dumps([SYSTEM, ASKED]).decode(),
            "output": orjson.dumps(ANSWER).decode(),
        },
    ),
    (
        "LangSmith",
        {
            "id": "t-1",
            "run_type": "llm",
            "start_time": START,
            "inputs": {"messages": LANGCHAIN},
            "outputs": {"generations": [[GENERATION]]},
        },
    ),
    (
        "LangSmith",
        {"id": "t-1", "start_time": START, "inputs": {"messages": [SYSTEM, ASKED]}, "outputs": {"output": ANSWER}},
    ),
    (
        "Phoenix",
        {
            "context.span_id": "t-1",
            "span_kind": "LLM",
            "start_time": START,
            "attributes.input.value": "ignored",
            "attributes.output.value": "ignored",
            "attributes.llm.input_messages": [
                {"message.role": "system", "message.content": "Be brief."},
                {"message.role": "user", "message.content": "Sky?"},
            ],
            "attributes.llm.output_messages": [{"message": ANSWER}],
        },
    ),
]


@pytest.mark.parametrize(("shape", "row"), TRACES)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_a_trace_is_a_conversation(
    database: Database, tmp_path: Path, name: str, shape: str, row: dict[str, Any]
) -> None:
    assert imported(database, written(tmp_path, name, [row])).shape == shape
    found = only(database)
    assert (found["execution_id"], found["user_request"], found["execution_result"]) == ("t-1", "Sky?", "Blue.")
    assert found["context"] == {"system": "Be brief."}
    assert found["created_at"] == dt.datetime(2026, 1, 14, 19, 30, 47, tzinfo=dt.UTC)


def test_what_a_trace_says_of_itself_is_kept(database: Database, tmp_path: Path) -> None:
    row = {"id": "t-1", "name": "chat", "startTime": START, "endTime": END, "input": "Sky?", "output": "Blue."}
    row |= {"metadata": {"model": "small"}, "tags": ["prod"], "latency": 1.5}
    result = imported(database, written(tmp_path, "rows.jsonl", [row]))
    found = only(database)
    assert (found["source_model"], found["tags"], found["execution_time_ms"]) == ("small", ["PROD"], 1500)
    assert result.unused == {"name": 1, "latency": 1}


def test_input_and_output_without_a_moment_are_a_plain_table(database: Database, tmp_path: Path) -> None:
    result = imported(database, written(tmp_path, "rows.csv", [{"id": "1", "input": "Sky?", "output": "Blue."}]))
    assert only(database)["execution_id"].startswith("sha256:")
    assert result.shape == "input/output"


def test_spans_that_ask_no_model_are_put_aside_and_counted(database: Database, tmp_path: Path) -> None:
    llm = {
        "id": "a",
        "run_type": "llm",
        "parent_run_id": "b",
        "start_time": START,
        "inputs": {"input": "Sky?"},
        "outputs": {"output": "Blue."},
    }
    search = llm | {"id": "c", "run_type": "retriever", "inputs": {"query": "sky"}}
    result = imported(database, written(tmp_path, "runs.jsonl", [search, llm, search | {"id": "d"}]))
    assert (result.rows, result.new, result.aside) == (3, 1, 2)
    assert result.unused["runs of type retriever"] == 2


def test_steps_of_langfuse_and_opik_that_ask_no_model_are_put_aside(database: Database, tmp_path: Path) -> None:
    row = {"id": "a", "traceId": "t", "type": "GENERATION", "startTime": START, "input": "Sky?", "output": "Blue."}
    rows = [row, row | {"id": "b", "type": "SPAN"}, row | {"id": "c", "type": "EVENT"}]
    result = imported(database, written(tmp_path, "observations.jsonl", rows))
    assert (result.new, result.aside, result.unused) == (1, 2, {"spans of type SPAN": 1, "spans of type EVENT": 1})
    opik = {
        "id": "d",
        "trace_id": "t",
        "type": "llm",
        "start_time": START,
        "input": {"prompt": "Sea?"},
        "output": "Blue.",
    }
    assert imported(database, written(tmp_path, "spans.jsonl", [opik, opik | {"id": "e", "type": "tool"}])).aside == 1


def attributes(**values: Any) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


def spans(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


NANO = "1768419047000000000"
OTLP = spans(
    {
        "traceId": "x",
        "spanId": "t-1",
        "startTimeUnixNano": NANO,
        "endTimeUnixNano": "1768419048500000000",
        "attributes": attributes(
            gen_ai__prompt__0__role="system",
            gen_ai__prompt__0__content="Be brief.",
            gen_ai__prompt__1__role="user",
            gen_ai__prompt__1__content="Sky?",
            gen_ai__completion__0__role="assistant",
            gen_ai__completion__0__content="Blue.",
            gen_ai__request__model="small",
        ),
    },
    {"spanId": "t-2", "startTimeUnixNano": NANO, "attributes": attributes(db__system="postgresql")},
    {
        "spanId": "t-3",
        "startTimeUnixNano": NANO,
        "attributes": attributes(openinference__span__kind="LLM", input__value="Grass?", output__value="Green."),
    },
)


@pytest.mark.parametrize(
    "content", [orjson.dumps(OTLP), orjson.dumps(OTLP, option=orjson.OPT_INDENT_2), as_jsonl([OTLP, spans()])]
)
def test_spans_of_otlp_are_taken_out_of_their_file(database: Database, tmp_path: Path, content: bytes) -> None:
    result = imported(database, written(tmp_path, "traces.json", content), skip_invalid=True)
    assert (result.shape, result.new, result.aside) == ("OTLP", 2, 1)
    one, two = stored(database)
    assert (one["execution_id"], one["user_request"], one["execution_result"]) == ("t-1", "Sky?", "Blue.")
    assert (one["context"], one["source_model"], one["execution_time_ms"]) == ({"system": "Be brief."}, "small", 1500)
    assert (two["user_request"], two["execution_result"]) == ("Grass?", "Green.")


def test_a_batch_of_openai_is_read_with_its_requests(database: Database, tmp_path: Path) -> None:
    row = {
        "id": "batch_req_1",
        "custom_id": "t-1",
        "body": {"model": "gpt", "messages": [SYSTEM, ASKED]},
        "response": {
            "status_code": 200,
            "body": {"model": "gpt-1", "created": 1768419047, "choices": [{"message": ANSWER}]},
        },
        "error": None,
    }
    imported(database, written(tmp_path, "batch.jsonl", [row]))
    found = only(database)
    assert (found["execution_id"], found["user_request"], found["source_model"]) == ("t-1", "Sky?", "gpt-1")
    assert found["context"] == {"system": "Be brief."}
    del row["body"]
    with pytest.raises(
        ImportRefused, match=r"the output of a batch holds answers only. Import it together with its input"
    ):
        imported(database, written(tmp_path, "output.jsonl", [row]))


SQUAD = {
    "id": "q1",
    "question": "When?",
    "context": "The shop opened in 1999.",
    "answers": {"text": ["1999"], "answer_start": [19]},
}


def test_squad_is_read_flat_and_nested(database: Database, tmp_path: Path) -> None:
    flat = imported(database, written(tmp_path, "flat.jsonl", [SQUAD]))
    qas = [
        {"id": "q2", "question": "Who?", "answers": [{"text": "Ana", "answer_start": 0}]},
        {"id": "q3", "question": "Why?"},
    ]
    document = {"version": "v2.0", "data": [{"title": "Shops", "paragraphs": [{"context": "Ana did.", "qas": qas}]}]}
    nested = imported(database, written(tmp_path, "nested.json", orjson.dumps(document)))
    assert (flat.shape, nested.shape, nested.new) == ("SQuAD", "SQuAD", 2)
    found = [(row["execution_id"], row["user_request"], row["execution_result"]) for row in stored(database)]
    assert found == [("q1", "When?", "1999"), ("q2", "Who?", "Ana"), ("q3", "Why?", None)]
    assert stored(database)[0]["context"] == {"passage": "The shop opened in 1999."}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_dolly_and_orca_are_known(database: Database, tmp_path: Path, name: str) -> None:
    dolly = [{"instruction": "When?", "context": "It was 1999.", "response": "1999", "category": "closed_qa"}]
    orca = [{"id": "t.1", "system_prompt": "Be patient.", "question": "Why?", "response": "Because."}]
    assert imported(database, written(tmp_path, name, dolly)).shape == "Dolly"
    assert imported(database, written(tmp_path, name, orca)).shape == "question/response"
    one, two = stored(database)
    assert (one["user_request"], one["execution_result"], one["intent"]) == ("When?", "1999", "closed_qa")
    assert one["context"] == {"passage": "It was 1999."}
    assert (two["user_request"], two["execution_result"], two["context"]) == (
        "Why?",
        "Because.",
        {"system": "Be patient."},
    )


def test_a_system_prompt_is_mapped_beside_a_context(database: Database, tmp_path: Path) -> None:
    row = {"Frage": "Why?", "Rolle": "Be brief.", "context": '{"tone": "warm"}'}
    imported(
        database, written(tmp_path, "rows.csv", [row]), mapping={"user_request": "Frage", "system_prompt": "Rolle"}
    )
    assert only(database)["context"] == {"system": "Be brief.", "tone": "warm"}


def node(role: str, words: str, *replies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"message_id": words, "role": role, "text": words, "replies": list(replies), **more}


@pytest.mark.parametrize("name", ["trees.jsonl", "trees.json"])
def test_every_way_through_a_tree_of_open_assistant_is_a_conversation(
    database: Database, tmp_path: Path, name: str
) -> None:
    long = node("assistant", "Blue.", node("prompter", "Why?", node("assistant", "Light."), node("assistant", "Air.")))
    tree = node("prompter", "Sky?", long, node("assistant", "Up.", node("prompter", "Thanks")), lang="en")
    rows = [{"message_tree_id": "t", "prompt": tree}, {"message_tree_id": "u", "prompt": node("prompter", "Sea?")}]
    result = imported(database, written(tmp_path, name, rows), skip_invalid=True)
    found = [
        (len((row["context"] or {}).get("turns", ())), row["user_request"], row["execution_result"])
        for row in stored(database)
    ]
    assert found == [(2, "Why?", "Light."), (2, "Why?", "Air."), (0, "Sky?", "Up.")]
    assert (result.skipped, result.unused["replies without an answer"], result.unused["messages[].lang"]) == (1, 1, 3)


def test_rows_of_hugging_faces_viewer_are_read(database: Database, tmp_path: Path) -> None:
    rows = [
        {"row_idx": place, "row": {"question": f"{place}?", "answer": "x"}, "truncated_cells": []} for place in (0, 1)
    ]
    rows[1]["truncated_cells"] = ["answer"]
    document = {"features": [], "rows": rows, "num_rows_total": 2}
    result = imported(database, written(tmp_path, "rows.json", orjson.dumps(document)))
    assert [row["user_request"] for row in stored(database)] == ["0?", "1?"]
    assert result.unused == {"truncated_cells": 1}
