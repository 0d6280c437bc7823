"""A process killed in the middle, and files much larger than the memory that is allowed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from core.db import Database
from tests.examples.importing.files import execution, fingerprint, imported, written

ROOT = Path(__file__).parents[3]

PROGRAM = r"""
import re, sys
from pathlib import Path
from core.db import Database
from core.examples import importing

def told(done, total, rows):
    print(rows, flush=True)
    if rows == {pause_at}:
        sys.stdin.readline()  # waits for ever: the test kills this process here

result = importing.run(Database({url!r}), {path!r}, actor="ana", progress=told)
# Not ru_maxrss: that also counts the process this one was forked from.
peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
print("done", result.new, peak[1], flush=True)
"""


def started(database: Database, path: Path, *, pause_at: int = -1) -> subprocess.Popen[str]:
    program = PROGRAM.format(url=database.url, path=str(path), pause_at=pause_at)
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_killed_import_leaves_nothing_and_the_next_one_completes(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(number) for number in range(6_000)])
    before = fingerprint(database)
    with started(database, path, pause_at=4_000) as process:
        assert process.stdout
        while process.stdout.readline().strip() != "4000":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    wait_until_alone(database)
    assert fingerprint(database) == before
    assert imported(database, path).new == 6_000


def test_an_import_killed_after_its_last_row_leaves_nothing(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(number) for number in range(500)])
    with database.begin() as connection:
        connection.execute(text("INSERT INTO audit_log (actor, action, subject) VALUES ('ana', 'begin', 'test')"))
    before = fingerprint(database)
    with database.dedicated() as holding, holding.transaction():
        holding.execute("LOCK TABLE audit_log IN EXCLUSIVE MODE")  # its line in the log is the last thing it writes
        with started(database, path) as process:
            try:
                wait_until(database, 1, "wait_event_type = 'Lock' AND query LIKE '%INTO audit_log%'")
            finally:
                process.kill()
    wait_until_alone(database)
    assert fingerprint(database) == before
    assert imported(database, path).new == 500


def wait_until_alone(database: Database) -> None:
    """Until the server has noticed that the killed client is gone."""
    wait_until(database, 0, "true")


def wait_until(database: Database, number: int, condition: str) -> None:
    """Until so many other connections to the database fulfil the condition."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with database.connect() as connection:  # anew: a transaction sees the same activity all the time
            if connection.exec_driver_sql(f"{others} AND {condition}".replace("%", "%%")).scalar_one() == number:
                return
        time.sleep(0.05)
    pytest.fail(f"there were never {number} other connections with {condition}")


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("ending", ["csv", "json", "jsonl"])
def test_memory_does_not_grow_with_the_file(database: Database, tmp_path: Path, ending: str) -> None:
    """60 MB, of which most is text that compresses well, so that the test is quick."""
    long = "word " * 12_000
    small = peak(database, written(tmp_path, f"small.{ending}", [execution(0)]))
    rows = [execution(number, execution_result=long) for number in range(1, 1_000)]
    path = written(tmp_path, f"large.{ending}", rows)
    assert path.stat().st_size > 59_000_000
    grown = peak(database, path) - small
    assert grown < 30_000


def peak(database: Database, path: Path) -> int:
    """The most memory, in KiB, that a process needs to import the file."""
    with started(database, path) as process:
        assert process.stdout
        last = process.stdout.read().strip().splitlines()[-1].split()
    assert last[0] == "done"
    return int(last[2])
