"""Chats as people's files have them: roles in any case, calls between tags, lists that pandas wrote into a cell."""

from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from core.errors import ImportRefused
from tests.examples.importing.files import imported, only, stored, written

USER, ANSWER = {"role": "user", "content": "How many?"}, {"role": "assistant", "content": "42."}


def test_calls_between_tags_are_taken_out_only_where_a_tool_answers(database: Database, tmp_path: Path) -> None:
    call = '<tool_call>{"name": "stock", "arguments": {}}</tool_call>'
    said = f"I look. {call}{call.replace('stock', 'price')}"
    results = "<tool_response>a</tool_response>\n<tool_response>b</tool_response>"
    chats = [
        [USER, {"role": "assistant", "content": said}, {"role": "tool", "content": results}, ANSWER],
        [USER, {"role": "assistant", "content": call}],
        [USER, {"role": "assistant", "content": "<tool_call>?</tool_call>"}, {"role": "tool", "content": "x"}, ANSWER],
    ]
    imported(database, written(tmp_path, "chats.jsonl", [{"messages": chat} for chat in chats]))
    first, second, third = stored(database)
    asked, *answers = first["context"]["steps"]
    assert asked["content"] == "I look."
    assert [each["function"]["name"] for each in asked["tool_calls"]] == ["stock", "price"]
    assert [(each["content"], each["tool_call_id"]) for each in answers] == [("a", "call_1"), ("b", "call_2")]
    assert (second["execution_result"], second["context"]) == (call, None)
    assert third["context"]["steps"][0]["content"] == "<tool_call>?</tool_call>"


@pytest.mark.parametrize("name", ["User", "HUMAN", "prompter"])
@pytest.mark.parametrize("answers", ["Assistant", "Chatbot", "bard", "AI"])
def test_roles_are_known_in_any_case(database: Database, tmp_path: Path, name: str, answers: str) -> None:
    said = [("System", "Count."), (name, "How many?"), (answers, "42.")]
    rows = [{"messages": [{"role": role, "content": words} for role, words in said]}]
    imported(database, written(tmp_path, "chats.jsonl", rows))
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == ("How many?", "42.")
    assert row["context"] == {"system": "Count."}


def test_a_role_that_is_not_known_or_not_there_is_named(database: Database, tmp_path: Path) -> None:
    for message, words in (({"role": "Judge"}, "not of 'Judge'"), ({"content": "x"}, "one has no role")):
        path = written(tmp_path, "chats.jsonl", [{"messages": [USER, {"content": "x"} | message, ANSWER]}])
        with pytest.raises(ImportRefused, match=words):
            imported(database, path)


@pytest.mark.parametrize("column", ["messages", "conversations", "conversation"])
@pytest.mark.parametrize("form", ["python", "numpy"])
def test_lists_that_pandas_wrote_into_a_cell_are_read(
    database: Database, tmp_path: Path, column: str, form: str
) -> None:
    """A table of messages saved as CSV holds them as Python, or NumPy, shows them."""
    chat = [{"role": "user", "content": 'It\'s "how\nmany"}\n{?'}, {"content": None, "role": "assistant"}, ANSWER]
    cell = repr(chat) if form == "python" else "[" + "\n ".join(map(repr, chat)) + "]"
    imported(database, written(tmp_path, "chats.csv", [{column: cell, "n": 1}]))
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == (chat[0]["content"], "42.")


def test_tools_that_are_none_are_none_and_others_are_refused_by_their_column(
    database: Database, tmp_path: Path
) -> None:
    row = {"messages": [USER, ANSWER], "tools": "None"}
    imported(database, written(tmp_path, "chats.jsonl", [row]))
    assert only(database)["context"] is None
    for tools, words in (("[", "not a list of tools as JSON"), ([{"type": "web"}], "not tools that are functions")):
        with pytest.raises(ImportRefused, match=rf"field tools: .* {words}"):
            imported(database, written(tmp_path, "odd.jsonl", [row | {"tools": tools}]))


def test_the_tag_of_kto_may_be_a_number(database: Database, tmp_path: Path) -> None:
    rows = [{"prompt": str(tag), "completion": "42.", "kto_tag": tag} for tag in (1, 0, 1.0, 0.0)]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).unused == {}
    assert [each["success"] for each in stored(database)] == [True, False, True, False]


@pytest.mark.parametrize(
    "beside", [{"tools": '[{"name": "stock"}]'}, {"system": "<tools>[]</tools>"}, {"system": "Use <tools>"}]
)
def test_a_last_call_between_tags_is_a_call_where_the_record_has_tools(
    database: Database, tmp_path: Path, beside: dict[str, str]
) -> None:
    said = [{"role": "system", "content": beside.pop("system")}] if "system" in beside else []
    call = {"role": "assistant", "content": '<tool_call>\n{"name": "stock", "arguments": {}}\n</tool_call>'}
    imported(database, written(tmp_path, "chats.jsonl", [{"messages": [*said, USER, call], **beside}]))
    row = only(database)
    assert (row["execution_result"], row["context"]["answer"]["tool_calls"][0]["function"]["name"]) == (None, "stock")


def test_thoughts_of_gemini_are_no_answer(database: Database, tmp_path: Path) -> None:
    parts = [{"text": "Let me count.", "thought": True}, {"text": "42."}]
    row = {"contents": [{"role": "user", "parts": [{"text": "How many?"}]}, {"role": "model", "parts": parts}]}
    done = imported(database, written(tmp_path, "chats.jsonl", [row]))
    assert (only(database)["execution_result"], done.unused) == (
        "42.",
        {"contents[].content, parts of the type thought": 1},
    )


def test_keys_of_parts_that_are_not_used_are_named(database: Database, tmp_path: Path) -> None:
    use = {"type": "tool_use", "id": "1", "name": "stock", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": "broken", "is_error": True}
    words = {"type": "text", "text": "42.", "citations": [{"url": "x"}], "annotations": []}
    messages = [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    row = {"messages": [*messages, {"role": "assistant", "content": [words]}]}
    assert imported(database, written(tmp_path, "chats.jsonl", [row])).unused == {
        "messages[].content[].is_error": 1,
        "messages[].content[].citations": 1,
    }


@pytest.mark.parametrize("name", ["images", "audio", "attachments"])
def test_a_message_with_something_attached_is_refused(database: Database, tmp_path: Path, name: str) -> None:
    for empty in ([], None):
        imported(database, written(tmp_path, "chats.jsonl", [{"messages": [{**USER, name: empty}, ANSWER]}]))
    path = written(tmp_path, "chats.jsonl", [{"messages": [{**USER, name: [{"url": "x"}]}, ANSWER]}])
    with pytest.raises(ImportRefused, match=f"content is text; {name}, which one of them has, cannot be imported"):
        imported(database, path)


@pytest.mark.parametrize(
    ("content", "kept"), [(["a", "b"], '["a","b"]'), ([{"n": 1}], '[{"n":1}]'), ([{"type": "text", "text": "a"}], "a")]
)
def test_a_list_that_a_tool_gave_back_stays_a_list(
    database: Database, tmp_path: Path, content: list[Any], kept: str
) -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "stock", "arguments": ""}}]}
    messages = [USER, call, {"role": "tool", "tool_call_id": "1", "content": content}, ANSWER]
    imported(database, written(tmp_path, "chats.jsonl", [{"messages": messages}]))
    asked, answered = only(database)["context"]["steps"]
    assert (asked["tool_calls"][0]["function"]["arguments"], answered["content"]) == ("{}", kept)
