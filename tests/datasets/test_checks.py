"""What a review finds before anything is frozen."""

from typing import Any

import pytest

from core.datasets import concerned, tokens
from core.datasets.candidates import Choice
from core.datasets.checks import CheckReport, Obstacle, review
from core.datasets.recipes import Recipe
from core.datasets.splits import Split, request_group, split_of
from core.db import Database
from core.examples.filters import EVERYTHING, Filter
from tests.datasets.conftest import Add, example

ALL_TRAIN = Split(train=100, validation=0, test=0)
ENOUGH = [example(number) for number in range(100, 220)]


def look(database: Database, **asked: Any) -> CheckReport:
    values = {"chosen": EVERYTHING, "recipe": Recipe(), "split": ALL_TRAIN, **asked}
    return review(database, values.pop("chosen"), values.pop("recipe"), values.pop("split"), **values)


def found(review: CheckReport) -> list[tuple[str, str, int]]:
    return [(finding.code, finding.severity, finding.count) for finding in review.findings]


def only(review: CheckReport, code: str) -> Obstacle:
    (finding,) = [finding for finding in review.findings if finding.code == code]
    return finding


def test_nothing_is_found_in_sound_examples(database: Database, add: Add) -> None:
    add(ENOUGH)
    clean = look(database, split=Split())
    assert clean.findings == ()
    assert not clean.blocked
    assert clean.kept == sum(clean.splits.values()) == len(ENOUGH)
    assert clean.tokens.method == "exact"
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM training_datasets").scalar_one() == 0


@pytest.mark.parametrize(
    ("target", "fields", "code"),
    [
        ("plan", {"execution_plan": "Success."}, "no_plan"),
        ("plan", {"execution_plan": None}, "no_plan"),
        ("result", {"execution_result": "  "}, "no_result"),
        ("both", {"execution_plan": "[]"}, "no_plan"),
        ("both", {"execution_result": "done"}, "no_result"),
        ("plan", {"user_request": " \n\t"}, "empty_request"),
    ],
)
def test_what_teaches_nothing_is_left_out_and_counted(
    database: Database, add: Add, target: Any, fields: dict[str, Any], code: str
) -> None:
    *_, bad = add([*ENOUGH, example(1, **fields)])
    seen = look(database, recipe=Recipe(target=target))
    assert found(seen) == [(code, "warning", 1)]
    assert (seen.kept, seen.left_out) == (len(ENOUGH), {code: 1})
    assert only(seen, code).ids == (bad,)
    assert "1 example " in only(seen, code).sentence


@pytest.mark.parametrize("chosen", [Filter(intents=("nothing",)), Filter(ids=())])
def test_no_record_at_all_is_an_error(database: Database, add: Add, chosen: Filter) -> None:
    add(ENOUGH)
    seen = look(database, chosen=chosen)
    assert found(seen) == [("nothing_left", "error", 0)]
    assert seen.blocked


def test_where_everything_is_left_out_the_reasons_are_said(database: Database, add: Add) -> None:
    odd = {"turns": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}
    ids = add([example(1, context=odd), example(2, execution_result=" ")])
    error = only(look(database, recipe=Recipe(target="result")), "nothing_left")
    assert error.sentence == (
        "No example of this filter can be taken. Left out: 1 with no usable result; 1 whose messages do "
        "not go user, assistant, user, assistant, each with a text."
    )
    assert sorted(error.ids) == sorted(ids)
    assert "Edit their context" in error.fix
    assert "Train on “plan” instead" in error.fix


USER, ASSISTANT = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    "turns",
    [
        [USER],
        [ASSISTANT],
        [ASSISTANT, USER],
        [USER, USER, ASSISTANT, ASSISTANT],
        [{"role": "system", "content": "a"}, ASSISTANT],
        [{"role": "User", "content": "a"}, ASSISTANT],
        [{"role": "user"}, ASSISTANT],
        [{"role": "user", "content": ["a"]}, ASSISTANT],
        ["user", "assistant"],
        {"role": "user"},
        None,
    ],
)
def test_turns_that_do_not_alternate_are_left_out_by_name(database: Database, add: Add, turns: Any) -> None:
    good = example(2, context={"turns": [USER, ASSISTANT, USER, ASSISTANT], "system": "x"})
    bad = add([*ENOUGH, good, example(1, context={"turns": turns})])[-1]
    seen = look(database)
    assert found(seen) == [("role_order", "warning", 1)]
    assert (only(seen, "role_order").ids, seen.kept, seen.left_out) == ((bad,), len(ENOUGH) + 1, {"role_order": 1})
    assert concerned.ids(database, Choice(EVERYTHING, Recipe(), ALL_TRAIN), "role_order") == (bad,)
    assert look(database, excluded_ids=[bad]).left_out == {"excluded": 1}


def call(*ids: str) -> dict[str, Any]:
    calls = [{"id": each, "type": "function", "function": {"name": "look", "arguments": "{}"}} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str | None) -> dict[str, Any]:
    return {"role": "tool", "content": "seen", **({"tool_call_id": call_id} if call_id else {})}


UNLEARNED = {**ASSISTANT, "weight": 0}


@pytest.mark.parametrize(
    ("context", "fault"),
    [
        ({"steps": [call("1"), result("1")]}, None),
        ({"steps": [call("1", "2"), result("2"), result("1"), call("1"), result("1")]}, None),
        ({"turns": [USER, call("1"), result("1"), ASSISTANT], "answer": {"tool_calls": call("1")["tool_calls"]}}, None),
        ({"turns": [USER, UNLEARNED]}, None),
        ({"turns": [USER, ASSISTANT], "answer": {"weight": 0}}, None),
        ({"steps": [call("1")]}, "role_order"),
        ({"steps": [call("1"), ASSISTANT]}, "role_order"),
        ({"steps": [call("1"), result("1"), USER]}, "role_order"),
        ({"steps": ["x"]}, "role_order"),
        ({"turns": [USER, call("1"), result("1")]}, "role_order"),
        ({"turns": [result("1")]}, "role_order"),
        ({"steps": [result("1")]}, "role_order"),
        ({"steps": [call("1"), {"role": "tool", "tool_call_id": "1"}]}, "role_order"),
        ({"steps": [call("1"), result("2")]}, "tool_calls"),
        ({"steps": [call("1"), result(None)]}, "tool_calls"),
        ({"steps": [call("1", "2"), result("1")]}, "tool_calls"),
        ({"steps": [call("1"), result("1"), result("1")]}, "tool_calls"),
        ({"steps": [call("1"), result("1"), call("2"), result("1")]}, "tool_calls"),
        ({"steps": [{**call("1"), "tool_calls": [{"id": "1", "function": "look"}]}, result("1")]}, "tool_calls"),
        ({"tools": "no json"}, "tool_calls"),
        ({"tools": {"name": "look"}}, "tool_calls"),
        ({"tools": "", "steps": []}, None),
        ({"tools": "[]"}, None),
        ({"steps": 5}, "role_order"),
        ({"turns": "x", "steps": []}, "role_order"),
        ({"answer": {"weight": 0}}, "unlearned"),
        ({"turns": [USER, UNLEARNED], "answer": {"weight": 0}}, "unlearned"),
    ],
)
def test_a_conversation_with_tools_is_whole_or_left_out_by_name(
    database: Database, add: Add, context: Any, fault: str | None
) -> None:
    ids = add([*ENOUGH, example(1, context=context)])
    seen = look(database, recipe=Recipe(target="result"))
    assert seen.left_out == ({fault: 1} if fault else {})
    assert not seen.blocked
    if fault:
        assert only(seen, fault).ids == (ids[-1],)


def test_what_some_formats_cannot_carry_is_named(database: Database, add: Add) -> None:
    ids = add(
        [
            *ENOUGH,
            example(1, context={"steps": [call("1"), result("1")]}),
            example(2, context={"turns": [USER, UNLEARNED]}),
        ]
    )
    seen = look(database, recipe=Recipe(target="result"))
    assert [(code, count) for code, _, count in found(seen)] == [("holds_1", 1), ("holds_2", 1)]
    assert "exports as alpaca leave such records out" in only(seen, "holds_1").sentence
    assert only(seen, "holds_2").ids == (ids[-1],)


def test_duplicates_are_dropped_or_kept_as_asked(database: Database, add: Add) -> None:
    ids = add([*ENOUGH, *(example(1, execution_id=f"copy {number}") for number in range(4))])
    dropping = look(database)
    assert found(dropping) == [("duplicate", "warning", 3)]
    assert only(dropping, "duplicate").ids == tuple(ids[-3:])
    assert look(database, drop_duplicates=False).findings == ()


def test_duplicates_in_two_splits_are_an_error(database: Database, add: Add) -> None:
    copies = [
        example(1000 + number * 200, **{key: example(1)[key] for key in ("user_request", "execution_plan")})
        for number in range(30)
    ]
    add([*ENOUGH, *copies])
    by_week = Split(train=50, validation=50, test=0, group="week")
    keeping = look(database, split=by_week, drop_duplicates=False)
    assert keeping.blocked
    assert only(keeping, "duplicate_across_splits").count == 30
    assert only(keeping, "request_across_splits").severity == "warning"
    assert not look(database, split=by_week).blocked


def test_the_same_request_in_two_splits_is_a_warning(database: Database, add: Add) -> None:
    add([*ENOUGH, *(example(1000 + number * 200, user_request="The same") for number in range(30))])
    seen = look(database, split=Split(train=50, validation=50, test=0, group="week"))
    assert only(seen, "request_across_splits").count == 30
    assert not seen.blocked


def test_too_few_rows_for_a_provider_are_told(database: Database, add: Add) -> None:
    add(20)
    few = only(look(database), "few_training_rows")
    assert few.severity == "warning"
    assert "Bedrock 32, Gemini (recommended) 100" in few.sentence
    assert "OpenAI" not in few.sentence


def dealt_to(name: str) -> Split:
    """A split that deals the one request below to this side."""
    seeds = (Split(seed=seed) for seed in range(1_000))
    return next(split for split in seeds if split_of(request_group("One and the same request"), split) == name)


def test_a_split_that_asked_for_a_share_and_got_nothing_is_told(database: Database, add: Add) -> None:
    add([example(number, user_request="One and the same request") for number in range(20)])
    seen = look(database, split=dealt_to("train"))
    assert [finding for finding in found(seen) if "no_" in finding[0]] == [
        ("no_validation_rows", "warning", 0),
        ("no_test_rows", "warning", 0),
    ]


def test_no_training_rows_are_an_error(database: Database, add: Add) -> None:
    add([example(number, user_request="One and the same request") for number in range(20)])
    seen = look(database, split=dealt_to("test"))
    assert ("no_training_rows", "error", 0) in found(seen)
    assert seen.blocked


def test_very_long_examples_are_told(database: Database, add: Add) -> None:
    ids = add([*ENOUGH, example(1, execution_plan="word " * 70_000), example(2, execution_plan="word " * 140_000)])
    seen = look(database)
    assert only(seen, "over_65536_tokens").ids == tuple(ids[-2:])
    assert only(seen, "over_131072_tokens").ids == tuple(ids[-1:])


def test_tokens_of_many_records_are_estimated_from_a_sample(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ENOUGH)
    exact = look(database).tokens
    monkeypatch.setattr(tokens, "SAMPLE", 40)
    sampled = look(database).tokens
    assert (exact.method, sampled.method) == ("exact", "estimate (sample)")
    assert sampled.count == pytest.approx(exact.count, rel=0.05)
    assert look(database).tokens == sampled


def test_without_a_tokenizer_tokens_are_marked_as_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokens.count_tokens("hello world") == tokens.TokenCount(2, exact=True)
    assert tokens.count_tokens("hello world", "other") == tokens.TokenCount(3, exact=False)
    monkeypatch.setattr(tokens, "_encoding", lambda: None)
    line = '{"messages":[{"role":"user","content":"1234"},{"role":"assistant","content":"12345"}]}'
    assert tokens.of_line(line) == tokens.TokenCount(3, exact=False)
    assert tokens.total([line], rows=1, size=len(line)).method == "estimate (bytes)"
    assert tokens.total([], rows=0, size=0).count == 0


def test_special_tokens_in_captured_text_are_plain_text() -> None:
    assert tokens.count_tokens("<|endoftext|>").count > 1
