"""Whatever is killed, no half version is left, and the same version is built again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import func, select

from core.cli import datasets
from core.datasets import exporting, snapshots, versions
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.verification import verify
from core.db import Database
from core.db.tables import members
from core.examples.filters import EVERYTHING
from tests.datasets.conftest import Add
from tests.datasets.test_snapshots import create

ROOT = Path(__file__).parents[2]

#: Builds, says where it is, and then stays there until it is killed.
BUILDER = """
import sys, time
from core.db import Database
from core.datasets import candidates, snapshots
candidates.BATCH = 10

def hold(progress):
    if progress.phase == sys.argv[3] and (progress.done or progress.phase == "choosing"):
        print("here", flush=True)
        time.sleep(600)

snapshots.build(Database(sys.argv[1]), int(sys.argv[2]), hold)
"""


def killed_in(phase: str, database: Database, dataset_id: int) -> None:
    builder = subprocess.Popen(
        [sys.executable, "-c", BUILDER, database.url, str(dataset_id), phase], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert builder.stdout is not None
        assert builder.stdout.readline() == b"here\n"
    finally:
        os.kill(builder.pid, signal.SIGKILL)
        builder.wait()
        builder.stdout.close()


def count_members(database: Database, dataset_id: int) -> int:
    query = select(func.count()).select_from(members).where(members.c.dataset_id == dataset_id)
    with database.connect() as connection:
        return connection.execute(query).scalar_one()


def test_a_build_killed_anywhere_is_built_again_to_the_same_hash(database: Database, add: Add) -> None:
    add(40)
    undisturbed = create(database, "undisturbed")
    asked = snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    for phase in ("choosing", "rendering", "freezing"):
        killed_in(phase, database, asked.id)
        assert versions.get(database, asked.id).status == "building"
        assert snapshots.pending(database) == [asked.id]
        assert count_members(database, asked.id) == 0
    version = snapshots.build(database, asked.id)
    assert (version.status, version.root_hash) == ("frozen", undisturbed.root_hash)


def test_a_build_whose_connection_dies_is_built_again(database: Database, add: Add) -> None:
    add(40)
    asked = snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    killed_in("rendering", database, asked.id)
    deadline = time.monotonic() + 30
    with database.dedicated() as connection:
        while connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchone():
            assert time.monotonic() < deadline, "the lock of a killed builder is gone with its connection"
            time.sleep(0.05)
    assert snapshots.build(database, asked.id, wait=False).status == "frozen"


#: Exports through the command line's own writer, says where it is, and stays there until it is killed.
EXPORTER = """
import sys, time
from pathlib import Path
from core.cli import datasets
from core.db import Database
from core.datasets import exporting
exporting.CHUNK = 1

def held(pieces):
    for number, piece in enumerate(pieces):
        yield piece
        if number == 5:
            print("here", flush=True)
            time.sleep(600)

pieces = held(exporting.export(Database(sys.argv[1]), "plans", "all", "openai"))
datasets._write(Path(sys.argv[2]), pieces, what="plans@1")
"""


def test_a_killed_export_leaves_the_file_that_was_there(database: Database, add: Add, tmp_path: Path) -> None:
    add(40)
    version = create(database, "plans")
    out = tmp_path / "plans.jsonl"
    out.write_bytes(b"the export of last week\n")
    exporter = subprocess.Popen(
        [sys.executable, "-c", EXPORTER, database.url, str(out)], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert exporter.stdout is not None
        assert exporter.stdout.readline() == b"here\n"
    finally:
        os.kill(exporter.pid, signal.SIGKILL)
        exporter.wait()
        exporter.stdout.close()
    assert out.read_bytes() == b"the export of last week\n"
    whole = b"".join(exporting.export(database, version, "all", "openai"))
    datasets._write(out, [whole], what="plans@1")
    assert out.read_bytes() == whole
    assert verify(database, version).ok
