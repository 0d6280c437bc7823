"""Tables of Open Assistant, which have one message a row, become the conversations that they are part of."""

from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from tests.examples.importing.files import imported, stored, written


def message(number: int, parent: int | None, tree: int, words: str, **more: Any) -> dict[str, Any]:
    role = "prompter" if words.endswith("?") else "assistant"
    ids = {
        "message_id": str(number),
        "parent_id": None if parent is None else str(parent),
        "message_tree_id": str(tree),
    }
    return {**ids, "role": role, "text": words, **more}


TREE = [
    message(1, None, 1, "Sky?"),
    message(2, 1, 1, "Blue."),
    message(3, 1, 1, "Grey."),
    message(4, 2, 1, "Always?"),
    message(5, 4, 1, "No."),
    message(6, 3, 1, "Why?"),
]
OTHER = [message(7, None, 7, "Grass?"), message(8, 7, 7, "Green.")]


def said(database: Database) -> set[tuple[str, str, int]]:
    rows = stored(database)
    return {
        (each["user_request"], each["execution_result"], len((each["context"] or {}).get("turns", ()))) for each in rows
    }


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"])
@pytest.mark.parametrize("order", [1, -1])
def test_each_way_to_a_last_answer_is_an_example(database: Database, tmp_path: Path, name: str, order: int) -> None:
    path = written(tmp_path, name, [*TREE[::order], *OTHER[::order]])
    preview = importing.preview(database, path)
    done = imported(database, path)
    assert said(database) == {("Always?", "No.", 2), ("Sky?", "Grey.", 0), ("Grass?", "Green.", 0)}
    assert (preview.new, done.rows, done.unused) == (3, 3, {"replies without an answer": 1})


def test_what_was_deleted_is_passed_over_and_counted(database: Database, tmp_path: Path) -> None:
    rows = [*OTHER, message(9, 7, 7, "Pink.", deleted=True), message(10, 9, 7, "Really?")]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).unused == {"deleted replies": 1}
    assert said(database) == {("Grass?", "Green.", 0)}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*TREE, *OTHER, message(9, 5, 1, "Never.")], "whose messages stand together.*sort the table"),
        ([*OTHER, message(10, 9, 7, "Lost.")], "field parent_id: '9' is not the id of a message of the same tree"),
        ([*OTHER, message(9, 9, 7, "Of itself.")], "field parent_id: '9' is not the id of a message of the same tree"),
        (
            [*OTHER, {"message_tree_id": "7", "text": "Without an id."}],
            "field message_id: None is not an id of its own",
        ),
        ([*OTHER, message(8, 7, 7, "Twice.")], "field message_id: '8' is not an id of its own"),
        ([*OTHER, message(11, None, 11, "Alone?")], "an object of 'prompt' is not one that holds an answer"),
        ([*OTHER, message(12, 7, 7, "No tree.") | {"message_tree_id": None}], "field message_tree_id: None is not"),
    ],
)
def test_messages_that_belong_to_no_conversation_fail_their_rows(
    database: Database, tmp_path: Path, rows: list[dict[str, Any]], words: str
) -> None:
    path = written(tmp_path, "rows.jsonl", rows)
    with pytest.raises(ImportRefused, match=words):
        imported(database, path)
    done = imported(database, path, skip_invalid=True)
    assert (done.skipped, ("Grass?", "Green.", 0) in said(database)) == (1, True)


@pytest.mark.parametrize(
    "columns",
    [("conversation_id", "role", "content"), ("Session", "Sender", "Message"), ("id", "from", "text", "lang")],
)
def test_a_table_of_other_messages_is_refused_with_what_to_do(
    database: Database, tmp_path: Path, columns: tuple[str, ...]
) -> None:
    path = written(tmp_path, "rows.csv", [dict.fromkeys(columns, "x")])
    with pytest.raises(
        ImportRefused, match=r"Each row is one message, .* Put the messages of each conversation into one"
    ):
        imported(database, path)
