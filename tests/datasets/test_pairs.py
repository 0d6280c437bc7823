"""Preference pairs: found as plain Python finds them, frozen with the version, the same bytes every time."""

from itertools import groupby
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.exc import DatabaseError

from core.datasets import versions
from core.datasets.exporting import export, row_count
from core.datasets.pairs import MARGIN
from core.datasets.recipes import Recipe
from core.datasets.splits import NAMES, Split
from core.datasets.verification import verify
from core.db import Database
from core.db.tables import examples
from tests.datasets import oracle
from tests.datasets.conftest import Add, example
from tests.datasets.test_snapshots import create


def lines(database: Database, split: str = "all", dataset: str = "plans") -> list[dict[str, Any]]:
    found = b"".join(export(database, dataset, split, "dpo"))  # type: ignore[arg-type]
    return [orjson.loads(line) for line in found.splitlines()]


def rated(number: int, request: str, plan: str, score: float | None, success: bool | None) -> dict[str, Any]:
    return example(number, user_request=request, execution_plan=plan, quality_score=score, success=success)


def test_the_best_answer_is_preferred_to_every_worse_one(database: Database, add: Add) -> None:
    add(
        [
            rated(1, "Launch", "rejected", 0.4, False),
            rated(2, "Launch", "good", 0.8, True),
            rated(3, "Launch", "nearly as good", 0.75, True),
            rated(4, "Launch", "weak", 0.5, True),
            rated(5, "Alone", "only one", 0.9, True),
            rated(6, "All failed", "one", 0.2, False),
            rated(7, "All failed", "two", 0.9, False),
            rated(8, "Unknown", "scored", 0.6, None),
            rated(9, "Unknown", "unscored", None, None),
        ]
    )
    create(database, split=Split(train=100, validation=0, test=0), recipe=Recipe(system_prompt="Be brief."))
    found = lines(database, "train")
    asked = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Launch"}]}
    assert [each["input"] for each in found] == [asked, asked]
    assert [each["preferred_output"][0] for each in found] == [{"role": "assistant", "content": "good"}] * 2
    assert [each["non_preferred_output"][0]["content"] for each in found] == ["rejected", "weak"]
    assert versions.get(database, "plans").manifest["pairs"] == {"train": 2, "validation": 0, "test": 0, "all": 2}  # type: ignore[index]


def test_what_was_shown_with_the_request_makes_it_another_conversation(database: Database, add: Add) -> None:
    pair = [rated(1, "Launch", "good", 0.9, True), rated(2, "Launch", "bad", 0.1, False)]
    pair[1]["business_state"] = {"budget": "another"}
    add(pair)
    split = Split(train=100, validation=0, test=0)
    create(database, split=split, recipe=Recipe(fields=("request", "business_state")))
    assert lines(database) == []
    assert row_count(database, "plans", "all", "dpo") == 0
    create(database, split=split)
    assert row_count(database, "plans@2", "all", "dpo") == 1


def test_pairs_stay_when_scores_change_and_cannot_be_changed(database: Database, add: Add) -> None:
    ids = add([rated(n, f"Request {n % 5}", f"plan {n}", n % 11 / 10, n % 3 > 0) for n in range(40)])
    create(database, split=Split(train=60, validation=20, test=20))
    before = {split: b"".join(export(database, "plans", split, "dpo")) for split in (*NAMES, "all")}
    assert before["all"]
    with database.begin() as connection:
        connection.execute(update(examples).where(examples.c.id.in_(ids)).values(quality_score=0.5, success=None))
        connection.execute(
            update(examples).where(examples.c.id.in_(ids[::3])).values(revision=2, execution_plan="another")
        )
    assert {split: b"".join(export(database, "plans", split, "dpo")) for split in (*NAMES, "all")} == before
    assert verify(database, "plans").ok
    for statement in (
        "DELETE FROM dataset_pairs",
        "UPDATE dataset_pairs SET preferred = other + 1",
        "INSERT INTO dataset_pairs SELECT dataset_id, 1000, 0, 1, 2 FROM dataset_pairs LIMIT 1",
    ):
        with pytest.raises(DatabaseError, match="frozen"), database.begin() as connection:
            connection.execute(text(statement))


def test_a_pair_that_is_gone_is_found_by_verify(database: Database, add: Add) -> None:
    add([rated(1, "Launch", "good", 0.9, True), rated(2, "Launch", "bad", 0.1, False)])
    create(database, split=Split(train=100, validation=0, test=0))
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE dataset_pairs DISABLE TRIGGER frozen"))
        connection.execute(text("DELETE FROM dataset_pairs"))
    assert verify(database, "plans").faults == ("It has 0 pairs; 1 were frozen.",)


RUNS = st.lists(
    st.tuples(
        st.sampled_from(["Launch", "launch", "Report"]),
        st.sampled_from(["plan a", "plan b", "plan c"]),
        st.none() | st.integers(0, 20).map(lambda twentieth: twentieth / 20),
        st.none() | st.booleans(),
        st.sampled_from([{"topic": 1}, {"topic": 2}]),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=RUNS)
def test_any_runs_give_the_pairs_that_plain_python_finds(database: Database, add: Add, runs: list) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE orchestrator_training_data SET withdrawn_at = now() WHERE withdrawn_at IS NULL"
        )
    recipe = Recipe(fields=("request", "business_state"))
    start = database_size(database)
    rows = [
        {**rated(start + n, request, plan, score, success), "business_state": state}
        for n, (request, plan, score, success, state) in enumerate(runs)
    ]
    add(rows)
    version = create(database, recipe=recipe, split=Split(train=100, validation=0, test=0), drop_duplicates=False)
    expected = [
        (oracle.user_message(best, recipe), best["execution_plan"], other["execution_plan"])
        for best, other in pairs_of(rows, recipe)
    ]
    found = [
        (
            each["input"]["messages"][-1]["content"],
            each["preferred_output"][0]["content"],
            each["non_preferred_output"][0]["content"],
        )
        for each in lines(database, dataset=version.label)
    ]
    assert found == expected
    assert row_count(database, version, "all", "dpo") == len(expected)


def database_size(database: Database) -> int:
    with database.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM orchestrator_training_data").scalar_one()


def pairs_of(rows: list[dict[str, Any]], recipe: Recipe) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(preferred, other) in the order of the others."""

    def asked(row: dict[str, Any]) -> str:
        return oracle.user_message(row, recipe)

    found = []
    for _, group in groupby(sorted(enumerate(rows), key=lambda each: (asked(each[1]), each[0])), lambda e: asked(e[1])):
        answers = list(group)
        fit = [each for each in answers if each[1]["success"] is not False]
        if not fit:
            continue
        best = min(fit, key=lambda each: (not each[1]["success"], -_score(each[1]), each[0]))[1]
        found += [(place, best, other) for place, other in answers if is_worse(other, best)]
    return [(best, other) for _, best, other in sorted(found, key=lambda each: each[0])]


def is_worse(other: dict[str, Any], best: dict[str, Any]) -> bool:
    if other["execution_plan"] == best["execution_plan"]:
        return False
    scores = (best["quality_score"], other["quality_score"])
    lower = None not in scores and scores[0] - scores[1] >= MARGIN - 1e-9
    return bool(best["success"] and other["success"] is False) or lower


def _score(row: dict[str, Any]) -> float:
    return -1.0 if row["quality_score"] is None else row["quality_score"]
