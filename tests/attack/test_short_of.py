"""A real process that is short of something: it says of what, in one line, and does nothing by half."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from core.db import Database
from tests.attack.test_full_disk import SIZE
from tests.examples.importing.files import execution, fingerprint, written

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.timeout(200), pytest.mark.skipif(sys.platform != "linux", reason="has other limits")]


def core(*arguments: str, limit: Callable[[], None] | None = None, **variables: str) -> tuple[int, str]:
    """A command under a limit: its exit code, and its standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | variables
    done = subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit,
    )
    return done.returncode, done.stderr.strip()


def one_line(said: tuple[int, str], words: str) -> None:
    code, line = said
    assert code == 1
    assert words in line
    assert "Traceback" not in line
    assert len(line.splitlines()) == 1, line


def test_of_connections(database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    url = database.url.replace("user=postgres", "user=few")
    try:
        with psycopg.connect(url):
            one_line(core("stats", DATABASE_URL=url), "The database has as many connections as it allows")
    finally:
        with database.begin() as connection:
            connection.exec_driver_sql("DROP ROLE few")


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_of_open_files(database: Database, tmp_path: Path, name: str) -> None:
    _until_it_fails(
        database,
        written(tmp_path, name, [execution(1)]),
        resource.RLIMIT_NOFILE,
        range(7, 3, -1),
        "This program has as many files open as the system lets it",
    )


def test_of_memory(database: Database, tmp_path: Path) -> None:
    """Rows of 5 MB, so that what finds no room is a row, and not a library that is just being loaded."""
    long = dict.fromkeys(("user_request", "execution_plan", "execution_result"), "x" * 1_000_000)
    nested = {"context": {"note": "x" * 1_000_000}, "business_state": {"note": "x" * 1_000_000}}
    path = written(tmp_path, "runs.jsonl", [execution(number, **long, **nested) for number in range(8)])
    limits = range(560 << 20, 300 << 20, -(40 << 20))
    _until_it_fails(database, path, resource.RLIMIT_AS, limits, "There was not enough memory for this")


def _until_it_fails(database: Database, path: Path, what: int, limits: range, words: str) -> None:
    """From a limit with which all goes well down to the first with which it does not; which that is differs."""
    for limit in limits:
        before = fingerprint(database)
        code, said = core(
            "import",
            str(path),
            DATABASE_URL=database.url,
            limit=lambda limit=limit: resource.setrlimit(what, (limit, limit)),
        )
        if code:
            assert fingerprint(database) == before
        if code > 0:
            one_line((code, said), words)
            return
        # Below 0 a library of C ended the process, which had no room at just the wrong moment: nobody can say so then.
    raise AssertionError("No limit was too low.")


def test_of_a_folder_to_write_into(public_folder: Path) -> None:
    folder = public_folder / "read only"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o500)
        one_line(core("stats", WHETSTONE_HOME=str(folder)), "not writable")
        return
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        home = folder / "home"
        assert core("stats", WHETSTONE_HOME=str(home))[0] == 0
        subprocess.run(["/bin/mount", "-o", "remount,ro", folder], check=True)
        one_line(core("stats", WHETSTONE_HOME=str(home)), f"The folder {home} is not writable for this user")
        new = folder / "new"
        one_line(core("stats", WHETSTONE_HOME=str(new)), f"The folder {new} cannot be created (Read-only file system)")
    finally:
        subprocess.run(["/bin/umount", "-l", folder], check=True)
