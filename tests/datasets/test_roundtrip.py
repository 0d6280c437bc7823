"""What is exported in any format comes in again as the same record, as far as the format carries it."""

import json
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import example as tried
from hypothesis import strategies as st

from core.datasets import snapshots
from core.datasets.exporting import export, left_out, row_count
from core.datasets.recipes import Recipe
from core.datasets.rendering import FORMATS, Format, line_sql, preview
from core.datasets.splits import Split
from core.datasets.verification import verify
from core.db import Database
from core.examples import importing
from core.examples.filters import EVERYTHING, Filter
from tests.datasets.conftest import Add, example

RECIPE = Recipe(target="result")
ALL_TRAIN = Split(train=100, validation=0, test=0)
LINES: tuple[Format, ...] = tuple(each for each in FORMATS if each not in ("parquet", "dpo"))

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda each: each.strip() and not each.isspace()
)
names = st.text("abcdefghij_", min_size=1, max_size=8)
arguments = st.dictionaries(names, st.integers(0, 99) | words | st.booleans(), max_size=2).map(
    lambda value: orjson.dumps(value).decode()
)
schema = st.just({"type": "object", "properties": {"zebra": {"type": "string"}, "a": {"enum": [1, None]}}})
tool = st.builds(
    lambda name, description, parameters: {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    },
    names,
    words,
    schema,
)


@st.composite
def said(draw: Any, *, calls: bool, weights: bool) -> list[dict[str, Any]]:
    """A whole conversation after its system prompt: rounds of question, calls with their results, and answer."""
    messages: list[dict[str, Any]] = []
    numbers = count(1)
    rounds = draw(st.integers(1, 3))
    for place in range(rounds):
        messages.append({"role": "user", "content": draw(words)})
        for _ in range(draw(st.integers(0, 2)) if calls else 0):
            made = [called(f"id-{next(numbers)}", draw(names), draw(arguments)) for _ in range(draw(st.integers(1, 2)))]
            messages.append({"role": "assistant", "content": draw(st.none() | words), "tool_calls": made})
            messages += [
                {"role": "tool", "content": draw(words), "tool_call_id": call["id"], "name": call["function"]["name"]}
                for call in made
            ]
        if calls and place == rounds - 1 and draw(st.booleans()):
            last = called(f"id-{next(numbers)}", draw(names), draw(arguments))
            messages.append({"role": "assistant", "content": None, "tool_calls": [last]})
        else:
            weight = {"weight": 0} if weights and place < rounds - 1 and draw(st.booleans()) else {}
            messages.append({"role": "assistant", "content": draw(words), **weight})
    return messages


def called(call_id: str, name: str, given: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": given}}


@st.composite
def records(draw: Any) -> dict[str, Any]:
    """An example as an import would make it."""
    calls = draw(st.booleans())
    messages = draw(said(calls=calls, weights=draw(st.booleans())))
    asked = max(place for place, message in enumerate(messages) if message["role"] == "user")
    parts = {"turns": messages[:asked], "steps": messages[asked + 1 : -1]}
    context: dict[str, Any] = {name: part for name, part in parts.items() if part}
    if draw(st.booleans()):
        context["system"] = draw(words)
    if "tool_calls" in messages[-1]:
        context["answer"] = {"tool_calls": messages[-1]["tool_calls"]}
    if calls:
        context["tools"] = orjson.dumps(draw(st.lists(tool, min_size=1, max_size=2))).decode()
        if draw(st.booleans()):
            context["parallel_tool_calls"] = draw(st.booleans())
    request = messages[asked]["content"]
    if not calls and draw(st.booleans()):
        context["input"] = draw(words)
        request = f"{request}\n\n{context['input']}"
    return {"user_request": request, "execution_result": messages[-1]["content"], "context": context or None}


@st.composite
def pairs(draw: Any) -> dict[str, Any]:
    """A record, most often with the worse answer that came with it: a text, or a call of a tool."""
    record = draw(records())
    context = record["context"] or {}
    if draw(st.integers(0, 3)):
        context["rejected"] = {"content": draw(words)}
        if "tools" in context and draw(st.booleans()):
            call = called("id-0", draw(names), draw(arguments))
            context["rejected"] = {"content": draw(st.none() | words), "tool_calls": [call]}
    return {**record, "context": context or None}


def carried(record: dict[str, Any], format_: str) -> dict[str, Any] | None:
    """The record as this format can hold it, or None where it cannot."""
    record = deepcopy(record)
    context = record["context"] or {}
    if format_ != "dpo":
        context.pop("rejected", None)
    elif "rejected" not in context or answered_alike(record):
        return None
    messages = [*context.get("turns", ()), *context.get("steps", ()), context.get("answer", {})]
    has_calls = any("tool_calls" in each for each in messages) or "tools" in context
    has_weights = any(each.get("weight") == 0 for each in messages)
    has_words = any("tool_calls" in each and each.get("content") for each in messages)
    if format_ not in ("openai", "chatml", "parquet", "dpo") and has_weights:
        return None
    if (format_ == "alpaca" and has_calls) or (format_ == "sharegpt" and has_words):
        return None
    if format_ != "alpaca":
        context.pop("input", None)
    if format_ in ("gemini", "sharegpt"):
        context.pop("parallel_tool_calls", None)
    if format_ == "gemini":  # it knows no ids
        renumber(messages)
    if format_ == "dpo":  # of a pair the two answers alone are learned, whatever stands before them
        for message in messages:
            message.pop("weight", None)
    return {**record, "context": context or None}


def answered_alike(record: dict[str, Any]) -> bool:
    """Whether the better and the worse answer are the same, of which nothing can be learned."""
    better = {"content": record["execution_result"]}
    if calls := record["context"].get("answer", {}).get("tool_calls"):
        better["tool_calls"] = calls
    return better == record["context"]["rejected"]


def renumber(messages: list[dict[str, Any]]) -> None:
    ids: dict[str, str] = {}
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["id"] = ids.setdefault(call["id"], f"call_{len(ids) + 1}")
        if "tool_call_id" in message:
            message["tool_call_id"] = ids[message["tool_call_id"]]


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file, as they would come in."""
    seen = importing.inspect(path)
    assert seen.errors == ()
    kept = ("user_request", "execution_result", "context")
    return [
        {name: orjson.loads(row[name]) if name == "context" and row[name] else row[name] for name in kept}
        for row in seen.records
    ]


numbers = count()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(made=st.lists(records(), min_size=1, max_size=3))
@tried(made=[{"user_request": "Is it open?", "execution_result": "FALSE", "context": None}])
def test_any_record_comes_back_from_every_format_that_carries_it(
    database: Database, add: Add, tmp_path: Path, made: list[dict[str, Any]]
) -> None:
    # A file of conversations is read literally: its "FALSE" is an answer.
    ids = add([example(0, execution_id=f"r{next(numbers)}", is_literal=True, **record) for record in made])
    for format_ in LINES:
        lines = preview(database, ids, RECIPE, format_)
        expected = [each for record in made if (each := carried(record, format_)) is not None]
        assert len(lines) == len(expected), format_
        if lines:
            path = tmp_path / f"{format_}.jsonl"
            path.write_text("\n".join(lines), encoding="utf-8")
            assert read(path) == expected, format_


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(made=st.lists(pairs(), min_size=1, max_size=3))
@tried(made=[{"user_request": "Is it open?", "execution_result": "FALSE", "context": None}])
def test_any_record_comes_back_from_the_file_of_a_version_in_every_format(
    database: Database, add: Add, tmp_path: Path, made: list[dict[str, Any]]
) -> None:
    """The same for Parquet, and for pairs, which only a version has: from the bytes that a download gives."""
    for place, record in enumerate(made):  # two answers to one request would be a pair, too
        record["user_request"] = f"{place}{record['user_request']}"
    rows = [example(0, execution_id=f"v{next(numbers)}", success=True, is_literal=True, **record) for record in made]
    chosen = Filter(ids=tuple(add(rows)), exclude_tags=())
    version = snapshots.create(
        database, "all", filter=chosen, recipe=RECIPE, split=ALL_TRAIN, actor="ada", drop_duplicates=False
    )
    assert version.left_out == {}
    for format_ in FORMATS:
        expected = [each for record in made if (each := carried(record, format_)) is not None]
        assert row_count(database, version, "all", format_) == len(expected), format_
        path = tmp_path / exported_name(format_)
        path.write_bytes(b"".join(export(database, version, "all", format_)))
        assert (read(path) if expected else []) == expected, format_
    assert verify(database, version).ok


CALL = called("c1", "stock", '{"item": "drill"}')
TOOLS = '[{"type":"function","function":{"name":"stock","description":"How many","parameters":{"zebra":1,"a":2}}}]'
STEPS = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": '{"count": 42}', "tool_call_id": "c1", "name": "stock"},
]
MADE: list[dict[str, Any]] = [
    {
        "user_request": "How many?",
        "execution_result": "42.",
        "context": {"steps": STEPS, "tools": TOOLS, "system": "Count."},
    },
    {"user_request": "Count.", "execution_result": None, "context": {"answer": {"tool_calls": [CALL]}, "tools": TOOLS}},
    {
        "user_request": "And now?",
        "execution_result": "Nine.",
        "context": {
            "turns": [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "No.", "weight": 0}]
        },
    },
    {"user_request": "Sort\n\nb a", "execution_result": "a b", "context": {"input": "b a"}},
    {"user_request": "Plain", "execution_result": "Words", "context": None},
]


@pytest.mark.parametrize(
    "format_", ["openai", "chatml", "gemini", "anthropic", "bedrock", "sharegpt", "alpaca", "parquet"]
)
def test_every_file_of_a_version_comes_back_and_says_what_it_leaves_out(
    database: Database, add: Add, tmp_path: Path, format_: Format
) -> None:
    add([example(number, **record) for number, record in enumerate(MADE)])
    version = snapshots.create(database, "all", filter=EVERYTHING, recipe=RECIPE, split=ALL_TRAIN, actor="ada")
    path = tmp_path / exported_name(format_)
    path.write_bytes(b"".join(export(database, version, "all", format_)))
    expected = [each for record in MADE if (each := carried(record, format_)) is not None]
    assert [spaced(each) for each in read(path)] == [spaced(each) for each in expected]
    assert row_count(database, version, "train", format_) == len(expected)
    gone = len(MADE) - len(expected)
    assert version.not_carried(format_) == gone
    assert left_out(version, "all", format_).startswith(f"{gone} record" if gone else "")
    assert verify(database, version).ok


def exported_name(format_: str) -> str:
    return "all.parquet" if format_ == "parquet" else "all.jsonl"


def spaced(value: Any) -> Any:
    """JSON that stands in a text, read: only some formats keep the spaces in it."""
    if isinstance(value, dict):
        return {name: spaced(each) for name, each in value.items()}
    if isinstance(value, list):
        return [spaced(each) for each in value]
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def test_schemas_and_arguments_keep_their_order_and_their_letters(database: Database, add: Add) -> None:
    ids = add([example(1, **MADE[0])])
    (line,) = preview(database, ids, RECIPE)
    assert '"parameters":{"zebra":1,"a":2}' in line
    assert orjson.dumps('{"item": "drill"}').decode() in line
    assert orjson.loads(line)["messages"][2] == {"role": "assistant", "content": None, "tool_calls": [CALL]}
    (line,) = preview(database, ids, RECIPE, "anthropic")
    assert '"input_schema":{"zebra":1,"a":2}' in line


def test_one_call_more_than_one_result_and_broken_json_never_break_a_line(database: Database, add: Add) -> None:
    """What an example holds may be wrong in any way; a version of many others is made all the same."""
    broken = [
        {"steps": 5, "tools": "no json", "answer": [1], "turns": "x", "parallel_tool_calls": "yes"},
        {"tools": "{}", "steps": [{"role": "assistant", "tool_calls": [{"function": "x"}, 7, None]}]},
        {"tools": '[{"function": 1}]', "turns": [{"tool_calls": {}}, None, 7]},
        {"tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]},
        {"answer": {"tool_calls": [called("1", "look", "{\n broken")]}},
        {"answer": {"tool_calls": [called("1", "look", '{\n"a":\t1}')]}},
        {"rejected": {"content": 7}},
    ]
    ids = add([example(number, context=context) for number, context in enumerate(broken)])
    for target in ("plan", "result", "both"):
        for format_ in FORMATS:
            for line in preview(database, ids, Recipe(target=target), format_, limit=99):
                assert isinstance(orjson.loads(line), dict)
                assert "\n" not in line
    version = snapshots.create(database, "all", filter=EVERYTHING, recipe=RECIPE, split=ALL_TRAIN, actor="ada")
    assert version.left_out == {"role_order": 3}  # the answer of two others is a call, whatever its arguments


def test_what_was_frozen_before_is_given_as_it_was(database: Database, add: Add) -> None:
    """Renderer 1 dropped what stood between question and answer; its versions stay what they are."""
    add([example(1, **MADE[0]), example(2, **MADE[3])])
    version = snapshots.create(database, "old", filter=EVERYTHING, recipe=RECIPE, split=ALL_TRAIN, actor="ada")
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE training_datasets DISABLE TRIGGER frozen")
        connection.exec_driver_sql("ALTER TABLE dataset_members DISABLE TRIGGER frozen")
        connection.exec_driver_sql("UPDATE training_datasets SET renderer = 1, manifest = manifest - 'not_carried'")
        line = line_sql(RECIPE, "openai", 1)
        connection.exec_driver_sql(
            f"UPDATE dataset_members m SET sha256 = sha256(convert_to({line}, 'UTF8'))"
            " FROM orchestrator_training_data e WHERE e.id = m.example_id"
        )
    assert verify(database, version.id).wrong == 0
    (first, _) = b"".join(export(database, "old", "all", "openai")).splitlines()
    assert [each["role"] for each in orjson.loads(first)["messages"]] == ["system", "user", "assistant"]
    (_, second) = b"".join(export(database, "old", "all", "alpaca")).splitlines()
    assert orjson.loads(second) == {"instruction": "Sort\n\nb a", "input": "", "output": "a b"}


PAIR = {"content": "What?"}


def answered(number: int, request: str, result: str, context: Any, *, success: bool = True) -> dict[str, Any]:
    return example(
        number,
        user_request=request,
        execution_result=result,
        context=context,
        success=success,
        tags=[],
        quality_score=None,
    )


def test_a_pair_comes_back_as_the_same_pair(database: Database, add: Add, tmp_path: Path) -> None:
    rejected_call = {"content": None, "tool_calls": [CALL]}
    add(
        [
            answered(1, "Greet", "Hello", {"rejected": PAIR, "system": "S"}),
            answered(2, "Count", "42", {"steps": STEPS, "tools": TOOLS, "rejected": rejected_call}),
            answered(3, "Failed", "so", {"rejected": PAIR}, success=False),
            answered(4, "Same", "What?", {"rejected": PAIR}),
            answered(5, "Two", "good", None),
            answered(6, "Two", "bad", None, success=False),
        ]
    )
    version = snapshots.create(database, "all", filter=Filter(), recipe=RECIPE, split=ALL_TRAIN, actor="ada")
    first = b"".join(export(database, version, "all", "dpo"))
    found = [orjson.loads(line) for line in first.splitlines()]
    assert [each["preferred_output"][0]["content"] for each in found] == ["Hello", "42", "good"]
    assert found[1]["input"]["tools"] == json.loads(TOOLS)
    assert [each["role"] for each in found[1]["input"]["messages"]] == ["user", "assistant", "tool"]
    assert found[1]["non_preferred_output"] == [{"role": "assistant", **rejected_call}]
    assert verify(database, version).ok
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(first)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE orchestrator_training_data SET tags = ARRAY['EXCLUDE']")
    importing.run(database, path, actor="ada")
    again = snapshots.create(database, "again", filter=Filter(), recipe=RECIPE, split=ALL_TRAIN, actor="ada")
    assert b"".join(export(database, again, "all", "dpo")) == first
    assert b"What?" not in b"".join(export(database, again, "all", "openai"))
