"""The rubric, part by part, against values worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.orchestrator.plans import Plan, Request, Step
from core.orchestrator.scoring import rubric
from core.orchestrator.scoring.rubric import Done, Part


def step(action: str = "draft", *, agent: str = "content", id_: str = "s", **payload: object) -> Step:
    return Step(id_, agent, action, payload, "why")


def done(status: str = "completed", *, text: str = "Some text.", its: Step | None = None, **result: object) -> Done:
    return Done(its or step(), status, {"text": text, **result} if status == "completed" else {})


PLAN = Plan("content", (step(format="article"),))


def test_completeness_counts_steps_and_halves_those_with_something_missing() -> None:
    part = rubric.completeness([done(), done(missing=["x"]), done("failed"), done(text=" ")])
    assert part.score == pytest.approx((2 - 0.5) / 4)
    assert part.reason == "2 of 4 steps gave a result, 1 of them with something missing."
    assert rubric.completeness([]).score == 0


def test_relevance_is_the_share_of_key_words_taken_up_endings_aside() -> None:
    part = rubric.relevance("Write a post about waiting times at repair counters", "The time you waited for a repair.")
    # post, wait(ing), time(s), repair, counter(s): three of five, of 0.6 that are full marks.
    assert part.score == 1.0
    assert part.reason.startswith("3 of 5")
    assert rubric.relevance("Write a post about waiting times at repair counters", "A repair.").score == pytest.approx(
        0.2 / 0.6, abs=0.001
    )
    assert rubric.relevance("do it", "anything").score is None


@pytest.mark.parametrize(
    ("format_", "text", "expected"),
    [
        ("article", "# T\n\nHello.\n\n## A\n- x\n\n## Next step\nGo.", 1.0),
        ("article", "# T\n\nHello.", 0.25),
        ("email", "Subject: x\n\nHello you,\n\nText. Unsubscribe.", 1.0),
        ("email", "Hi there", pytest.approx(1 / 3, abs=0.001)),
        ("thread", "1/ a\n2/ b", 1.0),
        ("thread", "a b", 0.0),
        ("memo", "# T\n\n## A\n4\n\n## What this rests on\n- x", 1.0),
        ("post", "Try it today.", 1.0),
    ],
)
def test_structure_is_the_share_of_the_marks_of_its_format(format_: str, text: str, expected: float) -> None:
    its = step(format=format_)
    assert rubric.structure(Plan("x", (its,)), [done(its=its)], text).score == expected


def test_readability_is_flesch_less_the_long_sentences() -> None:
    # "The cat sat on the mat." six words, six syllables: 206.835 - 1.015 * 6 - 84.6 = 116.1, more than full marks.
    assert rubric.readability("The cat sat on the mat.").score == 1.0
    # Six words, 19 syllables by groups of vowels: 206.835 - 6.09 - 84.6 * 19 / 6 < 0.
    hard = "Organisational responsibilities necessitate administrative documentation immediately."
    assert rubric.readability(hard).score == 0.0
    long = " ".join(["the cat sat on it and"] * 6) + "."
    assert rubric.readability(f"The cat sat. {long}").score == pytest.approx(0.5)
    assert rubric.readability(" ").score is None


def test_policy_takes_away_for_each_finding_of_the_compliance_steps() -> None:
    claims = step("claims", agent="compliance")
    found = [{"rule": "claim"}, {"rule": "unsourced number"}, {"rule": "missing disclosure"}]
    part = rubric.policy([done(its=claims, data={"findings": found})], "ignored: guaranteed", [])
    assert part.score == pytest.approx(1 - 0.15 - 0.1 - 0.25)
    worst = [{"rule": "banned word"}] * 3
    assert rubric.policy([done(its=claims, data={"findings": worst})], "", []).score == 0


def test_a_result_that_no_step_checked_is_checked_by_the_rubric() -> None:
    part = rubric.policy([done()], "A cheap thing, always.", ["cheap"])
    assert part.score == pytest.approx(1 - 0.5 - 0.15)
    assert "the check of the result" in part.reason


def part(name: str, score: float | None, weight: float) -> Part:
    return Part(name, score, weight, "", "")


def test_the_form_is_the_weighted_mean_of_what_applies() -> None:
    form, parts = rubric.form([part("a", 1.0, 0.3), part("b", None, 0.3), part("c", 0.5, 0.1)])
    assert form == pytest.approx(0.3 / 0.4 * 1 + 0.1 / 0.4 * 0.5)
    assert [each.weight for each in parts] == [0.75, 0, 0.25]


def test_where_no_part_applies_the_form_is_unknown() -> None:
    assert rubric.form([part("a", None, 1.0)])[0] is None


def test_a_step_that_only_says_what_is_not_recorded_has_not_delivered() -> None:
    only = rubric.completeness([done(text="Revenue is not recorded.", missing=["Revenue is not recorded."], n=0)])
    assert (only.score, only.reason) == (0, "0 of 1 step gave a result.")


def test_the_weights_are_one_in_all() -> None:
    assert sum(rubric.WEIGHTS.values()) == pytest.approx(1)


@given(st.text(max_size=400), st.text(max_size=400), st.lists(st.sampled_from(["completed", "failed"]), max_size=4))
def test_every_score_is_between_0_and_1_and_can_be_worked_out_again(request: str, text: str, ends: list[str]) -> None:
    form, parts = rubric.form(rubric.rubric(Request(request), PLAN, [done(status) for status in ends], text, ["x"]))
    assert form is not None
    assert 0 <= form <= 1
    assert [each.name for each in parts] == list(rubric.WEIGHTS)
    assert all(each.score is None or 0 <= each.score <= 1 for each in parts)
    assert form == pytest.approx(sum((each.score or 0) * each.weight for each in parts), abs=0.002)
    assert sum(each.weight for each in parts) == pytest.approx(1, abs=0.001)
