"""A version is frozen whole or not at all, and never changes after."""

import hashlib
import threading

import orjson
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from core import audit
from core.datasets import snapshots, versions
from core.datasets.exporting import export
from core.datasets.recipes import Recipe
from core.datasets.snapshots import BuildProgress
from core.datasets.splits import NAMES, Split
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import datasets, examples, members
from core.errors import Conflict, DatasetRefused, UnknownDataset
from core.examples.filters import EVERYTHING, Filter
from tests.datasets import oracle
from tests.datasets.conftest import Add, example


def create(database: Database, name: str = "plans", **asked: object) -> DatasetVersion:
    values = {"filter": EVERYTHING, "recipe": Recipe(), "split": Split(), "actor": "ada", **asked}
    return snapshots.create(database, name, **values)  # type: ignore[arg-type]


def records(database: Database, version: DatasetVersion) -> list[tuple[int, str, bytes]]:
    query = select(members.c.position, members.c.split, members.c.sha256).where(members.c.dataset_id == version.id)
    with database.connect() as connection:
        rows = connection.execute(query.order_by(members.c.position))
        return [(position, NAMES[split], digest) for position, split, digest in rows]


def test_a_version_holds_the_hash_of_each_record_in_order(database: Database, add: Add) -> None:
    add(40)
    version = create(database)
    lines = [oracle.render(example(number), Recipe(), "openai") for number in range(40)]
    digests = [hashlib.sha256(line.encode()).digest() for line in lines]
    assert [digest for _, _, digest in records(database, version)] == digests
    assert version.status == "frozen"
    assert (version.example_count, version.size_bytes) == (40, sum(len(line.encode()) for line in lines))


def test_anybody_can_compute_the_root_hash(database: Database, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.datasets.manifests.BLOCK", 7)
    add(30)
    version = create(database)
    rows = records(database, version)
    blocks = b""
    for start in range(0, 30, 7):
        lines = (f"{position} {split} {digest.hex()}\n" for position, split, digest in rows[start : start + 7])
        blocks += hashlib.sha256("".join(lines).encode()).digest()
    assert version.root_hash == hashlib.sha256(blocks).hexdigest()


def test_the_manifest_tells_how_a_version_was_made(database: Database, add: Add) -> None:
    ids = add([*(example(number) for number in range(30)), example(90, execution_plan=None, quality_score=None)])
    chosen = Filter(quality_min=0.1, exclude_tags=())
    version = create(database, filter=chosen, excluded_ids=[ids[5]], split=Split(seed=3), description="First try")
    manifest = version.manifest
    assert manifest is not None
    assert manifest["filter_in_words"] == "quality 0.1 to 1"
    assert manifest["split"] == {"train": 80, "validation": 10, "test": 10, "seed": 3, "group": "request"}
    assert manifest["left_out"] == version.left_out == {"excluded": 1}
    assert manifest["counts"]["all"] == version.example_count == sum(version.histogram)
    assert manifest["tokens"]["method"] == "exact"
    assert sum(manifest["intents"].values()) == version.example_count
    assert set(manifest["tags"]) == {"PRODUCTION", "DEVELOPMENT", "TEST"}
    assert (manifest["root_hash"], manifest["created_by"]) == (version.root_hash, "ada")
    assert version.choice is not None
    assert version.choice.filter == chosen


def test_the_quality_of_a_version_is_counted_in_twentieths(database: Database, add: Add) -> None:
    add([example(n, quality_score=score) for n, score in enumerate([0.0, 0.04, 0.05, 0.999, 1.0, None])])
    version = create(database)
    assert (version.histogram[0], version.histogram[1], version.histogram[19], version.unscored) == (2, 1, 2, 1)
    assert version.avg_quality == pytest.approx((0.04 + 0.05 + 0.999 + 1.0) / 5)


def test_versions_of_one_name_are_numbered(database: Database, add: Add) -> None:
    add(12)
    assert [create(database).label, create(database).label, create(database, "other").label] == [
        "plans@1",
        "plans@2",
        "other@1",
    ]
    assert [version.label for version in versions.versions(database)] == ["other@1", "plans@2", "plans@1"]


def test_two_that_ask_at_once_get_two_numbers(database: Database) -> None:
    def ask() -> None:
        snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(version.version for version in versions.versions(database)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["", "  ", "a@b", "x" * 101, "a\nb"])
def test_a_name_that_cannot_be_asked_for_again_is_refused(database: Database, name: str) -> None:
    with pytest.raises(DatasetRefused, match="name of a dataset"):
        create(database, name)


def test_a_version_is_found_by_name_number_and_id(database: Database, add: Add) -> None:
    add(12)
    first, second = create(database), create(database)
    asked = snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    assert versions.get(database, "plans").id == second.id, "the newest that is frozen"
    assert versions.get(database, "plans@1").id == first.id
    assert versions.get(database, asked.id).status == "queued"
    for wrong, words in (
        ("plan", "there are: plans"),
        ("plans@9", "has the versions 1, 2, 3"),
        ("plans@x", "NAME@NUMBER"),
        ("plans@99999999999", "no dataset"),
        (999, "id 999"),
    ):
        with pytest.raises(UnknownDataset, match=words):
            versions.get(database, wrong)


def test_growing_data_moves_no_row_to_another_split(database: Database, add: Add) -> None:
    add(60)
    before = {digest: split for _, split, digest in records(database, create(database))}
    add([example(number) for number in range(60, 200)])
    after = {digest: split for _, split, digest in records(database, create(database))}
    assert len(after) == 200
    assert {digest: after[digest] for digest in before} == before


def test_one_group_never_stands_in_two_splits(database: Database, add: Add) -> None:
    add([example(n, user_request=f"Write  POST {n % 25}" if n % 2 else f"write post {n % 25} ") for n in range(100)])
    version = create(database)
    splits: dict[str, set[str]] = {}
    for name in NAMES:
        for line in b"".join(export(database, version, name, "openai")).splitlines():
            request = orjson.loads(line)["messages"][0]["content"]
            splits.setdefault(" ".join(request.lower().split()), set()).add(name)
    assert len(splits) == 25
    assert all(len(names) == 1 for names in splits.values())


def test_of_equal_records_the_earliest_stays(database: Database, add: Add) -> None:
    ids = add([example(1), *(example(1, execution_id=f"copy {n}") for n in range(5)), *map(example, range(2, 15))])
    version = create(database)
    with database.connect() as connection:
        kept = set(connection.scalars(select(members.c.example_id).where(members.c.dataset_id == version.id)))
    assert kept == {ids[0], *ids[6:]}
    assert version.left_out == {"duplicate": 5}
    assert create(database, drop_duplicates=False).example_count == 19


def test_checks_that_fail_leave_a_failed_version_without_members(database: Database, add: Add) -> None:
    add([example(n, execution_plan="success") for n in range(20)])
    with pytest.raises(
        DatasetRefused,
        match=r"was not frozen: No example of this filter can be taken\. Left out: 20 with no usable plan",
    ):
        create(database)
    (version,) = versions.versions(database)
    assert (version.status, version.example_count) == ("failed", 0)
    assert version.error is not None
    assert records(database, version) == []
    assert snapshots.pending(database) == []


def test_a_build_tells_its_progress_while_it_runs(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.datasets.candidates.BATCH", 10)
    add(25)
    seen = []

    def watch(progress: BuildProgress) -> None:
        others_see = versions.versions(database)[0]
        seen.append((progress.phase, progress.done))
        assert (others_see.status, others_see.phase, others_see.done_count) == ("building", *seen[-1])

    version = create(database, progress=watch)
    assert seen == [
        ("choosing", 0),
        ("rendering", 0),
        ("rendering", 10),
        ("rendering", 20),
        ("checking", 25),
        ("freezing", 25),
    ]
    assert version.root_hash == create(database, "again").root_hash, "batches make no difference"


def test_a_cancelled_build_takes_everything_back(database: Database, add: Add) -> None:
    add(20)
    asked = snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")

    def stop(progress: BuildProgress) -> None:
        if progress.phase == "checking":
            snapshots.cancel(database, asked.id, actor="ada", reason="too early")

    version = snapshots.build(database, asked.id, stop)
    assert version.status == "cancelled"
    assert records(database, version) == []
    assert snapshots.build(database, asked.id).status == "cancelled"
    assert snapshots.cancel(database, asked.id, actor="ada", reason="again").status == "cancelled"


def test_what_is_frozen_cannot_be_cancelled(database: Database, add: Add) -> None:
    add(12)
    with pytest.raises(Conflict, match="frozen already"):
        snapshots.cancel(database, create(database).id, actor="ada", reason="too late")


def test_an_edit_during_a_build_changes_nothing_in_it(database: Database, add: Add) -> None:
    ids = add(20)
    expected = create(database).root_hash

    def edit(progress: BuildProgress) -> None:
        if progress.phase == "rendering":
            with database.begin() as connection:
                connection.execute(
                    update(examples).where(examples.c.id == ids[3]).values(execution_plan="New plan", revision=2)
                )

    assert create(database, "edited meanwhile", progress=edit).root_hash == expected


def test_a_second_builder_waits_or_is_told(database: Database, add: Add) -> None:
    add(20)
    asked = snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    waiting = threading.Thread(target=lambda: results.append(snapshots.build(database, asked.id)))
    results: list[DatasetVersion] = []

    def meanwhile(progress: BuildProgress) -> None:
        if progress.phase == "rendering":
            with pytest.raises(Conflict, match="another process"):
                snapshots.build(database, asked.id, wait=False)
            waiting.start()

    results.append(snapshots.build(database, asked.id, meanwhile))
    waiting.join(timeout=60)
    assert [version.status for version in results] == ["frozen", "frozen"]
    assert results[0].root_hash == results[1].root_hash
    assert [entry.action for entry in audit.entries(database, subject="dataset", subject_id=asked.id)] == [
        "freeze",
        "create",
    ]


def test_what_is_frozen_refuses_every_change(database: Database, add: Add) -> None:
    add(12)
    version = create(database)
    for statement in (
        "UPDATE dataset_members SET split = 0",
        "DELETE FROM dataset_members",
        "TRUNCATE dataset_members",
        f"INSERT INTO dataset_members VALUES ({version.id}, 99, 1, 1, 0, '')",
        "UPDATE training_datasets SET root_hash = ''",
        "UPDATE training_datasets SET status = 'queued'",
        "DELETE FROM training_datasets",
    ):
        with pytest.raises(DBAPIError, match="refused"), database.begin() as connection:
            connection.exec_driver_sql(statement)


def test_a_version_is_described_and_archived_with_an_audit_line(database: Database, add: Add) -> None:
    add(12)
    version = create(database)
    described = snapshots.describe(database, version.id, "For the planner", actor="bea", reason="clearer")
    assert described.description == "For the planner"
    snapshots.archive(database, version.id, actor="bea", reason="old")
    assert versions.versions(database) == []
    assert [each.id for each in versions.versions(database, archived=True)] == [version.id]
    assert versions.get(database, "plans@1").archived_at is not None
    snapshots.unarchive(database, version.id, actor="bea", reason="needed")
    assert [each.id for each in versions.versions(database)] == [version.id]
    entries = audit.entries(database, subject="dataset", subject_id=version.id)
    assert [entry.action for entry in entries] == ["unarchive", "archive", "describe", "freeze", "create"]
    assert entries[2].before == {"description": ""}


def test_files_of_the_original_system_are_listed_and_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(
            datasets.insert().values(
                name="old",
                version=1,
                status="legacy",
                example_count=9,
                done_count=0,
                phase="",
                recipe={},
                split={},
                left_out={},
                filters={"min_quality": "7"},
            )
        )
    (version,) = versions.versions(database)
    assert (version.label, version.choice, version.example_count) == ("old@1", None, 9)
    with pytest.raises(DatasetRefused, match="original system"):
        export(database, "old", "all", "openai")
