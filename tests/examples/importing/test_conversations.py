"""Conversations in every form that people keep them in: nothing of them is lost, or turned into something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from core.errors import ImportRefused
from tests.examples.importing.files import imported, only, stored, written

USER, ANSWER = {"role": "user", "content": "How many?"}, {"role": "assistant", "content": "42."}
SCHEMA = {"type": "object", "properties": {"item": {"type": "string"}}}
FUNCTION = {"name": "stock", "description": "How many", "parameters": SCHEMA}
TOOLS = [{"type": "function", "function": FUNCTION}]
CALL = {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": '{"item":"drill"}'}}
STEPS = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "stock"},
]

WITH_TOOLS: dict[str, dict[str, Any]] = {
    "openai": {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ANSWER,
        ],
        "tools": TOOLS,
    },
    "arguments as an object, no ids": {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [{"function": {"name": "stock", "arguments": {"item": "drill"}}}]},
            {"role": "tool", "name": "stock", "content": "42"},
            ANSWER,
        ],
        "tools": json.dumps(TOOLS),
    },
    "functions, as OpenAI had them once": {
        "messages": [
            USER,
            {"role": "assistant", "function_call": {"name": "stock", "arguments": '{"item":"drill"}'}},
            {"role": "function", "name": "stock", "content": "42"},
            ANSWER,
        ],
        "functions": [FUNCTION],
    },
    "anthropic": {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "stock", "input": {"item": "drill"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "42"}]},
            ANSWER,
        ],
        "tools": [{"name": "stock", "description": "How many", "input_schema": SCHEMA}],
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "How many?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "stock", "args": {"item": "drill"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "stock", "response": {"output": "42"}}}]},
            {"role": "model", "parts": [{"text": "42."}]},
        ],
        "tools": [{"functionDeclarations": [FUNCTION]}],
    },
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "How many?"},
            {"from": "function_call", "value": '{"name": "stock", "arguments": {"item": "drill"}}'},
            {"from": "observation", "value": "42"},
            {"from": "gpt", "value": "42."},
        ],
        "tools": json.dumps([FUNCTION]),
    },
    "gemini, as its SDK for Python writes it": {
        "contents": [
            {"role": "user", "parts": [{"text": "How many?"}]},
            {"role": "model", "parts": [{"function_call": {"name": "stock", "args": {"item": "drill"}}}]},
            {"role": "function", "parts": [{"function_response": {"name": "stock", "response": {"output": "42"}}}]},
            {"role": "model", "parts": [{"text": "42."}]},
        ],
        "tools": [{"function_declarations": [FUNCTION]}],
    },
    "results as parts of a tool's message": {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "42"}]},
            ANSWER,
        ],
        "tools": TOOLS,
    },
    "bedrock": {
        "messages": [
            {"role": "user", "content": [{"text": "How many?"}]},
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "c1", "name": "stock", "input": {"item": "drill"}}}],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "42"}]}}]},
            {"role": "assistant", "content": [{"text": "42."}]},
        ],
        "tools": TOOLS,
    },
    "vercel": {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "stock", "args": {"item": "drill"}}],
            },
            {
                "role": "tool",
                "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "stock", "result": "42"}],
            },
            ANSWER,
        ],
        "tools": TOOLS,
    },
    "between tags, as Hermes and Qwen have it": {
        "conversations": [
            {"from": "human", "value": "How many?"},
            {
                "from": "gpt",
                "value": '<tool_call>\n{"name": "stock", "arguments": {"item": "drill"}}\n</tool_call>',
            },
            {"from": "tool", "value": "<tool_response>\n42\n</tool_response>"},
            {"from": "gpt", "value": "42."},
        ],
        "tools": json.dumps([FUNCTION]),
    },
}


@pytest.mark.parametrize("form", WITH_TOOLS)
@pytest.mark.parametrize("name", ["chats.jsonl", "chats.json"])
def test_calls_results_and_tools_are_kept(database: Database, tmp_path: Path, form: str, name: str) -> None:
    done = imported(database, written(tmp_path, name, [WITH_TOOLS[form]]))
    row = only(database)
    assert (row["user_request"], row["execution_result"], done.unused) == ("How many?", "42.", {})
    kept = json.dumps(row["context"]["steps"]).replace("call_1", "c1")
    assert json.loads(kept) == STEPS
    assert json.loads(row["context"]["tools"]) == TOOLS


def test_calls_at_once_are_answered_each_by_its_own_result(database: Database, tmp_path: Path) -> None:
    calls = [{"id": each, "function": {"name": "stock", "arguments": "{}"}} for each in ("a", "b")]
    results = [{"role": "tool", "tool_call_id": each, "content": each} for each in ("b", "a")]
    row = {"messages": [USER, {"role": "assistant", "content": "I look.", "tool_calls": calls}, *results, ANSWER]}
    imported(database, written(tmp_path, "chats.jsonl", [row | {"parallel_tool_calls": True}]))
    context = only(database)["context"]
    assert [step.get("tool_call_id") for step in context["steps"]] == [None, "b", "a"]
    assert (context["steps"][0]["content"], context["parallel_tool_calls"]) == ("I look.", True)


@pytest.mark.parametrize(
    ("roles", "request_", "result", "turns"),
    [
        ("uaa", "u0", "a1\na2", None),
        ("uua", "u0\nu1", "a2", None),
        ("uuaauaa", "u4", "a5\na6", [("user", "u0\nu1"), ("assistant", "a2\na3")]),
        ("aua", "u1", "a2", [("assistant", "a0")]),
    ],
)
def test_what_one_speaker_says_in_a_row_is_joined(
    database: Database, tmp_path: Path, roles: str, request_: str, result: str, turns: Any
) -> None:
    names = {"u": "user", "a": "assistant"}
    messages = [{"role": names[role], "content": f"{role}{place}"} for place, role in enumerate(roles)]
    imported(database, written(tmp_path, "chats.jsonl", [{"messages": messages}]))
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == (request_, result)
    expected = {"turns": [{"role": role, "content": content} for role, content in turns]} if turns else None
    assert row["context"] == expected


@pytest.mark.parametrize(
    "mark",
    [
        {"weight": 0},
        {"weight": 0.0},
        {"weight": "0"},
        {"weight": "0.0"},
        {"weight": False},
        {"train": False},
        {"train": "False"},
        {"train": 0},
        {"loss": False},
    ],
)
def test_what_must_not_be_learned_keeps_its_mark(database: Database, tmp_path: Path, mark: dict[str, Any]) -> None:
    messages = [USER, {**ANSWER, **mark}, {"role": "user", "content": "Sure?"}, {**ANSWER, "weight": "1"}]
    assert imported(database, written(tmp_path, "chats.jsonl", [{"messages": messages}])).unused == {}
    assert only(database)["context"]["turns"] == [USER, {**ANSWER, "weight": 0}]


@pytest.mark.parametrize("name", ["label", "kto_tag"])
@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, ANSWER]},
        {"conversations": [{"from": "human", "value": "How many?"}, {"from": "gpt", "value": "42."}]},
        {"prompt": "How many?", "completion": "42."},
        {"prompt": [USER], "completion": [ANSWER]},
        {"instruction": "How many?", "input": "", "output": "42."},
    ],
)
def test_a_label_is_the_outcome(database: Database, tmp_path: Path, row: dict[str, Any], name: str) -> None:
    rows = [row | {"execution_id": str(label), name: label} for label in (True, False)]
    assert imported(database, written(tmp_path, "chats.jsonl", rows)).unused == {}
    assert [each["success"] for each in stored(database)] == [True, False]


@pytest.mark.parametrize(
    "words", [("desirable", "undesirable"), ("Chosen", "Rejected"), ("true", "FALSE"), ("👍", "👎")]
)
def test_a_label_may_be_a_word(database: Database, tmp_path: Path, words: tuple[str, str]) -> None:
    rows = [{"prompt": word, "completion": "42.", "label": word} for word in words]
    assert imported(database, written(tmp_path, "rows.csv", rows)).unused == {}
    assert [each["success"] for each in stored(database)] == [True, False]


def test_a_label_that_is_no_truth_is_named(database: Database, tmp_path: Path) -> None:
    rows = [{"messages": [USER, ANSWER], "label": label, "execution_id": str(label)} for label in ("spam", 1)]
    assert imported(database, written(tmp_path, "chats.jsonl", rows)).unused == {"label": 2}
    assert [each["success"] for each in stored(database)] == [None, None]


def test_parts_with_values_are_read_and_thoughts_are_named(database: Database, tmp_path: Path) -> None:
    """A newer form of LLaMA-Factory's, and Anthropic's thinking."""
    call = {"type": "tool_call", "value": '{"name": "stock", "arguments": {"item": "drill"}}'}
    messages = [
        {"role": "user", "content": [{"type": "text", "value": "How many drills?"}], "loss_weight": 0.0},
        {"role": "assistant", "content": [{"type": "reasoning", "value": "I ask."}, call], "loss_weight": 0.0},
        {"role": "tool", "content": [{"type": "text", "value": "42"}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "So."}, {"type": "text", "value": "There are 42."}],
            "loss_weight": 1.0,
        },
    ]
    done = imported(database, written(tmp_path, "chats.jsonl", [{"messages": messages}]))
    assert done.unused == {
        "messages[].content, parts of the type reasoning": 1,
        "messages[].content, parts of the type thinking": 1,
    }
    (kept,) = stored(database)
    assert (kept["user_request"], kept["execution_result"]) == ("How many drills?", "There are 42.")
    asked, answered = kept["context"]["steps"]
    assert asked["tool_calls"][0]["function"] == {"name": "stock", "arguments": '{"item":"drill"}'}
    assert asked["weight"] == 0
    assert (answered["content"], answered["name"]) == ("42", "stock")


def test_a_part_that_is_no_text_is_called_what_it_is(database: Database, tmp_path: Path) -> None:
    for part, words in (
        ({"type": "image_url", "image_url": {"url": "x"}}, "such as images"),
        ({"type": "video", "video": "x"}, "such as images"),
        ({"type": "search_result", "title": "x"}, "not parts of the type 'search_result'"),
        ({"title": "x"}, "or parts with a text"),
    ):
        path = written(tmp_path, "chats.jsonl", [{"messages": [{"role": "user", "content": [part]}, ANSWER]}])
        with pytest.raises(ImportRefused, match=words):
            imported(database, path)


def test_keys_of_messages_that_are_not_used_are_named(database: Database, tmp_path: Path) -> None:
    messages = [{**USER, "name": "Ada"}, {**ANSWER, "reasoning_content": "I count.", "weight": 0.5, "refusal": None}]
    done = imported(database, written(tmp_path, "chats.jsonl", [{"messages": messages}]))
    assert done.unused == {
        "messages[].name": 1,
        "messages[].reasoning_content": 1,
        "messages[].weight other than 0 and 1": 1,
    }


@pytest.mark.parametrize("name", ["images", "image", "videos", "audios"])
def test_images_beside_the_messages_are_refused_as_those_within(database: Database, tmp_path: Path, name: str) -> None:
    row = {"messages": [USER, ANSWER], name: ["drill.jpg"]}
    with pytest.raises(ImportRefused, match=f"it has {name}, which are not kept"):
        imported(database, written(tmp_path, "chats.jsonl", [row]))
    done = imported(
        database, written(tmp_path, "more.jsonl", [row, {"messages": [USER, ANSWER], name: []}]), skip_invalid=True
    )
    assert (done.new, done.skipped) == (1, 1)


def test_a_history_becomes_earlier_turns(database: Database, tmp_path: Path) -> None:
    row = {"instruction": "And Spain?", "input": "", "output": "Madrid.", "history": [["France?", "Paris."]]}
    imported(database, written(tmp_path, "rows.json", [row]))
    turns = [{"role": "user", "content": "France?"}, {"role": "assistant", "content": "Paris."}]
    assert only(database)["context"] == {"turns": turns}
    with pytest.raises(ImportRefused, match=r"field history: list is not a history of messages, or of pairs"):
        imported(database, written(tmp_path, "odd.json", [row | {"history": [["France?"]]}]))


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "And Spain?", "output": "Madrid."},
        {"prompt": "And Spain?", "response": "Madrid."},
        {"prompt": "And Spain?", "chosen": "Madrid.", "rejected": "Lisbon."},
    ],
)
@pytest.mark.parametrize(
    "history",
    [
        [["France?", "Paris."]],
        '[["France?", "Paris."]]',
        [{"role": "user", "content": "France?"}, {"role": "assistant", "content": "Paris."}],
    ],
)
def test_a_history_is_read_in_every_form_beside_every_request(
    database: Database, tmp_path: Path, row: dict[str, Any], history: Any
) -> None:
    assert imported(database, written(tmp_path, "rows.jsonl", [row | {"history": history}])).unused == {}
    kept = only(database)
    assert kept["context"]["turns"] == [
        {"role": "user", "content": "France?"},
        {"role": "assistant", "content": "Paris."},
    ]
    assert (kept["user_request"], kept["execution_result"]) == ("And Spain?", "Madrid.")


def test_a_system_prompt_that_is_named_twice_is_one(database: Database, tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    row = {"system": "Be brief.", "messages": [system, USER, ANSWER], "prompt": "How many?", "completion": "42."}
    assert imported(database, written(tmp_path, "rows.parquet", [row])).unused == {}
    assert only(database)["context"] == {"system": "Be brief."}


GREET = {"role": "user", "content": "Greet."}
GOOD, BAD = {"role": "assistant", "content": "Good morning"}, {"role": "assistant", "content": "What?"}
PAIRS: dict[str, dict[str, Any]] = {
    "text": {"prompt": "Greet.", "chosen": "Good morning", "rejected": "What?"},
    "messages": {"prompt": [GREET], "chosen": [GOOD], "rejected": [BAD]},
    "whole conversations": {"chosen": [GREET, GOOD], "rejected": [GREET, BAD]},
    "whole conversations beside the prompt": {"prompt": "Greet.", "chosen": [GREET, GOOD], "rejected": [GREET, BAD]},
    "a table": {"prompt": "Greet.", "chosen": json.dumps([GREET, GOOD]), "rejected": json.dumps([GREET, BAD])},
    "sharegpt": {
        "conversations": [{"from": "human", "value": "Greet."}],
        "chosen": {"from": "gpt", "value": "Good morning"},
        "rejected": {"from": "gpt", "value": "What?"},
    },
    "alpaca": {"instruction": "Greet.", "input": "", "chosen": "Good morning", "rejected": "What?"},
    "question": {"question": "Greet.", "chosen": "Good morning", "rejected": "What?"},
    "input": {"input": "Greet.", "chosen": "Good morning", "rejected": "What?"},
    "query": {"query": "Greet.", "chosen": "Good morning", "rejected": "What?"},
    "dialogue": {
        "chosen": "\n\nHuman: Greet.\n\nAssistant: Good morning",
        "rejected": "\n\nHuman: Greet.\n\nAssistant: What?",
    },
    "openai": {
        "input": {"messages": [GREET], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [GOOD],
        "non_preferred_output": [BAD],
    },
    "rejected_response": {"messages": [GREET, GOOD], "rejected_response": "What?"},
    "both as messages": {"chosen_messages": [GREET, GOOD], "rejected_messages": [GREET, BAD]},
}


@pytest.mark.parametrize("form", PAIRS)
def test_a_pair_is_one_good_example_that_keeps_the_other_answer(database: Database, tmp_path: Path, form: str) -> None:
    done = imported(database, written(tmp_path, "pairs.jsonl", [PAIRS[form]]))
    row = only(database)
    assert (row["user_request"], row["execution_result"], row["success"]) == ("Greet.", "Good morning", True)
    assert row["context"]["rejected"] == {"content": "What?"}
    assert done.unused == {}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"chosen": [GREET, GOOD], "rejected": [{"role": "user", "content": "Other"}, BAD]}, "the same conversation"),
        ({"prompt": "Greet.", "chosen": "Good", "rejected": None}, "a pair of answers"),
        ({"prompt": "Greet.", "chosen": "Good", "rejected": "Good"}, "two answers that differ"),
        ({"prompt": [GREET], "chosen": [GOOD, GREET], "rejected": [BAD]}, "a pair of answers"),
    ],
)
def test_what_is_no_pair_is_refused(database: Database, tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        imported(database, written(tmp_path, "pairs.jsonl", [row]))
    assert stored(database) == []


@pytest.mark.parametrize("answer", ["completion", "response"])
def test_a_mapping_of_the_request_leaves_the_answer_where_it_is(
    database: Database, tmp_path: Path, answer: str
) -> None:
    rows = [{"prompt": "How many?", answer: "42.", "better": "How many drills?"}]
    imported(database, written(tmp_path, "rows.csv", rows), mapping={"user_request": "better"})
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == ("How many drills?", "42.")


def test_the_kind_of_a_tool_that_its_provider_runs_is_named_as_unused(database: Database, tmp_path: Path) -> None:
    row = {"messages": [USER, ANSWER], "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]}
    done = imported(database, written(tmp_path, "chats.jsonl", [row]))
    assert (done.new, done.unused) == (1, {"tools[].type web_search_20250305": 1})
