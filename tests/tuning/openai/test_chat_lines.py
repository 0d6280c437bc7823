"""What is unusual in a training file, counted and with the first line of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.tuning.providers.openai.chat_lines import warnings
from core.tuning.providers.protocol import Method
from tests.tuning.views import chat, file_of, preference

USER = {"role": "user", "content": "x"}
ANSWER = {"role": "assistant", "content": "y"}
CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f"}}]}


def told(folder: Path, records: list[Any], *, validation: list[Any] | None = None, method: Method = "sft") -> list[str]:
    beside = file_of(folder, validation) if validation else None
    return warnings(file_of(folder, records), beside, method)


def test_good_records_are_not_mentioned(tmp_path: Path) -> None:
    assert told(tmp_path, [chat(number) for number in range(10)], validation=[chat(11)]) == []
    assert told(tmp_path, [preference(number) for number in range(10)], method="dpo") == []


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ([], "are not JSON objects"),
        ({}, "have no messages"),
        ({"messages": "x"}, "have no messages"),
        ({"messages": [USER, "x"]}, "unknown role"),
        ({"messages": [{"role": "robot"}, ANSWER]}, "unknown role"),
        ({"messages": [ANSWER, USER]}, "do not end with an answer"),
        ({"messages": [USER, {**ANSWER, "weight": 0.5}]}, "weight"),
        ({"messages": [USER, {**ANSWER, "weight": True}]}, "weight"),
        ({"messages": [{**USER, "weight": 1}, ANSWER]}, "weight"),
        ({"messages": [USER, CALL, ANSWER]}, "result is missing"),
    ],
)
def test_each_fault_is_told_with_its_first_line(tmp_path: Path, record: Any, fault: str) -> None:
    records = [*(chat(number) for number in range(10)), record, record]
    (sentence,) = told(tmp_path, records)
    assert fault in sentence
    assert "2 of 12 lines" in sentence
    assert "line 11" in sentence


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}]},
        {"messages": [USER, CALL, {"role": "tool", "tool_call_id": "c1", "content": "3"}, ANSWER]},
        {"messages": [{"role": "developer", "content": "x"}, USER, ANSWER], "tools": [], "parallel_tool_calls": False},
    ],
)
def test_what_is_allowed_is_not_mentioned(tmp_path: Path, record: Any) -> None:
    assert told(tmp_path, [*(chat(number) for number in range(10)), record]) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"input": None}, "lack `input`"),
        ({"preferred_output": []}, "lack `preferred_output`"),
        ({"non_preferred_output": [USER]}, "lack `non_preferred_output`"),
    ],
)
def test_a_preference_lacks_nothing(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    records = [*(preference(number) for number in range(10)), {**preference(11), **changes}]
    (sentence,) = told(tmp_path, records, method="dpo")
    assert fault in sentence


def test_few_lines_and_lines_in_both_files_are_told(tmp_path: Path) -> None:
    few = told(tmp_path, [chat(number) for number in range(9)])
    assert few == ["The training file has 9 lines; OpenAI takes 10 at least."]
    records = [chat(number) for number in range(10)]
    (both,) = told(tmp_path, records, validation=[chat(20), chat(3)])
    assert both == "1 of 2 lines of the validation file are in the training file too (first: line 2)."


def test_what_is_no_json_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f"{json.dumps(chat(number))}\n" for number in range(10)) + "{\n")
    assert warnings(path, None, "sft") == ["1 of 11 lines of the training file are not JSON (first: line 11)."]
