"""The first steps: each is taken once there is one of its things."""

from sqlalchemy import text

from core import first_steps
from core.db import Database
from core.examples import tagging
from core.first_steps import FirstSteps
from tests.served import add


def test_an_untouched_workspace_has_taken_none(database: Database) -> None:
    assert first_steps.taken(database) == FirstSteps(False, False, False, False, False)
    assert first_steps.taken(database).done == 0


def test_steps_are_taken_one_by_one(database: Database) -> None:
    ids = add(database, {})
    assert first_steps.taken(database) == FirstSteps(True, False, False, False, False)
    tagging.add_tags(database, ids, ["TEST"], actor="ada", reason="")
    assert first_steps.taken(database) == FirstSteps(True, True, False, False, False)


def test_withdrawn_examples_are_no_import(database: Database) -> None:
    add(database, {})
    with database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_training_data SET withdrawn_at = now()"))
    assert not first_steps.taken(database).imported


def test_all_five_make_it_complete() -> None:
    assert FirstSteps(True, True, True, True, True).is_complete
    assert not FirstSteps(True, True, True, True, False).is_complete
