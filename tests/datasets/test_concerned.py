"""A finding names the first examples; here are all of them."""

from core.datasets import checks, concerned
from core.datasets.candidates import Choice
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples.filters import EVERYTHING, Filter
from tests.datasets.conftest import Add, example

CHOICE = Choice(EVERYTHING, Recipe(), Split())


def test_every_reason_for_leaving_out_gives_all_its_examples(database: Database, add: Add) -> None:
    rows = [example(number) for number in range(100)]
    for row in rows[:30]:
        row["execution_plan"] = "success"
    for row in rows[30:35]:
        row["user_request"] = " "
    for row in rows[40:70]:
        row |= {"user_request": "the same", "execution_plan": "the same"}
    ids = add(rows)

    assert concerned.ids(database, CHOICE, "no_plan") == tuple(ids[:30])
    assert concerned.ids(database, CHOICE, "empty_request") == tuple(ids[30:35])
    assert concerned.ids(database, CHOICE, "duplicate") == tuple(ids[41:70])
    assert concerned.ids(database, CHOICE, "no_result") == ()


def test_turns_in_the_wrong_order_are_found(database: Database, add: Add) -> None:
    wrong = {"turns": [{"role": "assistant", "content": "first"}]}
    ids = add([example(1), example(2, context=wrong), example(3)])
    assert concerned.ids(database, CHOICE, "role_order") == (ids[1],)


def test_the_numbers_are_those_of_the_review(database: Database, add: Add) -> None:
    rows = [example(number, execution_plan="ok" if number % 3 else f"plan {number}") for number in range(60)]
    add(rows)
    chosen = Filter(quality_min=0.3)
    choice = Choice(chosen, Recipe(), Split(), excluded_ids=(4, 5, 6))
    review = checks.review(database, chosen, Recipe(), Split(), excluded_ids=(4, 5, 6))
    for finding in review.findings:
        if finding.code in concerned.CODES:
            found = concerned.ids(database, choice, finding.code)
            assert (len(found), found[:20]) == (finding.count, finding.ids)
