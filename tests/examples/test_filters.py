"""The filter: one meaning in SQL, Python, JSON and the URL."""

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from core.db import Database
from core.db.tables import cube_version, example_words, examples
from core.errors import InvalidFilter
from core.examples.filters import Filter, describe, from_query, parse, to_query, where, without
from tests.examples.rows import filters, insert, matches, rows

SHARED = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def emptied(db: Database) -> None:
    """Hypothesis runs many examples against one database; the trigger that protects rows steps aside for that."""
    with db.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(delete(examples))
        connection.execute(delete(example_words))
        connection.execute(delete(cube_version))  # nor did anything note that the examples changed


@SHARED
@given(values=st.lists(rows, max_size=25), chosen=st.lists(filters(), min_size=1, max_size=8))
def test_sql_chooses_what_plain_python_chooses(
    database: Database, values: list[dict[str, object]], chosen: list[Filter]
) -> None:
    emptied(database)
    whole = insert(database, values)
    with database.connect() as connection:
        for one in chosen:
            found = set(connection.execute(select(examples.c.id).where(where(one))).scalars())
            assert found == {row["id"] for row in whole if matches(one, row)}, describe(one)


@given(filters())
def test_a_filter_survives_its_json(chosen: Filter) -> None:
    assert parse(chosen.to_json()) == chosen


@given(filters())
def test_a_filter_survives_its_link(chosen: Filter) -> None:
    link = urlencode(to_query(chosen), doseq=True)
    assert from_query(parse_qs(link, keep_blank_values=True)) == chosen


def test_tags_are_folded_in_json_and_in_links() -> None:
    chosen = Filter(include_tags=("PRODUCTION",), exclude_tags=("TEST",))
    assert parse('{"include_tags": ["production"], "exclude_tags": [" Test "]}') == chosen
    assert from_query({"tag": ["production"], "without": ["test"]}) == chosen


def test_equal_choices_have_equal_json() -> None:
    assert Filter(intents=["b", "a", "a"]).to_json() == Filter(intents=["a", "b"]).to_json() == '{"intents":["a","b"]}'
    assert Filter().to_json() == "{}"


@pytest.mark.parametrize(
    ("given_json", "field"),
    [
        ('{"quality_min": 7.5}', "quality_min"),
        ('{"quality_min": 0.9, "quality_max": 0.1}', "lowest quality 0.9"),
        ('{"include_tags": ["not a tag"]}', "include_tags"),
        ('{"verdicts": ["nice"]}', "verdicts.*'succeeded'"),
        ('{"colour": "red"}', "colour.*there are quality_min, "),
        ('{"created_from": "yesterday"}', "created_from"),
        ('{"created_from": "2026-02-01", "created_to": "2026-01-01"}', "first date"),
        ('{"words": "a\\u0000b"}', "words.*NUL"),
        ('{"intents": ["a\\u0000b"]}', "intents.*NUL"),
        ('{"source_models": ["a\\u0000b"]}', "source_models.*NUL"),
        ('{"ids": [9223372036854775808]}', "ids"),
        ('{"created_from": "0001-01-01T00:00:00+14:00"}', "created_from.*outside"),
        ('{"created_to": "9999-12-31T23:59:59-14:00"}', "created_to.*outside"),
        ("{", "not JSON"),
        ("[]", "filter"),
    ],
)
def test_a_bad_filter_is_refused_by_name(given_json: str, field: str) -> None:
    with pytest.raises(InvalidFilter, match=field):
        parse(given_json)


def test_a_filter_reads_as_words() -> None:
    chosen = Filter(quality_min=0.5, intents=["content"], success=True, words="launch")
    assert describe(chosen) == (
        "quality 0.5 to 1, intent content, succeeded, not tagged EXCLUDE, request with the words “launch”"
    )


def test_a_filter_of_before_verdicts_says_what_it_said() -> None:
    """Its JSON stands in frozen manifests, and their hashes are taken over it."""
    chosen = Filter(quality_min=0.7, success=True, trainable=True)
    assert chosen.to_json() == '{"quality_min":0.7,"success":true,"trainable":true}'
    assert parse(chosen.to_json()).verdicts == ()


def test_verdicts_are_written_and_read_like_every_other_choice() -> None:
    chosen = Filter(verdicts=["succeeded", "good"])  # pyright: ignore[reportArgumentType]
    assert chosen.to_json() == '{"verdicts":["good","succeeded"]}'
    assert to_query(chosen) == {"verdict": ["good", "succeeded"]}
    assert describe(chosen) == "succeeded or judged good, not tagged EXCLUDE"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (Filter(unscored="only"), "not scored, not tagged EXCLUDE"),
        (Filter(quality_min=0.5, unscored="keep"), "quality 0.5 to 1, or not scored, not tagged EXCLUDE"),
        (Filter(unscored="hide"), "scored, not tagged EXCLUDE"),
    ],
)
def test_what_is_asked_of_unscored_examples_is_said_and_kept(chosen: Filter, said: str) -> None:
    assert describe(chosen) == said
    assert from_query(to_query(chosen)) == chosen


def test_a_filter_without_a_dimension_asks_all_the_rest() -> None:
    chosen = Filter(quality_min=0.5, unscored="keep", intents=("a",), include_tags=("T",), words="x")
    assert without(chosen, "quality") == Filter(intents=("a",), include_tags=("T",), words="x")
    assert without(chosen, "intent") == chosen.model_copy(update={"intents": ()})
    assert without(chosen, "month") == chosen


def test_the_words_say_no_less_than_the_filter() -> None:
    chosen = Filter(quality_min=0.12345678, created_from="2026-01-01T00:00:30Z", created_to="2026-02-01T00:00:00Z")  # pyright: ignore[reportArgumentType]
    assert describe(chosen) == (
        "quality 0.12345678 to 1, not tagged EXCLUDE, from 2026-01-01 00:00:30, before 2026-02-01 00:00"
    )
