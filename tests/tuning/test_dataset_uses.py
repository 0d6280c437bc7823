"""A version says which job uses it, from the job's first step to its end, whoever moves the job on."""

from typing import Any

import pytest

from core import audit
from core.datasets import verification, versions
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples import store
from core.tuning.jobs import verbs
from tests.tuning.conftest import Create, run


def columns(database: Database, version: DatasetVersion) -> tuple[Any, Any]:
    query = "SELECT used_for_fine_tuning, fine_tune_job_id FROM training_datasets WHERE id = %s"
    return tuple(run(database, query, version.id)[0])


def moved(database: Database, job_id: int, state: str) -> None:
    run(database, "UPDATE fine_tuning_jobs SET state = %s WHERE id = %s", state, job_id)


def test_a_job_names_itself_when_it_begins(create: Create, version: DatasetVersion, database: Database) -> None:
    assert columns(database, version) == (False, None)
    assert (version.used_by, version.used_by_key) == (None, "")
    before = store.version(database)

    job = create()

    assert columns(database, version) == (True, job.key)
    assert versions.get(database, version.id).used_by == job.id
    (line, *_) = audit.entries(database, subject="dataset", subject_id=version.id)
    assert (line.actor, line.action, line.after) == ("ada", "use", {"fine_tune_job_id": job.key})
    assert line.reason == f"fine-tuning job {job.id} began"
    assert store.version(database) == before, "no example changes, so nothing that is kept of them is read anew"
    assert verification.verify(database, version.id).ok, "and the version is what was frozen"


@pytest.mark.parametrize("state", ["uploading", "queued", "running", "succeeded"])
def test_it_stays_while_it_runs_and_when_it_has_a_model(
    create: Create, version: DatasetVersion, database: Database, state: str
) -> None:
    job = create()
    moved(database, job.id, state)
    assert columns(database, version) == (True, job.key)
    lines = [each.action for each in audit.entries(database, subject="dataset", subject_id=version.id)]
    assert lines.count("use") == 1, "told once"


@pytest.mark.parametrize("state", ["failed", "expired", "blocked"])
def test_one_that_ends_without_a_model_uses_nothing(
    create: Create, version: DatasetVersion, database: Database, state: str
) -> None:
    job = create()
    moved(database, job.id, state)
    assert columns(database, version) == (False, None)
    (line, *_) = audit.entries(database, subject="dataset", subject_id=version.id)
    assert (line.action, line.reason) == ("no longer use", f"fine-tuning job {job.id} {state}")


def test_a_cancelled_job_gives_way_to_the_one_before(
    create: Create, version: DatasetVersion, database: Database
) -> None:
    first = create()
    moved(database, first.id, "succeeded")
    second = create(again=True)
    assert columns(database, version) == (True, second.key)
    verbs.cancel(database, second.id, actor="ada", reason="dearer than thought")
    assert columns(database, version) == (True, first.key)
    assert versions.get(database, version.id).used_by == first.id


def test_a_failed_job_that_is_tried_again_is_named_again(
    create: Create, version: DatasetVersion, database: Database
) -> None:
    job = create()
    moved(database, job.id, "failed")
    verbs.retry(database, job.id, actor="ada", reason="the key is right now")
    assert columns(database, version) == (True, job.key)


def test_what_the_original_system_wrote_stays(create: Create, version: DatasetVersion, database: Database) -> None:
    run(
        database,
        "UPDATE training_datasets SET used_for_fine_tuning = true, fine_tune_job_id = 'ft-1' WHERE id = %s",
        version.id,
    )
    run(
        database,
        "INSERT INTO fine_tuning_jobs (job_id, target_model, dataset_id, status) VALUES"
        " ('ft-1', 'gpt-3.5', %s, 'completed')",
        version.id,
    )
    assert columns(database, version) == (True, "ft-1")
    job = create()
    assert columns(database, version) == (True, job.key)
    moved(database, job.id, "failed")
    assert columns(database, version) == (True, "ft-1")


def test_no_example_is_written_whatever_the_version_holds(
    create: Create, version: DatasetVersion, database: Database
) -> None:
    written = "SELECT array_agg(xmin::text ORDER BY id) FROM orchestrator_training_data"
    before = run(database, written)
    moved(database, create().id, "succeeded")
    assert run(database, written) == before
