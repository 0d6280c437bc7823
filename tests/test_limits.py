"""What nobody waits for any more ends: statements of killed processes, and reads of pages after their limit."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from core import audit, deployments
from core.commands import statistics as queue_statistics
from core.commands import store as commands
from core.commands.filters import CommandFilter
from core.datasets import checks, comparison, concerned, defaults, snapshots, versions
from core.datasets.candidates import Choice
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import WHOLE, Database, workspaces
from core.demo import loading
from core.errors import TookTooLong
from core.evaluation import comparison as comparing
from core.evaluation import records
from core.examples import statistics, store
from core.examples.filters import Filter
from core.models import records as model_records
from core.orchestrator import queries, trends
from core.tuning.jobs import queries as jobs

_ROOT = Path(__file__).parent.parent
#: Freezes, and comes to a statement that takes for ever.
_ENDLESS = """
import sys
from core.db import Database
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
    database.reading_limit_s = 0.05
    with pytest.raises(TookTooLong, match=r"longer than 0\.05 s"), database.reading() as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    with pytest.raises(TookTooLong, match=r"longer than 0\.25 s"), database.reading(WHOLE) as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    with database.reading() as connection:
        connection.execute(text("SELECT 1"))
    with database.connect() as connection:  # the limit goes with its transaction
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"


_CHOICE = Choice(Filter(), Recipe(), Split(), (), True)
_READS: dict[str, Callable[[Database], object]] = {
    "examples": lambda db: store.page(db, Filter()),
    "charts": lambda db: statistics.overview(db, Filter()),
    "review": lambda db: checks.review(db, _CHOICE.filter, _CHOICE.recipe, _CHOICE.split),
    "defaults": lambda db: defaults.outlook(db, Filter()),
    "concerned": lambda db: concerned.ids(db, _CHOICE, "duplicate"),
    "versions": versions.versions,
    "compare versions": lambda db: comparison.compare(db, 1, 2),
    "plans": queries.page,
    "progress of a plan": lambda db: queries.progress(db, "x"),
    "trends": trends.by_day,
    "queue": lambda db: commands.page(db, CommandFilter()),
    "figures of the queue": queue_statistics.counts,
    "jobs": jobs.page,
    "events of a job": lambda db: jobs.events(db, 1),
    "models": model_records.page,
    "evaluations": records.of_models,
    "deployment": deployments.current,
    "compare models": lambda db: comparing.compare(db, 1, 2),
    "audit": audit.entries,
}


@pytest.mark.parametrize("name", _READS)
def test_no_page_waits_for_ever(database: Database, name: str) -> None:
    """Here for a lock that nobody gives back; what computes too long is broken off by the same limit."""
    database.reading_limit_s = 0.1
    with database.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(TookTooLong):
            _READS[name](database)
