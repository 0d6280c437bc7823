"""An export is the same bytes every time, whatever happened to the examples since."""

import io
import os
import shutil
import tracemalloc
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from core.datasets import exporting, snapshots, versions
from core.datasets.exporting import export, row_count
from core.datasets.recipes import Recipe
from core.datasets.rendering import FORMATS, Format
from core.datasets.splits import NAMES, Split
from core.db import Database, binaries
from core.db.embedded import EmbeddedPostgres
from core.db.tables import examples
from core.errors import DatasetRefused, UnknownDataset
from core.examples.filters import EVERYTHING
from tests.conftest import _administer
from tests.datasets import oracle
from tests.datasets.conftest import Add
from tests.datasets.test_rendering import EXAMPLES
from tests.datasets.test_snapshots import create


def everything(database: Database) -> dict[tuple[str, Format], bytes]:
    return {
        (split, each): b"".join(export(database, "plans", split, each)) for split in (*NAMES, "all") for each in FORMATS
    }


@pytest.mark.parametrize("format_", oracle.FORMATS)
def test_each_line_is_what_the_oracle_renders(database: Database, add: Add, format_: Format) -> None:
    recipe = Recipe(target="both", fields=("request", "intent", "business_state", "context"), system_prompt="50 % :a")
    with_both = [one for one in EXAMPLES if one["execution_result"]]
    add(with_both)
    create(database, recipe=recipe, split=Split(train=100, validation=0, test=0))
    lines = b"".join(export(database, "plans", "train", format_)).decode().split("\n")
    assert lines == [*(oracle.render(one, recipe, format_) for one in with_both), ""]


def test_the_splits_are_the_parts_of_all(database: Database, add: Add) -> None:
    add(50)
    create(database, split=Split(train=50, validation=30, test=20))
    parts = [b"".join(export(database, "plans", name, "openai")).splitlines() for name in NAMES]
    whole = b"".join(export(database, "plans", "all", "openai")).splitlines()
    assert sorted(line for part in parts for line in part) == sorted(whole)
    assert [len(part) for part in (*parts, whole)] == [row_count(database, "plans", name) for name in (*NAMES, "all")]


def test_a_split_without_records_is_an_empty_file(database: Database, add: Add) -> None:
    add(12)
    create(database, split=Split(train=100, validation=0, test=0))
    assert b"".join(export(database, "plans", "test", "gemini")) == b""
    assert pq.read_table(io.BytesIO(b"".join(export(database, "plans", "test", "parquet")))).num_rows == 0


def test_edits_tags_and_withdrawal_leave_every_byte_as_it_was(database: Database, add: Add) -> None:
    ids = add(40)
    create(database, recipe=Recipe(fields=("request", "intent", "business_state", "context")))
    before = everything(database)
    with database.begin() as connection:
        change = update(examples).where(examples.c.id.in_(ids[::2]))
        connection.execute(
            change.values(revision=2, execution_plan="Another plan", intent="edited", business_state={"new": 1})
        )
        connection.execute(change.values(revision=3, user_request="Edited twice", context={"system": "new"}))
        connection.execute(change.values(tags=["EXCLUDE"], quality_score=0.0, success=False))
        connection.exec_driver_sql("UPDATE orchestrator_training_data SET withdrawn_at = now() WHERE mod(id, 3) = 0")
    assert everything(database) == before
    assert create(database).root_hash != versions.get(database, "plans@1").root_hash


def test_a_dump_and_restore_leave_every_byte_as_it_was(
    database: Database, add: Add, server: EmbeddedPostgres, public_folder: Path
) -> None:
    ids = add(40)
    version = create(database)
    with database.begin() as connection:
        connection.execute(
            update(examples).where(examples.c.id.in_(ids[:9])).values(execution_plan="Edited", revision=2)
        )
    before = everything(database)
    name, folder = f"restored_{version.root_hash[:8]}", public_folder / "dumps"  # type: ignore[index]
    folder.mkdir()
    folder.chmod(0o777)
    pg_bin = os.environ.get("WHETSTONE_PG_BIN")
    programs = binaries.find(
        server.home, binaries.server_user(), pg_bin=Path(pg_bin) if pg_bin else None, majors_on_disk=[]
    )
    programs.run("pg_dump", "-Fc", "-f", folder / "dump", "-d", database.url)
    _administer(server, f"CREATE DATABASE {name} TEMPLATE template0")
    restored = Database(server.url(name))
    try:
        programs.run("pg_restore", "--exit-on-error", "-d", restored.url, folder / "dump")
        assert everything(restored) == before
    finally:
        restored.close()
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")
        shutil.rmtree(folder)


def test_parquet_reads_back_as_the_conversations(database: Database, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "ROW_GROUP", 4)
    with_plan = [one for one in EXAMPLES if one["execution_plan"]]
    add(with_plan)
    create(database)
    file = pq.ParquetFile(io.BytesIO(b"".join(export(database, "plans", "all", "parquet"))))
    assert file.num_row_groups == 2
    rows = file.read().to_pylist()
    assert [row["execution_id"] for row in rows] == [one["execution_id"] for one in with_plan]
    assert [row["prompt"] for row in rows] == [one["user_request"] for one in with_plan]
    assert [row["completion"] for row in rows] == [one["execution_plan"] for one in with_plan]
    assert [row["system"] for row in rows] == [oracle.own_system_prompt(one) for one in with_plan]
    nothing = {"tool_calls": None, "tool_call_id": None, "weight": None}
    assert rows[2]["messages"][1:5] == [turn | nothing for turn in with_plan[2]["context"]["turns"]]
    assert {(row["tools"], row["parallel_tool_calls"]) for row in rows} == {(None, None)}
    assert {row["split"] for row in rows} <= set(NAMES)


@pytest.mark.parametrize("format_", ["openai", "parquet"])
def test_memory_stays_flat_however_many_records(
    database: Database, monkeypatch: pytest.MonkeyPatch, format_: Format
) -> None:
    monkeypatch.setattr(exporting, "ROW_GROUP", 500)
    with database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO orchestrator_training_data (execution_id, user_request, execution_plan)"
            " SELECT n::text, 'Request ' || n, repeat('plan ', 200) FROM generate_series(1, 20000) AS n"
        )
    create(database)
    for _ in export(database, "plans", "all", format_):
        pass  # libraries that are loaded when they are first needed are loaded now
    tracemalloc.start()
    size = sum(len(piece) for piece in export(database, "plans", "all", format_))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > (20_000_000 if format_ == "openai" else 100_000)
    assert peak < 6_000_000


def test_an_export_may_be_given_up_on_the_way(database: Database, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 100)
    add(200)
    create(database)
    pieces = export(database, "plans", "all", "openai")
    assert next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert len(b"".join(export(database, "plans", "all", "openai")).splitlines()) == 200


def test_content_that_is_missing_is_an_error_and_no_gap(database: Database, add: Add) -> None:
    ids = add(20)
    create(database)
    with database.begin() as connection:
        connection.execute(update(examples).where(examples.c.id == ids[4]).values(execution_plan="Edited", revision=2))
        connection.exec_driver_sql("ALTER TABLE example_revisions DISABLE TRIGGER append_only")
        connection.exec_driver_sql("DELETE FROM example_revisions")
    for each in ("openai", "parquet"):
        with pytest.raises(DatasetRefused, match=r"content of a record is missing.*verify plans@1"):
            b"".join(export(database, "plans", "all", each))


def test_only_what_is_frozen_is_exported(database: Database, add: Add) -> None:
    snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    with pytest.raises(DatasetRefused, match="queued, not frozen"):
        export(database, "plans", "all", "openai")
    with pytest.raises(UnknownDataset):
        export(database, "other", "all", "openai")


def test_a_file_is_named_after_what_is_in_it(database: Database, add: Add) -> None:
    add(12)
    version = create(database, "Été / plans")
    assert exporting.file_name(version, "train", "gemini") == "t-plans-v1-train-gemini.jsonl"
    assert exporting.file_name(version, "all", "parquet").endswith("-v1-all-parquet.parquet")
