"""An answer of one word is an answer where the source is a dataset; only in executions it may say nothing."""

from pathlib import Path

import pytest

from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples import importing
from core.examples.filters import EVERYTHING
from core.examples.importing import ImportOptions
from tests.examples.importing.files import execution, imported, only, stored, written
from tests.examples.rows import teaches

WORDS = ["true", "false", "success", "failure", "ok", "done", "completed", "error", "none", "N/A", "[]", "{}", "yes"]
ROWS = [{"question": f"Which label has {number}?", "answer": word} for number, word in enumerate(WORDS)]


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.parquet"])
def test_every_answer_of_a_dataset_is_learned(database: Database, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, ROWS)
    foreseen = importing.preview(database, path)
    assert (foreseen.placeholders, foreseen.learns_placeholders, foreseen.nothing_to_learn) == (12, True, 0)
    result = imported(database, path)
    assert (result.placeholders, result.learns_placeholders) == (12, True)
    assert all(row["is_trainable"] for row in stored(database))
    recipe, split = Recipe(target="result"), Split(train=100, validation=0, test=0)
    version = snapshots.create(database, "d", filter=EVERYTHING, recipe=recipe, split=split, actor="ada")
    assert version.example_count == len(WORDS)


def test_an_empty_answer_is_none_anywhere(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "labels.jsonl", [{"question": "Why?", "answer": " \n"}]))
    assert only(database)["is_trainable"] is False


def test_a_mapped_column_is_a_dataset_too(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "labels.csv", [{"Frage": "1?", "Antwort": "true"}])
    imported(database, path, mapping={"user_request": "Frage", "execution_result": "Antwort"})
    assert only(database)["is_trainable"] is True


def test_in_executions_such_words_say_only_that_something_was_done(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(execution_plan="", execution_result="success")])
    result = imported(database, path)
    assert (result.placeholders, result.learns_placeholders) == (1, False)
    assert only(database)["has_result"] is False


def test_the_switch_turns_either_way_for_rows_that_are_there_already(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(execution_plan="", execution_result="success"), execution(2)])
    imported(database, path)
    again = imported(database, path, placeholders="learn")
    assert (again.import_id, again.same, again.relearned) == (None, 2, 2)
    assert [row["has_result"] for row in stored(database)] == [True, True]
    assert imported(database, path).relearned == 0
    imported(database, path, placeholders="skip")
    assert stored(database)[0]["has_result"] is False
    assert importing.preview(database, path, ImportOptions(placeholders="learn")).nothing_to_learn == 0


def test_a_call_is_an_answer_without_text(database: Database, tmp_path: Path) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    messages = [{"role": "user", "content": "Look"}, {"role": "assistant", "tool_calls": calls}]
    imported(database, written(tmp_path, "chats.jsonl", [{"messages": messages}]))
    row = only(database)
    assert (row["execution_result"], row["has_result"], row["is_trainable"]) == (None, True, True)
    assert row["context"] == {"answer": {"tool_calls": calls}}


def test_a_dataset_may_name_its_columns_as_executions_do(database: Database, tmp_path: Path) -> None:
    rows = [{"execution_id": "1", "user_request": "Is it so?", "execution_result": "true"}]
    imported(database, written(tmp_path, "labels.csv", rows))
    assert only(database)["is_trainable"] is True


MARGINS = ("", " ", "..", '"', "\n\t\f\v", " " * 30, "." * 300)


def test_a_word_is_found_whatever_stands_around_it(database: Database, tmp_path: Path) -> None:
    said = ["", "Successful", "succeeded ...", "completely", "success story", "\u00e9", "12345678901", *WORDS]
    contents = [f"{before}{words}{after}" for words in said for before in MARGINS for after in MARGINS]
    plans = [("", "A plan of more than ten letters")[place % 2] for place in range(len(contents))]
    rows = [
        execution(number, execution_plan=plan, execution_result=result)
        for number, (plan, result) in enumerate(zip(plans, contents, strict=True))
    ]
    result = imported(database, written(tmp_path, "runs.csv", rows))
    assert result.nothing_to_learn == sum(
        not (teaches(plan) or teaches(content)) for plan, content in zip(plans, contents, strict=True)
    )
    assert result.placeholders == sum(bool(content.strip(" \n\t\f\v")) and not teaches(content) for content in contents)
    assert [row["has_result"] for row in stored(database)] == [teaches(content) for content in contents]
