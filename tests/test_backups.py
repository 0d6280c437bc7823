"""A backup is one file; a restored copy proves itself, and takes the place of what is there in one step or not."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from core import audit, backups
from core.datasets import snapshots, verification
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database, workspaces
from core.errors import BackupRefused
from core.examples import store
from core.examples.filters import EVERYTHING
from tests.cli.test_commands import core
from tests.served import add


@pytest.fixture
def company(database: Database) -> Iterator[Database]:
    """Examples and a frozen version in two workspaces; databases that a test makes beside it are dropped."""
    for workspace in (database, workspaces.create(database, "demo")):
        add(workspace, *({} for _ in range(20)))
        snapshots.create(workspace, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    yield database
    database.close()
    with psycopg.connect(make_conninfo(database.url, dbname="postgres"), autocommit=True) as connection:
        for name in beside(database):
            connection.execute(f'DROP DATABASE "{name}"'.encode())


def name_of(database: Database) -> str:
    return psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]  # type: ignore[return-value]


def beside(database: Database) -> list[str]:
    """What restoring made beside the database itself."""
    with psycopg.connect(make_conninfo(database.url, dbname="postgres")) as connection:
        query = "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY datname"
        return [name for (name,) in connection.execute(query, (f"{name_of(database)}\\_%",)).fetchall()]


def counts(database: Database) -> list[int]:
    return [store.count(database.in_workspace(each), EVERYTHING) for each in ("public", "demo")]


def saved(database: Database, folder: Path) -> Path:
    done = backups.backup(database, folder)
    assert done.size_bytes == done.path.stat().st_size > 10_000
    return done.path


def test_what_was_saved_comes_back_whole_and_what_it_replaces_is_kept(company: Database, tmp_path: Path) -> None:
    before = [store.get(company, row.id) for row in store.page(company, EVERYTHING).rows]
    file = saved(company, tmp_path / "new folder")
    add(company, {"execution_id": "later"})
    workspaces.drop(company, "demo")

    done = backups.restore(company, file, actor="ada")

    assert (done.workspaces, done.versions) == (("demo", "public"), 2)
    assert [store.get(company, row.id) for row in store.page(company, EVERYTHING).rows] == before
    assert counts(company) == [20, 20]
    assert verification.verify(company, "plans").ok
    with company.connect() as connection:
        query = "SELECT actor, after FROM audit_log WHERE action = 'restore'"
        ((actor, after),) = connection.exec_driver_sql(query).all()
    assert (actor, after) == ("ada", {"file": file.name, "workspaces": ["demo", "public"], "versions": 2})
    add(company, {"execution_id": "it goes on"})
    assert beside(company) == [done.former]
    former = Database(make_conninfo(company.url, dbname=done.former))
    assert store.count(former, EVERYTHING) == 21
    former.close()

    backups.drop_former(company, done.former)
    assert beside(company) == []


def test_it_fills_an_empty_database(company: Database, empty_database: Database, tmp_path: Path) -> None:
    file = saved(company, tmp_path)
    done = backups.restore(empty_database, file, actor="ada")
    assert done.former == ""
    assert counts(empty_database) == [20, 20]
    assert beside(empty_database) == []


def test_what_somebody_else_has_there_is_kept(company: Database, empty_database: Database, tmp_path: Path) -> None:
    with empty_database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orchestrator_training_data (id serial, user_request text)")
    done = backups.restore(empty_database, saved(company, tmp_path), actor="ada")
    assert counts(empty_database) == [20, 20]
    assert beside(empty_database) == [done.former]
    backups.drop_former(empty_database, done.former)


def test_what_a_killed_command_left_is_dropped_by_the_next(company: Database, tmp_path: Path) -> None:
    with psycopg.connect(make_conninfo(company.url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name_of(company)}_copy_20260101_000000"'.encode())
    done = backups.restore(company, saved(company, tmp_path), actor="ada")
    assert beside(company) == [done.former]


def test_the_commands_say_what_they_did(company: Database, tmp_path: Path) -> None:
    company.close()
    wrote = core(company, "backup", str(tmp_path / "kept"), "--keep", "1")
    file = Path(wrote.stdout.partition(": ")[0])
    assert (wrote.returncode, file.parent, file.is_file()) == (0, tmp_path / "kept", True)
    add(company, {"execution_id": "later"})
    company.close()

    restored = core(company, "restore", str(file), "--drop-former")

    assert restored.stderr.splitlines() == [
        "Reading the backup.", "Proving plans@1 in demo.", "Proving the audit log of demo.",
        "Proving plans@1 in public.", "Proving the audit log of public.",
    ]  # fmt: skip
    assert restored.stdout == ("Restored demo, public; frozen versions rendered again, each what was frozen: 2.\n")
    assert counts(company) == [20, 20]
    assert beside(company) == []


def test_a_version_that_is_not_what_was_frozen_is_not_restored(company: Database, tmp_path: Path) -> None:
    with company.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("UPDATE dataset_members SET sha256 = sha256(sha256) WHERE position = 3")
    file = saved(company, tmp_path)
    add(company, {"execution_id": "later"})

    with pytest.raises(BackupRefused, match="plans@1 in public is not what was frozen"):
        backups.restore(company, file, actor="ada")

    assert counts(company) == [21, 20]
    assert beside(company) == []


def test_nothing_is_replaced_while_somebody_uses_it(company: Database, tmp_path: Path) -> None:
    file = saved(company, tmp_path)
    with psycopg.connect(company.url), pytest.raises(BackupRefused, match="stop the app and all workers"):
        backups.restore(company, file, actor="ada")
    assert beside(company) == []


def test_a_changed_audit_log_is_not_restored(company: Database, tmp_path: Path) -> None:
    audit.extend_chain(company)
    with company.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("UPDATE audit_log SET actor = 'nobody'")
    file = saved(company, tmp_path)
    add(company, {"execution_id": "later"})

    with pytest.raises(BackupRefused, match=r"the audit log is not as it was written \(line \d+ in public\)"):
        backups.restore(company, file, actor="ada")

    assert counts(company) == [21, 20]
    assert beside(company) == []


@pytest.mark.parametrize("kind", ["no file", "other", "cut", "changed", "of something else"])
def test_what_is_no_backup_is_told_and_changes_nothing(company: Database, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "some.dump"
    words = "is no backup"
    if kind == "no file":
        words = "There is no file"
    elif kind == "other":
        file.write_bytes(b"PGDMP, or so it says")
    elif kind == "cut":
        whole = saved(company, tmp_path)
        file.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    elif kind == "changed":
        whole = bytearray(saved(company, tmp_path).read_bytes())
        middle = len(whole) // 2
        whole[middle : middle + 200] = bytes(200)
        file.write_bytes(whole)
        words = "pg_restore failed|is no backup"
    else:
        programs = backups._programs(None)
        url = make_conninfo(company.url, dbname="template1")
        backups._run(programs, "pg_dump", url, "--format=custom", f"--file={file}")
        words = "a backup of something else"
    with pytest.raises(BackupRefused, match=words):
        backups.restore(company, file, actor="ada")
    assert counts(company) == [20, 20]
    assert beside(company) == []


def test_so_many_are_kept_and_nothing_else_is_touched(
    company: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("whetstone-20260101T000000Z.dump", "whetstone-20260102T000000Z.dump", "notes.txt", "other.dump"):
        (tmp_path / name).touch()
    done = backups.backup(company, tmp_path, keep=2)
    assert [each.name for each in done.removed] == ["whetstone-20260101T000000Z.dump"]
    assert {each.name for each in tmp_path.iterdir()} == {
        "whetstone-20260102T000000Z.dump", done.path.name, "notes.txt", "other.dump"
    }  # fmt: skip


def test_a_backup_that_fails_leaves_no_file(company: Database, tmp_path: Path) -> None:
    nowhere = Database(make_conninfo(company.url, dbname="not_there"))
    with pytest.raises(BackupRefused, match="not_there"):
        backups.backup(nowhere, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_what_a_copy_replaced_is_dropped(company: Database) -> None:
    with pytest.raises(BackupRefused, match="not a database that a restored copy replaced"):
        backups.drop_former(company, "postgres")


def test_a_password_never_stands_on_a_command_line() -> None:
    named, environment = backups.connection_arguments(
        "postgresql://ada:s%20cret@db.example:5433/company?sslmode=require&connect_timeout=3&keepalives=1"
    )
    assert environment["PGPASSWORD"] == "s cret"
    assert environment["PGDATABASE"] == "company"
    assert (environment["PGSSLMODE"], environment["PGPORT"]) == ("require", "5433")
    assert named == "keepalives=1"
