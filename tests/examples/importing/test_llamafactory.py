"""Data sets of LLaMA-Factory, in each of its shapes, are the conversations that its own converters make of them.

`llamafactory/expected.json` holds what they made; `llamafactory_expected.py` writes it anew with a later version.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from tests.examples.importing.files import imported, stored

FOLDER = Path(__file__).parent / "llamafactory"
LISTED = json.loads((FOLDER / "dataset_info.json").read_text(encoding="utf-8"))
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["converted"]
#: What it puts behind every system prompt of messages in OpenAI's form, whatever the file says.
ADDED = "detailed thinking off"


def called(calls: Any) -> tuple[str, Any]:
    """A message that calls tools; its arguments are text with OpenAI and objects elsewhere."""
    made = [
        {"name": each["name"], "arguments": json.loads(each["arguments"])}
        if isinstance(each["arguments"], str)
        else each
        for each in calls
    ]
    return "function", made


def theirs(record: Mapping[str, Any]) -> dict[str, Any]:
    """One converted record, with JSON read and without what it adds of its own."""
    said = [(each["role"], each["content"]) for each in (*record["_prompt"], *record["_response"])]
    for place, (role, content) in enumerate(said):
        if role == "function":
            calls = json.loads(content)
            said[place] = called(calls if isinstance(calls, list) else [calls])
    tools = json.loads(record.get("_tools") or "[]")
    return {
        "system": (record.get("_system") or "").removesuffix(ADDED).removesuffix("\n"),
        "said": said,
        "tools": [each.get("function", each) for each in tools],
    }


def ours(row: Mapping[str, Any], *, is_labelled: bool) -> dict[str, Any]:
    """The same of an example. It joins the two parts of a request with one line break, where we leave a line free."""
    context = row["context"] or {}
    request = row["user_request"]
    if given := context.get("input"):
        request = f"{request.removesuffix(given).removesuffix(chr(10) * 2)}\n{given}"
    answer = {"content": row["execution_result"], **context.get("answer", {})}
    answers = [answer, *([context["rejected"]] if "rejected" in context else ())]
    if is_labelled:  # the other side of a label is an empty answer
        answers = [answer, {"content": ""}] if row["success"] else [{"content": ""}, answer]
    between = [*context.get("turns", ()), {"role": "user", "content": request}, *context.get("steps", ())]
    said = [
        called([call["function"] for call in each["tool_calls"]])
        if "tool_calls" in each
        else ({"tool": "observation"}.get(each["role"], each["role"]), each["content"])
        for each in (*between, *({"role": "assistant", **each} for each in answers))
    ]
    return {
        "system": context.get("system", ""),
        "said": said,
        "tools": [each["function"] for each in json.loads(context.get("tools", "[]"))],
    }


@pytest.mark.parametrize("name", LISTED)
def test_a_data_set_of_llama_factory_is_what_its_own_loader_makes_of_it(database: Database, name: str) -> None:
    done = imported(database, FOLDER / LISTED[name]["file_name"])
    expected = [theirs(each) for each in EXPECTED[name]]
    assert all(each["said"] for each in expected)  # nothing that it skips as broken
    is_labelled = "kto_tag" in LISTED[name]["columns"]
    assert [ours(row, is_labelled=is_labelled) for row in stored(database)] == expected
    assert done.unused == {}


def test_every_shape_of_it_is_there() -> None:
    shapes = {
        (each.get("formatting", "alpaca"), each.get("ranking", False), "kto_tag" in each["columns"])
        for each in LISTED.values()
    }
    assert shapes == {
        ("alpaca", False, False),
        ("alpaca", True, False),
        ("alpaca", False, True),
        ("sharegpt", False, False),
        ("sharegpt", True, False),
        ("sharegpt", False, True),
        ("openai", False, False),
    }
    assert LISTED.keys() == EXPECTED.keys()
