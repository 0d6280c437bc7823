"""What nobody waits for any more ends: statements of killed processes, and reads of pages after their limit."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from core import workspaces
from core.database import Database
from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.demo import loading
from core.errors import TookTooLong
from core.examples.filters import Filter

_ROOT = Path(__file__).parent.parent
#: Freezes, and comes to a statement that takes for ever.
_ENDLESS = """
import sys
from core.database import Database
from core.datasets import pairs, rendering, snapshots

pairs.freeze = lambda connection, *_: rendering.run(
    connection, "SELECT count(*) FROM generate_series(1, 1000000) AS a, generate_series(1, 1000000) AS b")
snapshots.build(Database(sys.argv[1], sys.argv[2]), int(sys.argv[3]))
"""
_AT_WORK = text("""
    SELECT pid FROM pg_stat_activity
    WHERE query LIKE '%generate_series(1, 1000000) AS b%' AND state = 'active' AND pid <> pg_backend_pid()
      AND datname = current_database()
""")
_PATIENCE_S = 60


def _wait_until(db: Database, *, at_work: bool) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with db.connect() as connection:
            if bool(connection.execute(_AT_WORK).all()) == at_work:
                return
        time.sleep(0.1)
    raise AssertionError("The statement of the killed process is still at work." if not at_work else "It never began.")


@pytest.mark.skipif(sys.platform != "linux", reason="not every system tells a server that a socket was closed")
def test_a_freeze_ends_with_the_process_that_asked_for_it(database: Database) -> None:
    loading.load(database, examples=50, actor="test", workspace="frozen")
    db = database.in_workspace("frozen")
    asked = snapshots.request(db, "killed", filter=Filter(), recipe=Recipe(), split=Split(), actor="test")
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, database.url, db.schema, str(asked.id)], cwd=_ROOT, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until(db, at_work=True)
    finally:
        process.kill()
        process.wait()
    _wait_until(db, at_work=False)
    assert snapshots.build(db, asked.id).status == "frozen"  # nobody holds the lock of its builder
    workspaces.drop(database, "frozen")


def test_what_a_page_reads_is_broken_off_with_a_sentence(database: Database) -> None:
    with pytest.raises(TookTooLong, match=r"longer than 0\.05 s"), database.reading(0.05) as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    with database.reading(0.05) as connection:
        connection.execute(text("SELECT 1"))
    with database.connect() as connection:  # the limit goes with its transaction
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
