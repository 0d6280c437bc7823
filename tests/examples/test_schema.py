"""What the table of examples computes and refuses by itself."""

import unicodedata
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.splits import request_group
from core.db import Database
from tests.examples.rows import teaches


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.sampled_from(" \t\n\r\f\vavAbÄß.\u00a0 "))
    | st.text(st.characters(exclude_characters="\0", codec="utf-8"))
)
def test_requests_that_differ_in_case_or_white_space_are_one_group(database: Database, request_text: str) -> None:
    with database.copying() as connection:
        row = connection.execute("SELECT request_group(%s)", [request_text]).fetchone()

    assert row == (uuid.UUID(request_group(request_text)),)


def test_every_letter_of_every_alphabet_has_the_group_that_it_has_in_python(database: Database) -> None:
    letters = [chr(number) for number in range(1, 0x11000) if not 0xD800 <= number < 0xE000]
    forms = [form for letter in letters for form in (letter, unicodedata.normalize("NFD", f"Say {letter}"))]
    with database.copying() as connection:
        found = connection.execute("SELECT request_group(form) FROM unnest(%s::text[]) AS form", [forms]).fetchall()
    differ = [form for form, (key,) in zip(forms, found, strict=True) if str(key) != request_group(form)]
    assert differ == []


@pytest.mark.parametrize("is_literal", [True, False])
def test_what_teaches_is_the_same_in_python(database: Database, is_literal: bool) -> None:
    said = ["", "success", "Success", "succeeded", "successful", "successfully", "n/a", "{}", "\u00e9", "12345678901"]
    margins = ["", " ", "..", '"', "\n\t\f\v", " " * 12, "." * 300, " and more", f"{' ' * 12}x"]
    contents = [f"{before}{words}{after}" for words in said for before in margins for after in margins]
    with database.copying() as connection:
        query = "SELECT teaches(content, %s) FROM unnest(%s::text[]) AS content"
        found = [taught for (taught,) in connection.execute(query, [is_literal, contents]).fetchall()]
    assert found == [bool(content.strip(" \t\n\r\f\v")) if is_literal else teaches(content) for content in contents]


@pytest.mark.parametrize(
    ("user_request", "result", "is_trainable"),
    [
        ("Write a post", "Here it is.", True),
        ("Write a post", "success", False),
        ("Write a post", None, False),
        ("", "Here it is.", False),
        (" \t\n\r\f\v ", "Here it is.", False),
        ("v v", "v", True),
        ("\u00a0", "Here it is.", True),
    ],
)
def test_what_a_model_could_learn_from(
    database: Database, user_request: str, result: str | None, is_trainable: bool
) -> None:
    with database.copying() as connection:
        row = connection.execute(
            "INSERT INTO orchestrator_training_data (execution_id, user_request, execution_result)"
            " VALUES ('one', %s, %s) RETURNING is_trainable",
            [user_request, result],
        ).fetchone()
    assert row == (is_trainable,)


@pytest.mark.parametrize("tags", [[], ["A"], ["A" * 64], ["A", "B_2"], ["A" * 64, "B" * 64, "C" * 64]])
def test_tags_of_the_right_form_are_taken(database: Database, tags: list[str]) -> None:
    assert _insert_with(database, tags) == tags


@pytest.mark.parametrize(
    ("tags", "folded"),
    [
        (["a"], ["A"]),
        (["b", "A", "B"], ["A", "B"]),
        (["A" * 65], ["A" * 64]),
        (["B", "A" * 65], ["A" * 64, "B"]),
        (["A", ""], ["A"]),
        (["", "A"], ["A"]),
        (["A", "", "B"], ["A", "B"]),
        (["by hand"], ["BY_HAND"]),
        (["Ä"], ["_"]),
        (["A\n"], ["A"]),
        ([None], []),
        ([None, " a "], ["A"]),
        (["-"], ["_"]),
        (None, []),
    ],
)
def test_tags_of_another_form_are_folded(database: Database, tags: list[str | None] | None, folded: list[str]) -> None:
    assert _insert_with(database, tags) == folded


def _insert_with(database: Database, tags: list[str] | list[str | None] | None) -> list[str]:
    with database.copying() as connection:
        connection.execute(
            "INSERT INTO orchestrator_training_data (execution_id, user_request, tags) VALUES ('one', 'a', %s)", [tags]
        )
        row = connection.execute("SELECT tags FROM orchestrator_training_data").fetchone()
    assert row is not None
    return row[0]
