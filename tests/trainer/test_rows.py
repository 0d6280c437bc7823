"""Chats as rows: tools for a base whose template knows them, and nothing that must not be learned."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.training import PROGRAMS

KNOWS_TOOLS = """{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}{% for m in messages %}<{{ m.role }}>
{%- for c in m.tool_calls or [] %}<call>{{ c.function.name }} {{ c.function.arguments | tojson }}</call>{% endfor %}
{%- if m.role == 'tool' %}{{ m.name }}:{% endif %}{{ m.content }}</{{ m.role }}>{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}"""
ONE_AT_A_TIME = (
    KNOWS_TOOLS
    + "{% for m in messages %}{% if (m.tool_calls or []) | length > 1 %}{{ raise() }}{% endif %}{% endfor %}"
)
KNOWS_NONE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
CALL = {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": '{"item": "drill"}'}}
TOOLS = [{"type": "function", "function": {"name": "stock", "parameters": {"b": 1, "a": 2}}}]
WITH_TOOLS = {
    "messages": [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": "42."},
    ],
    "tools": TOOLS,
    "parallel_tool_calls": False,
}
PLAIN = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
UNLEARNED = {
    "messages": [
        {"role": "user", "content": "Open?"},
        {"role": "assistant", "content": "No idea.", "weight": 0},
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": "Nine."},
    ]
}


class Letters:
    """A tokenizer of which each letter is a token."""

    def __init__(self, template: str | dict[str, str]) -> None:
        self.chat_template = template

    def apply_chat_template(self, messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        template = self.chat_template
        text = template if isinstance(template, str) else template["tool_use" if options.get("tools") else "default"]
        made = (
            jinja2.Environment()
            .from_string(text)
            .render(
                messages=messages,
                tools=options.get("tools"),
                add_generation_prompt=options.get("add_generation_prompt"),
            )
        )
        return {"input_ids": [ord(letter) for letter in made]}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The trainer's own module, which runs beside its neighbours and not in a package."""
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(PROGRAMS))
        before = set(sys.modules)
        yield importlib.import_module("rows")
        for name in set(sys.modules) - before:
            del sys.modules[name]


def read(rows: Any, folder: Path, *records: dict[str, Any]) -> list[dict[str, Any]]:
    path = folder / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return rows.read(str(path))


def learned(reader: Any, row: dict[str, Any]) -> str:
    encoded = reader.encode(row)
    return "".join(chr(token) for token in encoded["labels"] if token >= 0)


def whole(reader: Any, row: dict[str, Any]) -> str:
    return "".join(map(chr, reader.encode(row)["input_ids"]))


@pytest.mark.parametrize("template", [KNOWS_TOOLS, {"default": KNOWS_NONE, "tool_use": KNOWS_TOOLS}])
def test_calls_are_learned_and_results_are_read(rows: Any, tmp_path: Path, template: Any) -> None:
    reader = rows.Reader(Letters(template), None)
    chats = read(rows, tmp_path, WITH_TOOLS, PLAIN)
    assert reader.kept(chats) == chats
    call, answer, plain = reader.rows(chats)
    assert learned(reader, call) == '<call>stock {"item": "drill"}</call></assistant>'
    assert learned(reader, answer) == "42.</assistant>"
    assert "<tool>stock:42</tool>" in whole(reader, answer)
    assert whole(reader, answer).startswith("<tools>[")
    assert '"b": 1' in whole(reader, answer)
    assert "<tools>" not in whole(reader, plain)


@pytest.mark.parametrize(("template", "kept"), [(KNOWS_NONE, 1), (ONE_AT_A_TIME, 2), (KNOWS_TOOLS, 3)])
def test_what_a_template_has_no_words_for_is_left_out(rows: Any, tmp_path: Path, template: str, kept: int) -> None:
    two = json.loads(json.dumps(WITH_TOOLS))
    two["messages"][1]["tool_calls"].append({**CALL, "id": "c2"})
    reader = rows.Reader(Letters(template), None)
    assert len(reader.kept(read(rows, tmp_path, PLAIN, WITH_TOOLS, two))) == kept


@pytest.mark.parametrize("marks", [None, "a template with marks"])
def test_an_answer_of_weight_zero_is_never_learned(rows: Any, tmp_path: Path, marks: str | None) -> None:
    reader = rows.Reader(Letters(KNOWS_NONE), marks)
    (row,) = reader.rows(read(rows, tmp_path, UNLEARNED))
    assert learned(reader, row).startswith("<assistant>Nine.")
    assert "No idea." in whole(reader, row)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "a", "weight": 0},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": "a", "name": "Ada"},
    ],
)
def test_what_cannot_be_trained_is_refused_by_its_line(rows: Any, tmp_path: Path, message: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="Line 2 of"):
        read(rows, tmp_path, PLAIN, {"messages": [{"role": "user", "content": "Hi"}, message]})
