"""Where a version came from, and what it was used for."""

from sqlalchemy import insert, text

from core.datasets import lineage
from core.db import Database
from core.db.tables import imports
from tests.datasets.conftest import Add, example
from tests.datasets.test_snapshots import create


def imported(database: Database, file_name: str) -> int:
    with database.begin() as connection:
        row = {
            "actor": "ada", "file_name": file_name, "file_sha256": b"x", "format": "csv",
            "new_count": 1, "changed_count": 0, "same_count": 0,
        }  # fmt: skip
        return connection.execute(insert(imports).values(row).returning(imports.c.id)).scalar_one()


def test_its_records_are_counted_by_import_the_largest_first(database: Database, add: Add) -> None:
    first, second = imported(database, "june.csv"), imported(database, "july.csv")
    brought = [first] * 3 + [second] * 8 + [None] * 5
    add([example(number, import_id=import_id) for number, import_id in enumerate(brought)])
    version = create(database)
    add([example(99, import_id=first)])

    found = lineage.of(database, version.id)

    assert [(source.file_name, source.count) for source in found.sources] == [("july.csv", 8), ("", 5), ("june.csv", 3)]
    assert found.sources[1].import_id is None
    assert found.uses == ()


def test_jobs_that_were_given_it_are_listed_the_newest_first(database: Database, add: Add) -> None:
    add(20)
    version, other = create(database), create(database)
    with database.begin() as connection:
        for job, dataset in (("old", version.id), ("new", version.id), ("foreign", other.id)):
            connection.execute(
                text(
                    "INSERT INTO fine_tuning_jobs (job_id, target_model, dataset_id) VALUES (:job, 'llama', :dataset)"
                ),
                {"job": job, "dataset": dataset},
            )
    uses = lineage.of(database, version.id).uses
    assert [(use.job_id, use.state, use.result) for use in uses] == [("new", "legacy", ""), ("old", "legacy", "")]
