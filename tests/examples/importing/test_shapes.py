"""Each kind of file becomes the examples it means."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing import ImportOptions
from tests.examples.importing.files import as_csv, execution, imported, only, stored, written


@pytest.mark.parametrize("name", ["runs.csv", "runs.json", "runs.jsonl", "runs.parquet"])
def test_an_execution_of_the_original_system_keeps_every_field(database: Database, tmp_path: Path, name: str) -> None:
    result = imported(database, written(tmp_path, name, [execution()]))
    assert (result.new, result.shape, result.format) == (1, "executions", Path(name).suffix[1:])
    row = only(database)
    assert row["execution_id"] == "run-1"
    assert row["business_state"] == {"tone": "warm"}
    assert row["execution_plan"] == '[{"agent": "content"}]'
    assert row["quality_score"] == 0.8
    assert row["source_score"] is None
    assert row["success"] is True
    assert row["tags"] == ["PRODUCTION"]
    assert row["created_at"] == dt.datetime(2026, 1, 15, 0, 30, 47, 498481, tzinfo=dt.UTC)
    assert row["execution_time_ms"] == 1200
    assert row["import_id"] == result.import_id


def test_what_is_empty_is_unknown_and_never_zero_or_false(database: Database, tmp_path: Path) -> None:
    empty = dict.fromkeys(execution(), "") | {"execution_id": "run-1", "user_request": "Plan"}
    imported(database, written(tmp_path, "runs.csv", [empty]))
    row = only(database)
    assert [row[name] for name in ("quality_score", "success", "execution_plan", "execution_time_ms")] == [None] * 4
    assert (row["intent"], row["source_model"], row["business_state"], row["tags"]) == ("", "", {}, [])
    assert row["is_trainable"] is False


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_table_is_found(database: Database, tmp_path: Path, delimiter: str) -> None:
    request = "Write: a, b; c | d\nand a second line"
    content = as_csv([execution(user_request=request), execution(2)], delimiter)
    imported(database, written(tmp_path, "runs.csv", b"\xef\xbb\xbf" + content))
    assert stored(database)[0]["user_request"] == request


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("{test}", ["TEST"]),
        ('{test,"PRODUCTION"}', ["PRODUCTION", "TEST"]),
        ('["b", "a", "b"]', ["A", "B"]),
        ("b, a", ["A", "B"]),
        ("{}", []),
        ("[]", []),
        ("", []),
    ],
)
def test_tags_are_read_in_every_way_they_are_written(
    database: Database, tmp_path: Path, given: str, kept: list[str]
) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(tags=given)]))
    assert only(database)["tags"] == kept


@pytest.mark.parametrize(
    ("given", "kept"), [("t", True), ("FALSE", False), ("1", True), ("0", False), ("Yes", True), ("no", False)]
)
def test_success_is_read_in_every_way_it_is_written(database: Database, tmp_path: Path, given: str, kept: bool) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(success=given)]))
    assert only(database)["success"] is kept


CHAT = [
    {"role": "system", "content": "You plan."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": [{"type": "text", "text": "Plan "}, {"type": "text", "text": "it"}]},
    {"role": "assistant", "content": "Done it."},
]
TURNS = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
WHOLE = {"system": "You plan.", "turns": TURNS}
CALL = [{"id": "1", "function": {"name": "look"}}]
KEPT_CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}

SHAPES: list[tuple[str, dict[str, Any], str, str, dict[str, Any] | None]] = [
    ("messages", {"messages": CHAT}, "Plan it", "Done it.", WHOLE),
    (
        "messages",
        {"messages": [{"role": "developer", "content": "You plan."}, *CHAT[1:]]},
        "Plan it",
        "Done it.",
        WHOLE,
    ),
    ("messages", {"system": "You plan.", "messages": CHAT[1:]}, "Plan it", "Done it.", WHOLE),
    ("messages", {"system": [{"text": "You plan."}], "messages": CHAT[1:]}, "Plan it", "Done it.", WHOLE),
    ("messages", {"messages": CHAT[3:]}, "Plan it", "Done it.", None),
    (
        "messages",
        {
            "messages": [
                {"role": "user", "content": "Look"},
                {"role": "assistant", "content": None, "tool_calls": CALL},
                {"role": "tool", "content": "seen"},
                {"role": "assistant", "content": "I saw."},
            ]
        },
        "Look",
        "I saw.",
        {
            "steps": [
                {"role": "assistant", "content": None, "tool_calls": [KEPT_CALL]},
                {"role": "tool", "content": "seen", "tool_call_id": "1", "name": "look"},
            ]
        },
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "system", "value": "You plan."},
                {"from": "human", "value": "Hello"},
                {"from": "gpt", "value": "Hi"},
                {"from": "human", "value": "Plan it"},
                {"from": "gpt", "value": "Done it."},
            ]
        },
        "Plan it",
        "Done it.",
        WHOLE,
    ),
    ("alpaca", {"instruction": "Add", "input": "1 and 2", "output": "3"}, "Add\n\n1 and 2", "3", {"input": "1 and 2"}),
    (
        "alpaca",
        {"instruction": "Add", "input": "", "output": "3", "system": "Count."},
        "Add",
        "3",
        {"system": "Count."},
    ),
    ("question/answer", {"question": "1+2?", "answer": "3"}, "1+2?", "3", None),
    ("prompt/completion", {"prompt": "1+2?", "completion": "3"}, "1+2?", "3", None),
    ("prompt/response", {"prompt": "1+2?", "response": "3"}, "1+2?", "3", None),
    (
        "gemini",
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "You plan."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": "Hi"}]},
                {"role": "user", "parts": [{"text": "Plan "}, {"text": "it"}]},
                {"role": "model", "parts": [{"text": "Done it."}]},
            ],
        },
        "Plan it",
        "Done it.",
        WHOLE,
    ),
]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
@pytest.mark.parametrize(("shape", "row", "request_", "result", "context"), SHAPES)
def test_every_shape_gives_request_result_and_context(
    database: Database,
    tmp_path: Path,
    name: str,
    shape: str,
    row: dict[str, Any],
    request_: str,
    result: str,
    context: dict[str, Any] | None,
) -> None:
    done = imported(database, written(tmp_path, name, [row | {"quality_score": 0.5, "intent": "chat"}]))
    assert done.shape == shape
    example = only(database)
    assert (example["user_request"], example["execution_result"]) == (request_, result)
    assert example["context"] == context
    assert (example["quality_score"], example["intent"]) == (0.5, "chat")


@pytest.mark.parametrize("key", ["data", "examples", "rows"])
def test_a_json_document_may_hold_its_rows_under_a_key(database: Database, tmp_path: Path, key: str) -> None:
    document = b'{"about": {"data": [1]}, "%s": [{"question": "a", "answer": "b"}], "end": 1}' % key.encode()
    assert imported(database, written(tmp_path, "rows.json", document)).new == 1


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'[{"question": "a", "answer": "b"}]', "json"),
        (b'{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}\n', "jsonl"),
        (b"question,answer\na,b\n", "csv"),
    ],
)
def test_the_format_is_found_by_content_before_the_name(tmp_path: Path, content: bytes, found: str) -> None:
    assert importing.inspect(written(tmp_path, "rows.parquet", content)).format == found


def test_a_mapping_reads_any_other_file(database: Database, tmp_path: Path) -> None:
    rows = [{"Frage": "1+2?", "Antwort": "3", "Note": "9"}]
    path = written(tmp_path, "rows.csv", rows)
    with pytest.raises(ImportRefused, match=r"Frage, Antwort, Note is the request.*--map user_request=Frage"):
        imported(database, path)
    mapping = {"user_request": "Frage", "execution_result": "Antwort", "quality_score": "Note"}
    imported(database, path, mapping=mapping, constants={"intent": "sums"}, tags=("TEST",))
    row = only(database)
    assert (row["user_request"], row["execution_result"], row["intent"]) == ("1+2?", "3", "sums")
    assert (row["quality_score"], row["source_score"], row["tags"]) == (0.9, 9.0, ["TEST"])


def test_a_mapping_stands_above_what_is_detected(database: Database, tmp_path: Path) -> None:
    rows = [{"question": "no", "answer": "3", "better": "yes"}]
    imported(database, written(tmp_path, "rows.jsonl", rows), mapping={"user_request": "better"})
    assert only(database)["user_request"] == "yes"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"user_request": "nothing"}, "no column 'nothing' for user_request; columns are question, answer"),
        ({"wish": "question"}, "'wish' in the mapping is not a field; fields are execution_id, user_request"),
    ],
)
def test_a_mapping_that_cannot_work_names_what_can(tmp_path: Path, mapping: dict[str, str], message: str) -> None:
    path = written(tmp_path, "rows.csv", [{"question": "a", "answer": "b"}])
    with pytest.raises(ImportRefused, match=message):
        importing.inspect(path, ImportOptions(mapping=mapping))


def test_an_inspection_suggests_columns_whose_names_sound_right(tmp_path: Path) -> None:
    rows = [{"Query": "Plan", "Reply": "Planned", "Rating": "7", "other": "x"}] * 30
    seen = importing.inspect(written(tmp_path, "rows.csv", rows))
    assert seen.shape == ""
    assert seen.columns == ("Query", "Reply", "Rating", "other")
    assert seen.mapping == {"user_request": "Query", "execution_result": "Reply", "quality_score": "Rating"}
    assert len(seen.rows) == 20
    assert seen.records[0]["user_request"] == "Plan"
    assert "user_request" in seen.fields


@pytest.mark.parametrize("row", [{"user_request": "a", "rating": 1}, {"question": "a", "answer": "b", "label": "x"}])
def test_nothing_is_suggested_that_an_import_would_not_do(tmp_path: Path, row: dict[str, Any]) -> None:
    seen = importing.inspect(written(tmp_path, "rows.jsonl", [row]))
    assert not {"rating", "label"} & set(seen.mapping.values())


def test_rows_without_an_id_get_one_from_their_content(database: Database, tmp_path: Path) -> None:
    first = {"question": "a", "answer": "b"}
    imported(database, written(tmp_path, "one.jsonl", [first]))
    result = imported(database, written(tmp_path, "two.jsonl", [first, {"question": "a", "answer": "c"}]))
    assert (result.new, result.same) == (1, 1)


@pytest.mark.parametrize("name", ["late.jsonl", "late.json"])
def test_a_field_that_begins_late_in_the_file_is_not_lost(database: Database, tmp_path: Path, name: str) -> None:
    early = [{"question": f"What is {n}?", "answer": f"It is {n}."} for n in range(300)]
    late = {"question": "Why?", "answer": "So.", "quality_score": 0.5, "tags": ["LATE"], "intent": "reason"}
    imported(database, written(tmp_path, name, [*early, late]))
    row = stored(database)[-1]
    assert (row["quality_score"], row["tags"], row["intent"]) == (0.5, ["LATE"], "reason")


def test_calls_of_tools_that_are_nested_too_deep_are_refused_by_name(database: Database, tmp_path: Path) -> None:
    deep = json.loads("[" * 200 + "]" * 200)
    call = {"function": {"name": "look", "arguments": {"at": deep}}}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    with pytest.raises(ImportRefused, match=r"field messages: .* JSON nested at most 100 levels deep"):
        imported(database, written(tmp_path, "runs.jsonl", [{"messages": messages}]))
