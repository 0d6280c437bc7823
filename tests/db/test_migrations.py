"""Applying SQL files: once, in order, whole or not at all."""

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from core.db import Database, migrations, workspaces
from core.db.embedded import EmbeddedPostgres
from core.errors import MigrationRefused, WorkspaceRefused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (n int);\nINSERT INTO first VALUES (1);\n")
    write(tmp_path, "0002_second.sql", "CREATE TABLE second (n int);\n")
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_bytes(text.encode())


def tables(database: Database) -> set[str]:
    with database.dedicated() as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [database.schema])
        return {name for (name,) in rows}


def test_files_are_applied_in_order_and_once(empty_database: Database, folder: Path) -> None:
    assert migrations.migrate(empty_database, folder) == ["0001_first.sql", "0002_second.sql"]
    assert migrations.migrate(empty_database, folder) == []
    write(folder, "0003_third.sql", "CREATE TABLE third (n int)")
    assert migrations.migrate(empty_database, folder) == ["0003_third.sql"]
    assert tables(empty_database) == {"schema_migration", "first", "second", "third"}


def test_an_empty_folder_is_fine(empty_database: Database, tmp_path: Path) -> None:
    assert migrations.migrate(empty_database, tmp_path) == []
    assert tables(empty_database) == {"schema_migration"}


def test_the_files_of_this_version_can_be_applied(database: Database) -> None:
    assert migrations.migrate(database) == []
    assert migrations.status(database).pending == ()


def test_the_status_tells_what_is_to_come_and_changes_nothing(empty_database: Database, folder: Path) -> None:
    names = ("0001_first.sql", "0002_second.sql")
    assert migrations.status(empty_database, folder) == migrations.SchemaStatus(applied=(), pending=names)
    assert tables(empty_database) == set()
    migrations.migrate(empty_database, folder)
    assert migrations.status(empty_database, folder) == migrations.SchemaStatus(applied=names, pending=())


def test_an_edited_file_is_refused(empty_database: Database, folder: Path) -> None:
    migrations.migrate(empty_database, folder)
    write(folder, "0001_first.sql", "CREATE TABLE first (n bigint);\n")
    write(folder, "0003_third.sql", "CREATE TABLE third (n int)")
    with pytest.raises(MigrationRefused, match=r"0001_first\.sql was edited after it was applied"):
        migrations.migrate(empty_database, folder)
    assert "third" not in tables(empty_database)


def test_other_newlines_and_a_byte_order_mark_are_no_edit(empty_database: Database, folder: Path) -> None:
    migrations.migrate(empty_database, folder)
    content = (folder / "0001_first.sql").read_bytes()
    (folder / "0001_first.sql").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert migrations.migrate(empty_database, folder) == []


def test_a_late_file_is_refused(empty_database: Database, folder: Path) -> None:
    (folder / "0001_first.sql").rename(folder / "0003_first.sql")
    migrations.migrate(empty_database, folder)
    write(folder, "0001_late.sql", "CREATE TABLE late (n int)")
    with pytest.raises(MigrationRefused, match=r"0001_late\.sql comes before 0003_first\.sql"):
        migrations.migrate(empty_database, folder)
    assert "late" not in tables(empty_database)


def test_a_database_of_a_newer_version_is_refused(empty_database: Database, folder: Path) -> None:
    migrations.migrate(empty_database, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(MigrationRefused, match=r"already has the migration 0002_second\.sql.*update Whetstone"):
        migrations.migrate(empty_database, folder)
    with pytest.raises(MigrationRefused):
        migrations.status(empty_database, folder)


@pytest.mark.parametrize("name", ["1_short.sql", "0003-dash.sql", "0003_Upper.sql", "notes.sql"])
def test_a_file_with_another_name_is_refused(empty_database: Database, folder: Path, name: str) -> None:
    write(folder, name, "SELECT 1")
    with pytest.raises(MigrationRefused, match="must be named like"):
        migrations.migrate(empty_database, folder)


def test_two_files_with_one_number_are_refused(empty_database: Database, folder: Path) -> None:
    write(folder, "0002_again.sql", "SELECT 1")
    with pytest.raises(MigrationRefused, match="have the same number"):
        migrations.migrate(empty_database, folder)


def test_a_file_that_fails_leaves_nothing_and_can_be_mended(empty_database: Database, folder: Path) -> None:
    write(folder, "0003_third.sql", "CREATE TABLE third (n int); SELECT 1 / 0; CREATE TABLE fourth (n int);")
    with pytest.raises(MigrationRefused, match=r"0003_third\.sql failed and was rolled back: division by zero"):
        migrations.migrate(empty_database, folder)
    assert tables(empty_database) == {"schema_migration", "first", "second"}
    write(folder, "0003_third.sql", "CREATE TABLE third (n int)")
    assert migrations.migrate(empty_database, folder) == ["0003_third.sql"]


def test_a_connection_killed_in_the_middle_of_a_file_leaves_nothing(empty_database: Database, folder: Path) -> None:
    write(folder, "0003_third.sql", "CREATE TABLE third (n int); SELECT pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(MigrationRefused, match=r"0003_third\.sql failed"):
        migrations.migrate(empty_database, folder)
    assert tables(empty_database) == {"schema_migration", "first", "second"}
    write(folder, "0003_third.sql", "CREATE TABLE third (n int)")
    assert migrations.migrate(empty_database, folder) == ["0003_third.sql"]


def test_four_processes_apply_each_file_once(empty_database: Database, folder: Path) -> None:
    write(folder, "0003_slow.sql", "SELECT pg_sleep(0.2); INSERT INTO first VALUES (2);")
    barrier = threading.Barrier(4)

    def migrate_with_the_others(_: int) -> list[str]:
        database = Database(empty_database.url)  # as another process would have
        barrier.wait()
        return migrations.migrate(database, folder)

    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(migrate_with_the_others, range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, 3]
    with empty_database.dedicated() as connection:
        assert connection.execute("SELECT n FROM first ORDER BY n").fetchall() == [(1,), (2,)]


def test_an_index_can_be_made_concurrently_while_others_wait(empty_database: Database, folder: Path) -> None:
    index = "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS first_n ON first (n);\n"
    write(folder, "0003_index.sql", index)
    with ThreadPoolExecutor(3) as threads:
        applied = list(threads.map(lambda _: migrations.migrate(Database(empty_database.url), folder), range(3)))
    assert sorted(map(len, applied)) == [0, 0, 3]


def test_signs_that_drivers_treat_specially_mean_nothing(empty_database: Database, folder: Path) -> None:
    text = """
        CREATE TABLE signs AS SELECT '%s :name {x} 100%' AS text, '{"a": 1}'::jsonb AS data;
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN n * 2; END; $$;
    """
    write(folder, "0003_signs.sql", text)
    migrations.migrate(empty_database, folder)
    with empty_database.dedicated() as connection:
        assert connection.execute("SELECT text, twice(2) FROM signs").fetchone() == ("%s :name {x} 100%", 4)


def test_every_workspace_has_its_own_record(empty_database: Database, folder: Path) -> None:
    migrations.migrate(empty_database, folder)
    with empty_database.dedicated() as connection:
        connection.execute("CREATE SCHEMA other")
    other = empty_database.in_workspace("other")
    assert len(migrations.migrate(other, folder)) == 2
    assert tables(other) == {"schema_migration", "first", "second"}


def test_a_missing_workspace_is_refused(empty_database: Database, folder: Path) -> None:
    with pytest.raises(WorkspaceRefused, match="no workspace 'nowhere'"):
        migrations.migrate(empty_database.in_workspace("nowhere"), folder)


def test_the_lock_is_given_back(empty_database: Database, folder: Path) -> None:
    with empty_database.dedicated() as connection:
        with migrations.locked(connection, "public"):
            assert _locks(connection) == 1
        assert _locks(connection) == 0


def _locks(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_user_without_rights_is_told_what_to_grant(server: EmbeddedPostgres, empty_database: Database) -> None:
    role = f"guest_{os.getpid()}"
    with empty_database.dedicated() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        guest = Database(empty_database.url.replace("user=postgres", f"user={role}"))
        with pytest.raises(MigrationRefused, match=f"GRANT USAGE, CREATE ON SCHEMA .public. TO .{role}.") as refused:
            migrations.migrate(guest)
        with empty_database.dedicated() as connection:
            connection.execute(re.findall("GRANT [^,]*, CREATE[^,]*", str(refused.value))[0].encode())
        assert migrations.migrate(guest)[0].startswith("0001_")
        with pytest.raises(WorkspaceRefused, match="GRANT CREATE ON DATABASE") as refused:
            workspaces.create(guest, "side")
        with empty_database.dedicated() as connection:
            connection.execute(re.findall("GRANT [^.]*", str(refused.value))[0].encode())
        assert workspaces.exists(workspaces.create(guest, "side"), "side")
        guest.close()
    finally:
        with empty_database.dedicated() as connection:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
