"""Splits depend on the group alone, and SQL and Python agree on them."""

import datetime as dt
import hashlib
import unicodedata
import uuid
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.datasets import splits
from core.datasets.rendering import run
from core.datasets.splits import GROUPS, NAMES, Split, group_key, parse, request_group, split_of
from core.db import Database
from core.errors import DatasetRefused
from tests.datasets.conftest import START, Add, example

shares = st.integers(0, 100).flatmap(
    lambda train: st.integers(0, 100 - train).map(
        lambda validation: {"train": train, "validation": validation, "test": 100 - train - validation}
    )
)
any_split = st.builds(
    lambda shares, seed, group: Split(**shares, seed=seed, group=group),
    shares,
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from(GROUPS),
)
ROWS = [
    example(number, user_request=request, business_state=state, created_at=START + dt.timedelta(days=17 * number))
    for number, (request, state) in enumerate(
        [
            ("Plan a campaign", {"topic": "Spring sale"}),
            ("plan   A\ncampaign ", {"topic": ""}),
            ("PLAN ÄÖ É", {}),
            ("plan äö é", {"topic": None}),
            ("Pla\u0308n A\u0308o\u0308", {}),
            ("\u0391\u0301\u03a3 \u0419\u3000x", {}),
            ("\u00a0 \x0b", {"topic": "Été 🚀"}),
            ("", {"topic": "Spring sale"}),
        ]
        * 8
    )
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(split=any_split)
def test_sql_and_python_agree(database: Database, add: Add, split: Split) -> None:
    with database.connect() as connection:
        if not run(connection, "SELECT 1 FROM orchestrator_training_data LIMIT 1"):
            add(ROWS)
        in_sql = run(connection, f"SELECT {splits.sql(split)} FROM orchestrator_training_data ORDER BY execution_id")
    in_python = [split_of(group_of(row, split), split) for row in ROWS]
    assert [NAMES[number] for (number,) in in_sql] == in_python


def group_of(row: dict[str, Any], split: Split) -> str:
    state = row["business_state"]
    return group_key(
        split,
        request=row["user_request"],
        topic=state.get("topic"),
        created_at=row["created_at"],
        context=row["context"],
    )


any_text = st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs", "Cn"], exclude_characters="\0"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=any_text)
def test_any_request_has_one_group_in_sql_and_python_whatever_its_form(database: Database, request: str) -> None:
    forms = [request, *(unicodedata.normalize(form, request) for form in ("NFC", "NFD")), f"\u00a0{request}\t"]
    with database.connect() as connection:
        found = {connection.scalar(select(func.request_group(form))) for form in forms}
    assert {str(key) for key in found} == {request_group(form) for form in forms} == {request_group(request)}


def test_letters_of_other_alphabets_are_one_group_in_either_case() -> None:
    for words in ("Résumé der Straße", "ΑΘΗΝΑ", "Привет, Ёлка", "Được Ẩm", "ĐAKOVO Šibenik"):
        assert (
            request_group(words) == request_group(words.lower()) == request_group(unicodedata.normalize("NFD", words))
        )


def test_what_is_written_in_ascii_keeps_the_group_that_it_had() -> None:
    assert request_group(" Plan  a\tCampaign") == str(uuid.UUID(hashlib.md5(b"plan a campaign").hexdigest()))


questions = st.lists(any_text.filter(str.strip), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=questions, split=any_split.filter(lambda split: split.group != "week"))
def test_all_records_of_a_growing_conversation_are_on_one_side(
    database: Database, add: Add, asked: list[str], split: Split
) -> None:
    """Each record holds one question more, as a trace does that is logged after every answer."""
    rows = [
        example(
            number,
            execution_id=str(uuid.uuid4()),
            user_request=question,
            business_state={},
            context={"turns": [turn for each in asked[:number] for turn in said(each)]} if number else None,
        )
        for number, question in enumerate(asked)
    ]
    ids = add(rows)
    query = (
        f"SELECT DISTINCT {splits.sql(split)} FROM orchestrator_training_data WHERE id BETWEEN {ids[0]} AND {ids[-1]}"
    )
    with database.connect() as connection:
        (found,) = run(connection, query)
    assert {NAMES[found[0]]} == {split_of(group_of(row, split), split) for row in rows}


def said(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": f"Answer to {question}"}]


@pytest.mark.parametrize(
    "context",
    [None, {}, {"turns": []}, {"turns": "x"}, {"turns": [1, {"role": "user", "content": [1]}]}, {"turns": {"a": 1}}],
)
def test_what_holds_no_earlier_question_is_a_conversation_of_its_own(
    database: Database, add: Add, context: Any
) -> None:
    add([example(1, context=context, business_state={})])
    split = Split(train=34, validation=33, test=33)
    with database.connect() as connection:
        ((found,),) = run(connection, f"SELECT {splits.sql(split)} FROM orchestrator_training_data")
    assert NAMES[found] == split_of(request_group(example(1)["user_request"]), split)


def test_requests_that_differ_in_case_and_white_space_are_one_group() -> None:
    assert request_group("Plan  a\tcampaign\n") == request_group(" plan a CAMPAIGN")
    assert request_group("plan a campaign") != request_group("plan a campaign!")


def test_about_the_asked_share_falls_into_each_split() -> None:
    split = Split(train=70, validation=20, test=10)
    counts = Counter(split_of(f"group {number}", split) for number in range(10_000))
    assert counts["train"] == pytest.approx(7_000, abs=200)
    assert counts["validation"] == pytest.approx(2_000, abs=200)


def test_a_share_of_zero_gets_nothing_and_of_a_hundred_all() -> None:
    keys = [f"group {number}" for number in range(1_000)]
    assert {split_of(key, Split(train=0, validation=100, test=0)) for key in keys} == {"validation"}
    assert {split_of(key, Split(train=0, validation=0, test=100)) for key in keys} == {"test"}


def test_a_growing_share_only_takes_rows_and_gives_none() -> None:
    keys = [f"group {number}" for number in range(2_000)]
    small = {key for key in keys if split_of(key, Split(train=50, validation=25, test=25)) == "train"}
    large = {key for key in keys if split_of(key, Split(train=60, validation=20, test=20)) == "train"}
    assert small < large


def test_another_seed_deals_anew() -> None:
    keys = [f"group {number}" for number in range(200)]
    assert [split_of(key, Split(seed=1)) for key in keys] != [split_of(key, Split(seed=2)) for key in keys]


def test_iso_weeks_turn_on_monday_in_utc() -> None:
    split = Split(group="week")
    sunday_night = dt.datetime(2026, 1, 4, 23, 30, tzinfo=dt.timezone(-dt.timedelta(hours=1)))  # Monday 00:30 in UTC
    assert group_key(split, request="", topic=None, created_at=sunday_night) == "2026-W02"
    assert group_key(split, request="", topic=None, created_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC)) == "2026-W53"


@pytest.mark.parametrize(
    ("words", "expected"), [("80/10/10", (80, 10, 10)), ("100", (100, 0, 0)), (" 90 / 10 ", (90, 10, 0))]
)
def test_shares_are_read(words: str, expected: tuple[int, int, int]) -> None:
    split = parse(words, seed=7, group="week")
    assert (split.train, split.validation, split.test) == expected
    assert (split.seed, split.group) == (7, "week")


@pytest.mark.parametrize("words", ["", "80", "80/10", "80/10/20", "-10/100/10", "a/b/c", "80/10/5/5", "8.5/1.5/90"])
def test_shares_that_are_not_a_hundred_percent_are_refused(words: str) -> None:
    with pytest.raises(DatasetRefused, match="split"):
        parse(words)
