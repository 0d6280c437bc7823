"""Candidates and the choice among them, whatever the records and the answers are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TuningRefused
from core.llm.models import Model
from core.tuning.providers.claude import records, requests
from core.tuning.providers.claude.answers import BatchAnswer, Bill, Usage, cost_usd
from core.tuning.providers.claude.candidates import candidates, overlaps
from core.tuning.providers.claude.options import wishes
from core.tuning.providers.claude.records import Record
from core.tuning.providers.claude.selection import BASE, choose
from tests.tuning.claude import course

WORDS = st.sampled_from(["alpha", "beta", "gamma", "delta", "INV-1", "x"])
POOL = st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), min_size=0, max_size=30)


def pool_of(texts: list[str]) -> list[Record]:
    return [Record(10 + index, "", (("user", text),), "answer") for index, text in enumerate(texts)]


@settings(deadline=None, max_examples=40)
@given(POOL, st.sets(st.integers(1, 8), min_size=1, max_size=4))
def test_candidates_are_different_sets_from_the_pool_the_bare_model_first(texts: list[str], sizes: set[int]) -> None:
    pool = pool_of(texts)
    found = candidates(pool, sorted(sizes))
    assert found == candidates(pool, sorted(sizes))
    assert found[0].positions == ()
    positions = [tuple(sorted(each.positions)) for each in found]
    assert len(set(positions)) == len(positions)
    assert {len(each) for each in positions} <= {0, *sizes}
    for each in positions:
        assert len(set(each)) == len(each)
        assert set(each) <= {record.position for record in pool}
    if len(pool) >= min(sizes):
        assert len(found) > 1


def test_diverse_examples_differ_and_typical_ones_stand_for_many() -> None:
    pool = pool_of(["pay the bill now", "pay the bill today", "pay the bill soon", "sing a song", "write some code"])
    named = {each.name: each.positions for each in candidates(pool, [1, 3])}
    assert set(named["diverse-3"]) & {13, 14} == {13, 14}
    assert named["typical-1"][0] in (10, 11, 12) if "typical-1" in named else named["diverse-1"][0] in (10, 11, 12)


_SHADES = ["red", "red and blue", "blue and green", "green", "white"]


def test_intents_are_covered_before_any_comes_twice() -> None:
    pool = [
        Record(position, "", (("user", f"Request:\n{_SHADES[position % 5]}\n\nIntent: {intent}"),), "a")
        for position, intent in enumerate(["one"] * 10 + ["two"] * 3 + ["three"])
    ]
    (four,) = (each for each in candidates(pool, [4]) if each.name == "intents-4")
    intents = [pool[position].prompt.rpartition("Intent: ")[2] for position in four.positions]
    assert intents == ["one", "two", "three", "one"]


def test_how_alike_texts_are_is_the_share_of_common_words() -> None:
    found = overlaps(["a b c", "B c d", "", ""])
    assert found[0, 1] == pytest.approx(0.5)
    assert np.allclose(np.diag(found), 1)
    assert found[2, 3] == 1
    assert found[0, 2] == 0


ANSWERS = st.sampled_from(["yes it is", "no", "yes it was", "", "perhaps"])


@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(1, 5), st.integers(8, 20))
def test_the_chosen_candidate_is_never_worse_than_the_bare_model_on_validation(
    data: st.DataObject, others: int, rows: int
) -> None:
    expected = dict.fromkeys(range(rows), "yes it is")
    answers = {
        (candidate, row): BatchAnswer(f"{candidate}-{row}", "succeeded", data.draw(ANSWERS))
        for candidate in range(others + 1)
        for row in range(rows)
    }
    costs = [0, *data.draw(st.lists(st.integers(1, 500), min_size=others, max_size=others))]
    choice = choose(answers, expected, costs)
    chosen, base = choice.entry(choice.candidate), choice.entry(BASE)
    assert chosen.value.mean >= base.value.mean
    assert chosen.gain.mean == pytest.approx(chosen.value.mean - base.value.mean)
    assert choice == choose(answers, expected, costs)
    # Nothing simpler is as good as the chosen one.
    assert not any(
        each.value.mean >= max(other.value.mean for other in choice.entries)
        for each in choice.entries
        if costs[each.candidate] < costs[chosen.candidate]
    )


def answered(*columns: str) -> dict[tuple[int, int], BatchAnswer]:
    """Columns of y (right) and n (wrong) and . (none), one a candidate."""
    said = {"y": "yes", "n": "no"}
    return {
        (candidate, row): BatchAnswer("", "succeeded", said[sign]) if sign in said else BatchAnswer("", "errored")
        for candidate, column in enumerate(columns)
        for row, sign in enumerate(column)
    }


RIGHT = dict.fromkeys(range(20), "yes")


@pytest.mark.parametrize(
    ("columns", "costs", "chosen"),
    [
        # One more right answer than the bare model is luck.
        (("y" * 10 + "n" * 10, "y" * 11 + "n" * 9), [0, 50], 0),
        # Ten more are not.
        (("y" * 8 + "n" * 12, "y" * 18 + "n" * 2), [0, 50], 1),
        # Of two that are about as good the simpler one wins.
        (("n" * 20, "y" * 18 + "n" * 2, "y" * 19 + "n"), [0, 50, 900], 1),
        # A clearly better one wins although it costs more.
        (("n" * 20, "y" * 10 + "n" * 10, "y" * 20), [0, 50, 900], 2),
        # Worse than the bare model is never chosen.
        (("y" * 20, "y" * 19 + "n"), [0, 50], 0),
    ],
)
def test_the_simplest_wins_inside_noise(columns: tuple[str, ...], costs: list[int], chosen: int) -> None:
    assert choose(answered(*columns), RIGHT, costs).candidate == chosen


def test_only_records_that_all_answered_are_compared_and_who_answered_few_is_left_out() -> None:
    choice = choose(answered("n" * 20, "." * 2 + "y" * 18, "y" * 5 + "." * 15), RIGHT, [0, 10, 20])
    assert choice.candidate == 1
    assert choice.rows == tuple(range(2, 20))
    assert [each.is_compared for each in choice.entries] == [True, True, False]
    assert [each.missing for each in choice.entries] == [0, 2, 15]


@pytest.mark.parametrize("columns", [("." * 20, "y" * 20), ("y" * 7 + "." * 13, "y" * 7 + "." * 13)])
def test_too_few_answers_choose_nothing(columns: tuple[str, ...]) -> None:
    with pytest.raises(TuningRefused, match="at least 8 are needed"):
        choose(answered(*columns), RIGHT, [0, 10])


def test_the_cache_and_long_prompts_are_priced_as_documented() -> None:
    model = Model("anthropic", "claude-sonnet-5-5")
    plain = cost_usd(model, Usage(input=1_000_000))
    assert plain == 1
    assert cost_usd(model, Usage(written_5m=1_000_000)) == pytest.approx(plain * 5 / 4)
    assert cost_usd(model, Usage(written_1h=1_000_000)) == 2
    assert cost_usd(model, Usage(read=1_000_000)) == pytest.approx(plain / 10)
    assert cost_usd(model, Usage(output=1_000_000)) == 5
    assert cost_usd(model, Usage()) == 0
    haiku = Model("anthropic", "claude-haiku-5-5")
    assert cost_usd(haiku, Usage(input=100_001)) is None
    bill = Bill().with_answer(haiku, BatchAnswer("a", "succeeded", usage=Usage(input=10, output=1)))
    assert bill.cost_usd is not None
    assert bill.with_answer(haiku, BatchAnswer("b", "succeeded", usage=Usage(input=100_001))).cost_usd is None


def test_a_sample_is_the_same_for_the_same_seed_and_holds_no_record_twice(tmp_path: Path) -> None:
    path = course.write(tmp_path, "x", course.cases(0, 50))
    drawn = records.sample(path, 20, 3)
    assert drawn == records.sample(path, 20, 3)
    assert len({each.position for each in drawn}) == 20
    assert drawn != records.sample(path, 20, 4)
    assert records.sample(path, 10, 3) == drawn[:10]
    assert records.sample(None, 10, 3) == []
    assert records.usual_system(path) == course.SYSTEM


def test_a_system_prompt_is_taken_over_only_where_half_of_the_records_share_it(tmp_path: Path) -> None:
    def lines(*systems: str) -> list[str]:
        return [course.line("q", "a", each) for each in systems]

    assert records.usual_system(course.write(tmp_path, "a", lines("one", "two", "two"))) == "two"
    assert records.usual_system(course.write(tmp_path, "b", lines("one", "two", "three"))) == ""
    assert records.usual_system(course.write(tmp_path, "c", lines("", "", "one"))) == ""
    assert records.usual_system(None) == ""


@pytest.mark.parametrize(
    ("own", "given", "sent"),
    [("Be brief.", "Be brief. ", "Be brief."), ("A", "B", "A\n\nB"), ("", "B", "B"), ("A", "", "A"), (" ", "", None)],
)
def test_the_profiles_prompt_goes_before_the_records_own_and_not_twice(own: str, given: str, sent: str | None) -> None:
    record = Record(0, given, (("user", "q"),), "a")
    asked = requests.params(model="m", system=own, examples=[], record=record, max_tokens=5)
    assert asked.get("system") == sent
    assert set(asked) <= {"model", "max_tokens", "messages", "system"}


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = course.write(tmp_path, "x", [*course.cases(0, 2), '{"messages": []}'])
    with pytest.raises(TuningRefused, match=r"Line 3 of x\.jsonl"):
        list(records.read(path))


def test_sizes_are_read_as_people_write_them() -> None:
    assert wishes({"sizes": "8,2; 4 2"}).sizes == (2, 4, 8)
    assert wishes({}).sizes == (2, 4, 8)
    assert wishes({"validation_rows": 20.0}).validation_rows == 20
