"""Lines with tools, where a provider or a profile reads them: passed over or refused by name, never taken for text."""

from pathlib import Path

import orjson
import pytest

from core.errors import TuningRefused
from core.tuning.providers.bedrock import families
from core.tuning.providers.claude import records
from core.tuning.providers.openai import chat_lines

USE = [{"type": "tool_use", "id": "1", "name": "look", "input": {}}]
PLAIN = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
WITH_TOOLS = {"messages": [PLAIN["messages"][0], {"role": "assistant", "content": USE}], "tools": [{"name": "look"}]}


def test_bedrock_names_why_a_line_with_tools_is_left_out() -> None:
    for family in families.FAMILIES:
        assert family.line(PLAIN)
        with pytest.raises(TuningRefused, match="tools or calls of tools, which it does not learn"):
            family.line(WITH_TOOLS)


def test_a_profile_passes_over_records_with_tools_and_keeps_their_places(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, (WITH_TOOLS, PLAIN))))
    assert [(record.position, record.expected) for record in records.read(path)] == [(1, "Hello")]


def test_an_answer_that_is_a_call_is_nothing_unusual_for_openai(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    asks = {"role": "assistant", "content": None, "tool_calls": [call]}
    user = {"role": "user", "content": "Hi"}
    path = tmp_path / "train.jsonl"
    lines = [{"messages": [user, asks]}] * 10 + [{"messages": [user, asks, *PLAIN["messages"]]}]
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    found = chat_lines.warnings(path, None, "sft")
    assert found == ["1 of 11 lines of the training file call a tool whose result is missing (first: line 11)."]
