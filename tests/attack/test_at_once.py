"""Processes that do the same at the same moment: each act is done once or refused in a sentence, and sums are right."""

import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from sqlalchemy import text

from core import audit
from core.commands import store as commands
from core.db import Database
from core.db.embedded import EmbeddedPostgres
from core.db.migrations import FOLDER
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request
from tests.attack.crowd import ROUNDS, ROWS, takes_back
from tests.browser.conftest import answers, free_port
from tests.examples.importing.files import as_jsonl
from tests.orchestrator.driving import drive

ROOT = Path(__file__).parents[2]
TEN = 10

pytestmark = [pytest.mark.timeout(300), pytest.mark.skipif(sys.platform == "win32", reason="has no fork")]


def crowd(act: str, many: int, db: Database, folder: Path, *arguments: str) -> list[Any]:
    """What each of so many processes did."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attack.crowd", act, str(many), db.url, str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    found = [orjson.loads((folder / f"outcome-{number}.json").read_bytes()) for number in range(many)]
    errors = [each["error"] for each in found if "error" in each]
    assert not errors, errors[0]
    assert done.returncode == 0, done.stderr
    return [each["did"] for each in found]


def test_of_several_who_approve_at_once_one_does_and_the_others_are_told(database: Database, tmp_path: Path) -> None:
    asked = [
        executions.submit(
            database, Request(f"Write a blog post about lamps for room {number}."), actor="ada"
        ).execution_id
        for number in range(6)
    ]
    drive(database, agents=["orchestrator"])
    plans = {each: queries.get(database, each).plan for each in asked}

    told = crowd("approve", 4, database, tmp_path, *asked)

    for execution_id in asked:
        plan = plans[execution_id]
        assert plan is not None
        said = [each[execution_id] for each in told]
        winner = queries.get(database, execution_id).decided_by
        assert said.count("did") == 1
        assert said[int(str(winner).removeprefix("actor-"))] == "did"
        assert all(f"{winner} decided on it at" in each for each in said if each != "did")
        steps = [command.step for command in commands.by_run(database, execution_id) if command.step]
        assert sorted(steps) == sorted(step.id for step in plan.steps)
        decisions = [
            entry.actor
            for entry in audit.entries(database, subject="execution", subject_id=execution_id)
            if entry.after == {"status": "approved"}
        ]
        assert decisions == [winner]


def row(execution_id: str, intent: str) -> dict[str, Any]:
    return {
        "execution_id": execution_id,
        "user_request": f"Do {execution_id}",
        "execution_result": f"Did {execution_id}.",
        "intent": intent,
        "quality_score": 0.8,
    }


def test_ten_who_import_tag_and_undo_leave_what_each_of_them_did(database: Database, tmp_path: Path) -> None:
    (tmp_path / "shared.jsonl").write_bytes(as_jsonl([row(f"shared-{each}", "shared") for each in range(ROWS)]))
    for number in range(TEN):
        for turn in range(ROUNDS):
            rows = [row(f"own-{number}-{turn}-{each}", f"of {number}") for each in range(ROWS)]
            (tmp_path / f"own-{number}-{turn}.jsonl").write_bytes(as_jsonl(rows))

    told = crowd("curate", TEN, database, tmp_path)

    # What each of them was told against what stands in the log and beside the rows.
    done = Counter(kind for each in told for kind, *_ in each)
    assert sum(count for each in told for kind, _, count in each[:1]) == ROWS, "what all have is new to one alone"
    with database.connect() as connection:
        logged = {
            name: int(count)
            for name, count in connection.execute(text("SELECT action, count(*) FROM audit_log GROUP BY action"))
        }
        changes = dict(tuple(pair) for pair in connection.execute(text("SELECT id, row_count FROM tag_changes")))
        kept = dict(
            tuple(pair)
            for pair in connection.execute(
                text("SELECT change_id, sum(cardinality(ids))::int FROM tag_change_rows GROUP BY change_id")
            )
        )
        rows = connection.execute(
            text("SELECT execution_id, tags, withdrawn_at IS NOT NULL FROM orchestrator_training_data")
        ).all()
    imports = [each for told_ in told for each in told_ if each[0] == "import" and each[1] is not None]
    assert logged["import"] == len(imports) == TEN * ROUNDS + 1
    assert logged["undo import"] == done["undo import"]
    given = {change: count for told_ in told for kind, change, count in told_ if kind == "tag"}
    assert {change: count for change, count in changes.items() if change in given} == given
    assert {change: count for change, count in given.items() if count} == {
        change: count for change, count in kept.items() if change in given
    }
    # An oracle: what is left of each row follows from who made it, whatever order they came in.
    expected = {f"shared-{each}": ([], False) for each in range(ROWS)} | {
        f"own-{number}-{turn}-{each}": ([f"MINE_{number}"], takes_back(number, turn))
        for number in range(TEN)
        for turn in range(ROUNDS)
        for each in range(ROWS)
    }
    assert {execution_id: (tags, withdrawn) for execution_id, tags, withdrawn in rows} == expected


def test_several_migrations_of_an_empty_database_apply_each_file_once(empty_database: Database, tmp_path: Path) -> None:
    told = crowd("migrate", 4, empty_database, tmp_path)
    assert sorted(name for each in told for name in each) == sorted(path.name for path in FOLDER.glob("*.sql"))


def test_two_apps_that_start_at_once_on_an_empty_folder_share_one_server(public_folder: Path, tmp_path: Path) -> None:
    home = public_folder / "two apps"
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    ports = [free_port(), free_port()]
    apps = []
    try:
        for port in ports:
            with (tmp_path / f"{port}.log").open("wb") as log:
                command = [sys.executable, "-m", "uvicorn", "app:app", "--log-level", "warning", "--port", str(port)]
                apps.append(
                    subprocess.Popen(
                        command, cwd=ROOT, env={**environment, "WHETSTONE_HOME": str(home)}, stdout=log, stderr=log
                    )
                )
        for port, app in zip(ports, apps, strict=True):
            answers(f"http://127.0.0.1:{port}", app)
            assert healthy(port)["data"]["database"] == "ok"
        servers = [each for each in psutil.process_iter() if is_server_of(each, home)]
        assert len(servers) == 1
    finally:
        for app in apps:
            app.terminate()
        codes = [app.wait(60) for app in apps]
    assert set(codes) <= {0, -15}
    assert not EmbeddedPostgres(home).running(), "the last that leaves stops the server"


def healthy(port: int) -> Any:
    """What it says of itself once the database is open."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=10) as answer:
                return orjson.loads(answer.read())
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the app does not open its database")


def is_server_of(process: psutil.Process, home: Path) -> bool:
    """Whether it is a postmaster of that folder: its children are servers of its own name."""
    try:
        parent = process.parent()
        return (
            process.name() == "postgres"
            and Path(process.cwd()).is_relative_to(home)
            and (parent is None or parent.name() != "postgres")
        )
    except (psutil.Error, OSError):
        return False
