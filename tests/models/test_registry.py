"""The registry of models."""

import datetime as dt
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from core import audit, deployments, models
from core.db import Database
from core.db.tables import models as table
from core.errors import ConfigurationError, Conflict, ModelRefused, UnknownModel
from core.tuning.providers.protocol import TrainedModel
from tests.orchestrator.driving import at_once
from tests.tuning.made import a_job, a_model, an_evaluation


def test_what_came_of_a_job_is_registered_with_all_that_is_known_of_it(database: Database) -> None:
    made = {
        "artefacts": [{"path": "a.gguf", "sha256": "0" * 64}], "checkpoints": [{"step": 3}],
        "parameters": {"epochs": 3}, "cost_usd": Decimal("1.25"), "serving": "ready", "note": "Smoke test passed.",
    }  # fmt: skip
    model_id = a_model(database, call_name="ollama:plans", **made).id
    with database.connect() as connection:
        row = connection.execute(select(table).where(table.c.id == model_id)).one()
    assert (row.name, row.kind, row.provider, row.call_name) == ("plans", "tuned", "local", "ollama:plans")
    assert {name: getattr(row, name) for name in ("artefacts", "checkpoints", "parameters", "cost_usd", "serving")} == {
        name: value for name, value in made.items() if name != "note"
    }
    assert (row.notes, row.profile, row.created_by) == ("Smoke test passed.", None, "tuning")
    (line,) = audit.entries(database, subject="model", subject_id=model_id)
    assert (line.actor, line.action, line.after["kind"]) == ("tuning", "register", "tuned")


def test_a_name_that_is_taken_gets_a_number(database: Database) -> None:
    for name in ("plans", "plans", "plans 2", "plans", "plan%", "plan%"):
        a_model(database, name)
    with database.connect() as connection:
        names = set(connection.scalars(select(table.c.name)))
    assert names == {"plans", "plans 2", "plans 2 2", "plans 3", "plan%", "plan% 2"}


def test_a_job_is_registered_once(database: Database) -> None:
    with database.begin() as connection:
        job_id = a_job(connection)
    ids = []
    for _ in range(2):
        with database.begin() as connection:
            ids.append(
                models.register_in(
                    connection,
                    job_id=job_id,
                    dataset_id=None,
                    provider="local",
                    base_model="b",
                    name="plans",
                    made=TrainedModel("tuned", "ollama:plans"),
                    actor="tuning",
                )
            )
    assert ids[0] == ids[1]
    assert len(audit.entries(database, subject="model")) == 1


def test_many_jobs_that_end_at_once_get_names_of_their_own(database: Database) -> None:
    at_once([lambda: a_model(database, "plans")] * 6)  # type: ignore[list-item]
    assert sorted(each.name for each in models.all_models(database)) == ["plans", *(f"plans {n}" for n in range(2, 7))]


def test_a_model_that_answers_already_is_added_as_a_base(database: Database) -> None:
    model = models.add_base(database, "anthropic:claude-haiku-4-5", actor="ada", reason="to compare")
    assert (model.name, model.kind, model.provider, model.base_model, model.serving) == (
        "anthropic:claude-haiku-4-5",
        "base",
        "claude",
        "claude-haiku-4-5",
        "ready",
    )
    assert (model.job_id, model.cost_usd, model.in_use, model.created_by) == (None, None, False, "ada")
    with pytest.raises(Conflict, match="already, as 'anthropic:claude-haiku-4-5'"):
        models.add_base(database, "anthropic:claude-haiku-4-5", actor="bob")
    with pytest.raises(ConfigurationError, match="names no model"):
        models.add_base(database, "haiku", actor="bob")
    (line,) = audit.entries(database, subject="model")
    assert (line.actor, line.reason) == ("ada", "to compare")


def test_the_same_base_added_in_two_windows_is_there_once(database: Database) -> None:
    refused: list[str] = []

    def add() -> None:
        try:
            models.add_base(database, "ollama:qwen3:4b", actor="ada")
        except Conflict as conflict:
            refused.append(str(conflict))

    at_once([add] * 4)
    assert (len(models.all_models(database)), len(refused)) == (1, 3)


def test_a_model_is_found_by_id_and_by_name(database: Database) -> None:
    model = a_model(database, "plans")
    assert models.get(database, model.id) == models.get(database, "plans") == models.get(database, str(model.id))
    for wrong in (99, 0, 2**70, "nothing", "99", "a\0b", "²"):
        with pytest.raises(UnknownModel, match="there are: plans"):
            models.get(database, wrong)


def test_an_empty_registry_says_what_to_do(database: Database) -> None:
    with pytest.raises(UnknownModel, match="train one, or add a base model"):
        models.get(database, "plans")


def test_pages_follow_each_other_the_newest_first(database: Database) -> None:
    names = [a_model(database, f"m{number}").name for number in range(5)]
    profile = a_model(database, "p", kind="profile", profile={"system": "Be brief.", "examples": []})
    seen, after = [], None
    while True:
        page = models.page(database, after=after, limit=2, kinds=("tuned",))
        seen += [model.name for model in page.rows]
        after = page.next
        if after is None:
            break
    assert seen == names[::-1]
    assert [model.id for model in models.page(database, kinds=("profile",)).rows] == [profile.id]


def test_notes_names_and_dates_change_and_each_change_is_on_record(database: Database) -> None:
    model = a_model(database, "plans")
    other = a_model(database, "other")
    assert models.set_notes(database, model.id, " Better with dates. ", actor="ada", reason="seen")
    assert not models.set_notes(database, model.id, "Better with dates.", actor="ada")
    assert models.rename(database, model.id, "plans  of May", actor="bob")
    assert models.set_shutdown_date(database, model.id, dt.date(2027, 1, 31), actor="ada")
    now = models.get(database, model.id)
    assert (now.notes, now.name, now.shutdown_date) == ("Better with dates.", "plans of May", dt.date(2027, 1, 31))
    lines = audit.entries(database, subject="model", subject_id=model.id)
    assert [(line.actor, line.action, line.before, line.after) for line in lines[:3]] == [
        ("ada", "shutdown date", {"shutdown_date": None}, {"shutdown_date": "2027-01-31"}),
        ("bob", "rename", {"name": "plans"}, {"name": "plans of May"}),
        ("ada", "notes", {"notes": ""}, {"notes": "Better with dates."}),
    ]
    with pytest.raises(ModelRefused, match="already"):
        models.rename(database, other.id, "plans of May", actor="ada")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\0", "12"])
def test_what_is_no_name_is_refused(database: Database, name: str) -> None:
    model = a_model(database)
    with pytest.raises(ModelRefused):
        models.rename(database, model.id, name, actor="ada")


@pytest.mark.parametrize("notes", ["x" * 20_001, "a\0", "\ud800"])
def test_notes_that_cannot_be_kept_are_refused(database: Database, notes: str) -> None:
    with pytest.raises(ModelRefused, match="shorten"):
        models.set_notes(database, a_model(database).id, notes, actor="ada")


def test_an_archived_model_is_left_out_and_comes_back(database: Database) -> None:
    model = a_model(database)
    assert models.archive(database, model.id, actor="ada", reason="old")
    assert not models.archive(database, model.id, actor="ada")
    assert models.all_models(database) == []
    assert models.get(database, model.id).archived_at is not None
    assert [each.id for each in models.all_models(database, archived=True)] == [model.id]
    assert models.unarchive(database, model.id, actor="bob")
    assert [each.id for each in models.all_models(database)] == [model.id]


def test_what_a_model_was_made_of_never_changes(database: Database) -> None:
    model = a_model(database)
    for act in (
        update(table).where(table.c.id == model.id).values(parameters={"epochs": 9}),
        delete(table).where(table.c.id == model.id),
    ):
        with pytest.raises(DBAPIError) as refused, database.begin() as connection:
            connection.execute(act)
        assert isinstance(refused.value.orig, psycopg.Error)
    assert models.get(database, model.id) == model


def test_the_last_day_is_the_last_on_which_it_answers(database: Database) -> None:
    model = a_model(database, shutdown_date=dt.date(2026, 5, 1))
    assert not model.is_past(dt.date(2026, 5, 1))
    assert model.is_past(dt.date(2026, 5, 2))
    assert not a_model(database).is_past(dt.date(2099, 1, 1))


def test_the_version_changes_with_what_is_to_be_seen(database: Database) -> None:
    seen = {models.version(database)}
    model = a_model(database)
    seen.add(models.version(database))
    models.set_notes(database, model.id, "Good.", actor="ada")
    seen.add(models.version(database))
    an_evaluation(database, model, 1, [True])
    seen.add(models.version(database))
    deployments.deploy(database, model.id, actor="ada")
    seen.add(models.version(database))
    deployments.undeploy(database, actor="ada")
    seen |= {models.version(database), models.version(database)}
    assert len(seen) == 6
