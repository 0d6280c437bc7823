import threading
import time

import pytest
from sqlalchemy import text

from core.db import Database, workspaces
from core.errors import WorkspaceRefused


def test_a_workspace_is_made_found_and_dropped(database: Database) -> None:
    assert workspaces.list_workspaces(database) == ["public"]
    demo = workspaces.create(database, "demo")
    assert demo.schema == "demo"
    assert workspaces.list_workspaces(database) == ["demo", "public"]
    assert workspaces.exists(database, "demo")
    workspaces.drop(database, "demo")
    assert not workspaces.exists(database, "demo")
    assert workspaces.list_workspaces(database) == ["public"]


def test_workspaces_do_not_see_each_other(database: Database) -> None:
    demo = workspaces.create(database, "demo")
    with demo.begin() as connection:
        connection.execute(text("CREATE TABLE only_in_demo (n int)"))
    with database.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('only_in_demo')")).scalar_one() is None


def test_creating_again_keeps_what_is_there(database: Database) -> None:
    demo = workspaces.create(database, "demo")
    with demo.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n int)"))
    again = workspaces.create(database, "demo")
    with again.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('kept')")).scalar_one() is not None


def test_an_interrupted_creation_is_finished_by_the_next(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE SCHEMA demo"))
    workspaces.create(database, "demo")
    assert workspaces.exists(database, "demo")


def test_a_dropped_workspace_can_be_made_again(database: Database) -> None:
    with workspaces.create(database, "demo").connect() as connection:
        connection.execute(text("SELECT 1"))
    workspaces.drop(database, "demo")
    with workspaces.create(database, "demo").connect() as connection:
        assert connection.execute(text("SELECT count(*) >= 0 FROM schema_migration")).scalar_one()


OTHER_NAMES = ["", "Demo", "1demo", "de mo", 'x"; DROP', "a" * 32, "pg_demo", "information_schema", "demo\n"]


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names_are_refused(database: Database, name: str) -> None:
    with pytest.raises(WorkspaceRefused, match="cannot be the name"):
        workspaces.create(database, name)


def test_a_schema_of_somebody_else_is_neither_used_nor_dropped(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE SCHEMA billing"))
        connection.execute(text("CREATE TABLE billing.invoice (n int)"))
    with pytest.raises(WorkspaceRefused, match="holds other tables"):
        workspaces.create(database, "billing")
    with pytest.raises(WorkspaceRefused, match="no workspace 'billing'"):
        workspaces.drop(database, "billing")
    with database.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('billing.invoice')")).scalar_one() is not None


def test_the_companys_own_workspace_cannot_be_dropped(database: Database) -> None:
    with pytest.raises(WorkspaceRefused, match="company's own data"):
        workspaces.drop(database, "public")
    assert workspaces.exists(database, "public")


def test_a_drop_that_meets_a_worker_in_a_deadlock_goes_on(database: Database) -> None:
    """The worker holds one table and wants the rest; the drop has some of the rest and wants that one."""
    demo = workspaces.create(database, "demo")
    with demo.dedicated() as worker:
        worker.execute("SET deadlock_timeout = '60 s'")  # so that it is the drop that notices, and gives way
        with worker.transaction():
            worker.execute("LOCK TABLE command_steps IN ROW EXCLUSIVE MODE")
            dropping = threading.Thread(target=workspaces.drop, args=(database, "demo"))
            dropping.start()
            with database.dedicated() as watch:
                waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP SCHEMA%' AND wait_event_type = 'Lock'"
                while not watch.execute(waits).fetchone():
                    time.sleep(0.01)
                held = watch.execute(
                    "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.granted "
                    "AND l.mode = 'AccessExclusiveLock' AND c.relkind = 'r' AND c.relnamespace = 'demo'::regnamespace"
                ).fetchall()
            assert held, "otherwise this test tests nothing"
            worker.execute(f"LOCK TABLE {held[0][0]} IN ROW EXCLUSIVE MODE".encode())
        dropping.join()
    assert not workspaces.exists(database, "demo")
