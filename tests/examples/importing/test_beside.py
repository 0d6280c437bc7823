"""What stands beside a conversation in its row is kept, used, or named; nothing of it is lost without a word."""

from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from tests.examples.importing.files import as_csv, imported, only, stored, written

USER, ANSWER = {"role": "user", "content": "How many?"}, {"role": "assistant", "content": "42."}
#: The same question and answer in each form in which a row may hold them.
FORMS: dict[str, dict[str, Any]] = {
    "messages": {"messages": [USER, ANSWER]},
    "sharegpt": {"conversations": [{"from": "human", "value": "How many?"}, {"from": "gpt", "value": "42."}]},
    "prompt": {"prompt": "How many?", "completion": "42."},
    "alpaca": {"instruction": "How many?", "output": "42."},
    "question": {"question": "How many?", "answer": "42."},
    "Dolly": {"instruction": "How many?", "response": "42."},
    "query": {"query": "How many?", "response": "42."},
    "trace": {"input": "How many?", "output": "42.", "start_time": "2026-01-14T19:30:47Z"},
}
TURNS = [{"role": "user", "content": "Saws?"}, {"role": "assistant", "content": "7."}]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("written_so", "kept"),
    [("The shop has 42.", {"passage": "The shop has 42."}), (["a", "b"], {"passage": "a\n\nb"}), ({"k": 1}, {"k": 1})],
)
def test_a_context_beside_a_conversation_is_kept(
    database: Database, tmp_path: Path, form: str, written_so: Any, kept: Any
) -> None:
    done = imported(database, written(tmp_path, "rows.jsonl", [FORMS[form] | {"context": written_so}]))
    assert (only(database)["context"], done.unused) == (kept, {})


def test_parts_of_a_conversation_stand_above_those_of_a_column_and_the_difference_is_named(
    database: Database, tmp_path: Path
) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *TURNS, USER, ANSWER]
    row = {"messages": messages, "context": {"system": "Be long.", "shop": "Graz"}}
    assert imported(database, written(tmp_path, "rows.jsonl", [row])).unused == {"context.system": 1}
    assert only(database)["context"] == {"system": "Be brief.", "turns": TURNS, "shop": "Graz"}


@pytest.mark.parametrize(("column", "more"), [("", {}), ("notes", {"passage": "n"})])
def test_a_mapped_context_leaves_earlier_turns_where_they_are(
    database: Database, tmp_path: Path, column: str, more: dict[str, str]
) -> None:
    row = {"messages": [*TURNS, USER, ANSWER], "context": "c", "notes": "n"}
    imported(database, written(tmp_path, "rows.jsonl", [row]), mapping={"context": column})
    assert only(database)["context"] == {"turns": TURNS, **more}


@pytest.mark.parametrize("form", FORMS)
def test_a_column_of_a_field_stands_above_what_a_conversation_says_of_it(
    database: Database, tmp_path: Path, form: str
) -> None:
    row = FORMS[form] | {"label": True, "success": False, "execution_id": "e1", "source_model": "small"}
    imported(database, written(tmp_path, "rows.jsonl", [row]))
    found = only(database)
    assert (found["success"], found["execution_id"], found["source_model"]) == (False, "e1", "small")


def test_columns_that_say_something_else_than_the_conversation_are_named(database: Database, tmp_path: Path) -> None:
    same = {"messages": [USER, ANSWER], "prompt": "How many?", "completion": "42.", "user_request": "How many?"}
    other = same | {"prompt": "What?", "completion": "41.", "user_request": "What?", "execution_result": "41."}
    other |= {"system": "Be brief.", "system_prompt": "Be long."}
    done = imported(database, written(tmp_path, "rows.jsonl", [same, other]))
    assert done.unused == {"prompt": 1, "completion": 1, "user_request": 1, "execution_result": 1, "system_prompt": 1}


@pytest.mark.parametrize("form", ["question", "Dolly", "query", "alpaca", "prompt"])
@pytest.mark.parametrize(("label", "outcome"), [(False, False), ("false", False), ("f", False), ("👍", True)])
def test_a_label_is_the_outcome_in_plain_tables_too(
    database: Database, tmp_path: Path, form: str, label: Any, outcome: bool
) -> None:
    assert imported(database, written(tmp_path, "rows.jsonl", [FORMS[form] | {"label": label}])).unused == {}
    assert only(database)["success"] is outcome


@pytest.mark.parametrize(("form", "answer"), [("text", "completion"), ("text", "response"), ("messages", "completion")])
@pytest.mark.parametrize("numbers", [(1, 0), (1.0, 0.0), ("1", "0"), ("1.0", "0.0")])
def test_a_number_is_the_outcome_where_people_said_whether_they_liked_an_answer(
    database: Database, tmp_path: Path, form: str, answer: str, numbers: tuple[Any, Any]
) -> None:
    row: dict[str, Any] = {"prompt": "How many?", answer: "42."}
    if form == "messages":
        row = {"prompt": [USER], answer: [ANSWER]}
    rows = [row | {"label": number, "execution_id": str(number)} for number in (*numbers, None)]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).unused == {}
    assert [each["success"] for each in stored(database)] == [True, False, None]


def test_a_label_of_more_numbers_is_asked_about_and_can_be_left_aside(database: Database, tmp_path: Path) -> None:
    rows = [{"prompt": str(label), "completion": "42.", "label": label} for label in range(3)]
    path = written(tmp_path, "rows.csv", as_csv(rows))
    with pytest.raises(
        ImportRefused,
        match=r"Row 3, field success \(column label\): '2' is not t, f.* say what it means: .*--map success=",
    ):
        imported(database, path)
    assert imported(database, path, mapping={"success": ""}).unused == {"label": 3}
    assert [each["success"] for each in stored(database)] == [None, None, None]
    path = written(tmp_path, "rows.jsonl", rows)
    assert importing.preview(database, path).outcome_words == {"2": 1}
    imported(database, path, outcomes={"2": "unknown"})
    assert [each["success"] for each in stored(database)] == [False, True, None]


def test_a_number_as_label_of_a_whole_conversation_can_be_mapped(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", [FORMS["messages"] | {"label": 0}])
    assert imported(database, path, mapping={"success": "label"}).unused == {}
    assert only(database)["success"] is False


@pytest.mark.parametrize("form", ["messages", "sharegpt", "prompt", "alpaca"])
def test_a_record_whose_weight_is_0_is_not_learned(database: Database, tmp_path: Path, form: str) -> None:
    rows = [FORMS[form] | {"weight": weight, "execution_id": str(weight)} for weight in (0, 1, 0.5)]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).unused == {"weight other than 0 and 1": 1}
    assert [each["context"] for each in stored(database)] == [{"answer": {"weight": 0}}, None, None]


@pytest.mark.parametrize("form", ["messages", "sharegpt", "prompt", "alpaca", "question", "Dolly", "query"])
@pytest.mark.parametrize("name", ["images", "image_path", "image_url", "videos", "audio"])
def test_what_a_model_cannot_see_fails_its_row_in_every_form(
    database: Database, tmp_path: Path, form: str, name: str
) -> None:
    path = written(tmp_path, "rows.jsonl", [FORMS[form] | {name: "drill.png"}])
    with pytest.raises(ImportRefused, match=f"it has {name}, which are not kept"):
        imported(database, path)


@pytest.mark.parametrize("form", ["question", "Dolly", "query"])
def test_a_history_beside_a_question_is_earlier_turns_or_named(database: Database, tmp_path: Path, form: str) -> None:
    rows = [FORMS[form] | {"history": [["Saws?", "7."]]}, FORMS[form] | {"history": "visited twice"}]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).unused == {"history": 1}
    assert [each["context"] for each in stored(database)] == [{"turns": TURNS}, None]


def test_the_input_of_an_instruction_is_part_of_the_request(database: Database, tmp_path: Path) -> None:
    row = {"instruction": "Sort.", "input": "b a", "response": "a b"}
    assert imported(database, written(tmp_path, "rows.csv", [row])).unused == {}
    found = only(database)
    assert (found["user_request"], found["context"]) == ("Sort.\n\nb a", {"input": "b a"})


def test_calls_as_answers_are_calls(database: Database, tmp_path: Path) -> None:
    """As xLAM has them: a query, tools, and calls."""
    row = {"query": "How many?", "tools": '[{"name": "stock", "description": "d", "parameters": {}}]'}
    row |= {"answers": '[{"name": "stock", "arguments": {"item": "drill"}}, {"name": "stock", "arguments": {}}]'}
    assert imported(database, written(tmp_path, "rows.jsonl", [row])).unused == {}
    context = only(database)["context"]
    called = [each["function"]["arguments"] for each in context["answer"]["tool_calls"]]
    assert (called, "stock" in context["tools"]) == (['{"item":"drill"}', "{}"], True)


def test_what_contradicts_a_pair_is_named(database: Database, tmp_path: Path) -> None:
    row = {"prompt": "Greet.", "chosen": "Hello", "rejected": "What?", "label": False, "query": "Leave."}
    assert imported(database, written(tmp_path, "rows.jsonl", [row])).unused == {"label": 1, "query": 1}
    row = {"input": {"messages": [USER], "metadata": {"k": 1}}, "preferred_output": [ANSWER]}
    row |= {"non_preferred_output": [{"role": "assistant", "content": "?"}]}
    assert imported(database, written(tmp_path, "more.jsonl", [row])).unused == {"input.metadata": 1}


def test_pairs_of_responses_are_pairs(database: Database, tmp_path: Path) -> None:
    row = {"instruction": "Greet.", "chosen_response": "Hello", "rejected_response": "What?"}
    assert imported(database, written(tmp_path, "rows.jsonl", [row])).unused == {}
    found = only(database)
    assert (found["user_request"], found["execution_result"]) == ("Greet.", "Hello")
    assert found["context"] == {"rejected": {"content": "What?"}}


def test_words_before_a_dialogue_are_not_lost(database: Database, tmp_path: Path) -> None:
    row = {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "Mind this.\n\nHuman: Hi\n\nAssistant: What?"}
    with pytest.raises(ImportRefused, match="a dialogue that begins with Human:"):
        imported(database, written(tmp_path, "rows.jsonl", [row]))
