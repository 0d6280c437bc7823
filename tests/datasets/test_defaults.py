"""What a new dataset takes by itself: nothing that failed, was judged poor, or is tagged as something else."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core import demo
from core.datasets import defaults, snapshots
from core.datasets.defaults import REASONS, TAGS, outlook, safe, taken_apart
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.db.tables import examples, members
from core.errors import DatasetRefused
from core.examples import cube
from core.examples.filters import EVERYTHING, Filter
from tests.datasets.conftest import Add, example
from tests.examples.rows import filters, insert, is_trainable, matches, rows, verdict
from tests.examples.test_filters import SHARED, emptied

SAFE = Filter(verdicts=("good", "succeeded"), trainable=True, exclude_tags=tuple(sorted(TAGS)))
some_reasons = st.lists(st.sampled_from(REASONS), unique=True)


def has(reason: str, row: dict[str, Any]) -> bool:
    """The oracle: whether the reason is true of an example."""
    if reason == "untrainable":
        return not is_trainable(row)
    return reason in row["tags"] if reason in TAGS else verdict(row) == reason


class TestTheDefaults:
    def test_an_untouched_filter_becomes_the_safe_one(self) -> None:
        assert safe(Filter()) == SAFE
        assert safe(SAFE) == SAFE, "what is safe stays as it is"

    @pytest.mark.parametrize(
        ("row", "is_in"),
        [
            ({"success": True}, True),
            ({"success": True, "quality_score": None}, True),
            ({"success": True, "quality_score": 0.5}, True),
            ({"success": True, "quality_score": 0.49}, False),
            ({"success": None, "quality_score": 0.7}, True),
            ({"success": None, "quality_score": 0.69}, False),
            ({"success": None, "quality_score": None}, False),
            ({"success": None, "quality_score": None, "tags": ["MANUAL_APPROVED"]}, True),
            ({"success": None, "quality_score": 0.2, "tags": ["MANUAL_APPROVED"]}, False),
            ({"success": False, "quality_score": 1.0}, False),
            ({"success": False, "tags": ["MANUAL_APPROVED"]}, False),
            ({"execution_plan": "done", "execution_result": "ok"}, False),
            ({"user_request": "  "}, False),
            *(({"tags": [tag]}, False) for tag in TAGS),
            ({"tags": ["PRODUCTION"]}, True),
        ],
    )
    def test_each_example_is_in_or_out(self, database: Database, add: Add, row: dict[str, Any], is_in: bool) -> None:
        add([example(1, **{"quality_score": 0.9, "success": True, "tags": [], **row})])
        found = outlook(database, Filter())
        assert (found.total, found.kept) == (1, int(is_in))
        assert bool(found.left_out) is not is_in

    @SHARED
    @given(values=st.lists(rows, max_size=25), chosen=filters(), let_in=some_reasons, summed=st.booleans())
    def test_everything_left_out_or_let_in_is_counted_by_its_reasons(
        self, database: Database, values: list[dict[str, Any]], chosen: Filter, let_in: Any, summed: bool
    ) -> None:
        emptied(database)
        whole = insert(database, values)
        if summed:
            cube.refresh(database)
        found = outlook(database, chosen, let_in)
        base = [row for row in whole if matches(defaults._base(chosen), row)]
        taken = [row for row in whole if matches(found.filter, row)]
        assert (found.total, found.kept) == (len(base), len(taken))
        left = [row for row in base if row not in taken]
        closed = [reason for reason in REASONS if not defaults.admits(found.filter, reason)]
        assert found.left_out == Counter(reason for row in left for reason in closed if has(reason, row))
        assert found.let_in == Counter(reason for row in taken for reason in REASONS if has(reason, row))
        assert all(any(has(reason, row) for reason in closed) for row in left), "nothing is left out without a reason"

    @given(chosen=filters())
    def test_one_goes_on_from_a_version_with_the_filter_it_has(self, chosen: Filter) -> None:
        assert safe(*taken_apart(chosen)) == chosen

    @given(chosen=filters(), let_in=some_reasons)
    def test_the_defaults_are_taken_once(self, chosen: Filter, let_in: Any) -> None:
        once = safe(chosen, let_in)
        assert safe(*taken_apart(once)) == once


class TestWhatSomebodyAsksFor:
    @pytest.mark.parametrize(
        ("chosen", "expected"),
        [
            (Filter(success=False), {"success": False, "verdicts": ()}),
            (Filter(success=True), {"success": None, "verdicts": ("succeeded",)}),
            (Filter(verdicts=("failed",)), {"verdicts": ("failed",)}),
            (Filter(quality_max=0.4), {"quality_max": 0.4, "verdicts": ("good", "poor", "succeeded")}),
            (Filter(quality_min=0.4, quality_max=0.9), {"verdicts": ("good", "poor", "succeeded")}),
            (Filter(quality_min=0.6), {"quality_min": 0.6, "verdicts": ("good", "succeeded")}),
            (Filter(include_tags=("TEST",)), {"exclude_tags": ("DEVELOPMENT", "EXCLUDE", "LOW_QUALITY")}),
            (EVERYTHING, {"exclude_tags": ()}),
            (Filter(exclude_tags=("EXCLUDE", "OLD")), {"exclude_tags": (*sorted((*TAGS, "OLD")),)}),
        ],
    )
    def test_goes_before_the_defaults(self, chosen: Filter, expected: dict[str, Any]) -> None:
        made = safe(chosen)
        assert {name: getattr(made, name) for name in expected} == expected
        assert made.trainable

    @pytest.mark.parametrize("reason", REASONS)
    def test_is_let_in_alone(self, database: Database, add: Add, reason: Any) -> None:
        one = {
            "failed": {"success": False}, "poor": {"quality_score": 0.1},
            "unknown": {"success": None, "quality_score": None},
            "untrainable": {"execution_plan": "", "execution_result": ""},
        }  # fmt: skip
        plain = {"quality_score": 0.9, "success": True, "tags": []}
        fields = [one.get(each, {"tags": [each]}) for each in REASONS]
        add([example(number, **plain) | given for number, given in enumerate(fields)])

        found = outlook(database, Filter(), [reason])

        assert (found.total, found.kept) == (len(REASONS), 1)
        assert found.let_in == {reason: 1}
        assert defaults.WORDS[reason] in defaults.describe_outlook(found)

    def test_must_have_a_name(self) -> None:
        assert defaults.reasons(["TEST", "failed", "TEST"]) == ("failed", "TEST")
        with pytest.raises(DatasetRefused, match="'broken' is nothing that can be let in; choose from failed, poor"):
            defaults.reasons(["broken"])


class TestNames:
    def test_a_name_is_readable_and_new(self, database: Database, add: Add) -> None:
        add(20)
        assert defaults.propose_name(database, SAFE, "plan") == "good-plans"
        for expected in ("good-plans", "good-plans-2", "good-plans-3"):
            name = defaults.propose_name(database, SAFE, "plan")
            assert name == expected
            snapshots.create(database, name, filter=SAFE, recipe=Recipe(), split=Split(), actor="ada")

    def test_the_target_is_what_most_have(self, database: Database, add: Add) -> None:
        add([example(number, execution_plan="done" if number else "a plan") for number in range(3)])
        assert defaults.propose_target(database, Filter()) == "result"
        assert defaults.propose_target(database, Filter(ids=())) == "plan"


def test_the_demo_companys_default_version_holds_nothing_that_poisons(database: Database) -> None:
    """The default of before held 368 failed, 76 LOW_QUALITY, 57 DEVELOPMENT and 38 TEST of 1,932, and said nothing."""
    demo.load(database, examples=2_000, actor="ada")
    database = database.in_workspace("demo")
    found = outlook(database, Filter())
    assert {"failed", "LOW_QUALITY", "DEVELOPMENT", "TEST"} <= found.left_out.keys()
    assert found.kept + found.gone == found.total
    version = snapshots.create(
        database, "good-plans", filter=found.filter, recipe=Recipe(), split=Split(), drop_duplicates=False, actor="ada"
    )
    query = select(examples).join(members, members.c.example_id == examples.c.id)
    with database.connect() as connection:
        held = connection.execute(query.where(members.c.dataset_id == version.id)).mappings().all()
    assert len(held) == version.example_count > 1_000
    for row in held:
        assert not {*TAGS} & {*row["tags"]}
        assert row["success"] is not False
        assert row["is_trainable"]
        assert verdict(dict(row)) in ("succeeded", "good")
